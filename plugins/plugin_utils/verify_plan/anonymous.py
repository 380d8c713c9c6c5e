# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What nobody reaches on the shares' side without a link."""

from __future__ import annotations

from collections.abc import Iterator

from ansible_collections.threedpc.pacs.plugins.plugin_utils.verify_plan.checks import HttpCheck
from ansible_collections.threedpc.pacs.plugins.plugin_utils.verify_plan.site import Site

AREA = "Shares without a link"

READS = (
    "/",
    "/app/explorer.html",
    "/auth/user/profile",
    "/changes",
    "/dicom-web/studies/<own_uid>/instances",
    "/dicom-web/studies/<own_uid>/metadata",
    "/dicom-web/studies/<own_uid>/series",
    "/instances",
    "/instances/<own_id>/stl",
    "/jobs",
    "/modalities",
    "/patients",
    "/peers",
    "/plugins",
    "/series",
    "/statistics",
    "/stl/rt-struct/x",
    "/studies",
    "/studies/<own_id>",
    "/studies/<own_id>/archive",
    "/system",
    "/tools/execute-script",
    "/tools/generate-uid?level=study",
    "/tools/metrics-prometheus",
    "/tools/reset",
    "/tools/shutdown",
    "/ui/api/configuration",
    "/ui/app/",
    "/ui/app/index.html",
    "/ui/app/token-landing.html",
    "/webdav/",
)

# With a body for which Orthanc answers 400, and does nothing, where it gets that far.
WRITES = (
    ("DELETE", "/instances/no-such-instance"),
    ("POST", "/auth/tokens/decode"),
    ("POST", "/dicom-web/studies"),
    ("POST", "/instances"),
    ("POST", "/stl/encode-nifti"),
    ("POST", "/stl/encode-rtstruct"),
    ("POST", "/studies/<own_id>/anonymize"),
    ("POST", "/studies/<own_id>/merge"),
    ("POST", "/studies/<own_id>/modify"),
    ("POST", "/tools/bulk-anonymize"),
    ("POST", "/tools/bulk-content"),
    ("POST", "/tools/create-archive"),
    ("POST", "/tools/create-dicom"),
    ("POST", "/tools/find"),
    ("POST", "/tools/lookup"),
    ("PUT", "/auth/tokens/ohif-viewer-publication"),
    ("PUT", "/modalities/no-such-modality"),
)


def checks(site: Site) -> Iterator[HttpCheck]:
    for path in READS:
        yield HttpCheck(
            id=f"anonymous{path}",
            area=AREA,
            promise=f"Nobody reads {path}",
            url=f"{site.shares_url}{path}",
            expect={"status": [401, 403]},
        )
    for method, path in WRITES:
        yield HttpCheck(
            id=f"anonymous-{method}{path}",
            area=AREA,
            promise=f"Nobody gets through with {method} {path}",
            method=method,
            url=f"{site.shares_url}{path}",
            body="neither JSON nor DICOM",
            attempt=True,
            expect={"status": [401, 403]},
        )
    yield from searches(site)


def searches(site: Site) -> Iterator[HttpCheck]:
    yield HttpCheck(
        id="anonymous-qido",
        area=AREA,
        promise="Nobody finds a study by a query",
        url=f"{site.shares_url}/dicom-web/studies?limit=1",
        expect={"status": [204, 401, 403], "or_empty": True},
    )
    yield HttpCheck(
        id="anonymous-qido-uid",
        area=AREA,
        promise="Nor one whose identifier is known",
        url=f"{site.shares_url}/dicom-web/studies?StudyInstanceUID=<own_uid>",
        expect={"status": [204, 401, 403], "or_empty": True},
    )
    yield HttpCheck(
        id="anonymous-garbage",
        area=AREA,
        promise="An invented token opens nothing",
        url=f"{site.shares_url}/dicom-web/studies/<own_uid>/series",
        token="not.a.token",
        expect={"status": [401, 403]},
    )


def no_shares(site: Site) -> Iterator[HttpCheck]:
    yield HttpCheck(
        id="no-shares",
        area=AREA,
        promise="This site shares nothing, so there is no door to it",
        url=f"{site.shares_url}/open/",
        expect={"status": [403, 404]},
    )
