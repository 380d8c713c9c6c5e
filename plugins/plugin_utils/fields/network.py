# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules for addresses, networks, host names, ports and URLs that several roles ask for."""

from __future__ import annotations

import ipaddress
import re
from typing import Any

from .types import Problems, Rule

HOST_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
# The widest network that is somebody's own: 10.0.0.0/8 and fc00::/7.
WIDEST = {4: 8, 6: 7}
# From here to 60999 Linux takes ports for connections that it begins (ip_local_port_range).
EPHEMERAL = (32768, 60999)
# RFC 6761, 6762, 8375 and 9476, and what hospitals use inside: no public CA certifies these.
INSIDE = ("local", "localhost", "lan", "internal", "intranet", "home.arpa", "corp", "home", "private", "alt", "onion")
DOCUMENTATION_NAMES = ("example", "test", "invalid", "localhost", "example.com", "example.net", "example.org")
DOCUMENTATION_NETWORKS = [
    ipaddress.ip_network(text)
    for text in ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32", "3fff::/20")
]


SSH_TARGET = re.compile(
    r"((?P<user>[A-Za-z_][A-Za-z0-9._-]*)@)?"
    r"(\[(?P<six>[0-9A-Fa-f:.]+)\]|(?P<bare>[0-9A-Fa-f.]*:[0-9A-Fa-f.]*:[0-9A-Fa-f:.]*)|(?P<name>[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?))"
    r"(:(?P<port>[0-9]{1,5}))?",
    re.ASCII,
)

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def as_address(text: str) -> Address | None:
    """The address that a text says, or None."""
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


def port(value: int) -> Problems:
    """A port of the server on which the site listens."""
    if not 1 <= value <= 65535:
        yield "it must be a whole number from 1 to 65535"
    elif value == 22:
        yield "that is ssh's, without which nobody reaches the server"
    elif EPHEMERAL[0] <= value <= EPHEMERAL[1]:
        yield (
            f"Linux takes the ports from {EPHEMERAL[0]} to {EPHEMERAL[1]} for connections that it begins, so it may be"
            " taken when the services start; choose another port"
        )


def of_one_machine(address: Address) -> bool:
    """Whether somebody can call from this address over a network."""
    limited = ipaddress.ip_address("255.255.255.255")
    return not (address.is_unspecified or address.is_multicast or address.is_loopback or address == limited) and not (
        address.version == 4 and address in ipaddress.ip_network("0.0.0.0/8")
    )


def caller_address(value: str) -> Problems:
    """An address that can be compared with a caller's as it is written."""
    address = as_address(value)
    if address is None:
        yield (
            "it must be an IPv4 or IPv6 address, not a host name, because Orthanc compares the caller's address"
            " with it as it is written"
        )
    elif not of_one_machine(address):
        yield "it must be the address of one machine, which is another one than the server"
    elif "%" in value:
        yield "write it without the network interface, which is not part of a caller's address"
    elif mapped := getattr(address, "ipv4_mapped", None):
        yield f"write it as the IPv4 address '{mapped}'"
    elif str(address) != value:
        yield f"write it as '{address}', because Orthanc compares the caller's address with it as it is written"


def machine_address(value: str) -> Problems:
    """The address of one machine, for the firewall."""
    address = as_address(value)
    if address is None or "%" in value:
        yield "it must be an IPv4 or IPv6 address, without network interface and mask"
    elif address.is_unspecified or address.is_multicast:
        yield "it must be the address of one machine"
    elif mapped := getattr(address, "ipv4_mapped", None):
        yield f"write it as the IPv4 address '{mapped}'"


def reached_address(value: str) -> Problems:
    """The address of a machine that a container may reach."""
    address = as_address(value)
    if address is None or address.version != 4:
        yield "it must be the IPv4 address of one machine, because the containers have no IPv6 and look up no name"
    elif address.is_unspecified or address.is_multicast or address.is_loopback or address.is_link_local:
        yield "it must be the address of one machine in the hospital or beyond"


