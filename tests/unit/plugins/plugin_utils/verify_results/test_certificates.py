# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""When certificates end, and whether they are renewed."""

from __future__ import annotations

import json

import pytest
from ansible_collections.threedpc.pacs.plugins.plugin_utils.verify_results import certificates as judged

NOW = "2026-06-01T12:00:00+00:00"
LIMITS = {"fail_days": 7, "warn_days": 21}


def entry(begin, end, **more):
    return {"not_before": f"{begin}T12:00:00+00:00", "not_after": f"{end}T12:00:00+00:00", **more}


def certificates(ok=True, success="2026-06-01T06:00:00+00:00", failure=None, **entries):
    status = {"ok": ok, "last_success": success, "last_failure": failure, "certificates": entries}
    return judged.results({"stdout": json.dumps({"result": {"certificates": status}})}, LIMITS, NOW)


def test_a_renewal_that_went_well_is_kept():
    (result,) = certificates(site=entry("2026-01-01", "2026-06-02"))
    assert result["status"] == "passed"


@pytest.mark.parametrize(
    "status, word",
    [
        ({"ok": False, "failure": {"time": "2026-06-01T06:00:00+00:00", "reason": "rate limited"}}, "rate limited"),
        ({"ok": False, "success": None, "failure": {"time": NOW, "reason": "refused"}}, "refused"),
        ({"success": "2026-05-30T12:00:00+00:00"}, "does cron run?"),
    ],
)
def test_a_renewal_that_failed_or_did_not_happen_is_a_warning_with_its_reason(status, word):
    (result,) = certificates(**status)
    assert result["status"] == "warned" and word in result["got"]


@pytest.mark.parametrize(
    "said, got",
    [
        ("", "no answer"),
        ("{", "no answer"),
        (json.dumps({"result": {"certificates": None}}), "no status file; site.yml and cron write it"),
        (json.dumps({"result": {"certificates": {"error": "status.json is damaged"}}}), "status.json is damaged"),
    ],
)
def test_no_status_is_a_failure(said, got):
    (result,) = judged.results({"stdout": said}, LIMITS, NOW)
    assert (result["status"], result["got"]) == ("failed", got)


@pytest.mark.parametrize(
    "certificate, status",
    [
        (entry("2026-01-01", "2026-06-23"), "passed"),
        (entry("2026-01-01", "2026-06-20"), "warned"),
        (entry("2026-01-01", "2026-06-05"), "failed"),
        (entry("2026-01-01", "2026-05-05"), "failed"),
        # Six days: 21 of 90 are 1.4 of 6.
        (entry("2026-05-28", "2026-06-03"), "passed"),
        (entry("2026-05-27", "2026-06-02"), "warned"),
        # The scanner may have the one before.
        (entry("2026-04-01", "2029-06-01", previous_not_after="2026-06-15T12:00:00+00:00"), "warned"),
        (entry("2026-04-01", "2029-06-01", previous_not_after="2026-06-30T12:00:00+00:00"), "passed"),
        (entry("2026-04-01", "2029-06-01", previous_not_after="2026-05-30T12:00:00+00:00"), "passed"),
    ],
)
def test_the_end_of_a_modalitys_certificate_is_told_in_time(certificate, status):
    _renewal, result = certificates(**{"modality ct1": certificate})
    assert result["id"] == "certificate-modality-ct1"
    assert result["status"] == status
