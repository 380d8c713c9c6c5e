# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The staff's side as a gate: what is closed by every path and method, what a browser sends from elsewhere, guesses."""

from __future__ import annotations

import base64
import json
import re
import socket
import ssl
import subprocess
import time

import pydicom
import pytest
import requests
from attack import REFUSALS, Request, StaffAttacker, filled, routes, staff_tricks
from conftest import SERVER, SITE
from test_4_shares import archive

testinfra_hosts = [f"docker://{SERVER}"]

ORIGIN = f"https://{SITE['pacs_domain']}"
# A login is refused, or the request is.
REFUSED = REFUSALS | {401}
METHODS = (
    "GET",
    "HEAD",
    "POST",
    "PUT",
    "DELETE",
    "PATCH",
    "OPTIONS",
    "TRACE",
    "CONNECT",
    "PROPFIND",
    "MKCOL",
    "COPY",
    "MOVE",
    "LOCK",
    "SEARCH",
    "get",
    "Post",
    "FOO",
    "DELETE\t",
    "POST\x00",
)
# What stops or restarts Orthanc, changes what it logs or how it runs, or whom it talks to; by which method.
CLOSED = {
    "/tools/reset": "POST",
    "/tools/shutdown": "POST",
    "/tools/execute-script": "POST",
    "/tools/log-level": "PUT",
    "/tools/log-level-http": "PUT",
    "/tools/metrics": "PUT",
    "/tools/default-encoding": "PUT",
    "/tools/accepted-transfer-syntaxes": "PUT",
    "/tools/unknown-sop-class-accepted": "PUT",
    "/tools/invalidate-tags": "POST",
    "/tools/reconstruct": "POST",
    "/tools/dicom-echo": "POST",
    "/modalities/stolen": "PUT",
    "/modalities/ct1": "DELETE",
    "/peers/stolen": "PUT",
    "/peers/stolen/store": "POST",
    "/dicom-web/servers/stolen": "PUT",
    "/dicom-web/servers/stolen/get": "POST",
    "/dicom-web/servers/stolen/stow": "POST",
    "/changes": "DELETE",
    "/exports": "DELETE",
    "/plugins/delayed-deletion": "PUT",
    "/plugins/housekeeper/status": "POST",
    "/auth/settings/roles": "PUT",
    "/webdav/x": "PUT",
    "/transfers/send": "POST",
    "/worklists/create": "POST",
    "/something/new": "POST",
}
BODIES = {
    "/tools/log-level": "trace",
    "/tools/log-level-http": "trace",
    "/tools/metrics": "0",
    "/tools/default-encoding": "Utf8",
    "/tools/unknown-sop-class-accepted": "1",
    "/tools/accepted-transfer-syntaxes": '["1.2.840.10008.1.2"]',
    "/modalities/stolen": '{"AET": "STOLEN", "Host": "192.0.2.1", "Port": 104}',
    "/peers/stolen": '{"Url": "http://192.0.2.1:8042/"}',
    "/dicom-web/servers/stolen": '{"Url": "http://192.0.2.1/dicom-web/"}',
}
# What the staff change with these methods: what is in the archive. Said here in other words than nginx has.
OPEN = re.compile(
    r"(POST|PUT|DELETE) /(patients|studies|series|instances)/(?!.*/export$).*|POST /(instances|dicom-web/studies/?)"
    r"|POST /dicom-web/studies/[0-9.]+/?|POST /stl/encode-(nifti|rtstruct)|(POST|DELETE) /(jobs|queries)/.*"
    r"|POST /tools/(bulk-.*|count-resources|create-.*|find|lookup)(\?.*)?|POST /storage-commitment/.*/remove"
    r"|POST /modalities/[^/]+/(?!configuration$)[^/]+|POST /ui/api/emails/send"
    # Answered by the gate of the shares.
    r"|.* /(auth/tokens/.*|shares.*)"
)


def login(user, password=None):
    credentials = f"{user}:{SITE['pacs_staff_users'].get(user, '') if password is None else password}"
    return "Basic " + base64.b64encode(credentials.encode()).decode()


HOLDERS = {"nobody": None, "anna": login("anna")}


