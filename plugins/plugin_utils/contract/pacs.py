# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a site may say about itself."""

from __future__ import annotations

import ipaddress
import re
from typing import Any

from ..fields.network import as_address, domain, is_documentation, port, ssh_target
from ..fields.text import between, local_path, matching, printable, texts
from ..fields.types import Problems
from ..rotation import plan as plan_rotation

# Docker's own, unless its administrator chose another.
DOCKER_NETWORK = ipaddress.IPv4Network("172.17.0.0/16")
PRIVATE_NETWORKS = [ipaddress.IPv4Network(name) for name in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")]
# Names that mean something else in an inventory or a folder beside it.
RESERVED = ("all", "demo", "localhost", "pacs", "ungrouped")


def container_network(value: str) -> Problems:
    """A private network with room for the fixed addresses of the services."""
    right = "it must be a private IPv4 network (RFC 1918) from /24 to /28, such as '172.30.42.0/24'"
    try:
        network = ipaddress.IPv4Network(value, strict=False)
    except ValueError:
        yield right
        return
    if not 24 <= network.prefixlen <= 28 or not any(network.subnet_of(private) for private in PRIVATE_NETWORKS):
        yield right
    elif str(network) != value:
        yield f"write '{network}' for the network"
    elif network.subnet_of(DOCKER_NETWORK):
        yield f"Docker itself has '{DOCKER_NETWORK}'; choose another private network"


def distinct_ports(
    pacs_http_port: int, pacs_https_port: int, pacs_dicom_port: int, pacs_dicom_tls_port: int
) -> Problems:
    ports = {
        "pacs_http_port": pacs_http_port,
        "pacs_https_port": pacs_https_port,
        "pacs_dicom_port": pacs_dicom_port,
        "pacs_dicom_tls_port": pacs_dicom_tls_port,
    }
    seen: dict[int, str] = {}
    for name, number in ports.items():
        if number in seen:
            yield f"{name} is {number}; that is {seen[number]} already, choose another port"
        seen.setdefault(number, name)


def domain_is_outside_containers(pacs_domain: str, pacs_network: str) -> Problems:
    address = as_address(pacs_domain)
    if address is not None and address in ipaddress.ip_network(pacs_network):
        yield (
            f"pacs_domain is '{pacs_domain}'; pacs_network ('{pacs_network}') holds that address, choose another"
            " network"
        )


def no_secret_is_an_examples(pacs_domain: str, given: dict[str, Any]) -> Problems:
    """Secrets of the worked examples, which everybody can read, at a site that is no example."""
    if is_documentation(pacs_domain):
        return
    for name, value in given.items():
        if any(text.casefold().startswith("example-") for text in texts(value)):
            yield (
                f"{name} is an example's, which everybody can read, and pacs_domain ('{pacs_domain}') is no example's;"
                " choose a random one, as new_site.yml does"
            )


def rotate_arguments(right: dict[str, Any]) -> Problems:
    """What rotate_secrets.yml can't begin with."""
    needs = ("pacs_staff_users", "pacs_database", "pacs_shares_enabled", "pacs_dicom_tls_enabled")
    if not all(need in right for need in needs):
        return
    site = {
        "users": [*right["pacs_staff_users"]],
        "database": right["pacs_database"],
        "shares": right["pacs_shares_enabled"],
        "pacs_tls_source": right.get("pacs_tls_source"),
        "dicom_tls": right["pacs_dicom_tls_enabled"],
        "pacs_dicom_tls_source": right.get("pacs_dicom_tls_source"),
    }
    plan = plan_rotation(right.get("rotate_secrets", ""), site)
    yield from plan["problems"]
    keys = [entry for entry in plan["secrets"] if entry["variable"] == ["pacs_share_signing_key"]]
    if right.get("rotate_keep_links") and not keys:
        yield (
            f"rotate_keep_links is {right['rotate_keep_links']}; it goes together with -e rotate_secrets=signing_key or"
            " all"
        )


def new_site_arguments(right: dict[str, Any]) -> Problems:
    """What new_site.yml can't begin with."""
    name, server = right.get("new_site_name"), right.get("new_site_server") or right.get("new_site_domain")
    if name is not None and (not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,49}", name) or name in RESERVED):
        proposed = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:50]
        yield (
            f"new_site_name is '{name}'; a site needs a name of its own of lower-case letters, digits and dashes, such"
            f" as '{proposed if proposed and proposed not in RESERVED else 'ward7'}', and none of {', '.join(RESERVED)}"
        )
    if server is not None and not ssh_target(server):
        yield (
            f"new_site_server is '{server}'; it must be what ssh takes, such as pacs.hospital.example, root@10.1.2.3,"
            " root@10.1.2.3:2222, root@[2001:db8::7]:2222 or a name from ~/.ssh/config"
        )


RULES = {
    "pacs_site": printable(50),
    "pacs_domain": domain,
    "pacs_http_port": port,
    "pacs_https_port": port,
    "pacs_dicom_port": port,
    "pacs_dicom_tls_port": port,
    "pacs_local_dir": local_path,
    "pacs_other_variables[]": matching(r"[A-Za-z_*][A-Za-z0-9_*]*", "it must be the name of a variable"),
    "rotate_keep_links": between(0, 9999),
    "new_site_domain": domain,
    "pacs_network": container_network,
}
RELATIONS = (distinct_ports, domain_is_outside_containers, no_secret_is_an_examples)
ARGUMENTS = {"pacs.rotate": rotate_arguments, "pacs.new_site": new_site_arguments}
