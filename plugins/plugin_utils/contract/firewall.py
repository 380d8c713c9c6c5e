# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a site may say about who reaches its server, and what its containers reach."""

from __future__ import annotations

import ipaddress
from typing import Any

from ..fields.network import port, reached_address, source
from ..fields.text import printable
from ..fields.types import Problems


def lists_leave_out_containers(
    pacs_staff_networks: list[str], pacs_modalities: list[dict[str, Any]], pacs_network: str
) -> Problems:
    """Docker's gateway is in that network, and has the address of everybody who calls over IPv6."""
    network = ipaddress.ip_network(pacs_network)
    lists = [(f"pacs_staff_networks[{number}]", entry) for number, entry in enumerate(pacs_staff_networks)]
    for number, modality in enumerate(pacs_modalities):
        where = f"pacs_modalities[{number}] ({modality['name']})"
        lists += [(f"{where}: sources[{at}]", entry) for at, entry in enumerate(modality.get("sources") or [])]
    for where, entry in lists:
        if ipaddress.ip_network(entry).overlaps(network):
            yield (
                f"{where} is '{entry}'; pacs_network ('{network}') overlaps it. Callers from there could not be"
                " answered, and callers over IPv6 come in with an address of pacs_network. Choose another pacs_network,"
                " or list networks that leave it out"
            )


def staff_paths_are_of_ipv4(
    pacs_staff_networks: list[str], pacs_staff_networks_guard: str, pacs_verify_address: str
) -> Problems:
    if not pacs_staff_networks or pacs_staff_networks_guard != "paths":
        return
    named = [(f"pacs_staff_networks[{number}]", value) for number, value in enumerate(pacs_staff_networks)]
    for name, value in [*named, ("pacs_verify_address", pacs_verify_address)]:
        if ":" in value:
            yield (
                f"{name} is '{value}'; with pacs_staff_networks_guard 'paths' it must be IPv4, because nginx does not"
                " see the address of an IPv6 caller; name an IPv4 network, or set pacs_staff_networks_guard to 'ports'"
            )


RULES = {
    "pacs_staff_networks[]": source("it means everybody; leave the list empty for that"),
    "pacs_egress.address": reached_address,
    "pacs_egress.port": port,
    "pacs_egress.reason": printable(200),
}
RELATIONS = (lists_leave_out_containers, staff_paths_are_of_ipv4)
