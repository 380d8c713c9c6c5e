# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab's authorization stand-in refuses and grants what the upstream plugin does."""

import importlib
import io
import json
import sys
import types
from pathlib import Path

import pytest

PLUGINS = Path(__file__).parents[2] / "lab/images/orthanc/plugins"
MODULES = ("labkit", "auth_service", "permissions", "resources", "authorization")
MINE, OTHER, SERIES, PATIENT = "aaaa-1", "bbbb-2", "cccc-3", "dddd-4"
# A study of another patient that came with the UID of the first.
TWIN, TWIN_SERIES, STRANGER = "abab-5", "caca-6", "dada-7"


def fake_orthanc():
    """Two studies of one patient, the first with a series."""
    orthanc = types.ModuleType("orthanc")
    orthanc.HttpMethod = types.SimpleNamespace(GET=1, POST=2, PUT=3, DELETE=4)
    orthanc.OrthancException = type("OrthancException", (Exception,), {})
    orthanc.GetConfiguration = lambda: "{}"
    orthanc.LogError = orthanc.LogWarning = lambda text: None
    orthanc.resources = resources = {
        f"/studies/{MINE}": {"MainDicomTags": {"StudyInstanceUID": "1.1"}, "ParentPatient": PATIENT},
        f"/studies/{OTHER}": {"MainDicomTags": {"StudyInstanceUID": "1.2"}, "ParentPatient": PATIENT},
        f"/series/{SERIES}": {"MainDicomTags": {"SeriesInstanceUID": "1.1.1"}, "ParentStudy": MINE},
        f"/patients/{PATIENT}": {"MainDicomTags": {"PatientID": "P"}},
    }
    kinds = {"patients": "Patient", "studies": "Study", "series": "Series", "instances": "Instance"}

    def get(uri):
        if uri not in resources:
            raise orthanc.OrthancException(uri)
        return json.dumps(resources[uri])

    def lookup(uri, body):
        """What /tools/lookup answers; all other questions are answered as they were asked."""
        if uri != "/tools/lookup":
            orthanc.asked = json.loads(body)
            return b"[]"
        found = [
            {"Type": kinds[path.split("/")[1]], "ID": path.split("/")[2], "Path": path}
            for path, resource in resources.items()
            if body.decode() in resource["MainDicomTags"].values()
        ]
        return json.dumps(found).encode()

    orthanc.RestApiGet = get
    orthanc.RestApiPost = lookup
    orthanc.RestApiDelete = resources.pop
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


class Users(Service):
    """Callers are known by their token."""

    validation_url = ""
    permissions = {
        "admin": ("all", "admin-permissions", "audit-logs"),
        "all": ("all",),
        "doctor": ("view", "download", "share", "upload", "send", "edit-labels"),
        "viewer": ("view",),
        "junk": (),
    }
    labels = ("*",)

    def __init__(self):
        pass

    def profile(self, key, value):
        return {"name": value, "permissions": self.permissions.get(value, ()), "authorized-labels": self.labels}


class Output:
    """What a route answers; nothing if it stays silent."""

    status = body = None

    def AnswerBuffer(self, body, kind):
        self.status, self.body = 200, body

    def SendHttpStatus(self, status, body):
        self.status, self.body = status, body


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


def twin_arrives():
    orthanc = sys.modules["orthanc"]
    orthanc.resources |= {
        f"/studies/{TWIN}": {"MainDicomTags": {"StudyInstanceUID": "1.1"}, "ParentPatient": STRANGER},
        f"/series/{TWIN_SERIES}": {"MainDicomTags": {"SeriesInstanceUID": "1.1.1"}, "ParentStudy": TWIN},
        f"/patients/{STRANGER}": {"MainDicomTags": {"PatientID": "Q"}},
    }


