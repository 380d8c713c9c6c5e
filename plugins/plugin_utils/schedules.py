# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Schedules in cron's five fields: whether cron takes one, how often it runs, and when it is due.

cron ignores a whole file for one bad line. What Debian's cron 3.0pl1 takes was tried with its own crontab(1); when a
schedule runs, the package cronsim knows, which follows Debian's cron.
"""

from __future__ import annotations

import datetime
import itertools
import re
from collections.abc import Iterator

try:
    from cronsim import CronSim, CronSimError
except ImportError:  # The sentence is in schedule_problems.
    CronSim = None  # type: ignore[assignment, misc]

MISSING = (
    "it can't be checked, because Python's package cronsim is missing on the controller; install the collection's"
    " requirements.txt"
)
NICKNAMES = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}
MONTHS = "|".join(["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"])
DAYS = "|".join(["sun", "mon", "tue", "wed", "thu", "fri", "sat"])
# Name, least and greatest number, and the names that cron knows.
FIELDS = (
    ("minute", 0, 59, ""),
    ("hour", 0, 23, ""),
    ("day", 1, 31, ""),
    ("month", 1, 12, MONTHS),
    ("weekday", 0, 7, DAYS),
)
FORM = "it must be a time in cron's five fields, such as '30 1 * * *', or one of " + ", ".join(NICKNAMES)
# Enough to see the longest and the shortest time between two runs of any schedule that people write.
RUNS = 3000
YEAR = 366 * 86400
# Any Sunday; it is no leap year, so that the 29th of February is a long way off.
START = datetime.datetime(2023, 1, 1)
# With two leap years in between.
END = datetime.datetime(2029, 1, 1)


def fields(schedule: str) -> list[str]:
    """The five fields of a schedule, with a nickname written out."""
    return NICKNAMES.get(schedule.strip(), schedule).split()


def _field_problems(text: str, name: str, low: int, high: int, names: str) -> Iterator[str]:
    """What keeps cron from taking one field, or what it takes and does not mean."""
    value = rf"[0-9]{{1,2}}{'|' + names if names else ''}"
    for entry in text.split(","):
        found = re.fullmatch(
            rf"(?P<all>\*)|(?P<first>{value})(-(?P<last>{value}))?", entry.partition("/")[0], re.I | re.ASCII
        )
        _entry, slash, step = entry.partition("/")
        if not found or (slash and not re.fullmatch(r"[0-9]{1,2}", step, re.ASCII)):
            yield f"{FORM}; its {name} is '{text}'"
            return
        numbers = [int(found[key]) for key in ("first", "last") if (found[key] or "").isdigit()]
        if any(not low <= number <= high for number in numbers):
            yield f"its {name} is '{text}', but must be from {low} to {high}; cron would ignore the whole file"
        elif len(numbers) == 2 and numbers[0] > numbers[1]:
            yield f"its {name} is '{text}', a range that ends before it begins; write it as two, such as '22-23,0-5'"
        elif slash and not found["all"] and not found["last"]:
            right = f"{found['first']}-{high}/{step}"
            yield f"its {name} is '{text}'; a step needs a range or '*' before it, such as '{right}'"
        elif slash and not 1 <= int(step) <= high:
            yield f"its {name} is '{text}'; the step must be from 1 to {high}"


def runs(schedule: str, since: datetime.datetime) -> Iterator[datetime.datetime]:
    """The times after `since` at which cron runs this, in the time zone of `since`."""
    return CronSim(" ".join(fields(schedule)), since)


def gaps(schedule: str) -> tuple[float, float]:
    """The shortest and the longest time between two runs, in seconds."""
    soon = itertools.takewhile(lambda time: time < END, runs(schedule, START))
    times = list(itertools.islice(soon, RUNS))
    lengths = [(after - before).total_seconds() for before, after in itertools.pairwise(times)]
    return min(lengths), max(lengths)


def schedule_problems(schedule: str, least: float = 0) -> Iterator[str]:
    """Sentences on a schedule that cron does not take, that never comes, or that comes too often or hardly ever."""
    if schedule.strip().startswith("@") and schedule.strip() not in NICKNAMES:
        yield FORM
        return
    parts = fields(schedule)
    if len(parts) != len(FIELDS) or not schedule.isascii() or not schedule.replace("\t", " ").isprintable():
        yield FORM
        return
    problems = [problem for part, field in zip(parts, FIELDS, strict=True) for problem in _field_problems(part, *field)]
    yield from problems
    if problems:
        return
    if CronSim is None:
        yield MISSING
        return
    try:
        shortest, longest = gaps(schedule)
    except (CronSimError, StopIteration):
        # The 30th of February, which cron takes without a word, or names in a wrong order.
        yield "this time never comes"
        return
    if shortest < least:
        yield f"it runs again after {shortest / 60:.0f} minutes; leave at least {least // 60} between two runs"
    elif longest > YEAR:
        yield "more than a year passes between two runs; choose a time that comes each year"


def due(schedule: str, since: datetime.datetime, count: int = 2) -> list[datetime.datetime]:
    """The next times after `since` at which this is due, none if it never comes."""
    try:
        return list(itertools.islice(runs(schedule, since), count))
    except CronSimError:
        return []