@pytest.fixture(scope="module")
def attacker(site):
    return StaffAttacker(SITE["pacs_domain"], site.certificate)


def orthanc(site, server):
    """How Orthanc runs: since when, what it logs and takes, whom it knows."""
    container = server.compose("ps --quiet orthanc").strip()
    started = server.run(f"docker inspect --format '{{{{.State.StartedAt}}}} {{{{.RestartCount}}}}' {container}")
    asked = (
        "tools/log-level",
        "tools/metrics",
        "tools/default-encoding",
        "tools/accepted-transfer-syntaxes",
        "tools/unknown-sop-class-accepted",
        "modalities?expand",
        "peers",
        "dicom-web/servers",
        "system",
    )
    # The log of changes only grows.
    assert site.json("/changes?last")["Last"] > 0
    return started, {path: site.must("GET", f"/{path}").text for path in asked}


@pytest.fixture(scope="module", autouse=True)
def unchanged(site, server, attacker, studies):
    """After all attacks of this file the archive is what it was, and Orthanc runs as it did, since when it did."""
    before = archive(site, attacker), orthanc(site, server)
    yield
    server.compose("restart staff-gate")
    site.wait_until_it_answers(studies[0], 60)
    assert (archive(site, attacker), orthanc(site, server)) == before


def got_through(answers, refused=REFUSED):
    return [
        f"{request.method} {request.path!r} -> {status}" for request, status, _body in answers if status not in refused
    ]


# ---- Paths and methods ----


@pytest.mark.parametrize("holder", HOLDERS)
def test_what_is_closed_is_closed_however_it_is_written(attacker, holder):
    requests = [
        Request(method, path, {}, BODIES.get(route, "{}"))
        for route, right in CLOSED.items()
        for path in staff_tricks(route)
        for method in sorted({right, "POST"})
    ]
    answers = attacker.run(requests, HOLDERS[holder])
    assert len(answers) > 3000
    assert got_through(answers) == []


@pytest.mark.parametrize("holder", HOLDERS)
def test_no_other_method_reaches_what_is_closed(attacker, holder):
    requests = [Request(method, f"/orthanc{route}", {}, "{}") for route in CLOSED for method in METHODS[2:]]
    assert got_through(attacker.run(requests, HOLDERS[holder])) == []


@pytest.mark.parametrize("holder", HOLDERS)
def test_no_method_is_faked(attacker, studies, holder):
    paths = [f"/orthanc{route}" for route in CLOSED] + [f"/orthanc/studies/{studies[0]['id']}"]
    form, multipart = "application/x-www-form-urlencoded", "multipart/form-data; boundary=b"
    part = 'Content-Disposition: form-data; name="_method"\r\n\r\nDELETE'
    requests = []
    for path in paths:
        for method in ("DELETE", "PUT", "POST"):
            for name in (
                "X-HTTP-Method-Override",
                "x-http-method-override",
                "X-HTTP-METHOD-OVERRIDE",
                "X-HTTP-Method",
                "X-Method-Override",
            ):
                requests += [Request(verb, path, {name: method}, None) for verb in ("GET", "HEAD")]
            requests += [
                Request("GET", f"{path}?{argument}")
                for argument in (
                    f"_method={method}",
                    f"_Method={method}",
                    f"%5fmethod={method}",
                    f"a=b&_method={method.lower()}",
                    f"_method={method}&_method=get",
                    f"_%4dethod={method}",
                    f"&_method={method}",
                    f"_method%3d={method}",
                )
            ]
    answers = attacker.run(requests, HOLDERS[holder])
    assert got_through(answers) == []
    # Orthanc reads no method from a form. That it stays so is seen in the archive.
    study = f"/orthanc/studies/{studies[0]['id']}"
    requests = [
        Request("POST", study, {"Content-Type": form}, "_method=DELETE"),
        Request("POST", study, {"Content-Type": multipart}, f"--b\r\n{part}\r\n--b--\r\n"),
        Request("GET", study, {"Content-Type": form}, "_method=DELETE"),
        Request("GET", study, {"X_HTTP_Method_Override": "DELETE"}),
        Request("GET", study, {"X.HTTP.Method.Override": "DELETE"}),
    ]
    assert not {status for _request, status, _body in attacker.run(requests, HOLDERS[holder])} & {201, 204, 500, 502}


