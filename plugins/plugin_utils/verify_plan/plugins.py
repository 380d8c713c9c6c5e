# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which plugins Orthanc has loaded."""

from __future__ import annotations

from collections.abc import Iterator

from ansible_collections.threedpc.pacs.plugins.plugin_utils.verify_plan.checks import HttpCheck
from ansible_collections.threedpc.pacs.plugins.plugin_utils.verify_plan.site import Site


def checks(site: Site) -> Iterator[HttpCheck]:
    """Only the Orthanc of the staff is asked.

    The one for shares tells nobody. It runs the same image, and what a link opens shows that it has its plugins.
    """
    unused = {"authorization": not site.shares_enabled, "postgresql-index": site.database != "postgresql"}
    for name, minimum in site.required_plugins.items():
        if not unused.get(name):
            yield HttpCheck(
                id=f"staff-plugin-{name}",
                area="Plugins",
                promise=f"The Orthanc of the staff has {name}",
                url=f"{site.staff_url}/plugins/{name}",
                login=site.staff,
                expect={"version": {"path": "Version", "minimum": minimum}},
            )
