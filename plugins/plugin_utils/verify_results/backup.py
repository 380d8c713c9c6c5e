# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The state of a site's backups."""

from __future__ import annotations

import datetime
import zoneinfo
from collections.abc import Mapping
from typing import Any

from ansible_collections.threedpc.pacs.plugins.module_utils.http_judge import Status
from ansible_collections.threedpc.pacs.plugins.plugin_utils import schedules
from ansible_collections.threedpc.pacs.plugins.plugin_utils.verify_results.result import Answer, Result, part_of_status
from ansible_collections.threedpc.pacs.plugins.plugin_utils.verify_results.words import HOUR, ago, duration, size

# How much longer than the last one a run may take before its result counts as late.
GRACE = 2 * HOUR

PROMISES = {
    "backup": "The archive is backed up on time",
    "check": "The backups are checked for damage on time",
    "rehearsal": "A restore is rehearsed on time",
}


NONE = Result(
    area="Backup",
    id="backup",
    promise=PROMISES["backup"],
    request="pacs_backup_repository",
    expected="a place for backups",
    got="pacs_backup_repository is empty, so nothing is backed up; docs/backup.md says what it can be",
    status="warned",
)

# By the number of runs that are overdue.
VERDICTS: tuple[Status, ...] = ("passed", "warned", "failed")


def server_time(status: Mapping[str, Any]) -> datetime.datetime:
    """The server's time, in its time zone, because cron's schedules are in that one."""
    clock = status.get("clock") or {}
    now = datetime.datetime.fromisoformat(clock["now"]) if "now" in clock else datetime.datetime.now(datetime.UTC)
    try:
        return now.astimezone(zoneinfo.ZoneInfo(clock["zone"]))
    except (KeyError, TypeError, ValueError, zoneinfo.ZoneInfoNotFoundError):
        # The controller does not know the zone, or the server has none by name. Its offset is right until it changes.
        return now


def missed(schedule: str, age: float, took: float, now: datetime.datetime) -> int:
    """How many runs of a schedule are overdue after a success so many seconds ago, up to two."""
    # In UTC, because Python reckons within one zone by what its clocks show, also in the night when they change.
    now_utc = now.astimezone(datetime.UTC)
    since = (now_utc - datetime.timedelta(seconds=age)).astimezone(now.tzinfo)
    times = [time.astimezone(datetime.UTC) for time in schedules.due(schedule, since)]
    if not times:
        # An inventory of before named a time that never comes.
        return 2
    late = datetime.timedelta(seconds=GRACE + took)
    return sum(now_utc > time + late for time in times)


def details(kind: str, entry: Mapping[str, Any]) -> str:
    """What is worth knowing of the last success."""
    if kind == "backup":
        return f"{entry['studies']} studies, {entry['files']} files, {size(entry['bytes'])} in {entry['seconds']:.0f} s"
    if kind == "check":
        return f"{entry['percent']} percent read in {entry['seconds']:.0f} s"
    age = entry.get("newest_study_age")
    newest = "" if age is None else f", its newest study was {duration(age)} old"
    return f"restored in {entry['restore_seconds']:.0f} s{newest}"


def judge(kind: str, status: Mapping[str, Any]) -> tuple[Status, str]:
    """Status and words for one of the three. One run that is overdue is a warning, two are a failure."""
    schedule, failure = status["schedules"].get(kind), status.get("failures", {}).get(kind)
    cron = status.get("cron") if schedule else None
    if cron:
        # Nothing will ever run, whatever ran before.
        return "failed", cron
    now = server_time(status)
    if kind not in status:
        if failure:
            return "failed", f"none yet, the last attempt failed at {failure['time']}: {failure['reason']}"
        waited = status["ages"]["configured"]
        overdue = missed(schedule, waited, 0, now) if schedule else 0
        if overdue:
            words = f"none in {duration(waited)}, although cron should have run it"
            return ("failed" if overdue > 1 else "warned"), words
        return "not checked", f"no {kind} yet; the schedule brings the first one, or a playbook now (docs/backup.md)"
    age, entry = status["ages"][kind], status[kind]
    words = f"{ago(age)}: {details(kind, entry)}"
    if failure:
        return "failed", f"the last attempt failed at {failure['time']}: {failure['reason']} The last good one: {words}"
    took = entry.get("restore_seconds", entry.get("seconds", 0))
    overdue = missed(schedule, age, took, now) if schedule else 0
    if overdue:
        words += f"; {'one run is' if overdue == 1 else 'more than one run is'} overdue"
    return VERDICTS[overdue], words


def results(answer: Answer) -> list[Result]:
    """From the answer of `pacs status --json`."""
    status, reason = part_of_status(answer, "backups")
    if status is None:
        reason = reason or "the server has no settings for backups; run site.yml"
        return [result(kind, "", "failed", reason) for kind in PROMISES]
    wanted = [kind for kind in PROMISES if kind == "backup" or status["schedules"].get(kind) or kind in status]
    return [result(kind, status["schedules"].get(kind), *judge(kind, status)) for kind in wanted]


def result(kind: str, schedule: str | None, status: Status, got: str) -> Result:
    return Result(
        area="Backup",
        id=kind if kind == "backup" else "backup-" + kind,
        promise=PROMISES[kind],
        request="pacs status",
        expected=f"as scheduled ({schedule})" if schedule else "no failure",
        got=got,
        status=status,
    )
