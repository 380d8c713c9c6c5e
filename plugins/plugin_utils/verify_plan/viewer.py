# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether the pages of the staff and of a link load in a browser."""

from __future__ import annotations

from collections.abc import Iterator

from ansible_collections.threedpc.pacs.plugins.plugin_utils.verify_plan.checks import HttpCheck
from ansible_collections.threedpc.pacs.plugins.plugin_utils.verify_plan.site import Site

AREA = "Viewer"


def checks(site: Site) -> Iterator[HttpCheck]:
    yield staff_page(site, "explorer", "The explorer of the staff", "/ui/app/index.html", [])
    yield staff_page(site, "ohif", "OHIF of the staff", "/ohif/", ["<script"])
    # With another path here OHIF shows that the page does not exist.
    yield HttpCheck(
        id="staff-ohif-path",
        area=AREA,
        promise="OHIF of the staff knows under which path it lives",
        url=f"{site.staff_url}/ohif/app-config.js",
        login=site.staff,
        expect={"contains": ["/orthanc/ohif/"]},
    )
    if site.shares_enabled:
        yield from shares_pages(site)


def staff_page(site: Site, name: str, what: str, path: str, contains: list[str]) -> HttpCheck:
    return HttpCheck(
        id=f"page-staff-{name}",
        area=AREA,
        promise=f"{what} loads with its scripts and styles",
        url=f"{site.staff_url}{path}",
        login=site.staff,
        expect={"page": True, "contains": contains},
    )


def shares_pages(site: Site) -> Iterator[HttpCheck]:
    for name, what, path in (
        ("ohif", "OHIF of a share link", "/ohif/viewer"),
        ("stl", "The STL viewer of a share link", "/stl/app/o3dv.html"),
    ):
        yield HttpCheck(
            id=f"page-shares-{name}",
            area=AREA,
            promise=f"{what} loads with its scripts and styles",
            url=f"{site.shares_url}{path}",
            expect={"page": True, "contains": ["<script"]},
        )
    yield HttpCheck(
        id="shares-ohif-path",
        area=AREA,
        promise="OHIF of a share link knows under which path it lives",
        url=f"{site.shares_url}/ohif/app-config.js",
        expect={"contains": ["/shares/ohif/"]},
    )
