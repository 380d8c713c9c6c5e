# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The shares side under attack, and the ledger of the shares: who made which, for whom, and how they end."""

from __future__ import annotations

import base64
import json
import re
import time

import pydicom
import pytest
from attack import (
    CONNECTIONS,
    Attacker,
    Request,
    faked_methods,
    filled,
    forgeries,
    got_through,
    methods,
    routes,
    tricks,
)
from conftest import SERVER, SITE

testinfra_hosts = [f"docker://{SERVER}"]

# All that a link opens, by GET and by nothing else.
DATA = (
    "/shares/dicom-web/studies",
    "/shares/dicom-web/studies/{uid}/instances",
    "/shares/dicom-web/studies/{uid}/metadata",
    "/shares/dicom-web/studies/{uid}/series",
    "/shares/dicom-web/studies/{uid}/series/{series_uid}/instances",
    "/shares/dicom-web/studies/{uid}/series/{series_uid}/metadata",
    "/shares/dicom-web/studies/{uid}/series/{series_uid}/instances/{instance_uid}",
    "/shares/dicom-web/studies/{uid}/series/{series_uid}/instances/{instance_uid}/bulk/7fe00010",
    "/shares/dicom-web/studies/{uid}/series/{series_uid}/instances/{instance_uid}/frames/1",
    "/shares/dicom-web/studies/{uid}/series/{series_uid}/instances/{instance_uid}/metadata",
)
MODEL = "/shares/instances/{id}/stl"
# What anybody may load: it holds no data.
PROGRAMS = (
    "/shares/open/",
    "/shares/ohif/viewer",
    "/shares/ohif/app-config.js",
    "/shares/stl/app/o3dv.html",
)
# The targets of what only looks like something else.
TARGETS = (
    "/shares/studies/{studies}",
    "/shares/studies/{studies}/archive",
    "/shares/instances/{instances}/file",
    "/shares/studies",
    "/shares/system",
    "/shares/tools/find",
    "/shares/tools/lookup",
    "/shares/changes",
    "/shares/dicom-web/studies/{uid}/series",
)
# From the request that revokes to the last that gets through.
SECONDS = 5


@pytest.fixture(scope="module")
def attacker(site):
    return Attacker(SITE["pacs_domain"], site.certificate)


@pytest.fixture(scope="module")
def targets(site, studies):
    """Both studies with the names of everything inside them."""
    known = []
    for study in studies:
        patient = site.staff("GET", f"/studies/{study['id']}").json()["ParentPatient"]
        series = site.staff("GET", f"/studies/{study['id']}").json()["Series"][0]
        instance = site.staff("GET", f"/series/{series}").json()["Instances"][0]
        tags = pydicom.dcmread(next(study["folder"].glob("*.dcm")), stop_before_pixels=True)
        [found] = site.find("Instance", SOPInstanceUID=tags.SOPInstanceUID)
        known.append(
            {
                "uid": study["uid"],
                "patients": patient,
                "studies": study["id"],
                "series": series,
                "instances": instance,
                "series_uid": tags.SeriesInstanceUID,
                "instance_uid": tags.SOPInstanceUID,
                "found": found,
            }
        )
    return known


@pytest.fixture(scope="module")
def paths(server, targets):
    """Every route that Orthanc itself names, and those of its plugins, for the shared study."""
    description = server.compose(
        "exec -T orthanc-for-shares sh -c 'Orthanc --openapi=/tmp/api.json >/dev/null 2>&1; cat /tmp/api.json'"
    )
    found = [f"/shares{filled(route, targets[0])}" for route in routes(json.loads(description))]
    assert len(found) > 250
    return found


@pytest.fixture(scope="module")
def holders(site, studies):
    """Whoever stands before the door, by the token they show."""
    own, other = ((study["id"], study["uid"]) for study in studies)
    made = {
        "surgeon": site.share(*own),
        "other study": site.share(*other),
        "expired": site.share(*own, 1),
        "revoked": site.share(*own),
        "without PIN": site.share(*own, Pin="4711"),
        "wrong PIN": site.share(*own, Pin="4711"),
    }
    revoked = site.staff("POST", "/shares/revoke", json={"id": made["revoked"]["Share"]["id"]}).json()
    assert revoked["revoked"] == [made["revoked"]["Share"]["id"]]
    assert site.gate("pin", made["wrong PIN"]["Token"], json={"pin": "1174"}).json() == {
        "reason": "wrong_pin",
        "tries_left": 4,
    }
    time.sleep(1.5)
    return {"nobody": None} | {name: share["Token"] for name, share in made.items()}


