# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filters that turn the site's list of modalities into what Orthanc stores, and what HAProxy and nginx listen for."""

from __future__ import annotations

import hashlib
import ipaddress
import re

from ansible.errors import AnsibleFilterError

# What Orthanc stores of a modality as the inventory has it.
KEPT = ("name", "aet", "address", "port", "manufacturer", "allow")

# Below the ports that the kernel gives to outgoing connections.
FIRST_PORT = 10000
PORTS = 20000


def _name(modality):
    return str(modality["name"]).lower()


def _ports(modalities):
    """The port inside nginx's container that leads to each TLS modality.

    It follows from the name, so that it stays the same whatever else is listed: Orthanc and nginx are changed one after
    the other, and a port should not lead to another modality in between. Of two names that want one port, which is
    rare, the later one in the alphabet takes its next choice.
    """
    ports = {}
    for name in sorted(_name(modality) for modality in modalities if modality.get("tls")):
        port, salt = None, 0
        while port is None or port in ports.values():
            digest = hashlib.sha256(f"{name} {salt}".encode()).digest()
            port, salt = FIRST_PORT + int.from_bytes(digest[:8], "big") % PORTS, salt + 1
        ports[name] = port
    return ports


def orthanc_modalities(modalities, proxy, gateway):
    """The modalities as Orthanc stores them, with the address at which it finds them.

    One with TLS is called through the proxy that speaks it. One with an IPv6 address can't be called at all.
    """
    ports = _ports(modalities)
    stored = []
    for modality in modalities:
        entry = {key: modality[key] for key in KEPT if key in modality}
        if modality.get("tls"):
            entry.update(address=str(proxy), port=ports[_name(modality)])
        else:
            try:
                if ipaddress.ip_address(str(entry["address"])).version == 6:
                    entry["address"] = str(gateway)
            except ValueError as error:
                raise AnsibleFilterError(f"The modality {entry['name']} has no IP address: {error}.") from error
        stored.append(entry)
    return stored


def dicom_listeners(modalities):
    """For each TLS modality the port at which nginx waits for Orthanc, and where it leads."""
    ports = _ports(modalities)
    return [
        {
            "name": _name(modality),
            "listen": ports[_name(modality)],
            "address": f"[{modality['address']}]" if ":" in modality["address"] else str(modality["address"]),
            "port": int(modality.get("port", 104)),
        }
        for modality in sorted(modalities, key=_name)
        if modality.get("tls")
    ]


def dicom_callers(modalities, tls=False):
    """The addresses and networks from which modalities call, those with TLS or those without."""
    chosen = [modality for modality in modalities if bool(modality.get("tls")) == tls]
    return [source for entry in chosen for source in [entry["address"], *(entry.get("sources") or [])]]


def haproxy_title(title):
    """An AE title in capitals, in the quotes of HAProxy's configuration (its manual, 2.2)."""
    return '"%s"' % re.sub(r'(["\\$])', r"\\\1", str(title).strip(" ").upper())


def dicom_titles(modalities, gateway, tls=False):
    """From where each AE title calls, for HAProxy: those with TLS or those without.

    A caller over IPv6 comes from the gateway of the containers' network as well, because Docker's own proxy hands
    such a connection on.
    """
    titles = []
    for modality in modalities:
        if bool(modality.get("tls")) != tls:
            continue
        sources = [str(source) for source in (modality["address"], *(modality.get("sources") or []))]
        if any(":" in source for source in sources):
            sources.append(str(gateway))
        titles.append({"name": _name(modality), "title": haproxy_title(modality["aet"]), "sources": sources})
    return titles


class FilterModule:
    """Filters of the list of modalities."""

    def filters(self):
        return {
            "dicom_callers": dicom_callers,
            "dicom_listeners": dicom_listeners,
            "dicom_titles": dicom_titles,
            "haproxy_title": haproxy_title,
            "orthanc_modalities": orthanc_modalities,
        }
