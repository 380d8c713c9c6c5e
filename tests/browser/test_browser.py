# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What staff see, and what a share's token is worth elsewhere."""

from __future__ import annotations

import base64
import re
import zipfile

import pixels
import pytest
from looking import canvas_picture, dismiss_greeting, shot, watch_head
from playwright.sync_api import Error, expect


@pytest.mark.parametrize("path", ["/orthanc/", "/orthanc/ui/app/", "/orthanc/ohif/", "/orthanc/dicom-web/studies"])
def test_staff_pages_ask_who_you_are(anonymous, path):
    status, _answer = anonymous.call(path)
    assert status == 401


def test_staff_find_the_study(staff, study):
    staff.page.goto(f"{staff.site.base}/orthanc/ui/app/")
    staff.page.get_by_text(study["patient"]).first.wait_for()
    shot(staff.page, "staff-explorer")
    staff.expect_nothing_left_the_site()


def test_staff_see_the_study_in_ohif(staff, study):
    status, found = staff.call(f"/orthanc/dicom-web/studies?StudyInstanceUID={study['uid']}")
    assert status == 200
    assert [item["0020000D"]["Value"] for item in found] == [[study["uid"]]]
    staff.page.goto(f"{staff.site.base}/orthanc/ohif/viewer?StudyInstanceUIDs={study['uid']}")
    watch_head(staff.page, "staff-ohif")
    staff.expect_nothing_left_the_site()


@pytest.mark.parametrize("side", ["orthanc", "shares"])
def test_viewer_comes_compressed_and_once(staff, side):
    """A file whose name carries a digest is kept; what names the others is not."""
    folder = f"{staff.site.base}/{side}/ohif/"
    page = staff.context.request.get(folder)
    bundle = re.search(r"app\.bundle\.[0-9a-f]{20}\.js", page.text())[0]
    program = staff.context.request.get(folder + bundle)
    assert program.headers["content-encoding"] == "gzip"
    assert program.headers["cache-control"] == "private, max-age=31536000, immutable"
    assert program.headers["cross-origin-opener-policy"] == "same-origin"
    assert "cache-control" not in page.headers
    missing = staff.context.request.get(folder + bundle.replace("app", "none"))
    assert missing.status == 404
    assert "cache-control" not in missing.headers


@pytest.mark.parametrize("viewer", ["ohif/viewer?StudyInstanceUIDs={uid}", "stl/app/o3dv.html?instance={model}"])
def test_tampered_token_shows_nothing(anonymous, study, viewer):
    """Whoever skips the landing page gets a viewer without an image."""
    tampered = anonymous.site.tampered().split("token=")[1]
    page = anonymous.page
    path = viewer.format(uid=study["uid"], model=study["models"][0])
    with page.expect_response(lambda answer: answer.status == 403 and re.search("dicom-web|/stl$", answer.url)):
        page.goto(f"{anonymous.site.base}/shares/{path}&token={tampered}")
    page.wait_for_timeout(5_000)
    dismiss_greeting(page)
    shot(page, f"tampered-{viewer[:4].rstrip('/')}")
    picture = canvas_picture(page)
    assert picture is None or pixels.is_empty(picture)


def open_study(staff, study):
    """The study's part of the list. A click on its row opens it; its buttons are icons, known by their tooltip."""
    staff.page.goto(f"{staff.site.base}/orthanc/ui/app/")
    # Studies that the row opens hold tables of their own: the outermost comes first.
    row = staff.page.locator("tbody").filter(has_text=study["patient"]).first
    row.get_by_text(study["patient"], exact=True).first.click()
    row.get_by_title("Download ZIP", exact=True).first.wait_for()
    return row


def test_staff_share_from_the_web_interface(staff, anonymous, study):
    """What the explorer's button makes is a link to the page, valid for as long as it says."""
    open_study(staff, study).get_by_title("Share", exact=True).first.click()
    told = staff.page.get_by_text(re.compile(r"This link expires in \d+ days"))
    shown = told.filter(visible=True).first
    shown.wait_for()
    days = int(re.search(r"expires in (\d+) days", shown.inner_text())[1])
    link = staff.page.locator("textarea").filter(visible=True).first
    expect(link).to_have_value(re.compile("/shares/open/"), timeout=30_000)
    shot(staff.page, "staff-share")
    anonymous.page.goto(link.input_value())
    anonymous.page.get_by_role("link", name="View the images").wait_for()
    told = re.search(r"another (\d+) days", anonymous.page.locator("main").inner_text())
    # Whole days: all of them in the second in which it was made, and one less from then on.
    assert int(told[1]) in (days - 1, days)