@pytest.fixture(scope="module")
def forged(holders, targets):
    return forgeries(holders["surgeon"], targets[1], SITE["pacs_share_signing_key"])


def archive(site, attacker):
    """Everything that the archive holds: resources, metadata, labels, and the checksum of each attachment."""
    user, password = "anna", SITE["pacs_staff_users"]["anna"]
    login = {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}

    def read(paths):
        answers = attacker.run([Request("GET", f"/orthanc{path}", login) for path in paths])
        assert {status for _request, status, _body in answers} == {200}
        return {request.path: body for request, _status, body in answers}

    levels = read(f"/{level}?expand" for level in ("patients", "studies", "series", "instances"))
    resources = {
        f"{path.removeprefix('/orthanc').removesuffix('?expand')}/{entry['ID']}": entry
        for path, entries in levels.items()
        for entry in json.loads(entries)
    }
    for entry in resources.values():
        # It becomes stable by itself.
        entry.pop("IsStable", None)
    more = read(f"{path}/{what}" for path in resources for what in ("metadata?expand", "labels", "attachments"))
    attachments = [
        f"{path.removeprefix('/orthanc')}/{name}/md5"
        for path, names in more.items()
        if path.endswith("/attachments")
        for name in json.loads(names)
        # A cache that Orthanc fills when a series is stable.
        if not (name.isdigit() and int(name) >= 4000)
    ]
    attached = {path: body for path, body in more.items() if not path.endswith("/attachments")}
    return resources | attached | read(attachments)


@pytest.fixture(scope="module", autouse=True)
def unchanged(site, attacker, studies):
    """After all attacks of this file, the archive is what it was before."""
    before = archive(site, attacker)
    assert sum(path.endswith("/dicom/md5") for path in before) >= 24
    yield
    assert archive(site, attacker) == before


# ---- The attack ----

EVERYBODY = (
    "nobody", "surgeon", "other study", "expired", "revoked", "without PIN", "wrong PIN",
    "algorithm none", "another study", "another study with the right key",
)  # fmt: skip


def token_of(holder, holders, forged):
    return holders[holder] if holder in holders else forged[holder]


def may(holder, request, targets):
    """Whether the door is open for this, which a short list says."""
    path = request.path.partition("?")[0]
    if request.method == "POST" and path in ("/shares/gate/open", "/shares/gate/pin"):
        return True
    opened = {pattern.format(**targets[0]) for pattern in DATA} if holder == "surgeon" else set()
    if holder == "other study":
        # It lists its own study.
        opened = {DATA[0]}
    return request.method == "GET" and path in {*PROGRAMS, *opened}


@pytest.mark.parametrize("holder", EVERYBODY)
def test_no_route_is_open_by_any_method(attacker, paths, targets, holders, forged, holder):
    requests = [request for path in paths for request in methods(path)]
    requests = [request for request in requests if not may(holder, request, targets)]
    answers = attacker.run(requests, token_of(holder, holders, forged))
    assert len(answers) > 1700
    assert got_through(answers) == []


@pytest.mark.parametrize("holder", ["nobody", "surgeon"])
def test_no_method_can_be_faked(site, attacker, paths, targets, holders, holder):
    own = [pattern.format(**targets[0]) for pattern in DATA] + list(PROGRAMS)
    answers = attacker.run([request for path in [*paths, *own] for request in faked_methods(path)], holders[holder])
    assert len(answers) > 2500
    # The page of a link is a file of nginx, which it reads out whatever stands behind its address.
    page = [answer for answer in answers if answer[0].method == "GET" and answer[0].path.startswith("/shares/open/?")]
    assert got_through([answer for answer in answers if answer not in page]) == []
    assert {(status, body) for _request, status, body in page} == {(200, site.request("GET", "/shares/open/").content)}