@pytest.mark.parametrize(
    ("uri", "arguments", "before", "after"),
    [
        ("/dicom-web/studies", {}, True, True),
        ("/dicom-web/studies", {"StudyInstanceUID": "1.1"}, True, False),
        ("/dicom-web/studies/1.1/metadata", {}, True, False),
        ("/dicom-web/studies/1.1/series", {}, True, False),
        ("/dicom-web/studies/1.1/series/1.1.1/metadata", {}, True, False),
        (f"/studies/{MINE}", {}, True, True),
        (f"/studies/{MINE}/archive", {}, True, True),
        (f"/studies/{MINE}/patient", {}, True, True),
        (f"/series/{SERIES}", {}, True, True),
        (f"/studies/{TWIN}", {}, False, False),
        (f"/series/{TWIN_SERIES}", {}, False, False),
        (f"/patients/{STRANGER}", {}, False, False),
    ],
)
def test_a_second_study_of_one_uid_is_seen_at_once(authorization, uri, arguments, before, after):
    """The search shows both, everything else by UID is closed, by Orthanc ID all is as before."""
    request_filter = authorization.Filter(SETTINGS, Service())
    assert request_filter.allows_safely("GET", uri, HEADER, arguments) is before
    twin_arrives()
    assert request_filter.allows_safely("GET", uri, HEADER, arguments) is after


def routes_for(authorization, service):
    return authorization.Routes(authorization.Filter(SETTINGS, service), service)


def find(authorization, service, query, headers):
    """The status, and what Orthanc itself was asked."""
    output = Output()
    request = {"body": json.dumps(query), "headers": headers, "get": {}}
    try:
        routes_for(authorization, service).find(output, request)
    except sys.modules["labkit"].Refused as error:
        return error.status, None
    return output.status, sys.modules["orthanc"].asked


def test_the_search_goes_by_uid(authorization):
    twin_arrives()
    everything = find(authorization, Service(), {"Level": "Study"}, HEADER)
    assert everything == (200, {"Level": "Study", "Query": {"StudyInstanceUID": "1.1"}})
    assert find(authorization, Service(), {"Query": {"StudyInstanceUID": "1.1"}}, HEADER)[0] == 403


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ({"Level": "Study"}, 200),
        ({"Level": "Study", "Labels": ["cardio"]}, 200),
        ({"Level": "Study", "Labels": ["other"]}, 403),
        ({"Level": "Study", "LabelsConstraint": "None"}, 403),
        ({"Level": "Series"}, 403),
        ({"Level": "Patient"}, 403),
        ({"Level": "Instance", "ParentStudy": MINE}, 403),
    ],
)
def test_labels_keep_a_search_to_their_studies(authorization, query, status):
    users = Users()
    users.labels = ("cardio",)
    answer, asked = find(authorization, users, query, {"token": "viewer"})
    assert answer == status
    if status == 200:
        assert asked["Labels"] == ["cardio"]


