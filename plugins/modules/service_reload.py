#!/usr/bin/python
# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: service_reload
short_description: Lets a service load its configuration if it has another one loaded
version_added: 1.0.0
description:
  - A service that can load a new configuration while it runs answers which one it has loaded, with the digest that
    M(threedpc.pacs.site_files) has put into a file of it.
  - It is asked, and told only if the answer is another one. So a run that was interrupted is finished by the next one.
  - No container is restarted and no connection dropped.
author:
  - threedpc.pacs contributors (@threedpc)
extends_documentation_fragment:
  - threedpc.pacs.attributes
attributes:
  check_mode:
    support: full
    details: Asks, and says whether the service would be told.
  diff_mode:
    support: none
    details: A digest says nothing about what is different.
  idempotent:
    support: full
options:
  project:
    description: The Compose project.
    type: str
    default: pacs
  service:
    description: The service.
    type: str
    required: true
  file:
    description: The file of the server with the digest, twelve hexadecimal digits that stand by themselves.
    type: path
    required: true
  ask:
    description: The command in the container that prints the digest of the loaded configuration.
    type: list
    elements: str
    required: true
  tell:
    description: The command in the container that lets the service load its configuration.
    type: list
    elements: str
    required: true
  timeout:
    description: Seconds to wait until the service has loaded it.
    type: int
    default: 10
"""

EXAMPLES = r"""
- name: Let nginx load its configuration if it has another one loaded
  threedpc.pacs.service_reload:
    service: nginx
    file: /opt/pacs/config/nginx/loaded.conf
    ask: [curl, --silent, "http://127.0.0.1:8080/"]
    tell: [nginx, -s, reload]
"""

RETURN = r"""
loaded:
  description: The digest of the configuration that was loaded before, empty if the service did not say.
  returned: always
  type: str
  sample: 0a1b2c3d4e5f
"""

import re
import time

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.threedpc.pacs.plugins.module_utils.errors import PacsError

DIGEST = re.compile(r"\b[0-9a-f]{12}\b")
# Between two questions.
PAUSE = 0.2


class Service:
    """A service in its container."""

    def __init__(self, module, project, name):
        self.module, self.name = module, name
        labels = {"project": project, "service": name, "oneoff": "False"}
        filters = [f"--filter=label=com.docker.compose.{key}={value}" for key, value in labels.items()]
        self.container = self.run(["docker", "ps", "--quiet", *filters])[1].strip()
        if not self.container:
            raise PacsError(f"{name} does not run, so it can't load its configuration.")

    def run(self, command):
        try:
            return self.module.run_command(command, handle_exceptions=False)
        except OSError as error:
            raise PacsError(f"{command[0]} could not be run: {error.strerror}") from error

    def inside(self, command):
        return self.run(["docker", "exec", self.container, *command])

    def loaded(self, ask):
        """The digest that it says, an empty text if it says none."""
        found = DIGEST.search(self.inside(ask)[1])
        return found.group() if found else ""

    def load(self, wanted, ask, tell, timeout):
        code, out, err = self.inside(tell)
        if code:
            raise PacsError(f"{self.name} could not be told to load its configuration: {(err or out).strip()}")
        end = time.monotonic() + timeout
        while self.loaded(ask) != wanted:
            if time.monotonic() > end:
                raise PacsError(
                    f"{self.name} was told to load its configuration, but still has another one; docker compose logs"
                    f" {self.name} says why."
                )
            time.sleep(PAUSE)


def wanted(path):
    """The digest in a file."""
    try:
        with open(path, encoding="utf-8") as stream:
            found = DIGEST.search(stream.read())
    except OSError as error:
        raise PacsError(f"{path} can't be read: {error.strerror}") from error
    if not found:
        raise PacsError(f"{path} has no digest of twelve hexadecimal digits.")
    return found.group()


def main():
    module = AnsibleModule(
        argument_spec={
            "project": {"type": "str", "default": "pacs"},
            "service": {"type": "str", "required": True},
            "file": {"type": "path", "required": True},
            "ask": {"type": "list", "elements": "str", "required": True},
            "tell": {"type": "list", "elements": "str", "required": True},
            "timeout": {"type": "int", "default": 10},
        },
        supports_check_mode=True,
    )
    options = module.params
    try:
        digest = wanted(options["file"])
        service = Service(module, options["project"], options["service"])
        loaded = service.loaded(options["ask"])
        if loaded != digest and not module.check_mode:
            service.load(digest, options["ask"], options["tell"], options["timeout"])
    except PacsError as error:
        error.fail(module)
    module.exit_json(changed=loaded != digest, loaded=loaded)


if __name__ == "__main__":
    main()
