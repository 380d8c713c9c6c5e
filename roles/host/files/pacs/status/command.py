# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The subcommand: look, judge, and print it."""

from __future__ import annotations

import argparse
import dataclasses
import datetime
import shutil
import textwrap

from ..core import Outcome
from ..settings import Site
from .judge import Row, judge, worst
from .look import look

WORDS = {"ok": "ok", "warning": "WARN", "failed": "FAIL"}
AREA = 13


def command(site: Site, _arguments: argparse.Namespace) -> Outcome:
    seen = look(site)
    rows = judge(seen)
    state = worst(rows)
    return Outcome(
        result={"rows": [dataclasses.asdict(row) for row in rows], **seen},
        state=state,
        problems=[f"{row.area}: {row.text}." for row in rows if row.state != "ok"],
        text=screen(site.name, site.host, seen["time"], rows),
    )


def screen(name: str, host: str, time: str, rows: list[Row], width: int | None = None) -> str:
    """One screen: what is well in a line each, what is not with what to do next."""
    width = max(60, width or min(shutil.get_terminal_size().columns, 120))
    # By the clock of the server, as cron's times below are.
    moment = datetime.datetime.fromisoformat(time).astimezone()
    lines = [f"{name} ({host}), {moment:%Y-%m-%d %H:%M %Z}", ""]
    for row in rows:
        lines += wrapped(f"{WORDS[row.state]:<5} {row.area:<{AREA}}", row.text, width)
        if row.next:
            lines += wrapped(" " * (AREA + 3) + "-> ", row.next, width)
    counts = [
        (sum(row.state == state for row in rows), word) for state, word in (("failed", "failed"), ("warning", "warned"))
    ]
    summary = " and ".join(f"{number} {word}" for number, word in counts if number)
    return "\n".join([*lines, "", f"{summary}. Do what the arrows say, from the top." if summary else "All is well."])


def wrapped(head: str, text: str, width: int) -> list[str]:
    return textwrap.wrap(
        text, width, initial_indent=head, subsequent_indent=" " * len(head), break_long_words=False,
        break_on_hyphens=False,
    )  # fmt: skip
