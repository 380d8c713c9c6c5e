# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter that judges how long the server's disks last."""

from __future__ import annotations

import re

from ansible_collections.threedpc.pacs.plugins.filter.backup import DAY, size

# The growth is that of so many days, and is not known before so many.
LONGEST = 30 * DAY
SHORTEST = 3 * DAY
LINE = re.compile(r"(\d+) +(\S+) +(.*\S) +(\d+) +(\d+) +(\d+)")


def read(text):
    """What `pacs-space` said, now and on earlier days: by path, a list of time, device, size, used and free bytes."""
    found = {}
    for line in (text or "").splitlines():
        # The name of a device may hold anything. A full disk may have cut a line short.
        match = LINE.fullmatch(line)
        if match:
            time, path, device, *numbers = match.groups()
            found.setdefault(path, []).append((int(time), device, *map(int, numbers)))
    return {path: sorted(entries) for path, entries in found.items()}


def disks(found):
    """The paths of each disk, with what is known of it."""
    last = max((entries[-1][0] for entries in found.values()), default=0)
    together = {}
    for path, entries in found.items():
        # A path that is no longer asked for has no number of this moment.
        if entries[-1][0] == last:
            together.setdefault(entries[-1][1:3], []).append(path)
    return [(paths, found[paths[0]]) for paths in together.values()]


def growth(entries):
    """Bytes by which the used space grows each day, and of how many days that is known; None if it is not."""
    last = entries[-1]
    first = next(entry for entry in entries if entry[0] >= last[0] - LONGEST)
    seconds = last[0] - first[0]
    return (None, 0) if seconds < SHORTEST else ((last[3] - first[3]) * DAY / seconds, seconds / DAY)


def judge(entries, limits):
    """Status and words for one disk."""
    _time, _device, whole, _used, free = entries[-1]
    percent = 100 * free / whole if whole else 0
    words = f"{size(free)} of {size(whole)} free"
    each_day, days = growth(entries)
    if each_day is None:
        status = "not checked"
        words += "; how fast it fills is known after three days"
    elif each_day <= 0:
        status = "passed"
        words += f"; in the last {days:.0f} days it did not fill up"
    else:
        left = free / each_day
        status = "failed" if left < limits["fail_days"] else "warned" if left < limits["warn_days"] else "passed"
        words += f"; at {size(each_day)} a day, as in the last {days:.0f}, it is full in {told(left)}"
    if percent < limits["fail_percent"]:
        status = "failed"
    elif percent < limits["warn_percent"] and status != "failed":
        status = "warned"
    return status, words


def told(days):
    return f"{days:.0f} days" if days < 1000 else f"{days / 365:.0f} years"


def space_results(answer, limits):
    """Results of the verification from what `pacs-space` said, now and on earlier days."""
    result = {
        "area": "Space",
        "id": "space",
        "promise": "The disks have room",
        "request": "pacs-space",
        "expected": "{warn_days} days until full and {warn_percent} percent free".format(**limits),
    }
    found = disks(read(answer.get("stdout")))
    if not found:
        said = answer.get("stderr") or answer.get("msg") or "no answer"
        return [result | {"status": "failed", "got": f"{said}; site.yml puts the program there"}]
    results = []
    for paths, entries in found:
        status, words = judge(entries, limits)
        promise = f"The disk of {' and '.join(paths)} has room"
        results.append(result | {"id": f"space-{paths[0]}", "promise": promise, "status": status, "got": words})
    return results


class FilterModule:
    """The filter of the disks."""

    def filters(self):
        return {"space_results": space_results}
