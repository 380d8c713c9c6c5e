# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Compose would do to bring the services to the declared state, and whose work that would cut.

It is read from what C(community.docker.docker_compose_v2) answers in check mode.
"""

from __future__ import annotations

from typing import Any

from ansible_collections.threedpc.pacs.plugins.plugin_utils.fields.types import plain

# What Compose says of a container that it stops. One that starts was not there for anybody.
ENDS = {"Recreate", "Removing", "Restarting", "Stopping"}


def is_well(container: dict[str, Any]) -> bool:
    """Whether it runs, and answers if it has a health check."""
    return container.get("State") == "running" and container.get("Health", "") in ("", "healthy")


def due(asked: dict[str, Any], services: list[dict[str, Any]]) -> dict[str, Any]:
    """The services that Compose would replace or remove, and what follows from that.

    Where Compose could not say it, as when one that others wait for is not healthy, it may be any of them, and
    nothing is stopped for others.
    """
    asked, services = plain(asked), plain(services)
    containers = asked.get("containers") or []
    failed = bool(asked.get("rc")) or "containers" not in asked
    running = {entry["Name"]: entry["Service"] for entry in containers if entry.get("State") == "running"}
    if failed:
        ending = set(running.values())
    else:
        ended = {action.get("id") for action in asked.get("actions") or [] if action.get("status") in ENDS}
        ending = {service for name, service in running.items() if name in ended}
    known = {entry["name"]: entry for entry in services}
    unwell = [entry for entry in containers if not is_well(entry)]
    return {
        "to_do": bool(failed or asked.get("actions") or unwell),
        "services": sorted(ending),
        "cuts_work": any(known[name]["cuts_work"] for name in ending if name in known),
        "stop_first": sorted(
            name
            for name, service in running.items()
            if not failed and ending.intersection(known.get(service, {}).get("stops_before", []))
        ),
        "unwell": sorted(entry["Service"] for entry in unwell),
        "unwell_states": [
            f"{entry['Service']} is {entry.get('Health') or entry.get('State') or 'not there'}" for entry in unwell
        ],
        "stopped": sorted(entry["Name"] for entry in containers if entry.get("State") == "exited"),
    }
