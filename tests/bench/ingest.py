# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""C-STORE of 400 CT instances of 0.5 MB over 1, 4 and 8 associations."""

from __future__ import annotations

import functools

from lab import STACKS, Study
from results import Target

TARGETS = [
    Target(f"C-STORE, {count} association{'s' * (count > 1)}", "site", other, least)
    for count, least in ((1, 2.0), (4, 1.8), (8, 1.5))
    for other, least in (("reference", least), ("bare, TCP_NODELAY", 0.85))
]


@functools.cache
def study(slices):
    return Study("ingest", slices, (1, 4, 8))


def measure(take, first, smoke):
    sent = study(16 if smoke else 400)
    for count in (1, 4, 8):
        for name, stack in take(STACKS.items()):
            # Without TCP_NODELAY all stall alike: once says it.
            if name == "bare" and not first:
                continue
            sent.remove(stack)
            seconds = sent.send(stack, count)
            stored = sent.stored(stack)
            if stored != sent.slices:
                raise RuntimeError(f"{name} stored {stored} of {sent.slices} instances")
            yield f"C-STORE, {count} association{'s' * (count > 1)}", name, sent.slices / seconds, "instances/s"
