# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A browser, and the site that it looks at."""

from __future__ import annotations

import os
import shlex
import shutil
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import sync_playwright

ROOT = Path(__file__).resolve().parents[2]
# What a surgeon holds in one hand.
PHONE = {"viewport": {"width": 375, "height": 667}, "device_scale_factor": 2, "is_mobile": True, "has_touch": True}
DESK = {"viewport": {"width": 1280, "height": 900}}
FLAGS = [
    "--no-sandbox",
    "--disable-dev-shm-usage",
    # The viewers draw with WebGL; without a graphics card it is computed.
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
    # Only the site's own requests are to be seen.
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


class Site:
    """What .cache/demo.env says, and what the archive answers to its staff."""

    def __init__(self, env):
        self.base = env["BASE"].rstrip("/")
        self.user, self.password = env["STAFF"].split(":", 1)
        self.share = env["SHARE"]
        self.token = parse_qs(urlsplit(self.share).query)["token"][0]

    @property
    def credentials(self):
        return {"username": self.user, "password": self.password, "origin": self.base}

    def tampered(self):
        """The share link with one character of its token's signature changed."""
        body, signature = self.token.rsplit(".", 1)
        other = "A" if signature[9] != "A" else "B"
        return self.share.replace(self.token, f"{body}.{signature[:9]}{other}{signature[10:]}")


class Share:
    """A link that staff have made."""

    def __init__(self, staff, made):
        self.staff = staff
        self.url, self.token, self.id = made["Url"], made["Token"], made["Share"]["id"]

    def revoke(self):
        status, _answer = self.staff.call("/orthanc/shares/revoke", "POST", {"id": self.id})
        assert status == 200


class Profile:
    """A fresh browser profile that remembers every request."""

    def __init__(self, browser, site, screen, credentials=None):
        self.site = site
        self.requests = []
        self.context = browser.new_context(
            **screen,
            # The demo's certificate comes from an authority of its own.
            ignore_https_errors=True,
            http_credentials=credentials,
        )
        self.context.set_default_timeout(120_000)
        self.context.on("request", self.note)
        self.page = self.context.new_page()

    def note(self, request):
        self.requests.append(request)

    def call(self, path, method="GET", data=None, headers=None):
        """A request without the browser's window; the answer's status and JSON."""
        answer = self.context.request.fetch(f"{self.site.base}{path}", method=method, data=data, headers=headers)
        return answer.status, answer.json() if answer.ok else None

    def drag(self, page, start, end):
        """One finger, from one point of the screen to another."""
        finger = self.context.new_cdp_session(page)
        steps = 12
        for step in range(steps + 1):
            x, y = (a + (b - a) * step / steps for a, b in zip(start, end, strict=True))
            kind = "touchMove" if step else "touchStart"
            finger.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [{"x": x, "y": y}]})
            page.wait_for_timeout(30)
        finger.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
        finger.detach()

    def expect_nothing_left_the_site(self):
        sent = [request for request in self.requests if urlsplit(request.url).scheme not in ("data", "blob")]
        assert sent
        elsewhere = {request.url for request in sent if not request.url.startswith(f"{self.site.base}/")}
        assert not elsewhere

    def expect_token_only_at_shares(self, token):
        """The token opens a study to whoever reads it: only the shares may, and no address it came from is told."""
        told = 0
        for request in self.requests:
            headers = {name.lower(): value for name, value in request.headers.items()}
            assert token not in headers.get("referer", "")
            if token in f"{request.url} {headers} {request.post_data or ''}":
                told += 1
                assert request.url.startswith(f"{self.site.base}/shares/")
        assert told


@pytest.fixture(scope="session")
def site():
    path = Path(os.environ.get("DEMO_ENV", ROOT / ".cache" / "demo.env"))
    if not path.exists():
        pytest.exit(f"{path} is missing: `make demo` writes it.", returncode=2)
    return Site(dict(line.split("=", 1) for line in shlex.split(path.read_text())))


@pytest.fixture(scope="session")
def browser():
    path = shutil.which("chromium")
    if not path:
        pytest.exit("There is no chromium: tests/browser/run.sh installs it.", returncode=2)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, headless=True, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def anonymous(browser, site):
    profile = Profile(browser, site, DESK)
    yield profile
    profile.context.close()


@pytest.fixture
def phone(browser, site):
    profile = Profile(browser, site, PHONE)
    yield profile
    profile.context.close()


@pytest.fixture
def staff(browser, site):
    profile = Profile(browser, site, DESK, site.credentials)
    yield profile
    profile.context.close()


@pytest.fixture(scope="session")
def study(browser, site):
    """The shared study as its staff sees it: identifiers, patient, and its models."""
    profile = Profile(browser, site, DESK, site.credentials)
    _status, opened = profile.call("/shares/gate/open", "POST", headers={"token": site.token})
    uid, identifier = opened["study_instance_uid"], opened["study_orthanc_id"]
    _status, found = profile.call(f"/orthanc/studies/{identifier}")
    query = {"Level": "Instance", "Query": {"StudyInstanceUID": uid, "Modality": "M3D"}}
    _status, models = profile.call("/orthanc/tools/find", "POST", query)
    profile.context.close()
    return {
        "uid": uid,
        "id": identifier,
        "patient": found["PatientMainDicomTags"]["PatientID"],
        "name": found["PatientMainDicomTags"]["PatientName"],
        "models": models,
    }


@pytest.fixture
def share(staff, study):
    """Make a link as the web interface does; all of them end with the test."""
    made = []

    def make(seconds=3600, **more):
        resource = {"DicomUid": study["uid"], "OrthancId": study["id"], "Level": "study"}
        body = {"Resources": [resource], "Type": "ohif-viewer-publication", "ValidityDuration": seconds, **more}
        status, answer = staff.call("/orthanc/auth/tokens/ohif-viewer-publication", "PUT", body)
        assert status == 200
        made.append(Share(staff, answer))
        return made[-1]

    yield make
    for link in made:
        link.revoke()


def pytest_unconfigure(config):
    stats = config.pluginmanager.get_plugin("terminalreporter").stats
    passed = len(stats.get("passed", []))
    # A run that could not begin has not gone well.
    failed = len(stats.get("failed", [])) + len(stats.get("error", [])) or int(not passed)
    print(f"browser: {passed} passed, {failed} failed")
