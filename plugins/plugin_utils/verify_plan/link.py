# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a link opens, what it doesn't, and that it ends."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ansible_collections.threedpc.pacs.plugins.plugin_utils.verify_plan.checks import Captured, HttpCheck
from ansible_collections.threedpc.pacs.plugins.plugin_utils.verify_plan.site import Site

AREA = "Shares with a link"

IMAGE = "/dicom-web/studies/<own_uid>/series/<own_series>/instances/<own_instance>"

# What a link must not open, although its token is valid.
REFUSED = (
    ("series", "the series of another study", "/dicom-web/studies/<other_uid>/series"),
    ("instances", "the instances of another study", "/dicom-web/studies/<other_uid>/instances"),
    ("metadata", "the metadata of another study", "/dicom-web/studies/<other_uid>/metadata"),
    ("study", "another study through Orthanc's own interface", "/studies/<other_id>"),
    ("archive", "the archive of another study", "/studies/<other_id>/archive"),
    ("argument", "it with the token as argument", "/studies/<other_id>/archive?token=<link_token>"),
    ("patient", "the list of the patient's other studies", "/studies/<own_id>/patient"),
    ("changes", "the list of changes", "/changes"),
    ("system", "what the server is", "/system"),
)


def checks(site: Site) -> Iterator[HttpCheck]:
    yield from new_links(site)
    yield from openings(site)
    yield from refusals(site)
    yield from ended(site)


def new_links(site: Site) -> Iterator[HttpCheck]:
    """Links of our own, which nobody gets."""
    yield new_link(
        site,
        "link",
        "The staff can make a link, and it leads to a page of this site",
        300,
        {"link_token": {"path": "Token", "secret": True}, "link_share": {"path": "Share/id"}},
    )
    yield new_link(
        site,
        "short-link",
        "The staff can make a link that ends",
        1,
        {"short_token": {"path": "Token", "secret": True}},
    )
    # One more, so that the time until it is closed runs while the others are tried.
    yield new_link(
        site,
        "revoked-link",
        "The staff can make a link that they will revoke",
        60,
        {"revoked_token": {"path": "Token", "secret": True}, "revoked_share": {"path": "Share/id"}},
    )


def new_link(site: Site, name: str, promise: str, seconds: int, capture: dict[str, Captured]) -> HttpCheck:
    return HttpCheck(
        id=name,
        area=AREA,
        promise=promise,
        method="PUT",
        url=f"{site.staff_url}/auth/tokens/ohif-viewer-publication",
        login=site.staff,
        json=link_request(seconds),
        expect={"json": {"Url": f"^{re.escape(site.shares_url + '/open/?token=')}."}},
        capture=capture,
    )


def link_request(seconds: int) -> dict[str, object]:
    """What Orthanc Explorer 2 sends to make a link."""
    return {
        "Recipient": "verify",
        "Resources": [{"DicomUid": "<own_uid>", "OrthancId": "<own_id>", "Level": "study"}],
        "ValidityDuration": seconds,
    }


def openings(site: Site) -> Iterator[HttpCheck]:
    links = f"{site.shares_url}/dicom-web/"
    yield HttpCheck(
        id="link-page",
        area=AREA,
        promise="The page that a link leads to loads, and tells no other site about it",
        url=f"{site.shares_url}/open/?token=<link_token>",
        expect={"page": True, "headers": {"Referrer-Policy": "no-referrer", "Cache-Control": "no-store"}},
    )
    yield HttpCheck(
        id="link-open",
        area=AREA,
        promise="The gate tells the page which study it opens",
        method="POST",
        url=f"{site.shares_url}/gate/open",
        token="<link_token>",
        expect={"json": {"study_instance_uid": "^<own_uid>$", "site": f"^{re.escape(site.name)}$"}},
    )
    yield HttpCheck(
        id="link-qido",
        area=AREA,
        promise="A link finds its own study, with links to the public address",
        url=f"{site.shares_url}/dicom-web/studies?StudyInstanceUID=<own_uid>",
        token="<link_token>",
        expect={"contains": ["<own_uid>"], "links": links},
    )
    yield HttpCheck(
        id="link-series",
        area=AREA,
        promise="It lists the series of its own study",
        url=f"{site.shares_url}/dicom-web/studies/<own_uid>/series",
        token="<link_token>",
        expect={"contains": ["<own_uid>"], "links": links, "headers": {"Cache-Control": "no-store"}},
    )
    yield HttpCheck(
        id="link-metadata",
        area=AREA,
        promise="It reads the metadata of an image",
        url=f"{site.shares_url}{IMAGE}/metadata",
        token="<link_token>",
        expect={"links": links, "links_optional": True},
    )
    yield HttpCheck(
        id="link-image",
        area=AREA,
        promise="It reads an image",
        url=f"{site.shares_url}{IMAGE}",
        headers={"Accept": 'multipart/related; type="application/dicom"; transfer-syntax=*'},
        token="<link_token>",
        expect={"headers": {"Content-Type": "^multipart/related"}},
    )


def refusals(site: Site) -> Iterator[HttpCheck]:
    for name, what, path in REFUSED:
        yield HttpCheck(
            id=f"link-not-{name}",
            area=AREA,
            promise=f"A link does not open {what}",
            url=f"{site.shares_url}{path}",
            token="<link_token>",
            expect={"status": [401, 403]},
        )
    yield HttpCheck(
        id="link-not-found",
        area=AREA,
        promise="A link does not find another study",
        url=f"{site.shares_url}/dicom-web/studies?StudyInstanceUID=<other_uid>",
        token="<link_token>",
        expect={"status": [204, 401, 403], "or_empty": True},
    )
    yield HttpCheck(
        id="link-not-listed",
        area=AREA,
        promise="A list of all studies is closed to a link or does not have another study",
        url=f"{site.shares_url}/dicom-web/studies",
        token="<link_token>",
        expect={"status": [200, 204, 401, 403], "not_contains": ["<other_uid>"]},
    )
    yield HttpCheck(
        id="link-not-staff",
        area=AREA,
        promise="A link is no login for the staff's side",
        url=f"{site.staff_url}/dicom-web/studies/<own_uid>/series",
        token="<link_token>",
        expect={"status": [401]},
    )


def ended(site: Site) -> Iterator[HttpCheck]:
    """Asked for the first time after the end: what was granted before is remembered for up to a minute."""
    yield HttpCheck(
        id="link-ended",
        area=AREA,
        promise="A link that ended opens nothing",
        url=f"{site.shares_url}/dicom-web/studies/<own_uid>/series",
        token="<short_token>",
        delay=2.5,
        expect={"status": [401, 403]},
    )
    yield HttpCheck(
        id="link-ended-page",
        area=AREA,
        promise="Its page is told that it ended",
        method="POST",
        url=f"{site.shares_url}/gate/open",
        token="<short_token>",
        delay=2.5,
        expect={"status": [403], "json": {"reason": "^expired$"}},
    )
