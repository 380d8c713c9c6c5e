# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Studies of our own: sent for the proof, and removed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ansible_collections.threedpc.pacs.plugins.plugin_utils.verify_plan.checks import HttpCheck
from ansible_collections.threedpc.pacs.plugins.plugin_utils.verify_plan.site import Site

AREA = "Our own studies"


def sent(site: Site, files: Sequence[str]) -> Iterator[HttpCheck]:
    for path in files:
        yield HttpCheck(
            id=f"send-{path}",
            area=AREA,
            promise="The staff can send an image over the web",
            method="POST",
            url=f"{site.staff_url}/instances",
            login=site.staff,
            headers={"Content-Type": "application/dicom"},
            body_file=path,
            expect={"json": {"Status": "^(Success|AlreadyStored)$"}},
        )


def removed(site: Site, uids: Sequence[str]) -> Iterator[HttpCheck]:
    """By their identifiers, which are synthetic and always the same.

    So nobody else's study is ever removed, and one that an interrupted run left behind is.
    """
    yield HttpCheck(
        id="remove-find",
        area=AREA,
        promise="Our own studies are found again",
        method="POST",
        url=f"{site.staff_url}/tools/find",
        login=site.staff,
        # A backslash separates the entries of a list in DICOM.
        json={"Level": "Study", "Query": {"StudyInstanceUID": "\\".join(uids)}, "Expand": True},
        capture={
            "first_id": {"path": "0/ID", "missing": "it is not there"},
            "second_id": {"path": "1/ID", "missing": "it is not there"},
        },
    )
    for which in ("first", "second"):
        yield HttpCheck(
            id=f"remove-{which}",
            area=AREA,
            promise=f"Our own {which} study is removed",
            method="DELETE",
            url=f"{site.staff_url}/studies/<{which}_id>",
            login=site.staff,
        )
