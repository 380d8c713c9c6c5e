# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which studies there are, for all later checks, and what DICOMweb tells the staff."""

from __future__ import annotations

from collections.abc import Iterator

from ansible_collections.threedpc.pacs.plugins.plugin_utils.verify_plan.checks import HttpCheck
from ansible_collections.threedpc.pacs.plugins.plugin_utils.verify_plan.site import PATIENT_ID, Site

AREA = "DICOMweb"


def checks(site: Site) -> Iterator[HttpCheck]:
    links = f"{site.staff_url}/dicom-web/"
    yield studies(site)
    yield HttpCheck(
        id="staff-qido",
        area=AREA,
        promise="A query as staff gives links to the public address",
        url=f"{site.staff_url}/dicom-web/studies/<own_uid>/instances?limit=1",
        login=site.staff,
        expect={"links": links},
        capture={
            "own_series": {"path": "0/0020000E/Value/0"},
            "own_instance": {"path": "0/00080018/Value/0"},
        },
    )
    yield HttpCheck(
        id="staff-metadata",
        area=AREA,
        promise="So does the metadata of an image",
        url=f"{site.staff_url}/dicom-web/studies/<own_uid>/series/<own_series>/instances/<own_instance>/metadata",
        login=site.staff,
        expect={"links": links, "links_optional": True},
    )
    yield HttpCheck(
        id="staff-spoofed-host",
        area=AREA,
        promise="A request can't make the links go elsewhere",
        url=f"{site.staff_url}/dicom-web/studies/<own_uid>/instances?limit=1",
        headers={
            "Forwarded": "host=elsewhere.invalid;proto=http",
            "X-Forwarded-Host": "elsewhere.invalid",
            "X-Forwarded-Proto": "ftp",
        },
        login=site.staff,
        expect={"links": links},
    )


def studies(site: Site) -> HttpCheck:
    """Our own studies if we sent some, or else the first two that there are."""
    first, second = "there is no study yet", "there is no second study yet"
    return HttpCheck(
        id="find",
        area=AREA,
        promise="The staff can find studies",
        method="POST",
        url=f"{site.staff_url}/tools/find",
        login=site.staff,
        json={
            "Level": "Study",
            "Query": {"PatientID": f"{PATIENT_ID}-*"} if site.sends else {},
            "Limit": 2,
            "Expand": True,
        },
        capture={
            "own_id": {"path": "0/ID", "missing": first},
            "own_uid": {"path": "0/MainDicomTags/StudyInstanceUID", "missing": first},
            "other_id": {"path": "1/ID", "missing": second},
            "other_uid": {"path": "1/MainDicomTags/StudyInstanceUID", "missing": second},
        },
    )
