# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What C(site_files) writes for the services: their configuration, their secrets and their Compose fragments.

A role says what a service needs with a dictionary:

    name              of the service, as it is declared
    directories       more directories than its own, as C(site_files) takes them
    files             of its directory config/<service>: name (or path), content, and what else C(site_files) takes
    absent            names of files of that directory that must not be there
    secrets           content by name: files that only its user may read, in its container below /run/secrets
    validate          the command that tests its files before any service's are written
    reloads           whether it loads its files while it runs, so that another content recreates no container (false)
    compose           what its Compose service has besides what follows from its declaration
"""

from __future__ import annotations

import json
import re
from typing import Any

from ansible_collections.threedpc.pacs.plugins.plugin_utils.fields.types import plain

Entry = dict[str, Any]

# What YAML, as which Compose reads JSON, takes for the end of a line or refuses.
NOT_IN_YAML = re.compile("[\x7f-\x9f\u2028\u2029\ufeff]")
INPUTS = {"org.threedpc.pacs.inputs": "@inputs_digest@"}


def dollars_doubled(value: Any) -> Any:
    """Compose interpolates values, not keys."""
    if isinstance(value, dict):
        return {key: dollars_doubled(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [dollars_doubled(entry) for entry in value]
    return value.replace("$", "$$") if isinstance(value, str) else value


def compose_json(fragment: Entry) -> str:
    """A Compose file."""
    text = json.dumps(dollars_doubled(fragment), indent=2, ensure_ascii=False)
    return NOT_IN_YAML.sub(lambda found: f"\\u{ord(found[0]):04x}", text) + "\n"


def merged(one: Entry, other: Entry) -> Entry:
    """Both, at every depth; where they differ, the other."""
    both = one | other
    for key in one.keys() & other.keys():
        if isinstance(one[key], dict) and isinstance(other[key], dict):
            both[key] = merged(one[key], other[key])
    return both


def accounts(name: str, number: int) -> list[Entry]:
    """What a program finds that looks up the name of its user, which has another number than in the image."""
    nobody = ":/nonexistent:/usr/sbin/nologin"
    return [
        {
            "name": "passwd",
            "content": f"root:x:0:0:root:/root:/usr/sbin/nologin\n{name}:x:{number}:{number}:{nobody}\n",
        },
        {"name": "group", "content": f"root:x:0:\n{name}:x:{number}:\n"},
    ]


class Part:
    """One service, with its place on the server."""

    def __init__(self, service: Entry, needs: Entry, folder: str) -> None:
        self.service, self.needs, self.folder = service, needs, folder
        self.name: str = service["name"]
        self.config = f"{folder}/config/{self.name}"
        self.secrets = f"{folder}/secrets/{self.name}"
        self.user: int = service["user"].get("id", 0)

    def files(self) -> Entry:
        account = self.service["account"]
        own = self.needs.get("files", []) + (accounts(account, self.user) if account else [])
        owner = {"owner": self.user, "group": self.user}
        secrets = self.needs.get("secrets", {})
        return {
            "directories": [
                *([{"path": self.config}] if own else []),
                *([{"path": self.secrets, "mode": "0700"}] if secrets else []),
                *({"path": path, "mode": "0700", **owner} for path in self.service["data"]),
                *self.needs.get("directories", []),
            ],
            "files": [self.placed(entry) for entry in own],
            "secrets": [
                {"path": f"{self.secrets}/{name}", "content": content, **owner} for name, content in secrets.items()
            ],
            "absent": [f"{self.config}/{name}" for name in self.needs.get("absent", [])],
        }

    def placed(self, entry: Entry) -> Entry:
        """A file with its path, for which a name in the service's own directory may stand."""
        if "path" in entry:
            return entry
        return {key: value for key, value in entry.items() if key != "name"} | {
            "path": f"{self.config}/{entry['name']}"
        }

    def compose_service(self, common: Entry) -> Entry:
        service: Entry = {
            "image": self.service["image"],
            "hostname": self.name,
            "mem_limit": self.service["memory"],
            "networks": {"default": {"ipv4_address": self.service["address"]}},
        }
        if self.user and not self.service["starts_as_root"]:
            service["user"] = f"{self.user}:{self.user}"
        if self.service["ports"]:
            service["ports"] = [f"{port['port']}:{port['to']}" for port in self.service["ports"]]
        if self.needs.get("secrets"):
            service["secrets"] = [{"source": self.source(name), "target": name} for name in self.needs["secrets"]]
        if not self.needs.get("reloads") and not self.service["on_demand"]:
            service["labels"] = INPUTS
        service = merged(merged(common, service), self.needs["compose"])
        if self.service["account"]:
            names = [f"{self.config}/{name}:/etc/{name}:ro" for name in ("passwd", "group")]
            service["volumes"] = service.get("volumes", []) + names
        return service

    def source(self, secret: str) -> str:
        return f"{self.name}_{secret}"

    def fragment(self, common: Entry) -> Entry:
        content: Entry = {"services": {self.name: self.compose_service(common)}}
        if self.needs.get("secrets"):
            content["secrets"] = {
                self.source(name): {"file": f"{self.secrets}/{name}"} for name in self.needs["secrets"]
            }
        return {
            "path": fragment_path(self.folder, self.name),
            "content": compose_json(content),
            "inputs_digest": INPUTS.items() <= content["services"][self.name].get("labels", {}).items(),
        }

    def parts(self, common: Entry) -> list[Entry]:
        files, fragment = self.files(), self.fragment(common)
        if self.needs.get("validate"):
            files["validate"] = self.needs["validate"]
        if self.needs.get("reloads"):
            # The configuration first, and apart from it, so that it is no input of the container.
            return [files, {"files": [fragment]}]
        return [files | {"files": [*files["files"], fragment]}]


def fragment_path(folder: str, name: str) -> str:
    return f"{folder}/compose.d/{name}.json"


def project(names: list[str], network: str, folder: str) -> Entry:
    """The project, which names the fragments when they are there."""
    files = ":".join(f"compose.d/{name}.json" for name in ["network", *names])
    subnet = {"name": "pacs", "networks": {"default": {"ipam": {"config": [{"subnet": network}]}}}}
    return {
        "files": [
            {"path": f"{folder}/.env", "content": f"COMPOSE_FILE={files}\n"},
            {"path": fragment_path(folder, "network"), "content": compose_json(subnet)},
        ]
    }


def parts(
    configured: list[Entry], services: list[Entry], folder: str, network: str, common: Entry, only: list[str]
) -> list[Entry]:
    """What is written for all services that run or can be called, in their order, or for some of them only."""
    needs = {entry["name"]: entry for entry in plain(configured)}
    enabled = [entry for entry in plain(services) if entry["enabled"]]
    names = [entry["name"] for entry in enabled]
    missing = [name for name in only or names if name not in needs]
    if missing:
        raise ValueError(f"no role has said what the services {', '.join(missing)} need")
    found = [
        part
        for entry in enabled
        if entry["name"] in (only or names)
        for part in Part(entry, needs[entry["name"]], folder).parts(plain(common))
    ]
    return found if only else [*found, project(names, network, folder)]