def test_no_route_is_changed_that_is_not_named(server, attacker, studies, site):
    """Every route that Orthanc and its plugins have, as a colleague with a right password."""
    description = json.loads(
        server.compose("exec -T orthanc sh -c 'Orthanc --openapi=/tmp/api.json >/dev/null 2>&1; cat /tmp/api.json'")
    )
    known = site.staff("GET", f"/studies/{studies[0]['id']}").json()
    series = known["Series"][0]
    instance = site.staff("GET", f"/series/{series}").json()["Instances"][0]
    names = {
        "patients": known["ParentPatient"],
        "studies": studies[0]["id"],
        "series": series,
        "instances": instance,
        "uid": studies[0]["uid"],
        "series_uid": "1.2.3",
        "instance_uid": "1.2.3",
    }
    found = [filled(route, names) for route in routes(description)]
    closed = [
        Request(method, f"/orthanc{path}", {}, "{}")
        for path in found
        for method in METHODS[2:]
        if not OPEN.fullmatch(f"{method} {path}")
    ]
    assert len(closed) > 3000
    assert got_through(attacker.run(closed, HOLDERS["anna"])) == []
    # Nobody gets an answer but one that refuses.
    everything = [Request(method, f"/orthanc{path}", {}, None) for path in found for method in METHODS]
    assert got_through(attacker.run(everything)) == []


def said(site, lines):
    """The first line of the answer to what no client would send."""
    with socket.create_connection((SITE["pacs_domain"], 443), timeout=20) as connection:
        context = ssl.create_default_context(cafile=str(site.certificate))
        with context.wrap_socket(connection, server_hostname=SITE["pacs_domain"]) as channel:
            channel.sendall(lines.encode("latin-1"))
            channel.settimeout(20)
            try:
                answer = channel.recv(65536)
            except (TimeoutError, ConnectionError):
                return b""
    return answer.partition(b"\r\n")[0]


@pytest.mark.parametrize(
    "target",
    [
        "http://{host}/orthanc/tools/reset",
        "https://{host}/orthanc/tools/reset",
        "https://{host}/orthanc/tools\\reset",
        "https://{host}\\orthanc\\tools\\reset",
        "https://{host}/orthanc/tools/reset.",
        "HTTPS://{host}/orthanc/tools/shutdown.",
        "https://anna@{host}/orthanc/tools%5Creset",
        "https://{host}:443/orthanc/tools%5cshutdown",
        "//{host}/orthanc/tools/reset",
        "orthanc/tools/reset",
        "*",
        "\\orthanc\\tools\\reset",
        "/orthanc/tools/reset HTTP/1.0\r\nX:",
        "?/orthanc/tools/reset",
        "/orthanc/ui/app/ /orthanc/tools/reset",
        "#/orthanc/tools/reset",
        "{host}:443",
        "/orthanc/tools/\xe2\x88\x95/../reset.",
    ],
)
@pytest.mark.parametrize("method", ["POST", "OPTIONS", "CONNECT"])
def test_no_form_of_a_target_gets_through(site, target, method):
    host = SITE["pacs_domain"]
    line = said(
        site,
        f"{method} {target.format(host=host)} HTTP/1.1\r\nHost: {host}\r\nAuthorization: {login('anna')}\r\n"
        "Content-Length: 0\r\nConnection: close\r\n\r\n",
    )
    assert not line or int(line.split()[1]) in REFUSED, line


