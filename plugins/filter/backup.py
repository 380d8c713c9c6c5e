# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter that judges the state of a site's backups."""

from __future__ import annotations

import json

HOUR = 3600
DAY = 86400
# So long a run may take before its result counts as late.
GRACE = 2 * HOUR

PROMISES = {
    "backup": "The archive is backed up on time",
    "check": "The backups are checked for damage on time",
    "rehearsal": "A restore is rehearsed on time",
}


def period(schedule):
    """The longest time between two runs of a schedule in cron's five fields, in seconds."""
    minute_hour, (day, month, weekday) = schedule.split()[:2], schedule.split()[2:5]
    if month != "*":
        return 366 * DAY
    if day != "*" and weekday == "*":
        return 31 * DAY
    if weekday != "*":
        return 7 * DAY
    return DAY if minute_hour[1] != "*" else HOUR


def told(seconds):
    """An age as people say it."""
    for name, length in (("days", DAY), ("hours", HOUR), ("minutes", 60)):
        if seconds >= 2 * length:
            return f"{seconds // length} {name} ago"
    return "just now"


def size(number):
    """A number of bytes as people say it."""
    for unit in ("bytes", "kB", "MB", "GB"):
        if number < 1000:
            return f"{number:.0f} {unit}" if unit == "bytes" else f"{number:.1f} {unit}"
        number /= 1000
    return f"{number:.1f} TB"


def details(kind, entry):
    """What is worth knowing of the last success."""
    if kind == "backup":
        return f"{entry['studies']} studies, {entry['files']} files, {size(entry['bytes'])} in {entry['seconds']:.0f} s"
    if kind == "check":
        return f"{entry['percent']} percent read in {entry['seconds']:.0f} s"
    age = entry.get("newest_study_age")
    return f"restored in {entry['restore_seconds']:.0f} s" + (
        "" if age is None else f", its newest study was {told(age).removesuffix(' ago')} old"
    )


def judge(kind, status):
    """Status and words for one of the three."""
    schedule, failure = status["schedules"].get(kind), status.get("failures", {}).get(kind)
    limit = period(schedule) + GRACE if schedule else None
    if kind not in status:
        if failure:
            return "failed", f"none yet, the last attempt failed at {failure['time']}: {failure['reason']}"
        waited = status["ages"]["configured"]
        if limit and waited > limit:
            return "failed", f"none in {told(waited).removesuffix(' ago')}, although cron should have run it"
        return "not checked", f"no {kind} yet; the schedule brings the first one, or a playbook now (docs/backup.md)"
    age = status["ages"][kind]
    words = f"{told(age)}: {details(kind, status[kind])}"
    if failure:
        return "failed", f"the last attempt failed at {failure['time']}: {failure['reason']} The last good one: {words}"
    if limit and age > limit + period(schedule):
        return "failed", words
    return ("warned" if limit and age > limit else "passed"), words


def backup_results(answer):
    """Results of the verification from the answer of `pacs-backup status`."""
    try:
        status = json.loads(answer.get("stdout") or "")
    except ValueError:
        status = None
    results = []
    for kind, promise in PROMISES.items():
        if status is None:
            verdict, words = "failed", answer.get("stderr") or answer.get("msg") or "no answer; run site.yml"
        elif kind != "backup" and not status["schedules"].get(kind) and kind not in status:
            continue
        else:
            verdict, words = judge(kind, status)
        schedule = (status or {}).get("schedules", {}).get(kind)
        results.append(
            {
                "area": "Backup",
                "id": kind if kind == "backup" else "backup-" + kind,
                "promise": promise,
                "request": "pacs-backup status",
                "expected": f"as scheduled ({schedule})" if schedule else "no failure",
                "got": words,
                "status": verdict,
            }
        )
    return results


class FilterModule:
    """The filter of the backups' state."""

    def filters(self):
        return {"backup_results": backup_results}
