# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a surgeon sees: the page of a link, on a phone, and what it says when there is nothing to see."""

from __future__ import annotations

import re
import time
import zipfile

import numpy as np
import pixels
import pytest
from looking import canvas_picture, dismiss_greeting, shot, watch, watch_head

EXPIRED = "This link has expired"
REVOKED = "This link was withdrawn"
LOCKED = "This link is locked"


def expect_said(page, sentence):
    page.get_by_role("heading", name=sentence, exact=True).wait_for()


def expect_nothing_told(page, study):
    """Neither the address bar nor the tab's name says who is ill or how to see it."""
    for secret in ("token", study["patient"], *study["name"].split("^")):
        assert secret.lower() not in f"{page.url} {page.title()}".lower()


def finger_upward(phone):
    def move(page):
        dismiss_greeting(page)
        phone.drag(page, (180, 300), (180, 340))

    return move


def test_surgeon_with_a_phone(phone, study):
    """From the link to the images, back, and to the model that turns under the finger."""
    page = phone.page
    page.goto(phone.site.share)
    page.get_by_role("link", name="3D model").first.wait_for()
    shot(page, "phone-1-page")
    expect_nothing_told(page, study)
    # Nothing is to be scrolled sideways, and everything can be hit with a thumb.
    assert page.evaluate("document.documentElement.scrollWidth") <= 375
    for button in page.get_by_role("link").all():
        assert button.bounding_box()["height"] >= 64

    page.get_by_role("link", name="View the images").tap()
    page.locator("canvas").first.wait_for()
    # The list of series does not cover the image.
    assert page.locator("canvas").first.bounding_box()["width"] > 250
    watch(page, "phone-2-images", pixels.is_head, finger_upward(phone))
    assert "token" not in page.url
    # A phone loads a tab again that was out of sight for long.
    page.reload()
    watch(page, "phone-2-images", pixels.is_head, finger_upward(phone))

    page.go_back()
    model = page.get_by_role("link", name="Skull")
    model.wait_for()
    expect_nothing_told(page, study)
    shot(page, "phone-3-back")

    model.tap()
    watch(page, "phone-4-model", pixels.is_model)
    before = canvas_picture(page)
    phone.drag(page, (120, 330), (250, 370))
    watch(page, "phone-5-model-turned", lambda after: pixels.is_model(after) and np.abs(after - before).mean() > 5)

    phone.expect_nothing_left_the_site()
    phone.expect_token_only_at_shares(phone.site.token)


def test_page_at_a_desk(anonymous, study):
    page = anonymous.page
    page.goto(anonymous.site.share)
    page.get_by_role("link", name="3D model").first.wait_for()
    shot(page, "desk-page")
    page.get_by_role("link", name="View the images").click()
    watch_head(page, "desk-images")
    anonymous.expect_nothing_left_the_site()
    anonymous.expect_token_only_at_shares(anonymous.site.token)


def test_download(anonymous, study):
    anonymous.page.goto(anonymous.site.share)
    with anonymous.page.expect_download() as expected:
        anonymous.page.get_by_role("link", name="Download everything").click()
    with zipfile.ZipFile(expected.value.path()) as archive:
        assert archive.testzip() is None
        assert len(archive.namelist()) == 100 + len(study["models"])


def test_no_download_where_the_site_forbids_it(anonymous):
    def forbid(route):
        answer = route.fetch()
        route.fulfill(response=answer, json=answer.json() | {"download_allowed": False})

    anonymous.page.route("**/shares/gate/open", forbid)
    anonymous.page.goto(anonymous.site.share)
    anonymous.page.get_by_role("link", name="3D model").first.wait_for()
    assert not anonymous.page.get_by_role("link", name="Download").count()


def test_newest_version_of_a_model_comes_first(anonymous, study):
    """An instance with a higher number replaces the one before; that one is kept, folded away."""

    def add_version(route):
        answer = route.fetch()
        found = answer.json()
        newer = found[0] | {"00080018": {"vr": "UI", "Value": ["1.2.3"]}, "00200013": {"vr": "IS", "Value": [7]}}
        route.fulfill(response=answer, json=[*found, newer])

    page = anonymous.page
    page.route(re.compile("/series/[0-9.]+/metadata"), add_version)
    page.goto(anonymous.site.share)
    page.get_by_text("Earlier versions").click()
    newest, earlier = page.get_by_role("link", name="Skull").all()
    assert study["models"][0] not in newest.get_attribute("href")
    assert study["models"][0] in earlier.get_attribute("href")


def test_expired(phone, share):
    link = share(seconds=1)
    time.sleep(2)
    phone.page.goto(link.url)
    expect_said(phone.page, EXPIRED)
    shot(phone.page, "refused-expired")


def test_expires_while_it_is_open(phone, share):
    phone.page.goto(share(seconds=5).url)
    phone.page.get_by_role("link", name="View the images").wait_for()
    expect_said(phone.page, EXPIRED)


