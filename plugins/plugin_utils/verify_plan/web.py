# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the web server promises to everybody."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ansible_collections.threedpc.pacs.plugins.plugin_utils.verify_plan.checks import Expected, HttpCheck
from ansible_collections.threedpc.pacs.plugins.plugin_utils.verify_plan.site import Site

AREA = "Web server"
NOTHING: Expected = {"status": [400, 404, 421], "or_closed": True}


def checks(site: Site) -> Iterator[HttpCheck]:
    yield HttpCheck(
        id="unknown-host",
        area=AREA,
        promise="A request for another host name gets nothing",
        url=f"{site.base_url}/orthanc/system",
        headers={"Host": "unknown.invalid"},
        expect=NOTHING,
    )
    if site.uses_https:
        yield from https_checks(site)


def https_checks(site: Site) -> Iterator[HttpCheck]:
    yield HttpCheck(
        id="certificate",
        area=AREA,
        promise=f"The certificate is trusted, is for {site.domain} and does not end soon",
        url=f"{site.base_url}/",
        expect={"certificate": site.certificate_limits},
    )
    yield HttpCheck(
        id="redirect",
        area=AREA,
        promise="Plain HTTP leads to HTTPS and nowhere else",
        url=f"{site.plain_url}/orthanc/ui/app/",
        expect={"status": [301, 308], "headers": {"Location": f"^{re.escape(site.base_url + '/orthanc/ui/app/')}$"}},
    )
    yield HttpCheck(
        id="plain-unknown-host",
        area=AREA,
        promise="A request for another host name over plain HTTP gets nothing",
        url=f"{site.plain_url}/orthanc/system",
        headers={"Host": "unknown.invalid"},
        expect=NOTHING,
    )
