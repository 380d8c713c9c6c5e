# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which containers run, and what can be reached from outside."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ansible_collections.threedpc.pacs.plugins.plugin_utils.verify_results.result import Result


def containers(output: str) -> list[dict[str, Any]]:
    """The containers of `docker compose ps --format json`: newer ones write a line each, older ones a list."""
    text = output.strip()
    if text.startswith("["):
        return json.loads(text)
    return [json.loads(line) for line in text.splitlines()]


def results(
    containers: Sequence[Mapping[str, Any]], services: Sequence[str], publishing: Sequence[str]
) -> Iterator[Result]:
    """Whether every service runs and is healthy, and whether only those that should can be reached from outside."""
    for service in services:
        found = [entry for entry in containers if entry.get("Service") == service]
        state = ", ".join(
            " ".join(part for part in (entry.get("State"), entry.get("Health")) if part) for entry in found
        )
        yield Result(
            area="Server",
            id="container-" + service,
            promise=f"{service} runs and is healthy",
            request="docker compose ps",
            expected="running healthy",
            got=state or "no container",
            status="passed" if state == "running healthy" else "failed",
        )
    yield published(containers, publishing)


def published(containers: Sequence[Mapping[str, Any]], publishing: Sequence[str]) -> Result:
    """Nobody outside the server reaches a service that does not declare it."""
    open_ports: dict[str, set[int]] = {}
    for entry in containers:
        for port in entry.get("Publishers") or []:
            if port.get("PublishedPort"):
                open_ports.setdefault(entry["Service"], set()).add(int(port["PublishedPort"]))
    got = ", ".join(" ".join([service, *map(str, sorted(open_ports[service]))]) for service in sorted(open_ports))
    return Result(
        area="Server",
        id="published-ports",
        promise="Only the services that are meant to be can be reached from outside",
        request="docker compose ps",
        expected=f"ports of {' and '.join(publishing)} only",
        got=got or "no port",
        status="passed" if open_ports and set(open_ports) <= set(publishing) else "failed",
    )