def source(everybody: str) -> Rule:
    """A rule for a network that may reach a port; what to do instead of naming everybody."""

    def rule(value: str) -> Problems:
        try:
            network = ipaddress.ip_network(value, strict=False)
        except ValueError:
            yield "it must be an IPv4 or IPv6 network such as '10.1.2.0/24', or an address"
            return
        if "%" in value:
            yield "write it without the network interface, which is not part of a caller's address"
        elif network.prefixlen == 0:
            yield everybody
        elif network.prefixlen < WIDEST[network.version]:
            yield f"it is a large part of all addresses that there are; {everybody}"
        elif network.is_multicast or network.network_address.is_unspecified:
            yield "nobody calls from there"
        elif mapped := getattr(network.network_address, "ipv4_mapped", None):
            yield f"write it as an IPv4 network, such as '{mapped}/24'"
        elif "/" in value and ipaddress.ip_interface(value).ip != network.network_address:
            yield f"the address has bits beyond the network's mask; write '{network}' for the network"

    return rule


def is_idna(label: str) -> bool:
    """Whether a label that begins like an encoded one is one."""
    try:
        return not label.startswith("xn--") or label.encode().decode("idna").encode("idna").decode() == label
    except UnicodeError:
        return False


def is_domain(text: str) -> bool:
    """Whether this is what a browser sends as the host: RFC 1123 in lower case, or an address in its usual form."""
    address = as_address(text)
    if address is not None:
        usual = str(address) == text and "%" not in text and not getattr(address, "ipv4_mapped", None)
        return usual and not (address.is_unspecified or address.is_multicast or address.is_link_local)
    labels = text.split(".")
    # A browser takes a name whose last label is a number, also a hexadecimal one, for an IPv4 address (WHATWG URL).
    number = re.fullmatch(r"[0-9]+|0x[0-9a-f]*", labels[-1])
    return len(text) <= 253 and all(map(HOST_LABEL.fullmatch, labels)) and not number and all(map(is_idna, labels))


def domain(value: str) -> Problems:
    """The name or address that users type, and what was probably meant."""
    if is_domain(value):
        return
    meant = re.sub(r"^[a-z][a-z0-9+.-]*://", "", value.strip().lower()).split("/")[0].rstrip(".")
    if meant.startswith("["):
        meant = meant[1:].split("]")[0]
    elif meant.count(":") == 1:
        meant = meant.split(":")[0]
    address = as_address(meant)
    if address is not None:
        meant = str(getattr(address, "ipv4_mapped", None) or address)
    elif not meant.isascii():
        try:
            meant = meant.encode("idna").decode()
        except UnicodeError:
            meant = ""
    right = (
        "it must be a host name (letters of ASCII in lower case, digits, dashes and dots) or an IP address, without"
        " scheme, port, path and underscore"
    )
    yield f"{right}; write '{meant}'" if is_domain(meant) and meant != value else right


def is_inside(name: str) -> bool:
    """Whether a host name can't be known outside of its own network."""
    return "." not in name or any(name.endswith("." + suffix) for suffix in INSIDE)


def is_documentation(name: str) -> bool:
    """Whether this is a name or an address that no real site has (RFC 2606, 3849, 5737 and 9637)."""
    address = as_address(name)
    if address is None:
        return any(name == own or name.endswith("." + own) for own in DOCUMENTATION_NAMES)
    return any(address in network for network in DOCUMENTATION_NETWORKS)


def https_url(value: str) -> Problems:
    """The directory of an ACME server."""
    parts = re.fullmatch(r"https://(?P<host>\[[0-9a-f:]+\]|[A-Za-z0-9.-]+)(:(?P<port>[0-9]{1,5}))?(/[!-~]*)?", value)
    if not parts or not is_domain(parts["host"].strip("[]").lower()) or not 1 <= int(parts["port"] or 443) <= 65535:
        yield "it must be a URL that begins with https://, such as 'https://ca.hospital.example/acme/acme/directory'"


def ssh_target(text: str) -> dict[str, Any]:
    """User, host and port of `user@host:port`, where only the host has to be there; empty if it is none."""
    text = re.sub(r"^ssh://", "", text.strip()).removesuffix("/")
    found = SSH_TARGET.fullmatch(text)
    if not found:
        return {}
    host, port = found["six"] or found["bare"] or found["name"], int(found["port"] or 0)
    try:
        if found["six"] or found["bare"]:
            host = str(ipaddress.IPv6Address(host))
        elif re.fullmatch(r"[0-9.]+", host):
            host = str(ipaddress.IPv4Address(host))
    except ValueError:
        return {}
    if found["port"] and not 1 <= port <= 65535:
        return {}
    return {"user": found["user"] or "", "host": host, "port": port}
