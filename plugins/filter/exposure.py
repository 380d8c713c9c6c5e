# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter that says when anybody in the world may try the staff's passwords."""

from __future__ import annotations

import ipaddress


def is_public(domain):
    """Whether a host name or an address may be known and reached from everywhere."""
    # Here, because to find a filter each process of Ansible loads every file of this folder.
    from ..plugin_utils.password_rules import is_documentation
    from ..plugin_utils.site_relations import is_inside

    if is_documentation(domain):
        return False
    try:
        return ipaddress.ip_address(domain).is_global
    except ValueError:
        return not is_inside(domain)


def exposure_results(domain, networks):
    """A result of the verification on who may try the staff's passwords."""
    public = is_public(str(domain)) and not networks
    return [
        {
            "area": "Staff",
            "id": "staff-networks",
            "promise": "Only the staff's networks reach the page on which staff log in",
            "request": "pacs_staff_networks",
            "expected": "networks, where the domain is public",
            "got": (
                f"'{domain}' is a public name or address and pacs_staff_networks is empty: anybody who reaches the"
                " server may try passwords. Name the staff's networks; with pacs_staff_networks_guard 'paths' share"
                " links stay open"
                if public
                else f"{len(networks)} networks"
                if networks
                else f"'{domain}' is not public"
            ),
            "status": "warned" if public else "passed",
        }
    ]


class FilterModule:
    """The filter of who reaches the staff's side."""

    def filters(self):
        return {"exposure_results": exposure_results}
