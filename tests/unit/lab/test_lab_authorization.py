# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab's authorization stand-in refuses and grants what the upstream plugin does."""

import importlib
import json
import sys
import types
from pathlib import Path

import pytest

PLUGINS = Path(__file__).parents[2] / "lab/images/orthanc/plugins"
MODULES = ("labkit", "auth_service", "permissions", "resources", "authorization")
MINE, OTHER, SERIES, PATIENT = "aaaa-1", "bbbb-2", "cccc-3", "dddd-4"
UIDS = {"1.1": MINE, "1.2": OTHER}


def fake_orthanc():
    """Two studies of one patient, the first with a series."""
    orthanc = types.ModuleType("orthanc")
    orthanc.HttpMethod = types.SimpleNamespace(GET=1, POST=2, PUT=3, DELETE=4)
    orthanc.OrthancException = type("OrthancException", (Exception,), {})
    orthanc.GetConfiguration = lambda: "{}"
    orthanc.LogError = orthanc.LogWarning = lambda text: None
    resources = {
        f"/studies/{identifier}": {"MainDicomTags": {"StudyInstanceUID": uid}, "ParentPatient": PATIENT}
        for uid, identifier in UIDS.items()
    }
    resources[f"/series/{SERIES}"] = {"MainDicomTags": {"SeriesInstanceUID": "1.1.1"}, "ParentStudy": MINE}
    resources[f"/patients/{PATIENT}"] = {"MainDicomTags": {"PatientID": "P"}}

    def get(uri):
        if uri not in resources:
            raise orthanc.OrthancException(uri)
        return json.dumps(resources[uri])

    orthanc.RestApiGet = get
    orthanc.LookupStudy = UIDS.get
    orthanc.LookupSeries = {"1.1.1": SERIES}.get
    orthanc.LookupPatient = {"P": PATIENT}.get
    orthanc.LookupInstance = {}.get
    return orthanc


@pytest.fixture
def authorization(monkeypatch):
    monkeypatch.setitem(sys.modules, "orthanc", fake_orthanc())
    monkeypatch.syspath_prepend(str(PLUGINS))
    for name in MODULES:
        monkeypatch.delitem(sys.modules, name, raising=False)
    yield importlib.import_module("authorization")
    for name in MODULES:
        sys.modules.pop(name, None)


class Service:
    """Anonymous callers have the given permissions, the token "mine" opens the first study."""

    profile_url = validation_url = "x"

    def __init__(self, permissions=()):
        self.permissions = list(permissions)

    def profile(self, key, value):
        return {"name": "Anonymous", "permissions": self.permissions, "authorized-labels": []}

    def grants(self, method, access, labels_of, key=None, value=None):
        return access.orthanc_id == MINE and value == "mine"

    def studies_of(self, tokens):
        return ["1.1"] if ("token", "mine") in tokens else []


SETTINGS = {"StandardConfigurations": ["orthanc-explorer-2", "ohif", "stl"], "CheckedLevel": "studies"}
HEADER = {"token": "mine"}


@pytest.mark.parametrize(
    ("method", "uri", "headers", "arguments", "allowed"),
    [
        ("GET", "/ui/app/token-landing.html", {}, {}, True),
        ("GET", "/ohif/viewer", {}, {}, True),
        ("GET", "/stl/rt-struct/x", {}, {}, True),
        ("POST", "/ohif/viewer", {}, {}, False),
        ("POST", "/auth/tokens/decode", {}, {}, True),
        ("POST", "/tools/lookup", {}, {}, True),
        ("GET", "/system", {}, {}, False),
        ("GET", "/studies", {}, {}, False),
        ("POST", "/instances", {}, {}, False),
        ("GET", f"/studies/{MINE}", {}, {}, False),
        ("GET", f"/studies/{MINE}", HEADER, {}, True),
        ("DELETE", f"/studies/{MINE}", HEADER, {}, True),
        ("GET", f"/series/{SERIES}/archive", HEADER, {}, True),
        ("GET", f"/studies/{OTHER}", HEADER, {}, False),
        ("GET", "/studies/eeee-9", HEADER, {}, False),
        ("GET", f"/patients/{PATIENT}", HEADER, {}, False),
        ("GET", "/system", HEADER, {}, False),
        ("GET", f"/studies/{MINE}", {}, {"token": "mine"}, True),
        ("GET", "/dicom-web/studies/1.1/metadata", HEADER, {}, True),
        ("GET", "/dicom-web/studies/1.1/metadata", {}, {"token": "mine"}, False),
        ("GET", "/dicom-web/studies/1.1/series/1.1.1/metadata", HEADER, {}, True),
        ("GET", "/dicom-web/studies/1.2/metadata", HEADER, {}, False),
        ("GET", "/dicom-web/studies", HEADER, {}, True),
        ("GET", "/dicom-web/studies", {}, {}, False),
        ("GET", "/dicom-web/studies", HEADER, {"StudyInstanceUID": "1.2"}, False),
        ("GET", "/dicom-web/studies", HEADER, {"StudyInstanceUID": "1.1"}, True),
        ("GET", "/tools/create-archive", HEADER, {"resources": MINE}, True),
        ("GET", "/tools/create-archive", HEADER, {"resources": f"{MINE},{OTHER}"}, False),
    ],
)
def test_who_may_do_what(authorization, method, uri, headers, arguments, allowed):
    request_filter = authorization.Filter(SETTINGS, Service())
    assert request_filter.allows_safely(method, uri, headers, arguments) is allowed


def test_the_stock_profile_lets_anonymous_callers_write(authorization):
    request_filter = authorization.Filter(SETTINGS, Service(["upload"]))
    written = ("/instances", "/dicom-web/studies", "/tools/create-dicom", "/stl/encode-nifti")
    assert all(request_filter.allows_safely("POST", uri, {}, {}) for uri in written)


def test_a_service_that_fails_refuses(authorization):
    service = Service()
    service.grants = None
    assert authorization.Filter(SETTINGS, service).allows_safely("GET", f"/studies/{MINE}", HEADER, {}) is False


def test_grants_are_forgotten_after_their_validity(authorization):
    now = [0]
    memory = sys.modules["auth_service"].Memory(clock=lambda: now[0])
    memory.set("a", True, 60)
    memory.set("b", True, 0)
    now[0] = 59
    assert (memory.get("a"), memory.get("b")) == (True, None)
    now[0] = 61
    assert memory.get("a") is None


def test_the_root_url_makes_the_others_void(authorization):
    named = sys.modules["auth_service"].urls(
        {"WebServiceRootUrl": "http://a:8000/", "WebServiceTokenDecoderUrl": "http://b"}
    )
    assert named == {
        "profile": "http://a:8000/user/get-profile",
        "validation": "http://a:8000/tokens/validate",
        "creation": "http://a:8000/tokens/",
        "decoder": "http://a:8000/tokens/decode",
    }
