# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the acceptance test asks a site, and what must come of it: one module per area, and what roles declare.

A name in angle brackets, such as <own_uid>, is a value that the answer to another check gives.

The rule for attempts that must be refused: the site may be broken, and its studies are patients'. So an attempt on a
study that is not our own asks for a change that Orthanc itself would not carry out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ansible_collections.threedpc.pacs.plugins.plugin_utils.verify_plan import (
    anonymous,
    attempts,
    dicom,
    dicomweb,
    ledger,
    link,
    own_studies,
    plugins,
    staff,
    viewer,
    web,
)
from ansible_collections.threedpc.pacs.plugins.plugin_utils.verify_plan.checks import HttpCheck
from ansible_collections.threedpc.pacs.plugins.plugin_utils.verify_plan.site import UNKNOWN_TOKEN, WRONG_PASSWORD, Site
from ansible_collections.threedpc.pacs.plugins.plugin_utils.verify_plan.tokens import signed_share_token


def plan(site: Site, studies: Sequence[Mapping[str, Any]] = ()) -> dict[str, Any]:
    """All checks, by how they are carried out; C(studies) are those of our own, as C(dicom_phantom) made them."""
    return {
        "logins": logins(site),
        "secrets": secrets(site),
        "send": list(own_studies.sent(site, [path for study in studies for path in study["files"]])),
        "http": list(http(site)),
        "dicom": list(dicom.checks(site)),
        "remove": list(own_studies.removed(site, [study["study_instance_uid"] for study in studies])),
    }


def http(site: Site) -> Iterator[HttpCheck]:
    yield from web.checks(site)
    yield from staff.checks(site)
    yield from plugins.checks(site)
    yield from dicomweb.checks(site)
    yield from viewer.checks(site)
    yield from shares(site) if site.shares_enabled else anonymous.no_shares(site)
    yield from site.checks


def shares(site: Site) -> Iterator[HttpCheck]:
    yield from anonymous.checks(site)
    with_link = [*link.checks(site), *attempts.checks(site)]
    yield from with_link
    yield from ledger.checks(site, before=[check["id"] for check in with_link])


def logins(site: Site) -> list[dict[str, str]]:
    return [{"username": user, "password": password} for user, password in site.staff_users.items()] + [
        {"name": WRONG_PASSWORD, "username": site.staff, "password": "this-is-not-the-password"}
    ]


def secrets(site: Site) -> dict[str, str]:
    """What is known from the beginning and must not be shown: a token as by somebody who has learned the site's key."""
    if not site.shares_enabled:
        return {}
    return {UNKNOWN_TOKEN.strip("<>"): signed_share_token(site.share_signing_key, "2.25.1")}
