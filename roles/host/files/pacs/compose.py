# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The site's containers: which there are, and how they are stopped."""

from __future__ import annotations

from . import core
from .settings import Site

PROJECT = "pacs"
OURS = f"--filter=label=com.docker.compose.project={PROJECT}"
# An order for a certificate is a run of its own, and no service.
SERVICES = "--filter=label=com.docker.compose.oneoff=False"
# Asks containers by their project's name, whatever Compose files there are.
BY_NAME = ["docker", "compose", "--project-name", PROJECT]


def containers(*options: str) -> list[str]:
    """The identifiers of the site's containers that run, or with --all of every one."""
    return core.run(["docker", "ps", "--quiet", OURS, *options], "Asking for the containers").split()


def of_service(service: str) -> str:
    return f"--filter=label=com.docker.compose.service={service}"


def process(service: str) -> int:
    """The main process of a service's container, 0 if it does not run."""
    for container in containers(of_service(service), SERVICES):
        done = core.attempt(["docker", "inspect", "--format", "{{.State.Pid}}", container])
        if done.returncode == 0:
            return int(done.stdout or 0)
    return 0


def compose(site: Site, *words: object, what: str) -> str:
    """Compose with the site's own files."""
    return core.run(["docker", "compose", *words], what, cwd=site.directory)


def stop(*options: str) -> None:
    """Stop the containers, the database last: whatever waits for it would not end."""
    database = set(containers(of_service("postgres"), *options))
    for group in (set(containers(*options)) - database, database):
        if group:
            core.run(["docker", "stop", *sorted(group)], "Stopping the services")
