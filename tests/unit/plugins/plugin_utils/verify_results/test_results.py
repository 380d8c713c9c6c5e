# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which answers make which lines of the report, and in which order."""

from __future__ import annotations

import json

import pytest
from ansible_collections.threedpc.pacs.plugins.plugin_utils.verify_results import results

CONTAINERS = [
    {"service": name, "state": "running", "status": "Up 2 minutes (healthy)", "published": ports}
    for name, ports in (("postgres", []), ("orthanc", []), ("nginx", [443]))
]
CERTIFICATES = {"ok": True, "last_success": "2026-06-01T06:00:00+00:00", "last_failure": None, "certificates": {}}
DISK = {"paths": ["/"], "days_left": None, "percent_free": 50, "growth": None, "words": "half is free"}
STATUS = {
    "services": CONTAINERS,
    "certificates": CERTIFICATES,
    "orthanc": {},
    "disks": [DISK],
    "backups": {"error": "no such file"},
}
SKIPPED = {"changed": False, "skipped": True}


def found(name):
    return {"results": [{"id": name, "area": "A", "promise": "p", "request": "r", "expected": "e", "got": "g"}]}


ANSWERS = {
    "removed": found("removed"),
    "modalities": {"added": [], "updated": [], "removed": []},
    "dicom": found("dicom"),
    "http": found("http"),
    "sent": found("sent"),
    "uids": {"rc": 0, "stdout": "0"},
    "status": {"stdout": json.dumps({"result": STATUS})},
    "egress": {"stdout": json.dumps(dict.fromkeys(("postgres", "orthanc", "nginx"), "silent"))},
}


def ids(site, **other):
    return [result["id"] for result in results(site, ANSWERS | other)]


def test_the_report_has_what_the_server_says_then_what_was_asked(make_site):
    assert ids(make_site()) == [
        *("container-postgres", "container-orthanc", "container-nginx", "published-ports"),
        *("egress", "certificate-renewal", "open-files", "space-/", "study-uids"),
        *("sent", "http", "dicom", "modalities", "removed", "staff-networks"),
        *("backup", "backup-check", "backup-rehearsal"),
    ]


@pytest.mark.parametrize(
    ("answer", "missing"),
    [
        ("uids", ["study-uids"]),
        ("sent", ["sent"]),
        ("removed", ["removed"]),
    ],
)
def test_what_was_not_asked_is_no_line(make_site, answer, missing):
    everything = ids(make_site())
    assert ids(make_site(), **{answer: SKIPPED}) == [name for name in everything if name not in missing]
    assert ids(make_site(), **{answer: {}}) == [name for name in everything if name not in missing]


def test_containers_that_were_not_asked_may_get_out(make_site):
    lines = {result["id"]: result for result in results(make_site(), ANSWERS | {"egress": SKIPPED})}
    assert lines["egress"]["status"] == "failed"


def test_a_change_of_scanners_concerns_dicom_only(make_site):
    answers = {name: ANSWERS[name] for name in ("dicom", "modalities")}
    assert [result["id"] for result in results(make_site(), answers)][:2] == ["dicom", "modalities"]


def test_a_site_without_backups_is_warned(make_site):
    line = results(make_site(has_backups=False), ANSWERS)[-1]
    assert (line["id"], line["status"]) == ("backup", "warned")
    assert "docs/backup.md" in line["got"]