def test_what_the_staff_do_all_day_goes_on(site, studies):
    """What Explorer 2, OHIF and 3D Slicer ask, in the way they write it."""
    study, uid = studies[0]["id"], studies[0]["uid"]
    for method, path, options in (
        ("GET", "/ui/app/", {}),
        ("GET", "/ui/app/index.html", {}),
        ("GET", "/ohif/app-config.js", {}),
        ("GET", "/system", {}),
        ("GET", "/tools/log-level", {}),
        ("GET", "/tools/metrics-prometheus", {}),
        ("GET", "/modalities?expand", {}),
        ("GET", "/dicom-web/servers", {}),
        ("GET", "/peers", {}),
        ("GET", "/changes?last", {}),
        ("GET", f"/studies/{study}/archive", {}),
        ("GET", f"/dicom-web/studies?StudyInstanceUID={uid}&includefield=00081030%2C00080060", {}),
        ("POST", "/tools/find", {"json": {"Level": "Study", "Query": {}}}),
        ("POST", "/tools/lookup", {"data": uid}),
        ("POST", "/tools/count-resources", {"json": {"Level": "Study", "Query": {}}}),
        ("PUT", f"/studies/{study}/labels/seen", {}),
        ("DELETE", f"/studies/{study}/labels/seen", {}),
    ):
        assert site.staff(method, path, **options).status_code == 200, (method, path)
    image = pydicom.dcmread(next(studies[0]["folder"].glob("*.dcm")), stop_before_pixels=True)
    [instance] = site.find("Instance", SOPInstanceUID=image.SOPInstanceUID)
    tags = site.staff("GET", f"/instances/{instance}/simplified-tags").json()
    frames = f"/dicom-web/studies/{uid}/series/{tags['SeriesInstanceUID']}/instances/{tags['SOPInstanceUID']}/frames"
    for list_of_frames in ("1", "1,1", "1%2C1"):
        assert site.staff("GET", f"{frames}/{list_of_frames}").status_code == 200


# ---- What a browser sends for a page of another site ----


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": ORIGIN.replace("https", "http")},
        {"Origin": f"{ORIGIN}:8443"},
        {"Origin": f"{ORIGIN}.evil.example"},
        {"Origin": f"https://evil.example/{SITE['pacs_domain']}"},
        {"Origin": f"{ORIGIN} https://evil.example"},
        {"Origin": "https://evil.example", "Sec-Fetch-Site": "same-origin"},
        {"Origin": ORIGIN, "Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "cross-site", "Referer": f"{ORIGIN}/orthanc/ui/app/"},
        {"Referer": "https://evil.example/page"},
        {"Referer": f"{ORIGIN}.evil.example/"},
        {"Referer": "http://evil.example/" + ORIGIN + "/"},
    ],
)
@pytest.mark.parametrize(
    "method, path",
    [("POST", "/tools/lookup"), ("DELETE", "/studies/none"), ("PUT", "/auth/tokens/x"), ("POST", "/shares/revoke")],
)
def test_a_change_that_another_site_sends_is_refused(site, method, path, headers):
    assert site.staff(method, path, data="1", headers=dict(headers)).status_code == 403


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": ORIGIN},
        {"Origin": ORIGIN, "Sec-Fetch-Site": "same-origin"},
        {"Sec-Fetch-Site": "none"},
        {"Referer": f"{ORIGIN}/orthanc/ui/app/"},
    ],
)
def test_a_change_of_our_own_pages_and_of_a_program_is_made(site, headers):
    assert site.staff("POST", "/tools/lookup", data="1", headers=dict(headers)).status_code == 200
    # To read from elsewhere shows that page nothing, and a link in a mail is one.
    assert site.staff("GET", "/system", headers={"Origin": "https://evil.example"}).status_code == 200


# ---- The headers of every answer ----

HEADERS = {
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "SAMEORIGIN",
}


def secured(answer):
    assert {name: answer.headers.get(name) for name in HEADERS} == HEADERS, answer.url
    policy = answer.headers.get("Content-Security-Policy", "")
    assert policy.startswith("default-src "), answer.url
    assert "frame-ancestors" in policy


