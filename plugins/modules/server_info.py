#!/usr/bin/python
# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: server_info
short_description: Tells what a server has that a site needs, and what is somebody else's
version_added: 1.0.0
description:
  - Looks at the distribution, the Docker Engine, packages, users, listening ports and directories of a server in one
    round trip, and changes nothing.
author:
  - threedpc.pacs contributors (@threedpc)
extends_documentation_fragment:
  - threedpc.pacs.attributes
  - threedpc.pacs.attributes.info_module
options:
  packages:
    description: Packages, or names that packages provide, of which those that are missing are returned.
    type: list
    elements: str
    default: []
  users:
    description: Numbers by the names of users, each with a group of the same name and number.
    type: dict
    default: {}
  paths:
    description: Files or directories whose owners are returned.
    type: list
    elements: path
    default: []
  directory:
    description: A directory whose entries are returned.
    type: path
"""

EXAMPLES = r"""
- name: Look for what the site needs of the server
  threedpc.pacs.server_info:
    packages: [cron, nftables]
    users: {pacs-nginx: 61004}
    directory: /opt/pacs
  register: server
"""

RETURN = r"""
server:
  description: What was seen.
  returned: success
  type: dict
  contains:
    distribution:
      description: The distribution and its version.
      type: str
      sample: Debian 13
    missing_packages:
      description: Those of O(packages) that are neither installed nor provided by what is.
      type: list
      elements: str
    compose:
      description: Whether Docker has Compose v2.
      type: bool
    engine_runs:
      description: Whether Docker's service runs and starts at every boot.
      type: bool
    engine:
      description: Version and security options of the Docker Engine that answers; empty values if none does.
      type: dict
      sample: {version: 26.1.5+dfsg1, options: ["name=cgroupns"]}
    client:
      description: The file behind the command docker, and the package that it is of.
      type: dict
      sample: {path: /usr/bin/docker, package: docker-cli}
    containers:
      description: Containers of Compose projects.
      type: list
      elements: dict
      sample: [{name: pacs-nginx-1, project: pacs, folder: /opt/pacs, ports: "0.0.0.0:80->80/tcp"}]
    users:
      description: Users that have one of the names or numbers of O(users).
      type: list
      elements: dict
      sample: [{name: pacs-nginx, id: 61004}]
    groups:
      description: Groups that have one of the names or numbers of O(users).
      type: list
      elements: dict
      sample: [{name: pacs-nginx, id: 61004}]
    subordinate:
      description: Ranges of numbers that users may have in containers of their own.
      type: list
      elements: dict
      sample: [{owner: anna, first: 100000, count: 65536}]
    listeners:
      description: Listening TCP sockets.
      type: list
      elements: dict
      sample: [{address: 0.0.0.0, port: 22, program: sshd}]
    owners:
      description: Numbers of the owners, by those of O(paths) that are there.
      type: dict
      sample: {/var/lib/pacs/storage: 61001}
    entries:
      description: What is in O(directory).
      type: list
      elements: str
