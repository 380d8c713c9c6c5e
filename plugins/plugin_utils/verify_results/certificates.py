# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the server says of its certificates; nginx's own is asked for over HTTP."""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.threedpc.pacs.plugins.module_utils.http_judge import judge_days
from ansible_collections.threedpc.pacs.plugins.plugin_utils.verify_results.result import Answer, Result, part_of_status

DAY = datetime.timedelta(days=1)
LONGEST_PAUSE = datetime.timedelta(hours=36)

RENEWAL = Result(
    id="certificate-renewal",
    area="Certificates",
    promise="Certificates are renewed by themselves",
    request="pacs status",
    expected="no failure, and the last run within 36 hours",
    got="",
    status="passed",
)


def results(answer: Answer, limits: Mapping[str, int], now: str | None = None) -> Iterator[Result]:
    moment = at(now) if now else datetime.datetime.now(datetime.UTC)
    status, reason = part_of_status(answer, "certificates")
    if not status:
        yield RENEWAL | {"status": "failed", "got": reason or "no status file; site.yml and cron write it"}
        return
    yield renewal(status, moment)
    for name, entry in status["certificates"].items():
        if name != "site":
            yield end(name, entry, limits, moment)


def at(text: str) -> datetime.datetime:
    return datetime.datetime.fromisoformat(text)


def renewal(status: Mapping[str, Any], now: datetime.datetime) -> Result:
    moments = [status["last_success"], (status["last_failure"] or {}).get("time")]
    last = max(at(moment) for moment in moments if moment)
    shown = f"{last:%Y-%m-%d %H:%M} UTC"
    if not status["ok"]:
        return RENEWAL | {"status": "warned", "got": f"{shown}: {status['last_failure']['reason']}"}
    if now - last > LONGEST_PAUSE:
        return RENEWAL | {"status": "warned", "got": f"the last run was {shown}; does cron run?"}
    return RENEWAL | {"got": f"the last run was {shown}"}


def end(name: str, entry: Mapping[str, str], limits: Mapping[str, int], now: datetime.datetime) -> Result:
    """Whether a certificate ends soon, and whether a new one is known where the old one is still in use."""
    begin, last = at(entry["not_before"]), at(entry["not_after"])
    days = (last - now) / DAY
    result = Result(
        id="certificate-" + name.replace(" ", "-"),
        area="Certificates",
        promise=f"The certificate of the {name} does not end soon"
        if name.startswith("modality")
        else "The archive's certificate for DICOM does not end soon",
        request="pacs status",
        expected=f"more than {limits['warn_days']} days",
        status=judge_days(days, (last - begin) / DAY, limits),
        got=f"{int(days // 1)} days left, until {last:%Y-%m-%d}",
    )
    if entry.get("previous_not_after") and result["status"] == "passed":
        previous = at(entry["previous_not_after"])
        if now < previous < now + limits["warn_days"] * DAY:
            got = f"it has been renewed; is the new one installed there? The one before ends on {previous:%Y-%m-%d}"
            result |= {"status": "warned", "got": got}
    return result