VIEW = {"admin", "all", "doctor", "viewer"}
SOME = {"admin", "all", "doctor"}
ALL, ADMIN, NOBODY = {"admin", "all"}, {"admin"}, set()
# Who may do what by the table of version 0.11.4, as it was seen on the real plugin.
TABLE = [
    (VIEW | {"junk"}, "POST /tools/lookup", "GET /tools/generate-uid"),
    (VIEW, "GET /system", "GET /plugins", "GET /plugins/dicom-web", "GET /statistics", "GET /changes"),
    (VIEW, "GET /tools/metrics-prometheus", "GET /tools/labels", "POST /tools/find", "POST /tools/count-resources"),
    (VIEW, "GET /studies", "GET /studies/{id}", "GET /series/{series}", "GET /studies/{id}/archive"),
    (VIEW, "GET /studies/{id}/media", "GET /plugins/postgresql/audit-logs", "PUT /auth/tokens/viewer-instant-link"),
    (VIEW, "GET /dicom-web/studies", "GET /dicom-web/studies/1.1/metadata"),
    (SOME, "GET /modalities", "GET /modalities/ct1/configuration", "GET /peers", "GET /dicom-web/servers"),
    (SOME, "POST /modalities/ct1/echo", "POST /modalities/ct1/store", "POST /instances", "POST /tools/create-dicom"),
    (SOME, "POST /dicom-web/studies", "POST /dicom-web/studies/1.1", "PUT /auth/tokens/download-instant-link"),
    (SOME, "PUT /auth/tokens/ohif-viewer-publication", "PUT /studies/{id}/labels/x", "DELETE /studies/{id}/labels/x"),
    (ALL, "DELETE /studies/{id}", "DELETE /series/{series}", "POST /tools/bulk-delete", "POST /studies/{id}/modify"),
    (ALL, "POST /studies/{id}/merge", "POST /studies/{id}/anonymize", "GET /tools/log-level", "PUT /tools/log-level"),
    (ADMIN, "PUT /modalities/ct1", "DELETE /modalities/ct1", "GET /jobs", "GET /auth/audit-logs"),
    (NOBODY, "GET /exports", "GET /tools/now", "GET /wado", "GET /modalities/ct1", "GET /dicom-web/servers/x"),
    (NOBODY, "PUT /dicom-web/servers/x", "PUT /studies/{id}/metadata/x", "PUT /instances/{id}/attachments/dicom"),
    (NOBODY, "GET /tools/create-archive", "POST /tools/create-archive", "POST /studies/{id}/archive", "GET /queries"),
    (NOBODY, "GET /storage-commitment", "POST /tools/execute-script", "POST /tools/reconstruct", "GET /webdav/x"),
    (NOBODY, "GET /app/explorer.html", "POST /tools/reset", "POST /tools/shutdown", "POST /tools/now"),
]


# A set's own order differs from process to process, and the names of tests must not.
@pytest.mark.parametrize(
    ("route", "allowed"),
    [(route, allowed) for allowed, *routes in TABLE for route in routes],
    ids=lambda value: value if isinstance(value, str) else "-".join(sorted(value)) or "nobody",
)
def test_the_table_of_permissions(authorization, route, allowed):
    request_filter = authorization.Filter(SETTINGS, Users())
    method, uri = route.replace("{id}", MINE).replace("{series}", SERIES).split(" ")
    users = {user for user in Users.permissions if request_filter.allows_safely(method, uri, {"token": user}, {})}
    assert users == allowed


@pytest.mark.parametrize(
    ("headers", "allowed"),
    [
        ({"Authorization": "viewer"}, True),
        ({"token": "viewer", "Authorization": "junk"}, True),
        ({"token": "junk", "Authorization": "viewer"}, False),
        ({"X-Pacs-Session": "viewer", "Authorization": "junk"}, True),
        ({"X-Pacs-Session": "viewer", "token": "junk"}, False),
    ],
)
def test_the_last_token_decides(authorization, headers, allowed):
    settings = SETTINGS | {"TokenHttpHeaders": ["X-Pacs-Session"]}
    assert authorization.Filter(settings, Users()).allows_safely("GET", "/system", headers, {}) is allowed


def test_what_is_not_there_is_removed_without_an_answer(authorization):
    routes = routes_for(authorization, Users())
    for identifier, status in ((MINE, 200), (MINE, None)):
        output = Output()
        routes.resource(output, {"method": "DELETE"}, "studies", identifier)
        assert output.status == status


def test_a_question_comes_in_chunks_and_names_no_token_that_nobody_sent(authorization, monkeypatch):
    """A service that reads Content-Length sees an empty body."""
    service = sys.modules["auth_service"].AuthService({"WebServiceRootUrl": "http://a:8000"})
    sent = []

    class Opener:
        def open(self, request, timeout):
            sent.append((request.get_header("Content-length"), b"".join(request.data)))
            return io.BytesIO(b'{"name": "Anonymous", "permissions": [], "authorized-labels": [], "validity": 60}')

    service.opener = Opener()
    service.profile("", "")
    service.profile("token", "mine")
    service.profile("token", "mine")
    assert [length for length, _body in sent] == [None, None]
    assert [json.loads(body) for _length, body in sent] == [
        {"server-id": None},
        {"server-id": None, "token-key": "token", "token-value": "mine"},
    ]