def test_every_location_answers_with_every_header(site, server, studies, token):
    study, uid = studies[0]["id"], studies[0]["uid"]
    wrong = {"user": "anna", "password": "wrong"}
    for status, method, path, options in (
        (302, "GET", "/", {}),
        (404, "GET", "/nothing", {}),
        (404, "GET", "/orthanc/tools%5cnow", {}),
        (403, "PATCH", "/orthanc/system", {}),
        (401, "GET", "/orthanc/system", {}),
        (401, "GET", "/orthanc/system", wrong),
        (401, "GET", "/orthanc/shares", {}),
        (403, "POST", "/orthanc/tools/reset", {"user": "anna"}),
        (403, "GET", "/orthanc/app/explorer.html", {"user": "anna"}),
        (200, "GET", "/orthanc/system", {"user": "anna"}),
        (404, "GET", "/orthanc/studies/none", {"user": "anna"}),
        (200, "GET", "/orthanc/ui/app/", {"user": "anna"}),
        (200, "GET", "/orthanc/ohif/app-config.js", {"user": "anna"}),
        (200, "GET", f"/orthanc/dicom-web/studies/{uid}/series", {"user": "anna"}),
        (200, "GET", f"/orthanc/studies/{study}", {"user": "anna"}),
        (200, "GET", "/orthanc/shares", {"user": "anna"}),
        (422, "POST", "/orthanc/shares/revoke", {"user": "anna", "json": {}}),
        (413, "POST", "/orthanc/shares/revoke", {"user": "anna", "data": "x" * 70000}),
        (200, "GET", "/shares/open/", {}),
        # Whatever is left of a link leads to its page.
        (200, "GET", "/shares/open/nothing.js", {}),
        (403, "GET", "/shares/", {}),
        (403, "POST", "/shares/open/", {}),
        (403, "GET", "/shares/dicom-web/studies", {}),
        (403, "GET", "/shares/.share-check", {}),
        (404, "GET", "/.share-check", {}),
        (404, "GET", "/.staff-check", {}),
        (200, "GET", "/shares/dicom-web/studies", {"token": token}),
        (200, "GET", "/shares/ohif/app-config.js", {}),
        (403, "POST", "/shares/gate/open", {}),
        (413, "POST", "/shares/gate/open", {"data": "x" * 2000}),
    ):
        answer = site.request(method, path, **options)
        assert answer.status_code == status, (method, path)
        secured(answer)
    # While nothing new begins.
    nginx = server.compose("ps --quiet nginx").strip()
    server.run(f"docker exec {nginx} touch /run/pacs-closed")
    try:
        answer = site.staff("POST", "/tools/lookup", data="1")
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "30")
        secured(answer)
    finally:
        server.run(f"docker exec {nginx} rm /run/pacs-closed")
    plain = requests.get(f"http://{SITE['pacs_domain']}/x", timeout=20, allow_redirects=False)
    assert plain.status_code == 301
    secured(plain)


# ---- The log ----


def entries(server, service):
    """The structured lines in the log of a service."""
    lines = server.compose(f"--ansi never logs --no-color --no-log-prefix {service}").splitlines()
    return [json.loads(line[line.index("{") :]) for line in lines if '{"' in line]


@pytest.mark.parametrize(
    "method, path",
    [
        ("GET", "/nothing"),
        ("GET", "/orthanc/x%5cy"),
        ("POST", "/orthanc/tools/reset"),
        ("GET", "/orthanc/system"),
        ("FOO", "/orthanc/system"),
        ("GET", "/shares/studies"),
        ("GET", "/shares/ohif/app-config.js"),
        ("GET", "/"),
        ("GET", "/shares/dicom-web/studies"),
        ("GET", "/.staff-check"),
        ("DELETE", "/shares/open/"),
    ],
)
def test_a_flood_washes_nobodys_line_away(site, server, attacker, studies, method, path):
    site.staff("GET", f"/studies/{studies[0]['id']}?flood={time.time()}")
    before = len(entries(server, "nginx"))
    began = time.monotonic()
    attacker.run([Request(method, path)] * 2000)
    seconds = time.monotonic() - began
    lines = entries(server, "nginx")
    assert len(lines) - before < 450 + 2 * seconds
    # Who opened what is there, also in the middle of it.
    site.staff("GET", f"/studies/{studies[0]['id']}/series")
    time.sleep(1)
    lines = entries(server, "nginx")
    assert [line for line in lines[-5:] if line["path"].endswith("/series") and line["user"] == "anna"]


# ---- Guesses ----

