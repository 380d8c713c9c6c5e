# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How long the server's disks last."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from ansible_collections.threedpc.pacs.plugins.plugin_utils.verify_results.result import Answer, Result, Status
from ansible_collections.threedpc.pacs.plugins.plugin_utils.verify_results.words import DAY, days, size

# The growth is that of so many days, and is not known before so many.
LONGEST = 30 * DAY
SHORTEST = 3 * DAY
LINE = re.compile(r"(\d+) +(\S+) +(.*\S) +(\d+) +(\d+) +(\d+)")


class Record(NamedTuple):
    """What `pacs-space` said of one path at one time, in bytes."""

    time: int
    device: str
    size: int
    used: int
    free: int


def read(text: str) -> dict[str, list[Record]]:
    """The records of each path, oldest first."""
    found: dict[str, list[Record]] = {}
    for line in text.splitlines():
        # The name of a device may hold anything. A full disk may have cut a line short.
        match = LINE.fullmatch(line)
        if match:
            time, path, device, *numbers = match.groups()
            found.setdefault(path, []).append(Record(int(time), device, *map(int, numbers)))
    return {path: sorted(records) for path, records in found.items()}


def disks(found: Mapping[str, list[Record]]) -> list[tuple[list[str], list[Record]]]:
    """The paths of each disk, with what is known of it."""
    last = max((records[-1].time for records in found.values()), default=0)
    together: dict[tuple[str, int], list[str]] = {}
    for path, records in found.items():
        # A path that is no longer asked for has no number of this moment.
        if records[-1].time == last:
            together.setdefault((records[-1].device, records[-1].size), []).append(path)
    return [(paths, found[paths[0]]) for paths in together.values()]


def growth(records: Sequence[Record]) -> tuple[float, float] | None:
    """Bytes by which the used space grows each day, and of how many days that is known."""
    last = records[-1]
    first = next(record for record in records if record.time >= last.time - LONGEST)
    seconds = last.time - first.time
    return None if seconds < SHORTEST else ((last.used - first.used) * DAY / seconds, seconds / DAY)


def judge(records: Sequence[Record], limits: Mapping[str, int]) -> tuple[Status, str]:
    """Status and words for one disk."""
    now, grown = records[-1], growth(records)
    status: Status = "passed"
    words = f"{size(now.free)} of {size(now.size)} free"
    if grown is None:
        status = "not checked"
        words += "; how fast it fills is known after three days"
    elif grown[0] <= 0:
        words += f"; in the last {grown[1]:.0f} days it did not fill up"
    else:
        left = now.free / grown[0]
        status = "failed" if left < limits["fail_days"] else "warned" if left < limits["warn_days"] else "passed"
        words += f"; at {size(grown[0])} a day, as in the last {grown[1]:.0f}, it is full in {days(left)}"
    percent = 100 * now.free / now.size if now.size else 0
    if percent < limits["fail_percent"]:
        status = "failed"
    elif percent < limits["warn_percent"] and status != "failed":
        status = "warned"
    return status, words


def results(answer: Answer, limits: Mapping[str, int]) -> list[Result]:
    """From what `pacs-space` said, now and on earlier days."""
    result = Result(
        area="Space",
        id="space",
        promise="The disks have room",
        request="pacs-space",
        expected=f"{limits['warn_days']} days until full and {limits['warn_percent']} percent free",
        got="",
        status="failed",
    )
    found = disks(read(answer.get("stdout") or ""))
    if not found:
        reason = answer.get("stderr") or answer.get("msg") or "no answer"
        return [result | {"got": f"{reason}; site.yml puts the program there"}]
    judged = [(paths, *judge(records, limits)) for paths, records in found]
    return [
        result
        | {
            "id": f"space-{paths[0]}",
            "promise": f"The disk of {' and '.join(paths)} has room",
            "status": status,
            "got": words,
        }
        for paths, status, words in judged
    ]
