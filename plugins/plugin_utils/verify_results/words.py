# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Numbers as people say them."""

from __future__ import annotations

MINUTE = 60
HOUR = 3600
DAY = 86400


def size(number: float) -> str:
    """A number of bytes."""
    for unit in ("bytes", "kB", "MB", "GB"):
        if number < 1000:
            return f"{number:.0f} {unit}" if unit == "bytes" else f"{number:.1f} {unit}"
        number /= 1000
    return f"{number:.1f} TB"


def duration(seconds: float) -> str:
    for name, length in (("days", DAY), ("hours", HOUR), ("minutes", MINUTE)):
        if seconds >= 2 * length:
            return f"{seconds // length} {name}"
    return "less than two minutes"


def ago(seconds: float) -> str:
    return f"{duration(seconds)} ago" if seconds >= 2 * MINUTE else "just now"
