# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whom the containers may call outside their own network."""

from __future__ import annotations

import ipaddress

from ansible.errors import AnsibleFilterError


def archive_sends(modalities, orthanc, proxy, others=()):
    """Who may open a connection to where, as elements of a set of nftables: caller, address and port.

    Orthanc sends in plain text, and the proxy carries on what goes over TLS. The containers have no IPv6, so nobody can
    send there. Of a list that names an address twice, each place is there once.
    """
    try:
        wanted = [
            (proxy if modality.get("tls") else orthanc, modality["address"], modality.get("port", 104))
            for modality in modalities
        ]
        wanted += [(orthanc, other["address"], other["port"]) for other in others]
        places = {
            (ipaddress.ip_address(str(caller)), ipaddress.ip_address(str(address)), int(port))
            for caller, address, port in wanted
        }
    except (KeyError, TypeError, ValueError) as error:
        raise AnsibleFilterError(f"This is no place that the archive could send to: {error}.") from error
    reached = sorted(place for place in places if place[1].version == 4)
    return [f"{caller} . {address} . {port}" for caller, address, port in reached]


class FilterModule:
    """Filters of the ways out."""

    def filters(self):
        return {"archive_sends": archive_sends}
