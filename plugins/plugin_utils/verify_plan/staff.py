# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the staff reach, and what nobody reaches on their side."""

from __future__ import annotations

from collections.abc import Iterator

from ansible_collections.threedpc.pacs.plugins.plugin_utils.verify_plan.checks import HttpCheck
from ansible_collections.threedpc.pacs.plugins.plugin_utils.verify_plan.site import WRONG_PASSWORD, Site

AREA = "Staff"

# Name, method, path and body of what needs a login.
CLOSED_TO_STRANGERS = (
    ("root", "GET", "/", None),
    ("system", "GET", "/system", None),
    ("studies", "GET", "/studies?limit=1", None),
    ("explorer", "GET", "/ui/app/", None),
    ("viewer", "GET", "/ohif/", None),
    ("dicomweb", "GET", "/dicom-web/studies?limit=1", None),
    ("upload", "POST", "/instances", "not DICOM"),
    ("find", "POST", "/tools/find", "not JSON"),
    ("token", "PUT", "/auth/tokens/ohif-viewer-publication", "not JSON"),
)

# Asked with GET where possible, which Orthanc answers with 405 if the way to it is open: nothing is shut down or reset.
CLOSED_TO_STAFF = (
    ("legacy", "the legacy explorer", "GET", "/app/explorer.html"),
    ("webdav", "WebDAV", "PROPFIND", "/webdav/"),
    ("shutdown", "the shutdown", "GET", "/tools/shutdown"),
    ("reset", "the reset", "GET", "/tools/reset"),
    ("scripts", "the execution of scripts", "GET", "/tools/execute-script"),
    ("backslash", "the shutdown behind a backslash", "GET", "/tools%5Cshutdown"),
    ("dot", "the shutdown with a dot at its end", "GET", "/tools/shutdown."),
    ("log-level", "what Orthanc logs", "PUT", "/tools/log-level"),
    ("metrics", "what Orthanc counts", "PUT", "/tools/metrics"),
)


def checks(site: Site) -> Iterator[HttpCheck]:
    yield from users(site)
    yield from strangers(site)
    yield from closed_doors(site)
    yield from other_methods(site)
    yield from nothing_recycled(site)


def users(site: Site) -> Iterator[HttpCheck]:
    """Every user of the inventory, so that no password was mangled on its way into the configuration."""
    for user in site.staff_users:
        yield HttpCheck(
            id=f"staff-{user}",
            area=AREA,
            promise=f"{user} gets in with the password of the inventory",
            url=f"{site.staff_url}/system",
            login=user,
            expect={"version": {"path": "Version", "minimum": site.orthanc_version}},
        )


def strangers(site: Site) -> Iterator[HttpCheck]:
    for name, method, path, body in CLOSED_TO_STRANGERS:
        check = HttpCheck(
            id=f"stranger-{name}",
            area=AREA,
            promise=f"Without a login there is no {method} {path}",
            method=method,
            url=f"{site.staff_url}{path}",
            attempt=body is not None,
            # Where the site makes no links there is nothing at this path, no matter who asks.
            expect={"status": [403 if name == "token" and not site.shares_enabled else 401]},
        )
        if body is not None:
            check["body"] = body
        yield check
    yield HttpCheck(
        id="wrong-password",
        area=AREA,
        promise="A wrong password does not get in",
        url=f"{site.staff_url}/system",
        login=WRONG_PASSWORD,
        expect={"status": [401]},
    )


def closed_doors(site: Site) -> Iterator[HttpCheck]:
    for name, what, method, path in CLOSED_TO_STAFF:
        yield HttpCheck(
            id=f"closed-{name}",
            area=AREA,
            promise=f"Not even the staff reaches {what} through the web",
            method=method,
            url=f"{site.staff_url}{path}",
            login=site.staff,
            expect={"status": [403, 404]},
        )


def other_methods(site: Site) -> Iterator[HttpCheck]:
    """With a login, since a page on another site could make a colleague's browser ask the same.

    /system has no DELETE.
    """
    yield HttpCheck(
        id="staff-method-argument",
        area=AREA,
        promise="The argument _method can't turn a reading request into another",
        url=f"{site.staff_url}/system?_method=delete",
        login=site.staff,
        expect={"status": [400, 403]},
    )
    yield HttpCheck(
        id="staff-method-encoded",
        area=AREA,
        promise="Nor can it if it is written in another way",
        url=f"{site.staff_url}/system?%5fmethod=delete",
        login=site.staff,
        expect={"status": [400, 403]},
    )
    yield HttpCheck(
        id="staff-method-header",
        area=AREA,
        promise="The header X-HTTP-Method-Override has no effect",
        url=f"{site.staff_url}/system",
        headers={"X-HTTP-Method-Override": "DELETE"},
        login=site.staff,
        expect={"status": [200, 400, 403]},
    )


def nothing_recycled(site: Site) -> Iterator[HttpCheck]:
    rejects = site.orthanc_config.get("MaximumStorageMode") == "Reject"
    yield HttpCheck(
        id="no-recycling",
        area="Space",
        promise="Orthanc deletes no patients to make room",
        url=f"{site.staff_url}/system",
        login=site.staff,
        expect={
            "json": {"MaximumStorageMode": "^Reject$"}
            if rejects
            else {"MaximumPatientCount": "^0$", "MaximumStorageSize": "^0$"}
        },
    )
