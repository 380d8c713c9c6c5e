# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""OHIF until it shows its first image, over a link of 10 Mbit/s and 40 ms, with an empty and a filled cache."""

from __future__ import annotations

import base64
import hashlib
import shutil
import ssl
import sys
import tempfile
import time

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from lab import ADDRESS, BASIC, ROOT, STACKS, Study
from results import Target

sys.path.insert(0, str(ROOT / "tests" / "browser"))

LINK = {"offline": False, "latency": 40, "downloadThroughput": 10e6 / 8, "uploadThroughput": 10e6 / 8}
# A target is about bytes; two busy cores compute long what a graphics card draws at once.
PATIENCE = 240
MEASURED = ("site", "reference")
TARGETS = [
    Target("OHIF with an empty cache, bytes", "site", "reference", 1 / 3, at_most=True),
    Target("OHIF with a filled cache, scripts and styles", "site", None, 100, at_most=True),
]


def measure(take, first, smoke):
    from playwright.sync_api import sync_playwright

    # Of more slices the first would lie above the head, and be black.
    study = Study("viewer", 8)
    with sync_playwright() as playwright:
        for name in take(MEASURED):
            stack = STACKS[name]
            if not study.stored(stack):
                study.send(stack)
            with tempfile.TemporaryDirectory() as profile:
                # Of the reference a browser keeps nothing: the second time is the first again.
                for cache in ("an empty", "a filled") if name == "site" else ("an empty",):
                    seen = opened(playwright, profile, f"{stack.web}/ohif/viewer?StudyInstanceUIDs={study.uid}")
                    label = f"OHIF with {cache} cache"
                    yield f"{label}, bytes", name, seen["bytes"] / 1000, "kB"
                    yield f"{label}, scripts and styles", name, seen["programs"] / 1000, "kB"
                    yield f"{label}, requests", name, seen["requests"], "requests"
                    yield f"{label}, seconds", name, seen["seconds"], "s"


def key_digest():
    """The site's key, as Chromium wants to have it named."""
    certificate = x509.load_pem_x509_certificate(ssl.get_server_certificate((ADDRESS, 443)).encode())
    key = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(hashlib.sha256(key).digest()).decode()


def opened(playwright, profile, url):
    """What came over the link until a picture was on the canvas."""
    import pixels
    from conftest import DESK, FLAGS

    context = playwright.chromium.launch_persistent_context(
        profile,
        executable_path=shutil.which("chromium"),
        headless=True,
        args=[
            *FLAGS,
            f"--unsafely-treat-insecure-origin-as-secure=http://{ADDRESS}:8090",
            # Chromium keeps nothing of a site whose certificate is wrong: this one is right.
            f"--ignore-certificate-errors-spki-list={key_digest()}",
        ],
        # Playwright's own way to give a password switches the cache off.
        extra_http_headers=dict([BASIC.split(": ", 1)]),
        **DESK,
    )
    context.set_default_timeout(PATIENCE * 1000)
    try:
        page = context.pages[0] if context.pages else context.new_page()
        wire = context.new_cdp_session(page)
        wire.send("Network.enable")
        wire.send("Network.emulateNetworkConditions", LINK)
        kinds, remembered, seen = {}, set(), {"bytes": 0, "programs": 0, "requests": 0}

        def began(event):
            kinds[event["requestId"]] = event.get("type", "")

        def answered(event):
            answer = event["response"]
            cached = answer.get("fromDiskCache") or event["requestId"] in remembered
            seen["requests"] += answer["url"].startswith("http") and not cached

        def received(event):
            # What has come so far, of answers that are not complete yet as well.
            seen["bytes"] += event["encodedDataLength"]
            if kinds.get(event["requestId"]) in ("Script", "Stylesheet"):
                seen["programs"] += event["encodedDataLength"]

        wire.on("Network.requestWillBeSent", began)
        wire.on("Network.requestServedFromCache", lambda event: remembered.add(event["requestId"]))
        wire.on("Network.responseReceived", answered)
        wire.on("Network.dataReceived", received)
        start = time.monotonic()
        page.goto(url, wait_until="commit")
        while time.monotonic() - start < PATIENCE:
            canvas = page.locator("canvas").first
            if canvas.count() and canvas.is_visible() and not pixels.is_empty(pixels.gray(canvas.screenshot())):
                return seen | {"seconds": time.monotonic() - start}
            page.wait_for_timeout(100)
        page.screenshot(path=ROOT / ".cache" / "bench" / "viewer.png")
        raise RuntimeError(f"{url} showed no image within {PATIENCE} s")
    finally:
        context.close()
