# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Looking at a viewer until it shows something."""

from __future__ import annotations

import time
from pathlib import Path

import pixels
import pytest

SHOTS = Path(__file__).resolve().parents[2] / ".cache" / "browser"
# Two busy cores compute what a graphics card draws at once.
PATIENCE = 180


def shot(page, name):
    SHOTS.mkdir(parents=True, exist_ok=True)
    return page.screenshot(path=SHOTS / f"{name}.png")


def dismiss_greeting(page):
    """What OHIF says to a newcomer covers the image."""
    button = page.get_by_text("Confirm and hide", exact=True)
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
    dismiss_greeting(page)
    canvas = page.locator("canvas")
    if not canvas.count():
        return
    box = canvas.first.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    for _step in range(5):
        page.mouse.wheel(0, 100)


def watch_head(page, name):
    watch(page, name, pixels.is_head, scroll_upward)
