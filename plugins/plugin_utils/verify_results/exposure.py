# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether anybody in the world may try the staff's passwords."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

from ansible_collections.threedpc.pacs.plugins.plugin_utils.fields.network import is_documentation, is_inside
from ansible_collections.threedpc.pacs.plugins.plugin_utils.verify_results.result import Result


def is_public(domain: str) -> bool:
    """Whether a host name or an address may be known and reached from everywhere."""
    if is_documentation(domain):
        return False
    try:
        return ipaddress.ip_address(domain).is_global
    except ValueError:
        return not is_inside(domain)


def results(domain: str, networks: Sequence[str]) -> list[Result]:
    public = is_public(domain) and not networks
    if public:
        got = (
            f"'{domain}' is a public name or address and pacs_staff_networks is empty: anybody who reaches the server"
            " may try passwords. Name the staff's networks; with pacs_staff_networks_guard 'paths' share links stay"
            " open"
        )
    else:
        got = f"{len(networks)} networks" if networks else f"'{domain}' is not public"
    return [
        Result(
            area="Staff",
            id="staff-networks",
            promise="Only the staff's networks reach the page on which staff log in",
            request="pacs_staff_networks",
            expected="networks, where the domain is public",
            got=got,
            status="warned" if public else "passed",
        )
    ]