"""

import grp
import json
import os
import pwd
import re
import shutil

from ansible.module_utils.basic import AnsibleModule

SUBORDINATE = re.compile(r"([^:#]+):([0-9]+):([0-9]+)")
PROJECT = "com.docker.compose.project"


def release(path="/etc/os-release"):
    """The distribution as its packages are known here, such as Debian 13."""
    with open(path, encoding="utf-8") as stream:
        lines = [line.strip().partition("=") for line in stream]
    values = {key: value.strip("\"'") for key, _equals, value in lines}
    name = values.get("ID", "")
    return f"{name[:1].upper()}{name[1:]} {values.get('VERSION_ID', '')}".strip()


def missing_packages(wanted, listed):
    """Those of the wanted that no line of dpkg-query (status, package, what it provides) has."""
    there = set()
    for line in listed.splitlines():
        status, _space, names = line.partition(" ")
        if status == "installed":
            there.update(re.sub(r"\([^)]*\)", "", names).replace(",", " ").split())
    return [name for name in wanted if name not in there]


def accounts(wanted, by_name, by_number):
    """The entries of a database of users or groups that have one of these names or numbers."""
    found = {}
    for keys, find in ((wanted.keys(), by_name), (wanted.values(), by_number)):
        for key in keys:
            try:
                entry = find(key)
            except KeyError:
                continue
            found[entry[0]] = entry[2]
    return [{"name": name, "id": number} for name, number in sorted(found.items())]


def subordinate(text):
    found = map(SUBORDINATE.fullmatch, map(str.strip, text.splitlines()))
    return [{"owner": one[1], "first": int(one[2]), "count": int(one[3])} for one in found if one]


def listeners(listed):
    """The lines of ss, each with the program that it names."""
    found = []
    for line in listed.splitlines():
        words = line.split()
        if len(words) < 4:
            continue
        address, _colon, port = words[3].rpartition(":")
        program = re.search(r'users:\(\("([^"]+)"', line)
        found.append({"address": address, "port": int(port), "program": program[1] if program else ""})
    return found


def containers(listed):
    found = []
    for line in listed.splitlines():
        entry = json.loads(line)
        labels = dict(label.partition("=")[::2] for label in entry["Labels"].split(","))
        folder = labels.get(f"{PROJECT}.working_dir", "")
        names = {"name": entry["Names"], "project": labels.get(PROJECT, ""), "folder": folder}
        found.append(names | {"ports": entry["Ports"]})
    return found


def read(path):
    try:
        with open(path, encoding="utf-8", errors="replace") as stream:
            return stream.read()
    except OSError:
        return ""


class Server:
    """The server, asked by its own commands."""

    def __init__(self, module):
        self.module = module

    def says(self, *words):
        """Whether a command succeeds, and what it prints."""
        if not shutil.which(words[0]):
            return False, ""
        code, out, _err = self.module.run_command(list(words), environ_update={"LC_ALL": "C.UTF-8"})
        return code == 0, out.strip()

    def client(self):
        path = shutil.which("docker")
        if not path:
            return {"path": "", "package": ""}
        path = os.path.realpath(path)
        owner = self.says("dpkg-query", "--search", path)[1]
        return {"path": path, "package": owner.partition(":")[0] if owner else ""}

    def engine(self):
        fine, text = self.says("docker", "info", "--format", "{{json .}}")
        info = json.loads(text) if fine else {}
        return {"version": info.get("ServerVersion") or "", "options": info.get("SecurityOptions") or []}

    def seen(self, packages, users, paths, directory):
        listed = self.says("dpkg-query", "--show", "--showformat", "${db:Status-Status} ${Package} ${Provides}\\n")[1]
        ranges = read("/etc/subuid") + read("/etc/subgid")
        sockets = self.says("ss", "--no-header", "--listening", "--numeric", "--processes", "--tcp")[1]
        projects = self.says("docker", "ps", "--all", "--filter", f"label={PROJECT}", "--format", "{{json .}}")[1]
        return {
            "distribution": release(),
            "missing_packages": missing_packages(packages, listed),
            "compose": self.says("docker", "compose", "version")[0],
            "engine_runs": all(
                self.says("systemctl", word, "--quiet", "docker")[0] for word in ("is-active", "is-enabled")
            ),
            "engine": self.engine(),
            "client": self.client(),
            "containers": containers(projects),
            "users": accounts(users, pwd.getpwnam, pwd.getpwuid),
            "groups": accounts(users, grp.getgrnam, grp.getgrgid),
            "subordinate": subordinate(ranges),
            "listeners": listeners(sockets),
            "owners": {path: os.stat(path).st_uid for path in paths if os.path.exists(path)},
            "entries": sorted(os.listdir(directory)) if directory and os.path.isdir(directory) else [],
        }


def main():
    module = AnsibleModule(
        argument_spec={
            "packages": {"type": "list", "elements": "str", "default": []},
            "users": {"type": "dict", "default": {}},
            "paths": {"type": "list", "elements": "path", "default": []},
            "directory": {"type": "path"},
        },
        supports_check_mode=True,
    )
    # Where a shell of root looks that was not logged in.
    os.environ["PATH"] = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
    options = module.params
    users = {name: int(number) for name, number in options["users"].items()}
    server = Server(module).seen(options["packages"], users, options["paths"], options["directory"])
    module.exit_json(changed=False, server=server)


if __name__ == "__main__":
    main()