@pytest.mark.parametrize("method", ["DELETE", "PUT"])
@pytest.mark.parametrize("name", ["X-HTTP-Method-Override", "X-Method-Override"])
def test_a_header_fakes_no_method_either(attacker, paths, targets, holders, method, name):
    requests = [Request(verb, path, {name: method}, None) for path in paths for verb in ("GET", "POST")]
    requests = [request for request in requests if not may("surgeon", request, targets)]
    assert got_through(attacker.run(requests, holders["surgeon"])) == []
    # What is open is an ordinary request.
    own = [Request("GET", pattern.format(**targets[0]), {name: method}) for pattern in (*DATA, *PROGRAMS)]
    assert {status for _request, status, _body in attacker.run(own, holders["surgeon"])} == {200}


@pytest.mark.parametrize("holder", ["nobody", "surgeon", "other study"])
def test_no_way_to_write_a_path_leads_elsewhere(attacker, targets, holders, holder):
    requests = [
        Request(method, path, {}, "{}" if method == "POST" else None)
        for target in TARGETS
        for study in targets
        for path in tricks(target.format(**study))
        for method in ("GET", "POST", "DELETE")
    ]
    answers = attacker.run(requests, holders[holder])
    assert len(answers) > 2000
    assert got_through(answers) == []


def test_every_forged_token_is_refused(attacker, targets, holders, forged):
    requests = [
        Request("GET", pattern.format(**study), headers)
        for name, token in forged.items()
        for study in targets
        for pattern in DATA
        for headers in ({"token": token}, {"Authorization": f"Bearer {token}"})
    ]
    answers = attacker.run(requests)
    assert got_through(answers) == []
    # The gate refuses them, not only Orthanc behind it.
    assert all(b"<center>nginx</center>" in body for _request, _status, body in answers)


@pytest.mark.parametrize("holder", [name for name in EVERYBODY if name != "surgeon"])
def test_what_is_open_to_the_surgeon_is_closed_to_the_others(attacker, targets, holders, forged, holder):
    token = token_of(holder, holders, forged)
    requests = [Request("GET", pattern.format(**targets[0])) for pattern in DATA if pattern != DATA[0]]
    # Orthanc reads all of these as one attribute.
    names = ("StudyInstanceUID", "0020000D", "0020-000d", "20,d")
    requests += [Request("GET", f"{DATA[0]}?{name}={targets[0]['uid']}") for name in names]
    if holder != "other study":
        requests += [Request("GET", DATA[0]), Request("GET", MODEL.format(id=targets[0]["instances"]))]
    answers = attacker.run(requests, token)
    assert got_through(answers) == []
    assert all(b"<center>nginx</center>" in body for _request, _status, body in answers)


def test_what_is_open_to_the_surgeon(attacker, targets, holders):
    answers = attacker.run([Request("GET", pattern.format(**targets[0])) for pattern in DATA], holders["surgeon"])
    assert [(request.path, status) for request, status, _body in answers if status != 200] == []
    assert not any(targets[1]["uid"].encode() in body for _request, _status, body in answers)
    answers = attacker.run([Request("GET", path) for path in PROGRAMS])
    assert [(request.path, status) for request, status, _body in answers if status != 200] == []


@pytest.mark.parametrize("first", ["Authorization", "token"])
def test_a_second_token_opens_nothing(site, targets, holders, first):
    """The token that the gate looks at is the only one that reaches Orthanc."""
    other, gone = holders["other study"], holders["revoked"]
    headers = {"Authorization": f"Bearer {other}", "token": gone}
    if first == "token":
        headers = {"Authorization": f"Bearer {gone}", "token": other}
    listed = site.request("GET", f"/shares/dicom-web/studies?token={gone}", headers=dict(headers))
    assert listed.status_code == 403
    listed = site.request("GET", "/shares/dicom-web/studies", headers=dict(headers))
    assert (listed.status_code == 200) is (first == "Authorization")
    assert targets[0]["uid"] not in listed.text