def test_revoked(phone, share):
    link = share()
    phone.page.goto(link.url)
    phone.page.get_by_role("link", name="View the images").wait_for()
    link.revoke()
    phone.page.reload()
    expect_said(phone.page, REVOKED)
    shot(phone.page, "refused-revoked")


def test_tampered(phone):
    phone.page.goto(phone.site.tampered())
    expect_said(phone.page, "This link is not complete")
    shot(phone.page, "refused-tampered")
    phone.expect_nothing_left_the_site()


def test_without_token(phone):
    phone.page.goto(f"{phone.site.base}/shares/open/")
    expect_said(phone.page, "Open your link again")


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        ({"status": 403, "json": {"reason": "unknown"}}, "This link is not known here"),
        ({"status": 503, "json": {"reason": "unavailable"}}, "The images cannot be reached right now"),
        ({"status": 502, "body": "<html>"}, "The images cannot be reached right now"),
        ({"status": 429, "body": "<html>"}, "The images cannot be reached right now"),
    ],
)
def test_what_else_the_gate_may_answer(phone, answer, sentence):
    """A gate that is down is made in the scenario `default`; here it is the page's sentence that counts."""
    phone.page.route("**/shares/gate/open", lambda route: route.fulfill(**answer))
    phone.page.goto(phone.site.share)
    expect_said(phone.page, sentence)
    shot(phone.page, f"refused-{answer['status']}")
    again = phone.page.get_by_role("button", name="Try again")
    assert again.count() == (answer["status"] != 403)
    if again.count():
        phone.page.unroute("**/shares/gate/open")
        again.tap()
        phone.page.get_by_role("link", name="View the images").wait_for()


def test_pin(phone, share, study):
    link = share(Pin="2468")
    page = phone.page
    page.goto(link.url)
    page.get_by_label("PIN").fill("1357")
    shot(page, "pin-asked")
    page.get_by_role("button", name="Open").tap()
    page.get_by_role("alert").filter(has_text="4 more tries").wait_for()
    shot(page, "pin-wrong")
    expect_nothing_told(page, study)
    page.get_by_label("PIN").fill("2468")
    page.keyboard.press("Enter")
    page.get_by_role("link", name="Skull").tap()
    watch(page, "pin-model", pixels.is_model)
    page.go_back()
    page.get_by_role("link", name="View the images").wait_for()
    phone.expect_nothing_left_the_site()
    phone.expect_token_only_at_shares(link.token)


def test_pin_is_asked_without_which_nothing_is_seen(phone, share, study):
    link = share(Pin="2468")
    phone.page.goto(link.url)
    phone.page.get_by_label("PIN").wait_for()
    headers = {"Authorization": f"Bearer {link.token}"}
    for path in (f"dicom-web/studies/{study['uid']}/series", f"instances/{study['models'][0]}/stl"):
        status, _answer = phone.call(f"/shares/{path}", headers=headers)
        assert status in (401, 403)


def test_too_many_wrong_pins(phone, share):
    link = share(Pin="2468")
    page = phone.page
    page.goto(link.url)
    for left in (4, 3, 2, 1):
        page.get_by_label("PIN").fill("0000")
        page.get_by_role("button", name="Open").tap()
        page.get_by_role("alert").filter(has_text=f"{left} more tries" if left > 1 else "one more try").wait_for()
    page.get_by_label("PIN").fill("0000")
    page.get_by_role("button", name="Open").tap()
    expect_said(page, LOCKED)
    shot(page, "refused-locked")
    page.reload()
    expect_said(page, LOCKED)


def test_revoked_while_ohif_scrolls(anonymous, share):
    """What was let through before is on the screen; five seconds later nothing more comes."""
    link = share()
    page = anonymous.page
    waiting, answers = [], []
    page.on("response", lambda answer: "/frames/" in answer.url and answers.append((time.monotonic(), answer.status)))
    # OHIF fetches ahead of who scrolls. On a slow line, which this is, that takes longer than the test.

    def hold(route):
        waiting.append(route)

    page.route(re.compile("/frames/"), hold)
    page.goto(link.url)
    page.get_by_role("link", name="View the images").click()
    page.locator("canvas").first.wait_for()
    while len(answers) < 10:
        scroll(page, waiting)
    assert {status for _when, status in answers} == {200}
    shot(page, "revoke-1-before")
    link.revoke()
    revoked = time.monotonic()
    while time.monotonic() < revoked + 12:
        scroll(page, waiting)
    shot(page, "revoke-2-after")
    last = max(when for when, status in answers if status == 200) - revoked
    late = [status for when, status in answers if when > revoked + 5]
    print(f"\nthe last image came {last:.1f} s after the share was revoked, {len(late)} were refused after 5 s")
    assert late, "Nothing was asked for any more, so nothing was shown."
    assert set(late) == {403}


def scroll(page, waiting):
    dismiss_greeting(page)
    box = page.locator("canvas").first.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.wheel(0, 100)
    if waiting:
        waiting.pop(0).continue_()
    page.wait_for_timeout(250)
