# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which containers run, and what can be reached from outside."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ansible_collections.threedpc.pacs.plugins.plugin_utils.verify_results.result import Answer, Result, part_of_status

# At the end of what Docker says of a container that runs.
HEALTH = re.compile(r"\((?:health: )?(healthy|unhealthy|starting)\)$")


def results(answer: Answer, services: Sequence[str], publishing: Sequence[str]) -> Iterator[Result]:
    """Whether every service runs and is healthy, and whether only those that should can be reached from outside."""
    containers, reason = part_of_status(answer, "services")
    containers = containers or []
    for service in services:
        states = [state(entry) for entry in containers if entry["service"] == service]
        got = reason or ", ".join(states) or "no container"
        yield Result(
            area="Server",
            id="container-" + service,
            promise=f"{service} runs and is healthy",
            request="pacs status",
            expected="running healthy",
            got=got,
            status="passed" if got == "running healthy" else "failed",
        )
    yield published(containers, publishing)


def state(container: Mapping[str, Any]) -> str:
    health = HEALTH.search(container["status"])
    return f"{container['state']} {health.group(1)}" if health else container["state"]


def published(containers: Sequence[Mapping[str, Any]], publishing: Sequence[str]) -> Result:
    """Nobody outside the server reaches a service that does not declare it."""
    ports = {entry["service"]: entry["published"] for entry in containers if entry["published"]}
    got = ", ".join(" ".join([service, *map(str, ports[service])]) for service in sorted(ports))
    return Result(
        area="Server",
        id="published-ports",
        promise="Only the services that are meant to be can be reached from outside",
        request="pacs status",
        expected=f"ports of {' and '.join(publishing)} only",
        got=got or "no port",
        status="passed" if ports and set(ports) <= set(publishing) else "failed",
    )