def test_what_is_too_big_or_too_often_is_refused(site, attacker, holders):
    token = holders["surgeon"]
    assert site.gate("pin", token, data="1" * 2000).status_code == 413
    answers = attacker.run([Request("POST", "/shares/gate/open") for _number in range(120)], token)
    assert {status for _request, status, _body in answers} == {200, 429}
    time.sleep(5)


# ---- The ledger ----


def frames(site, target, token, cookie=None):
    path = f"/shares/dicom-web/studies/{target['uid']}/series"
    return site.request("GET", path, token=token, headers={"Cookie": cookie} if cookie else {}).status_code


def listed(site, **query):
    return site.staff("GET", "/shares", params=query).json()["shares"]


def test_the_ledger_knows_who_made_which_share_for_whom_and_who_opened_it(site, studies, targets):
    share = site.share(studies[0]["id"], studies[0]["uid"], 600, user="digits", Recipient="Dr. Müller, München")
    assert frames(site, targets[0], share["Token"]) == 200
    assert site.gate("open", share["Token"]).status_code == 200
    [known] = listed(site, id=share["Share"]["id"])
    assert known["creator"] == "digits"
    assert known["recipient"] == "Dr. Müller, München"
    assert known["studies"] == [{"study_instance_uid": studies[0]["uid"], "orthanc_id": studies[0]["id"]}]
    assert known["state"] == "active"
    # Two requests, one opening.
    [opening] = known["openings"]
    assert opening["address"] == SITE["lab_scanner_address"]
    assert known in listed(site, creator="digits", active="true")
    assert known in listed(site, study=studies[0]["uid"])
    assert known not in listed(site, creator="anna")
    assert known not in listed(site, study=studies[1]["id"])


def test_the_ledger_holds_no_token(site, server, studies):
    share = site.share(studies[0]["id"], studies[0]["uid"], Pin="12345678")
    table = server.compose(
        "exec -T postgres sh -c \"psql -U postgres -d orthanc -c 'SELECT * FROM share_gate.share' && "
        "psql -U postgres -d orthanc -c 'SELECT * FROM share_gate.pin_passed'\""
    )
    assert share["Share"]["id"] in table
    assert share["Token"].split(".")[2] not in table
    assert "12345678" not in table


def test_the_gate_can_touch_nothing_of_orthancs(server):
    answer = server.compose(
        "exec -T postgres psql -U postgres orthanc -c 'SET ROLE share_gate' -c 'SELECT count(*) FROM resources' 2>&1",
        check=False,
    )
    assert "permission denied for table resources" in answer


@pytest.mark.parametrize("which", ["id", "study", "creator", "all", "token_sha256"])
def test_a_revoked_share_is_refused_within_seconds(site, studies, targets, which):
    import hashlib

    share = site.share(studies[0]["id"], studies[0]["uid"], user="digits")
    assert frames(site, targets[0], share["Token"]) == 200
    chosen = {
        "id": share["Share"]["id"],
        "study": studies[0]["uid"],
        "creator": "digits",
        "all": True,
        "token_sha256": hashlib.sha256(share["Token"].encode()).hexdigest(),
    }
    # Again, so that nginx and Orthanc have granted it just now.
    assert frames(site, targets[0], share["Token"]) == 200
    began = time.monotonic()
    revoked = site.staff("POST", "/shares/revoke", json={which: chosen[which]}).json()["revoked"]
    assert share["Share"]["id"] in revoked
    while frames(site, targets[0], share["Token"]) == 200:
        time.sleep(0.05)
    assert time.monotonic() - began < SECONDS
    assert site.gate("open", share["Token"]).json() == {"reason": "revoked"}
    [known] = listed(site, id=share["Share"]["id"])
    assert (known["state"], known["revoked_by"]) == ("revoked", "anna")
    # It is nobody's to revoke again.
    assert site.staff("POST", "/shares/revoke", json={which: chosen[which]}).json()["revoked"] == []


@pytest.mark.parametrize(
    "body, content_type",
    [("{}", "application/json"), ('{"all": false}', "application/json"), ('{"all": true}', "text/plain"),
     ('{"id": "x", "all": true}', "application/json"), ('{"id": 1}', "application/json"), ("[]", "application/json"),
     ('{"all": true', "application/json")],
)  # fmt: skip
def test_revoking_needs_to_say_what(site, body, content_type):
    answer = site.staff("POST", "/shares/revoke", data=body, headers={"Content-Type": content_type})
    assert answer.status_code == 422
    assert answer.json()["Message"]


