# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filters that turn what the roles declare into what the site has and what is written."""

from __future__ import annotations

from typing import Any

from ansible.errors import AnsibleFilterError

# What they need each of them imports: to find a filter every process of Ansible loads every file of this folder.


def service_overview(declared: list, network: str, first_uid: int, images: dict, memory: dict) -> dict[str, Any]:
    """What follows from the declarations of all services."""
    from ansible_collections.threedpc.pacs.plugins.plugin_utils import services

    return services.overview(declared, network, int(first_uid), images, memory)


def service_files(
    configured: list, overview: dict, folder: str, network: str, common: dict, only: list | None = None
) -> list[dict[str, Any]]:
    """What C(site_files) writes for all services, or for some of them."""
    from ansible_collections.threedpc.pacs.plugins.plugin_utils import service_parts

    try:
        return service_parts.parts(configured, overview["services"], folder, network, common, only or [])
    except ValueError as error:
        raise AnsibleFilterError(str(error)) from error


def compose_due(asked: dict, overview: dict) -> dict[str, Any]:
    """What Compose would do, and what that means for those who work with the site."""
    from ansible_collections.threedpc.pacs.plugins.plugin_utils import compose_plan

    return compose_plan.due(asked, overview["services"])


class FilterModule:
    """Filters of the services."""

    def filters(self) -> dict[str, Any]:
        return {"compose_due": compose_due, "service_files": service_files, "service_overview": service_overview}
