# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter that says what an upgrade changes, and what can't work."""

from __future__ import annotations

import re

# The variable of pacs_images for the services whose databases can't go back.
KEEPS_DATA = {"orthanc": "orthanc", "postgres": "postgres"}


def version(reference):
    """The numbers that a tag begins with, or nothing."""
    tag = re.search(r":v?(\d+(?:\.\d+)*)[^/:]*$", reference.split("@")[0])
    return [int(number) for number in tag[1].split(".")] if tag else []


def name(reference):
    """The image without registry and tag, so that a mirror's copy is the same one."""
    return re.sub(r":[^/]*$", "", reference.split("@")[0]).rsplit("/", 1)[-1]


def is_older(reference, than):
    """Whether both are versions of one image, the first an older one. postgres:17 is not older than postgres:17.2."""
    if name(reference) != name(than):
        return False
    pairs = list(zip(version(reference), version(than), strict=False))
    return [one for one, _other in pairs] < [other for _one, other in pairs]


def refusals(state, release):
    """A sentence for each reason why the upgrade can't work."""
    # Here, because to find a filter each process of Ansible loads every file of this folder.
    from ansible_collections.threedpc.pacs.plugins.plugin_utils.verify_results.words import size

    services = state.get("services", {})
    for service, variable in KEEPS_DATA.items():
        now, wanted = services.get(service), release.get(service)
        if now and wanted and is_older(wanted, than=now):
            yield (
                f"The server is newer than the inventory: {service} is {now}, and the inventory names {wanted}. An"
                " older release can't use the database of a newer one."
                f" Name {now} or a newer one as pacs_images.{variable}."
            )
    major, wanted = state.get("postgres"), version(release.get("postgres", ""))
    if major and wanted and wanted[0] > major:
        yield (
            f"The database has files of PostgreSQL {major}, which {release['postgres']} does not read. Keep an image of"
            f" PostgreSQL {major} as pacs_images.postgres; docs/upgrade.md says how to move to another major version."
        )
    if state.get("elsewhere"):
        yield (
            f"{', '.join(state['elsewhere'])} is on another disk than the rest of the site's data, and the way back"
            " renames the database and its copy. Put both on one disk; instead of PostgreSQL's directory there may be a"
            " link to one that lies elsewhere."
        )
    if "needs" in state and state["free"] < state["needs"]:
        yield (
            f"An upgrade needs {size(state['needs'])} on the disk of the site's data, for a copy of the database and"
            f" for its growth, and {size(state['free'])} are free."
        )


def upgrade_plan(state, release):
    """What changes between the services that run and those of the inventory, and what is to be refused."""
    services = state.get("services", {})
    changes = [
        f"{service}: {services[service]} to {image}"
        for service, image in release.items()
        if service in services and services[service] != image
    ]
    lines = changes or ["Every service runs the image that the inventory names. There is nothing to upgrade."]
    if changes and state.get("schema"):
        lines = lines + [
            f"The database has schema {state['schema']}. The new release makes another of it if it needs one, after a"
            " copy of the database was made."
        ]
    return {
        "changes": changes,
        "interrupted": bool(state.get("interrupted") or state.get("closed")),
        "lines": lines,
        "refused": list(refusals(state, release)) if changes else [],
    }


class FilterModule:
    """What playbooks call."""

    def filters(self):
        return {"upgrade_plan": upgrade_plan}
