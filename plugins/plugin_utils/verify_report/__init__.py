# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Results of the acceptance test as something to read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, get_args

from ansible_collections.threedpc.pacs.plugins.module_utils.http_judge import Status
from ansible_collections.threedpc.pacs.plugins.plugin_utils.verify_results.result import Result

# Worst first.
STATUSES: tuple[Status, ...] = get_args(Status)


def report(results: Sequence[Result]) -> dict[str, Any]:
    """What the report, the end of the run and its error show."""
    return {
        "results": list(results),
        "counts": counts(results),
        "summary": summary(results),
        "areas": [{"name": name, "results": found} for name, found in by_area(worst_first(results))],
        "lines": lines(results),
        "failures": failures(results),
    }


def counts(results: Iterable[Result]) -> dict[str, int]:
    """How many results there are of each status."""
    found = Counter(result["status"] for result in results)
    return {status: found[status] for status in STATUSES}


def summary(results: Iterable[Result]) -> str:
    """The counts as half a sentence, worst first."""
    return ", ".join(f"{number} {status}" for status, number in counts(results).items() if number)


def worst_first(results: Iterable[Result]) -> list[Result]:
    """The results, failed ones first, otherwise in their order."""
    return sorted(results, key=lambda result: STATUSES.index(result["status"]))


def by_area(results: Iterable[Result]) -> list[tuple[str, list[Result]]]:
    """The results of each area, in the order in which the areas come."""
    areas: dict[str, list[Result]] = {}
    for result in results:
        areas.setdefault(result["area"], []).append(result)
    return list(areas.items())


def lines(results: Sequence[Result]) -> list[str]:
    """A count for each area, why some were not checked, and what failed in full."""
    areas = by_area(results)
    width = max((len(name) for name, _found in areas), default=0)
    shown = [f"{name.ljust(width)}  {summary(found)}" for name, found in areas]
    skipped = Counter(result["got"] for result in results if result["status"] == "not checked")
    shown += [f"NOT CHECKED ({number}): {reason}" for reason, number in skipped.items()]
    for status in ("warned", "failed"):
        for result in results:
            if result["status"] == status:
                shown += [
                    f"{status.upper()}: {result['area']}: {result['promise']}",
                    f"    request  {result['request']}",
                    f"    expected {result['expected']}",
                    f"    got      {result['got']}",
                ]
    return shown


def failures(results: Iterable[Result]) -> list[str]:
    """A paragraph for each result that failed."""
    return [
        "{area} ({id}): {promise}. Expected: {expected}. Got: {got}.".format(**result)
        for result in results
        if result["status"] == "failed"
    ]
