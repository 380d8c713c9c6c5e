# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is somebody else's on a server: nothing of it is removed or replaced, so the site refuses to go on.

Each rule takes what the module server_info saw and what the site wants, and yields sentences.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

Facts = dict[str, Any]

PROJECTS = ("pacs", "pacs-rehearsal")
# Health checks with an interval for the start came with this one.
ENGINE = 25
# What the role makes first in pacs_dir; an interrupted run has left one of them, or nothing.
OURS = {"bin", "compose.d", "config", "secrets", "release.json", ".env"}


def accounts(there: Facts, wanted: Facts) -> Iterator[str]:
    """The users and groups of the site have their own numbers, and nobody else has them."""
    for kind, entries in (("user", there["users"]), ("group", there["groups"])):
        found = [(entry["name"], entry["id"]) for entry in entries]
        for name, number in wanted["users"].items():
            for other, has in found:
                if other == name and has != number:
                    yield (
                        f"the {kind} {name} has the number {has} and not {number}. Set pacs_first_uid so that it fits,"
                        f" or remove the {kind} if nothing uses it"
                    )
                elif has == number and other != name:
                    yield (
                        f"the {kind} {other} has the number {number}, which only {name} may have: it could read what"
                        f" the services read. Set pacs_first_uid to the first of {len(wanted['users'])} numbers that"
                        " nobody has"
                    )


def subordinate(there: Facts, wanted: Facts) -> Iterator[str]:
    """A user who may use a number in containers of his own reads what belongs to it."""
    numbers = wanted["users"].values()
    told: set[tuple[str, int]] = set()
    for entry in there["subordinate"]:
        owner, first = entry["owner"], entry["first"]
        if (owner, first) not in told and any(first <= number < first + entry["count"] for number in numbers):
            told.add((owner, first))
            yield (
                f"/etc/subuid or /etc/subgid gives {owner} the numbers from {first} on, with numbers of the services"
                f" among them. Set pacs_first_uid to the first of {len(wanted['users'])} numbers that nobody has"
            )


def owners(there: Facts, wanted: Facts) -> Iterator[str]:
    """Data that belong to other numbers, which the services could not read."""
    for path, number in there["owners"].items():
        right = wanted["owned"].get(path)
        # One that is root's is about to get its owner.
        if right is not None and number not in (0, right):
            yield (
                f"{path} belongs to the user {number}, and the services run as others. Stop them, and give it to its"
                f" new user with: chown --recursive --no-dereference {right}:{right} {path}"
            )


def engine(there: Facts, _wanted: Facts) -> Iterator[str]:
    """An Engine that was not installed by this role stays, or is refused."""
    path, package = there["client"]["path"], there["client"]["package"]
    version, options = there["engine"]["version"], " ".join(there["engine"]["options"])
    if "podman" in path + package:
        yield f"{path} is Podman in Docker's place, and the site needs Docker's own Engine. Remove podman-docker"
    elif path.startswith(("/snap/", "/usr/bin/snap", "/var/lib/snapd/")):
        yield (
            "Docker is installed as a snap, which can't read the site's directories. Remove the snap; the Engine of the"
            " distribution is installed then"
        )
    elif path and not there["compose"] and package not in ("docker.io", "docker-cli"):
        yield (
            f"there is a Docker ({path}{' of the package ' + package if package else ''}) without Compose v2, and"
            " another one in its place would remove it. Install its Compose plugin from where it came, such as the"
            " package docker-compose-plugin of Docker's own repository"
        )
    number = re.match(r"([0-9]+)\.", version)
    if number and int(number[1]) < ENGINE:
        yield f"its Docker Engine is {version}, and the site needs {ENGINE} or later. Upgrade it"
    for option, what in (("name=userns", "user namespaces (userns-remap)"), ("name=rootless", "no root")):
        if option in options:
            yield f"its Docker Engine runs with {what}, so files don't belong to whom they are given. Switch that off"


def projects(there: Facts, wanted: Facts) -> Iterator[str]:
    """Containers of another Compose project with the site's name."""
    for entry in there["containers"]:
        name, project, folder = entry["name"], entry["project"], entry["folder"]
        ours = [wanted["directory"], wanted["data"]]
        if project in PROJECTS and folder and not any(folder == own or folder.startswith(own + "/") for own in ours):
            yield (
                f"the container {name} belongs to another Compose project {project}, of {folder}; the site's would"
                " replace it. Remove it, or give that project another name"
            )


def directories(there: Facts, wanted: Facts) -> Iterator[str]:
    """A directory that somebody else has filled."""
    names = {name for name in there["entries"] if name != "lost+found"}
    if names and not names & OURS:
        yield (
            f"{wanted['directory']} is there and holds something else ({', '.join(sorted(names)[:5])}). Set pacs_dir to"
            " another directory"
        )


def ports(there: Facts, wanted: Facts) -> Iterator[str]:
    """What already listens at a port of the site, unless it is the site."""
    published = " ".join(entry["ports"] for entry in there["containers"] if entry["project"] == PROJECTS[0])
    for entry in there["listeners"]:
        if entry["address"].startswith(("127.", "[::1]")):
            continue
        number = entry["port"]
        name = next((name for name, port in wanted["ports"].items() if int(port) == number), None)
        if name and f":{number}->" not in published:
            by = entry["program"] or "another program"
            yield f"{by} listens at port {number} already. Stop it, or set {name} to another port"


RULES = (engine, accounts, subordinate, directories, projects, owners, ports)


def server_problems(there: Facts, wanted: Facts) -> list[str]:
    found = [sentence for rule in RULES for sentence in rule(there, wanted)]
    return list(dict.fromkeys(found))
