# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether cron runs what it was given, by which clock, and when a schedule comes next."""

from __future__ import annotations

import datetime
import re
import subprocess
from pathlib import Path

from .core import attempt

ZONES = "/zoneinfo/"
# What cron writes into the journal when it does not take a file: a bad line, a wrong owner, wrong rights, an odd end.
# Debian's cron 3.0pl1 writes `Error: bad hour; while reading FILE`; cronie `(root) BAD FILE MODE (FILE)` and the like.
REFUSED = re.compile(r"\berror\b|ignored|\bwrong\b|\binsecure\b|\bbad\b", re.IGNORECASE)
NICKNAMES = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}
MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
DAYS = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"]
# How late a result may be.
GRACE = datetime.timedelta(hours=2)
LONGEST = 5 * 366


def clock() -> dict[str, str | None]:
    """The server's time and the name of its time zone, in which cron reads schedules."""
    target = str(Path("/etc/localtime").resolve())
    zone = target.partition(ZONES)[2] if ZONES in target else None
    return {"now": datetime.datetime.now().astimezone().isoformat(), "zone": zone}


def output_of(*command: str) -> str:
    """What a command prints, nothing if the server does not have it."""
    try:
        return attempt(command, timeout=30).stdout.decode(errors="replace")
    except (OSError, subprocess.TimeoutExpired):
        return ""


def complaint(path: Path) -> str:
    """Why cron does not run the schedules of a file, or an empty text."""
    try:
        changed = path.stat()
    except FileNotFoundError:
        return f"{path} is missing, so cron runs nothing of it; run site.yml"
    states = output_of("systemctl", "is-active", "cron", "crond").split()
    if states and "active" not in states:
        return "cron does not run on the server, so no schedule is alive; run: systemctl enable --now cron"
    since = f"--since=@{int(max(changed.st_mtime, changed.st_ctime))}"
    lines = output_of(
        "journalctl", "--quiet", "--output=cat", since, "--identifier=cron", "--identifier=crond"
    ).splitlines()
    refused = [line for line in lines if path.name in line and REFUSED.search(line)]
    return f"cron ignores {path}: {refused[-1]}" if refused else ""


def numbers(field: str, low: int, high: int, words: list[str] | None = None) -> set[int]:
    """The numbers that one field of a schedule means. The contract has refused what cron does not take."""
    found: set[int] = set()
    for entry in field.lower().split(","):
        what, _slash, step = entry.partition("/")
        for number, word in enumerate(words or [], low):
            what = what.replace(word, str(number))
        first, dash, last = what.partition("-")
        begin, end = (low, high) if what == "*" else (int(first), int(last if dash else first))
        found |= set(range(begin, end + 1, int(step or 1)))
    return found


def next_run(schedule: str, after: datetime.datetime | None = None) -> datetime.datetime | None:
    """When cron runs a schedule next, by the clock of the server; None if it never comes."""
    after = after or datetime.datetime.now()
    minutes, hours, days, months, weekdays = NICKNAMES.get(schedule.strip(), schedule).split()
    wanted = numbers(days, 1, 31), numbers(months, 1, 12, MONTHS), numbers(weekdays, 0, 7, DAYS)
    # Debian's cron takes either day if both are named.
    either = not days.startswith("*") and not weekdays.startswith("*")
    times = [(hour, minute) for hour in sorted(numbers(hours, 0, 23)) for minute in sorted(numbers(minutes, 0, 59))]
    for number in range(LONGEST):
        day = after.date() + datetime.timedelta(days=number)
        by_day, by_weekday = day.day in wanted[0], day.isoweekday() in wanted[2] or day.isoweekday() % 7 in wanted[2]
        if day.month not in wanted[1] or not (by_day or by_weekday if either else by_day and by_weekday):
            continue
        for hour, minute in times:
            moment = datetime.datetime.combine(day, datetime.time(hour, minute))
            if moment > after:
                return moment
    return None


def missed(schedule: str, seconds: int, took: float = 0, now: datetime.datetime | None = None) -> int:
    """How many runs are overdue since the last success so many seconds ago, up to two. It may take as long as that."""
    now = now or datetime.datetime.now()
    moment: datetime.datetime | None = now - datetime.timedelta(seconds=seconds)
    for number in range(2):
        moment = next_run(schedule, moment)
        if moment is None or moment + GRACE + datetime.timedelta(seconds=took) > now:
            return number
    return 2