# Runs in a container of its own on the lab's network: as one attacker, or as many.
GUESS = """
import base64, http.client, json, ssl, subprocess, sys, threading, time
host, addresses, each, user, right = json.load(sys.stdin)
for address in addresses[1:]:
    subprocess.run(["ip", "address", "add", address + "/24", "dev", "eth0"], check=True)
context = ssl._create_unverified_context()
answers = []
def ask(connection, password, path="/orthanc/system"):
    login = base64.b64encode(f"{user}:{password}".encode()).decode()
    began = time.monotonic()
    connection.request("GET", path, headers={"Authorization": "Basic " + login})
    answer = connection.getresponse()
    body = answer.read().decode()
    kept = {name: value for name, value in answer.getheaders() if name not in ("Date", "Retry-After")}
    return [answer.status, kept, body.replace(answer.getheader("Retry-After", "?"), "N"), time.monotonic() - began]
def guess(address):
    connection = http.client.HTTPSConnection(host, context=context, timeout=60, source_address=(address, 0))
    for number in range(each):
        answers.append(ask(connection, f"{address} {number}"))
threads = [threading.Thread(target=guess, args=(address,)) for address in addresses]
began = time.monotonic()
[thread.start() for thread in threads]; [thread.join() for thread in threads]
seconds = time.monotonic() - began
connection = http.client.HTTPSConnection(host, context=context, timeout=60, source_address=(addresses[0], 0))
after = [(kind, path, ask(connection, right if kind == "right" else f"again {n}", path))
         for n in range(20) for kind in ("right", "wrong")
         for path in ("/orthanc/system", "/orthanc/shares", "/orthanc/ui/app/")]
print(json.dumps({"statuses": [answer[0] for answer in answers], "after": after, "seconds": seconds}))
"""