@pytest.mark.parametrize("user, password", [(None, None), ("anna", "wrong"), ("nobody", "12345678")])
def test_nobody_else_makes_or_sees_shares(site, studies, user, password):
    body = {"Resources": [{"DicomUid": studies[0]["uid"], "OrthancId": studies[0]["id"], "Level": "study"}]}
    count = len(listed(site))
    for method, path, options in (
        ("GET", "/orthanc/shares", {}),
        ("POST", "/orthanc/shares/revoke", {"json": {"all": True}}),
        ("PUT", "/orthanc/auth/tokens/ohif-viewer-publication", {"json": body | {"ValidityDuration": 60}}),
        ("PUT", "/orthanc//auth/tokens/ohif-viewer-publication", {"json": body | {"ValidityDuration": 60}}),
        ("PUT", "/orthanc/auth%2ftokens/ohif-viewer-publication", {"json": body | {"ValidityDuration": 60}}),
    ):
        assert site.request(method, path, user=user, password=password, **options).status_code in (401, 404)
    assert len(listed(site)) == count


@pytest.mark.parametrize(
    "change, words",
    [
        ({"ValidityDuration": 90 * 86400 + 1}, "at most 90 days"),
        ({"ValidityDuration": 0}, "has to end"),
        ({"ValidityDuration": None}, "has to end"),
        ({"ValidityDuration": -1}, "whole number"),
        ({"ValidityDuration": "60"}, "whole number"),
        ({"ValidityDuration": None, "ExpirationDate": "2999-01-01T00:00:00Z"}, "at most 90 days"),
        ({"ValidityDuration": None, "ExpirationDate": "2001-01-01T00:00:00Z"}, "has passed"),
        ({"Resources": []}, "at least one study"),
        ({"Pin": "12"}, "4 to 12 digits"),
        ({"Recipient": "x" * 201}, "200 printable"),
    ],
)
def test_a_share_that_the_site_does_not_allow_is_refused_in_a_sentence(site, studies, change, words):
    count = len(listed(site))
    answer = site.ask_share(studies[0]["id"], studies[0]["uid"], **change) if "ValidityDuration" not in change else None
    if answer is None:
        seconds = change.pop("ValidityDuration")
        answer = site.ask_share(studies[0]["id"], studies[0]["uid"], seconds, **change)
        change["ValidityDuration"] = seconds
    assert answer.status_code == 422
    assert words in answer.json()["Message"]
    assert len(listed(site)) == count


def test_a_share_names_a_study_that_is_there(site, studies):
    answer = site.ask_share(studies[0]["id"], studies[1]["uid"])
    assert (answer.status_code, "no study" in answer.json()["Message"]) == (422, True)


# ---- The PIN ----


def test_a_pin_opens_the_share_in_one_browser(site, studies, targets):
    share = site.share(studies[0]["id"], studies[0]["uid"], Pin="471100")
    token = share["Token"]
    asked = site.gate("open", token).json()
    assert asked == {"site": SITE["pacs_site"], "expires_at": share["Share"]["expires_at"], "pin_required": True}
    assert frames(site, targets[0], token) == 403
    right = site.gate("pin", token, json={"pin": "471100"})
    assert right.status_code == 204
    cookie = right.headers["Set-Cookie"]
    assert {"HttpOnly", "Secure", "SameSite=Strict", "Path=/shares/"} <= set(re.split("; *", cookie))
    cookie = cookie.partition(";")[0]
    assert frames(site, targets[0], token, cookie) == 200
    assert frames(site, targets[0], token) == 403
    # Another share's cookie, under this one's name, is worth nothing.
    other = site.share(studies[0]["id"], studies[0]["uid"], Pin="471100")
    renamed = cookie.replace(share["Share"]["id"], other["Share"]["id"])
    assert frames(site, targets[0], other["Token"], renamed) == 403