def test_staff_open_ohif_and_download_from_the_web_interface(staff, study):
    row = open_study(staff, study)
    with staff.context.expect_page() as opened:
        row.get_by_title("View in OHIF", exact=True).first.click()
    opened.value.wait_for_url(
        f"{staff.site.base}/orthanc/ohif/viewer?*StudyInstanceUIDs={study['uid']}*", wait_until="commit"
    )
    opened.value.close()
    with staff.page.expect_download() as expected:
        row.get_by_title("Download ZIP", exact=True).first.click()
    with zipfile.ZipFile(expected.value.path()) as archive:
        assert len(archive.namelist()) >= 100 + len(study["models"])
    staff.expect_nothing_left_the_site()


def test_staff_download_several_studies_at_once(staff, study):
    """What is selected in the list comes as one file, by a route of its own."""
    staff.page.goto(f"{staff.site.base}/orthanc/ui/app/")
    row = staff.page.locator("tbody").filter(has_text=study["patient"]).first
    row.get_by_role("checkbox").first.check()
    with staff.page.expect_download() as expected:
        staff.page.locator("thead").get_by_title("Download ZIP", exact=True).first.click()
    assert f"/orthanc/tools/create-archive?resources={study['id']}" in expected.value.url
    with zipfile.ZipFile(expected.value.path()) as archive:
        assert archive.testzip() is None
        assert len(archive.namelist()) >= 100 + len(study["models"])


def test_menu_of_modalities_asks_each_for_an_echo(staff):
    """The scanners see it; the machine that verifies only calls and has a red cross, as docs/scanners.md explains."""
    _status, known = staff.call("/orthanc/modalities")
    staff.page.goto(f"{staff.site.base}/orthanc/ui/app/")
    staff.page.get_by_text("DICOM Modalities", exact=True).click()
    asked = staff.page.get_by_title(re.compile("^C-Echo (succeeded|failed)$"))
    expect(asked).to_have_count(len(known), timeout=60_000)
    line = staff.page.locator("li").filter(has_text=re.compile(r"^\s*verify\b"))
    assert line.get_by_title("C-Echo failed").count() == ("verify" in known)


def test_model_added_in_the_web_interface_is_on_the_page(staff, anonymous, study):
    """Orthanc Explorer 2's "Add series" sends exactly this."""
    corners = "vertex 0 0 0 vertex 9 0 0 vertex 0 9 0"
    triangle = f"solid facet normal 0 0 1 outer loop {corners} endloop endfacet endsolid\n".encode()
    body = {
        "Parent": study["id"],
        "Tags": {"SeriesDescription": "Plate <b>2</b>", "Modality": "M3D", "SeriesDate": "20260102"},
        "Content": f"data:model/stl;base64,{base64.b64encode(triangle).decode()}",
    }
    status, made = staff.call("/orthanc/tools/create-dicom", "POST", body)
    assert status == 200
    try:
        anonymous.page.goto(anonymous.site.share)
        anonymous.page.get_by_role("link", name="Plate <b>2</b>").wait_for()
        assert anonymous.page.get_by_role("link", name="3D model").count() == len(study["models"]) + 1
    finally:
        staff.context.request.delete(f"{staff.site.base}/orthanc/instances/{made['ID']}")


def test_share_opens_nothing_of_the_staff(anonymous):
    """The token is worth nothing on the other side, in whichever way it is sent."""
    # Chromium shows no page if nobody answers its question for a password.
    with pytest.raises(Error, match="ERR_INVALID_AUTH_CREDENTIALS"):
        anonymous.page.goto(f"{anonymous.site.base}/orthanc/?token={anonymous.site.token}")
    for headers in ({"token": anonymous.site.token}, {"Authorization": f"Bearer {anonymous.site.token}"}):
        answer = anonymous.context.request.get(f"{anonymous.site.base}/orthanc/system", headers=headers)
        assert answer.status == 401
