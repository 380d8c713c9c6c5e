# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Cold start, and memory at rest and after what was sent and read, per container."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

from lab import BASIC, STACKS, memory, server, until_answered
from results import Target

MEASURED = {"site": "", "reference": "postgres orthanc nginx"}
OF_LIMIT = "Memory after use, of its limit"
TARGETS = [
    Target("Memory at rest", "site, all", None, 450, at_most=True),
    Target(OF_LIMIT, "site, the most", None, 100, at_most=True),
]


def measure(take, first, smoke):
    for name, services in take(MEASURED.items()):
        stack = STACKS[name]
        used = memory(stack)
        for container, megabytes in grouped(used, name):
            yield "Memory after use", container, megabytes, "MiB"
        if name == "site":
            yield OF_LIMIT, "site, the most", max(percent for _megabytes, percent in used.values()), "%"
        server("sh", "-c", f"cd {stack.project} && docker compose rm --stop --force {services} 2>&1")
        start = time.monotonic()
        command = f"cd {stack.project} && docker compose up --detach {services} 2>&1"
        with ThreadPoolExecutor(1) as pool:
            # It returns when the last one has started; the staff can work before.
            rest = pool.submit(server, "sh", "-c", command)
            until_answered(f"{stack.web}/system", "--header", BASIC)
            yield "Cold start, containers made anew, to the first answer", name, time.monotonic() - start, "s"
            rest.result()
    # Until what runs once after the start is over.
    time.sleep(2 if smoke else 8)
    for name in MEASURED:
        for container, megabytes in grouped(memory(STACKS[name]), name):
            yield "Memory at rest", container, megabytes, "MiB"


def grouped(used, name):
    """Each container of a stack, and their sum; the bare ones only share the file."""
    used = {container: value for container, (value, _percent) in used.items() if not container.startswith("bare")}
    return [(f"{name}, all", sum(used.values())), *((f"{name}, {each}", used[each]) for each in sorted(used))]
