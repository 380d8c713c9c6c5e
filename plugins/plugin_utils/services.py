# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What follows from the services that the roles declare: addresses, users, images, ports, and what is wrong with them.

A role says what each of its services is with a dictionary:

    name              of the service, its container and its directories
    role              that is asked for its configuration
    enabled           whether this site has it (true)
    on_demand         whether it runs only when it is called (false)
    image             key of pacs_images; image_default is the reference of the role that owns the key
    memory            limit, unless pacs_memory_limits has another one
    address           number in pacs_network
    user              name and number (from pacs_first_uid on) of the user whom nothing else on the server is
    starts_as_root    whether only its workers run as that user (false)
    account           the name that its programs find for that user, if they look
    data              directories with patients' data, which are its user's
    ports             that it publishes: the variable that sets it, the port of the server, the port inside (to), and
                      whether new connections have to wait while associations end (drained)
    cuts_work         whether its restart cuts an association, an upload or the answer to one (false)
    stops_before      services that can't be replaced while it runs
    reaches           where it may go besides the other services: port, protocols (tcp), and address unless any
    checks            what verify asks it, as http_expect takes it, in the area Services unless it names another
"""

from __future__ import annotations

import ipaddress
from typing import Any

from ansible_collections.threedpc.pacs.plugins.plugin_utils.fields.types import nearest, plain

# Docker's own address in the network, from which it hands on what comes over IPv6.
GATEWAY = 1
FLAGS = ("enabled", "on_demand", "starts_as_root", "cuts_work")
LISTS = ("data", "ports", "stops_before", "reaches", "checks")
KEYS = {"name", "role", "image", "image_default", "memory", "address", "user", "account", *FLAGS, *LISTS}
NEEDED = ("name", "role", "image", "memory", "address")

Service = dict[str, Any]


def filled(entry: Service) -> Service:
    """A declaration with every key that it may leave out."""
    defaults: Service = {"enabled": True, "account": ""} | dict.fromkeys(FLAGS[1:], False) | {key: [] for key in LISTS}
    return defaults | entry


def resolved(entry: Service, network: str, first_uid: int, images: dict[str, str], memory: dict[str, str]) -> Service:
    """A service with the values that this site gives it."""
    user = entry.get("user")
    return entry | {
        "address": str(ipaddress.ip_network(network)[int(entry["address"])]),
        "image": images[entry["image"]],
        "memory": memory.get(entry["name"], entry["memory"]),
        "user": {"name": user["name"], "id": first_uid + int(user["number"])} if user else {},
    }


def twice(what: str, values: list[tuple[str, Any]]) -> list[str]:
    """A sentence for each value that two services claim."""
    owners: dict[Any, str] = {}
    found = []
    for name, value in values:
        if owners.setdefault(value, name) != name:
            found.append(f"the services {owners[value]} and {name} both declare the {what} {value}")
    return found


def incomplete(declared: list[Service]) -> list[str]:
    """Declarations that lack something or have a key that nobody reads."""
    found = []
    for number, entry in enumerate(declared):
        name = entry.get("name", f"number {number}")
        found += [f"the service {name} has no {key}" for key in NEEDED if key not in entry]
        found += [f"the service {name} has the key {key}{nearest(key, KEYS)}" for key in sorted({*entry} - KEYS)]
    return found


def contradictions(declared: list[Service]) -> list[str]:
    """What two services can't both have."""
    names = [entry["name"] for entry in declared]
    users = [(entry["user"]["name"], entry["user"]["number"]) for entry in declared if entry.get("user")]
    ports = [(entry["name"], port["port"]) for entry in declared if entry["enabled"] for port in entry["ports"]]
    owners = {entry["image"] for entry in declared if "image_default" in entry}
    return (
        [f"two services are named {name}" for name in sorted({name for name in names if names.count(name) > 1})]
        + twice("address", [(entry["name"], int(entry["address"])) for entry in declared])
        + twice("port", ports)
        + twice("user number", users)
        + [f"no role says what the image {key} is" for key in sorted({entry["image"] for entry in declared} - owners)]
    )


def out_of_range(declared: list[Service], network: str) -> list[str]:
    """Numbers that no machine has in the network."""
    last = ipaddress.ip_network(network).num_addresses - 2
    return [
        f"pacs_network is '{network}'; it has no address number {entry['address']} for the service {entry['name']}"
        for entry in declared
        if not GATEWAY < int(entry["address"]) <= last
    ]


def sentences(problems: list[str]) -> list[str]:
    return [problem + ("" if problem.endswith("?") else ".") for problem in problems]


def unknown(variable: str, names: Any, known: set[str]) -> list[str]:
    """Keys of a variable that no service declares."""
    wrong = sorted({*names} - known)
    return [f"{variable} has the key '{name}'; {chosen(name, known)}" for name in wrong]


def chosen(name: str, known: set[str]) -> str:
    return f"there is no such key, only {', '.join(sorted(known))}{nearest(name, known)}"


def overview(
    declared: list[Service], network: str, first_uid: int, images: dict[str, str], memory: dict[str, str]
) -> dict[str, Any]:
    """What follows from what the roles declare. With problems, it says nothing else."""
    declared, images, memory = plain(declared), plain(images), plain(memory)
    problems = incomplete(declared)
    if problems:
        return {"problems": sentences(problems)}
    declared = [filled(entry) for entry in declared]
    problems = (
        contradictions(declared)
        + out_of_range(declared, network)
        + unknown("pacs_images", images, {entry["image"] for entry in declared})
        + unknown("pacs_memory_limits", memory, {entry["name"] for entry in declared})
    )
    if problems:
        return {"problems": sentences(problems)}
    defaults = {entry["image"]: entry["image_default"] for entry in declared if "image_default" in entry}
    references = defaults | images
    services = [resolved(entry, network, int(first_uid), references, memory) for entry in declared]
    users = {entry["user"]["name"]: entry["user"]["id"] for entry in services if entry["user"]}
    enabled = [entry for entry in services if entry["enabled"]]
    return {
        "problems": [],
        "services": services,
        "names": [entry["name"] for entry in enabled if not entry["on_demand"]],
        "on_demand": [entry["name"] for entry in enabled if entry["on_demand"]],
        "addresses": {"gateway": str(ipaddress.ip_network(network)[GATEWAY])}
        | {entry["name"]: entry["address"] for entry in services},
        "users": [{"name": name, "id": number} for name, number in users.items()],
        "uids": {entry["name"]: entry["user"]["id"] for entry in services if entry["user"]},
        "images": references,
        # What is the image of each service that always runs.
        "release": {entry["name"]: entry["image"] for entry in enabled if not entry["on_demand"]},
        "ports": [port for entry in enabled for port in entry["ports"]],
        "checks": [{"area": "Services"} | check for entry in enabled for check in entry["checks"]],
        "data": {path: entry["user"]["id"] for entry in enabled for path in entry["data"]},
    }
