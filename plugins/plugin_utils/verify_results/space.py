# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How long the server's disks last."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.threedpc.pacs.plugins.module_utils.http_judge import Status
from ansible_collections.threedpc.pacs.plugins.plugin_utils.verify_results.result import Answer, Result, part_of_status


def judge(disk: Mapping[str, Any], limits: Mapping[str, int]) -> Status:
    """Not checked is a disk with room enough while nobody knows how fast it fills."""
    left, percent = disk["days_left"], disk["percent_free"]
    if percent < limits["fail_percent"] or (left is not None and left < limits["fail_days"]):
        return "failed"
    if percent < limits["warn_percent"] or (left is not None and left < limits["warn_days"]):
        return "warned"
    return "not checked" if disk["growth"] is None else "passed"


def results(answer: Answer, limits: Mapping[str, int]) -> list[Result]:
    """From the answer of `pacs status --json`."""
    result = Result(
        area="Space",
        id="space",
        promise="The disks have room",
        request="pacs status",
        expected=f"{limits['warn_days']} days until full and {limits['warn_percent']} percent free",
        got="",
        status="failed",
    )
    disks, reason = part_of_status(answer, "disks")
    if reason:
        return [result | {"got": f"{reason}; site.yml puts the program there"}]
    return [
        result
        | {
            "id": f"space-{disk['paths'][0]}",
            "promise": f"The disk of {' and '.join(disk['paths'])} has room",
            "status": judge(disk, limits),
            "got": disk["words"],
        }
        for disk in disks
    ]
