# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Somebody with a link tries to change the study.

Orthanc does not know how to DELETE an archive or a list of series, so nothing is lost where these are not refused. What
would delete is tried on a study of our own only.
"""

from __future__ import annotations

from collections.abc import Iterator

from ansible_collections.threedpc.pacs.plugins.plugin_utils.verify_plan.checks import HttpCheck
from ansible_collections.threedpc.pacs.plugins.plugin_utils.verify_plan.site import Site

AREA = "Shares with a link"

# Name, promise, method, path and body.
HARMLESS = (
    ("delete", "delete (DELETE)", "DELETE", "/dicom-web/studies/<own_uid>/series", None),
    ("delete-archive", "delete through Orthanc's own interface", "DELETE", "/studies/<own_id>/archive", None),
    ("delete-argument", "delete (_method)", "GET", "/dicom-web/studies/<own_uid>/series?_method=delete", None),
    (
        "delete-encoded",
        "delete (_method, encoded)",
        "GET",
        "/dicom-web/studies/<own_uid>/series?%5fmethod=delete",
        None,
    ),
    (
        "delete-hidden",
        "delete (_method, behind another argument)",
        "GET",
        "/dicom-web/studies/<own_uid>/series?limit=1&_method=delete",
        None,
    ),
    ("upload", "upload", "POST", "/instances", "not DICOM"),
    ("stow", "upload over DICOMweb", "POST", "/dicom-web/studies/<own_uid>", "not DICOM"),
    ("create", "attach a model", "POST", "/tools/create-dicom", "not JSON"),
    ("merge", "merge another study into its own", "POST", "/studies/<own_id>/merge", "not JSON"),
    ("modify", "modify", "POST", "/studies/<own_id>/modify", "not JSON"),
    ("anonymize", "anonymize", "POST", "/studies/<own_id>/anonymize", "not JSON"),
    ("lookup", "look up other studies", "POST", "/tools/lookup", "<own_uid>"),
    ("link", "make another link", "PUT", "/auth/tokens/ohif-viewer-publication", "not JSON"),
)

# Name, promise, method, query and headers.
DELETIONS: tuple[tuple[str, str, str, str, dict[str, str]], ...] = (
    ("method", "DELETE", "DELETE", "", {}),
    ("header", "X-HTTP-Method-Override", "GET", "", {"X-HTTP-Method-Override": "DELETE"}),
    ("argument", "_method", "GET", "?_method=delete", {}),
    ("encoded", "_method, encoded", "GET", "?%5fmethod=delete", {}),
    ("token", "_method and token", "GET", "?_method=delete&token=<link_token>", {}),
)


def checks(site: Site) -> Iterator[HttpCheck]:
    attempts = [*harmless(site), *deletions(site)]
    yield from attempts
    yield HttpCheck(
        id="still-there",
        area=AREA,
        promise="After all that the study is still there",
        url=f"{site.staff_url}/studies/<own_id>",
        login=site.staff,
        after=[attempt["id"] for attempt in attempts],
    )


def harmless(site: Site) -> Iterator[HttpCheck]:
    for name, what, method, path, body in HARMLESS:
        check = HttpCheck(
            id=f"link-attempt-{name}",
            area=AREA,
            promise=f"A link can't {what}",
            method=method,
            url=f"{site.shares_url}{path}",
            token="<link_token>",
            attempt=True,
            expect={"status": [400, 401, 403]},
        )
        if body is not None:
            check["body"] = body
        yield check
    # The gate may drop the header instead of refusing the request, which is then an ordinary one.
    yield HttpCheck(
        id="link-attempt-header",
        area=AREA,
        promise="A link can't delete (X-HTTP-Method-Override)",
        url=f"{site.shares_url}/dicom-web/studies/<own_uid>/series",
        headers={"X-HTTP-Method-Override": "DELETE"},
        token="<link_token>",
        attempt=True,
        expect={"status": [200, 400, 401, 403]},
    )


def deletions(site: Site) -> Iterator[HttpCheck]:
    for name, what, method, query, headers in DELETIONS:
        yield HttpCheck(
            id=f"link-delete-{name}",
            area=AREA,
            promise=f"A link can't delete its whole study ({what})",
            method=method,
            url=f"{site.shares_url}/studies/<own_id>{query}",
            headers=headers,
            token="<link_token>",
            attempt=True,
            not_checked="" if site.sends else "it is tried on a study of our own only: verify_send=true",
            expect={"status": [400, 401, 403]},
        )
