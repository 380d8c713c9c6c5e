# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the answers to the acceptance test say about a site: one module per area."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ansible_collections.threedpc.pacs.plugins.plugin_utils.verify_plan.site import Site
from ansible_collections.threedpc.pacs.plugins.plugin_utils.verify_results import (
    backup,
    certificates,
    egress,
    exposure,
    modalities,
    server,
    sockets,
    space,
    studies,
)
from ansible_collections.threedpc.pacs.plugins.plugin_utils.verify_results.result import Answer, Result


def results(site: Site, answers: Mapping[str, Answer]) -> list[Result]:
    """The result of every check, in the order of the report.

    C(answers) are what tasks of Ansible registered. What was not asked is not there, or was skipped.
    """
    asked = {name: answer for name, answer in answers.items() if answer and not answer.get("skipped")}
    return [*of_server(site, asked), *of_checks(asked), *of_records(site, asked)]


def of_server(site: Site, asked: Mapping[str, Answer]) -> Iterator[Result]:
    """What the server says of itself."""
    if "status" in asked:
        status = asked["status"]
        yield from server.results(status, site.services, site.publishing)
        yield from egress.results(asked.get("egress", {}), site.services, site.firewall_enabled)
        yield from certificates.results(status, site.certificate_limits)
        yield from sockets.results(status)
        yield from space.results(status, site.space_limits)
    if "uids" in asked:
        yield from studies.results(asked["uids"])


def of_checks(asked: Mapping[str, Answer]) -> Iterator[Result]:
    """What C(http_expect) and C(dicom_expect) found."""
    for name in ("sent", "http", "dicom"):
        yield from asked.get(name, {}).get("results", [])
    if "modalities" in asked:
        yield from modalities.results(asked["modalities"])
    yield from asked.get("removed", {}).get("results", [])


def of_records(site: Site, asked: Mapping[str, Answer]) -> Iterator[Result]:
    yield from exposure.results(site.domain, site.staff_networks)
    if not site.has_backups:
        yield backup.NONE
    elif "status" in asked:
        yield from backup.results(asked["status"])
