# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What staff and the recipient of a share link see."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pixels
import pytest
from playwright.sync_api import Error

SHOTS = Path(__file__).resolve().parents[2] / ".cache" / "browser"
# Two busy cores compute what a graphics card draws at once.
PATIENCE = 180
VIEWER_BUTTON = re.compile(r"view|open", re.IGNORECASE)


def shot(page, name):
    SHOTS.mkdir(parents=True, exist_ok=True)
    return page.screenshot(path=SHOTS / f"{name}.png")


def dismiss_greetings(page):
    """What OHIF shows to a newcomer covers or darkens the image."""
    for text in ("Skip all", "Confirm and hide"):
        button = page.get_by_text(text, exact=True)
        if button.count() and button.first.is_visible():
            button.first.click()


def canvas_picture(page):
    canvas = page.locator("canvas").first
    return pixels.gray(canvas.screenshot()) if canvas.count() and canvas.is_visible() else None


def watch(page, name, seen, between=lambda page: None):
    """Look until the canvas shows it; the last look is kept as a picture."""
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        picture = canvas_picture(page)
        if picture is not None and seen(picture):
            shot(page, name)
            return
        between(page)
        page.wait_for_timeout(500)
    shot(page, name)
    pytest.fail(f"The canvas did not show it within {PATIENCE} s: {SHOTS / name}.png is what it showed.")


def scroll_upward(page):
    """The study begins at the neck; the wheel goes on to the skull."""
    dismiss_greetings(page)
    canvas = page.locator("canvas")
    if not canvas.count():
        return
    box = canvas.first.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    for _step in range(5):
        page.mouse.wheel(0, 100)


def watch_head(page, name):
    page.locator("canvas").first.wait_for()
    watch(page, name, pixels.is_head, scroll_upward)


def opened_viewer(context):
    """The tab that shows OHIF, in whichever tab the landing page opened it."""
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        for page in context.pages:
            if "/shares/ohif/" in page.url:
                return page
        context.pages[0].wait_for_timeout(200)
    pytest.fail("The share link did not lead to the viewer.")


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


def test_share_link_shows_the_study(anonymous):
    anonymous.page.goto(anonymous.site.share)
    button = anonymous.page.locator("a, button").filter(has_text=VIEWER_BUTTON).first
    # Without options for its landing page, Orthanc Explorer 2 goes to the viewer by itself.
    while "/shares/ohif/" not in anonymous.page.url:
        if button.count() and button.is_visible():
            shot(anonymous.page, "share-landing")
            button.click()
            break
        anonymous.page.wait_for_timeout(200)
    page = opened_viewer(anonymous.context)
    watch_head(page, "share-ohif")
    anonymous.expect_nothing_left_the_site()
    anonymous.expect_token_only_at_shares()


def test_share_link_shows_the_model(anonymous, study):
    assert study["models"], "No model is attached to the shared study."
    page = anonymous.page
    page.goto(
        f"{anonymous.site.base}/shares/stl/app/o3dv.html?instance={study['models'][0]}&token={anonymous.site.token}"
    )
    watch(page, "share-model", pixels.is_model)
    anonymous.expect_nothing_left_the_site()
    anonymous.expect_token_only_at_shares()


def test_tampered_link_says_so(anonymous):
    anonymous.page.goto(anonymous.site.tampered())
    anonymous.page.get_by_text(re.compile("invalid", re.IGNORECASE)).first.wait_for()
    shot(anonymous.page, "tampered-landing")
    assert not anonymous.page.locator("canvas").count()
    assert "/shares/ohif/" not in anonymous.page.url
    anonymous.expect_nothing_left_the_site()


@pytest.mark.parametrize("viewer", ["ohif/viewer?StudyInstanceUIDs={uid}", "stl/app/o3dv.html?instance={model}"])
def test_tampered_token_shows_nothing(anonymous, study, viewer):
    """Whoever skips the landing page gets a viewer without an image."""
    tampered = anonymous.site.tampered().split("token=")[1]
    page = anonymous.page
    path = viewer.format(uid=study["uid"], model=study["models"][0])
    with page.expect_response(lambda answer: answer.status == 403 and re.search("dicom-web|/stl$", answer.url)):
        page.goto(f"{anonymous.site.base}/shares/{path}&token={tampered}")
    page.wait_for_timeout(5_000)
    dismiss_greetings(page)
    shot(page, f"tampered-{viewer[:4].rstrip('/')}")
    picture = canvas_picture(page)
    assert picture is None or pixels.is_empty(picture)


def test_share_opens_nothing_of_the_staff(anonymous):
    """The token is worth nothing on the other side, in whichever way it is sent."""
    # Chromium shows no page if nobody answers its question for a password.
    with pytest.raises(Error, match="ERR_INVALID_AUTH_CREDENTIALS"):
        anonymous.page.goto(f"{anonymous.site.base}/orthanc/?token={anonymous.site.token}")
    for headers in ({"token": anonymous.site.token}, {"Authorization": f"Bearer {anonymous.site.token}"}):
        answer = anonymous.context.request.get(f"{anonymous.site.base}/orthanc/system", headers=headers)
        assert answer.status == 401