def attack(addresses, each, user):
    image = subprocess.run(
        ["docker", "inspect", "--format", "{{.Config.Image}}", SERVER], capture_output=True, text=True, check=True
    ).stdout.strip()
    told = json.dumps([SITE["pacs_domain"], addresses, each, user, SITE["pacs_staff_users"][user]])
    network = SITE["lab_server_network"]
    done = subprocess.run(
        [
            "docker",
            "run",
            "--rm",
            "--interactive",
            "--cap-add=NET_ADMIN",
            f"--network={network}",
            f"--ip={addresses[0]}",
            "--entrypoint=python3",
            image,
            "-c",
            GUESS,
        ],
        input=told,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def tells_nothing(after):
    """The right password and wrong ones have the same answer. Orthanc, which would take its time, is not asked."""
    for path in {path for _kind, path, _answer in after}:
        kinds = {
            kind: [answer for asked, place, answer in after if (asked, place) == (kind, path)]
            for kind in ("right", "wrong")
        }
        shown = {kind: {json.dumps(answer[:3], sort_keys=True) for answer in kinds[kind]} for kind in kinds}
        assert shown["right"] == shown["wrong"]
        assert {answer[0] for answer in kinds["right"]} == {429}


@pytest.fixture
def forgetful(server, site, studies):
    """A gate that has counted nothing yet, and forgets afterwards what this test had it count."""

    def restart():
        server.compose("restart staff-gate")
        # For two seconds nginx itself knows who may in, whether the gate answers or not.
        server.wait_until_healthy(60)
        site.wait_until_it_answers(studies[0], 60)

    restart()
    yield
    restart()


def test_guesses_from_one_address_end(forgetful, site, server, studies):
    before = len(entries(server, "staff-gate"))
    result = attack(["10.213.42.99"], 500, "digits")
    assert result["statuses"].count(401) == 10
    assert set(result["statuses"][10:]) == {429}
    tells_nothing(result["after"])
    # The same name with the right password from another address, a colleague, and a scanner.
    assert site.request("GET", "/orthanc/system", user="digits").status_code == 200
    assert site.staff("GET", "/system").status_code == 200
    assert set(site.send(sorted(studies[0]["folder"].glob("*.dcm")))) == {0x0000}
    lines = entries(server, "staff-gate")[before:]
    assert {line["event"] for line in lines} == {"login refused", "login locked"}
    assert {(line["user"], line["address"]) for line in lines} == {("digits", "10.213.42.99")}
    assert len(lines) < 200
    logs = server.compose("logs --no-color staff-gate share-gate nginx")
    assert SITE["pacs_staff_users"]["digits"] not in logs
    assert login("digits")[6:] not in logs


def test_guesses_from_many_addresses_end(forgetful, site, studies):
    # Who has been in from there today goes on.
    assert site.request("GET", "/orthanc/system", user="digits").status_code == 200
    result = attack([f"10.213.42.{number}" for number in range(100, 124)], 40, "digits")
    assert result["statuses"].count(401) == 100
    assert set(result["statuses"]) == {401, 429}
    tells_nothing(result["after"])
    for user in ("digits", "anna"):
        time.sleep(2.5)
        assert site.request("GET", "/orthanc/system", user=user).status_code == 200
    assert set(site.send(sorted(studies[0]["folder"].glob("*.dcm")))) == {0x0000}


def test_who_guesses_from_an_address_that_is_not_known_locks_out_no_colleague(forgetful, server):
    """At the server's loopback: nginx sees Docker's gateway, as with everybody who calls over IPv6."""
    ask = (
        "curl --silent --insecure --output /dev/null --write-out '%{http_code} ' --connect-to ::127.0.0.1:"
        f" {ORIGIN}/orthanc/system --header 'Authorization: "
    )
    for number in range(25):
        assert server.run(f"{ask}{login(f'name{number}', 'wrong')}'").strip() == "401"
    assert server.run(f"{ask}{login('anna')}'").strip() == "200"
    assert {line["address"] for line in entries(server, "staff-gate")[-25:]} == {
        "not known (IPv6, or the server itself)"
    }


def test_a_locked_answer_has_a_sentence_and_says_when(forgetful, site):
    for number in range(10):
        assert site.request("GET", "/orthanc/system", user="dollar", password=f"wrong {number}").status_code == 401
    answer = site.request("GET", "/orthanc/system", user="dollar")
    assert answer.status_code == 429
    assert 800 < int(answer.headers["Retry-After"]) <= 900
    assert answer.text.startswith("Too many wrong passwords")
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
    secured(answer)
    # Every way in counts: the gate of the shares as well.
    assert site.request("GET", "/orthanc/shares", user="dollar").status_code == 429
    assert site.request("PUT", "/orthanc/auth/tokens/x", user="dollar", data="{}").status_code == 429
    assert site.request("GET", "/orthanc/dicom-web/studies", user="dollar").status_code == 429


def in_cache(server, command):
    """A command for a shell in nginx's container, as its workers' user, whom Docker knows by the number only."""
    nginx = server.compose("ps --quiet nginx").strip()
    user = server.run(f"docker exec {nginx} stat -c %u /var/cache/nginx/staff-check")
    return server.run(f"docker exec --user {user} {nginx} sh -c '{command}'")


def test_no_password_lies_in_nginxs_cache(site, server):
    assert site.request("GET", "/orthanc/system", user="anna").status_code == 200
    cached = in_cache(server, "cat $(find /var/cache/nginx/staff-check -type f) /dev/null")
    assert "KEY: " in cached
    assert login("anna")[6:] not in cached
    nginx = server.compose("ps --quiet nginx").strip()
    assert server.run(f"docker exec {nginx} stat -f -c %T /var/cache/nginx") == "tmpfs"


def test_without_the_gate_the_staff_are_refused_and_told_so(site, server, studies):
    server.compose("kill staff-gate")
    try:
        time.sleep(2.5)
        for method, path in (("GET", "/system"), ("GET", "/ui/app/"), ("POST", "/tools/find"), ("GET", "/shares")):
            answer = site.staff(method, path)
            assert answer.status_code == 503
            assert answer.text.startswith("Passwords can't be checked right now")
            assert answer.headers["Retry-After"] == "30"
            secured(answer)
        assert set(site.send(sorted(studies[0]["folder"].glob("*.dcm")))) == {0x0000}
    finally:
        server.compose("start staff-gate")
        site.wait_until_it_answers(studies[0], 90)


def test_a_thousand_requests_ask_the_gate_a_few_times(site, server, attacker):
    """Counted by Orthanc's answers to the gate's question, which nginx never asks."""
    login_of_anna = HOLDERS["anna"]
    began = time.monotonic()
    answers = attacker.run([Request("GET", "/orthanc/tools/now")] * 1000, login_of_anna)
    seconds = time.monotonic() - began
    assert {status for _request, status, _body in answers} == {200}
    files = in_cache(server, "find /var/cache/nginx/staff-check -type f").splitlines()
    assert 0 < len(files) < seconds + 12