def test_wrong_pins_lock_the_share_for_good(site, studies, targets):
    share = site.share(studies[0]["id"], studies[0]["uid"], Pin="4711")
    token = share["Token"]
    cookie = site.gate("pin", token, json={"pin": "4711"}).headers["Set-Cookie"].partition(";")[0]
    for left in (4, 3, 2, 1):
        wrong = site.gate("pin", token, json={"pin": "0000"})
        assert (wrong.status_code, wrong.json()) == (403, {"reason": "wrong_pin", "tries_left": left})
        if left == 2:
            # The right one in between gives nobody more tries.
            assert site.gate("pin", token, json={"pin": "4711"}).status_code == 204
    for pin in ("0000", "4711", "0000"):
        locked = site.gate("pin", token, json={"pin": pin})
        assert (locked.status_code, locked.json()) == (423, {"reason": "locked"})
    assert site.gate("open", token).status_code == 423
    assert frames(site, targets[0], token) == 403
    # Who knew the PIN before goes on.
    assert frames(site, targets[0], token, cookie) == 200
    assert listed(site, id=share["Share"]["id"])[0]["locked"] is True


# ---- The gate itself ----


def asked_of_the_ledger(server):
    """How often anybody looked into the table of shares, once PostgreSQL has counted it."""
    statement = (
        "SELECT seq_scan + idx_scan FROM pg_stat_all_tables WHERE schemaname = 'share_gate' AND relname = 'share'"
    )
    time.sleep(11)
    return int(server.compose(f'exec -T postgres psql -U postgres -d orthanc -Atc "{statement}"'))


def test_hundreds_of_frames_ask_the_gate_a_few_times(site, server, attacker, studies, targets):
    token = site.share(studies[0]["id"], studies[0]["uid"])["Token"]
    before = asked_of_the_ledger(server)
    began = time.monotonic()
    answers = attacker.run([Request("GET", DATA[-2].format(**targets[0]))] * 300, token)
    seconds = time.monotonic() - began
    assert {status for _request, status, _body in answers} == {200}
    asked = asked_of_the_ledger(server) - before
    # Every two seconds one, or where the machine is so slow that they do not wait for it, one of each connection;
    # and the health check. It follows the time and not the frames.
    assert asked < CONNECTIONS * seconds / 2 + 12, f"{asked} asked in {seconds:.1f} s"


def test_without_the_gate_no_share_opens_and_the_staff_go_on(site, server, studies, targets):
    token = site.share(studies[0]["id"], studies[0]["uid"])["Token"]
    assert frames(site, targets[0], token) == 200
    server.compose("kill share-gate")
    time.sleep(2.5)
    assert frames(site, targets[0], token) == 503
    assert site.gate("open", token).status_code == 503
    assert site.ask_share(studies[0]["id"], studies[0]["uid"]).status_code == 503
    assert site.staff("GET", f"/studies/{studies[0]['id']}").status_code == 200
    assert site.staff("GET", f"/dicom-web/studies/{studies[0]['uid']}/series").status_code == 200
    server.compose("start share-gate")
    site.wait_until_it_answers(studies[0], 90)
    assert frames(site, targets[0], token) == 200
    assert site.gate("open", token).status_code == 200


def test_without_the_database_no_share_opens_and_then_it_does_again(site, server, studies, targets):
    token = site.share(studies[0]["id"], studies[0]["uid"])["Token"]
    server.compose("stop postgres")
    try:
        time.sleep(2.5)
        assert frames(site, targets[0], token) == 503
        assert site.gate("open", token).status_code == 503
    finally:
        server.compose("start postgres")
    site.wait_until_it_answers(studies[0], 90)
    assert site.gate("open", token).status_code == 200


def test_the_gate_runs_without_rights(server):
    container = server.compose("ps --quiet share-gate").strip()
    [state] = json.loads(server.run(f"docker inspect {container}"))
    assert state["Config"]["User"] == "61003:61003"
    assert state["HostConfig"]["ReadonlyRootfs"] is True
    assert state["HostConfig"]["CapDrop"] == ["ALL"]
    assert not state["HostConfig"]["CapAdd"]
    assert not state["HostConfig"]["PortBindings"]
