# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How full the disks are, how fast they fill, and when they will be full.

A line for each path is added once a day to space.log in the directory of the site's data: time, path, device, and its
size, used and free bytes. Monitoring may read it.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import re
import time
from collections.abc import Iterable
from pathlib import Path

from .core import Failure, Outcome, attempt, run, size
from .settings import Site

DAY = 86400
# The growth is that of so many days, and is not known before so many.
LONGEST, SHORTEST = 30 * DAY, 3 * DAY
LINE = re.compile(r"(\d+) +(\S+) +(.*\S) +(\d+) +(\d+) +(\d+)")
# How much of the log is read: some months.
READ_LINES = 2000


@dataclasses.dataclass
class Measure:
    """What one path's disk had at one time."""

    time: int
    device: str
    size: int
    used: int
    free: int


@dataclasses.dataclass
class Disk:
    """A disk, and how it fills."""

    paths: list[str]
    size: int
    used: int
    free: int
    # Bytes a day and the number of days that this was seen over, unless that were too few.
    growth: float | None
    days: float

    @property
    def percent_free(self) -> float:
        return 100 * self.free / self.size if self.size else 0

    @property
    def days_left(self) -> float | None:
        """When it is full, None if it does not fill or nobody knows yet."""
        return self.free / self.growth if self.growth and self.growth > 0 else None

    def as_json(self) -> dict[str, object]:
        found = {"percent_free": self.percent_free, "days_left": self.days_left, "words": self.words()}
        return dataclasses.asdict(self) | found

    def words(self) -> str:
        text = f"{size(self.free)} of {size(self.size)} free"
        if self.growth is None:
            return f"{text}; how fast it fills is known after three days"
        if self.days_left is None:
            return f"{text}; in the last {self.days:.0f} days it did not fill up"
        left = f"{self.days_left:.0f} days" if self.days_left < 1000 else f"{self.days_left / 365:.0f} years"
        return f"{text}; at {size(self.growth)} a day, as in the last {self.days:.0f}, it is full in {left}"


def log_file(site: Site) -> Path:
    return site.data / "space.log"


def measure(site: Site) -> str:
    """The lines for now."""
    engine = attempt(["docker", "info", "--format", "{{.DockerRootDir}}"]).stdout.decode().strip()
    paths = [path for path in ["/", *site.space, engine] if path and os.path.exists(path)]
    columns = "--output=file,source,size,used,avail"
    lines = run(["df", "--block-size=1", columns, *dict.fromkeys(paths)], "Asking for the disks").splitlines()[1:]
    return "".join(f"{int(time.time())} {line}\n" for line in lines)


def read(text: str) -> dict[str, list[Measure]]:
    """What was measured, by path, oldest first."""
    found: dict[str, list[Measure]] = {}
    for line in text.splitlines():
        # The name of a device may hold anything. A full disk may have cut a line short.
        if match := LINE.fullmatch(line):
            moment, path, device, *numbers = match.groups()
            found.setdefault(path, []).append(Measure(int(moment), device, *map(int, numbers)))
    return {path: sorted(measures, key=lambda one: one.time) for path, measures in found.items()}


def disks(found: dict[str, list[Measure]]) -> list[Disk]:
    """The disks of the paths that were measured last."""
    last = max((measures[-1].time for measures in found.values()), default=0)
    paths: dict[tuple[str, int], list[str]] = {}
    for path, measures in found.items():
        # A path that is no longer asked for has no number of this moment.
        if measures[-1].time == last:
            paths.setdefault((measures[-1].device, measures[-1].size), []).append(path)
    return [disk(names, found[names[0]]) for names in paths.values()]


def disk(paths: list[str], measures: list[Measure]) -> Disk:
    last = measures[-1]
    first = next(one for one in measures if one.time >= last.time - LONGEST)
    seconds = last.time - first.time
    growth = None if seconds < SHORTEST else (last.used - first.used) * DAY / seconds
    return Disk(paths, last.size, last.used, last.free, growth, seconds / DAY)


def look(site: Site) -> list[Disk]:
    """The disks as they are now, with what earlier days say of them."""
    try:
        with log_file(site).open(encoding="utf-8", errors="replace") as stream:
            earlier: Iterable[str] = stream.readlines()[-READ_LINES:]
    except FileNotFoundError:
        earlier = []
    return disks(read("".join(earlier) + measure(site)))


def record(site: Site) -> Outcome:
    """Add a line for each path to the log."""
    try:
        with log_file(site).open("a", encoding="utf-8") as stream:
            os.fchmod(stream.fileno(), 0o644)
            stream.write(measure(site))
    except OSError as error:
        raise Failure(f"{log_file(site)} can't be written: {error.strerror}") from error
    return Outcome()


def command(site: Site, arguments: argparse.Namespace) -> Outcome:
    if arguments.action == "record":
        return record(site)
    found = look(site)
    text = "\n".join(f"{' and '.join(disk.paths)}: {disk.words()}" for disk in found)
    return Outcome(result={"disks": [disk.as_json() for disk in found]}, text=text)
