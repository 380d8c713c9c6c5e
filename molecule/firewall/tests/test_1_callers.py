# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who gets through to which port, what he may do there, and over which ways."""

import json
import re
import subprocess

import pytest
from conftest import (
    ADDRESSES,
    CLIENTS,
    HAPROXY,
    NGINX,
    OPEN,
    ORTHANC,
    SCENARIO,
    SERVER,
    SILENT,
    SITE,
    TABLE,
    ask,
    ask_inside,
    call,
    changed,
    close,
    dicom_log,
    docker,
    ends,
    server,
    staff,
    verified,
    wait_until,
)
from table import ROWS, STUDIES

testinfra_hosts = [f"docker://{SERVER}"]
WEB = (80, 443)


@pytest.fixture(scope="module")
def table():
    """How each row of the table ends."""
    return dict(zip(ROWS, ends(*[row[:2] for row in ROWS.values()]), strict=True))


@pytest.mark.parametrize("row", ROWS)
def test_modality(table, row):
    assert table[row] == ROWS[row][2]


def test_the_studies_are_in_the_archive(table):
    for study in STUDIES:
        query = {"Level": "Instance", "Query": {"StudyInstanceUID": study}}
        assert len(staff("POST", "/tools/find", json=query).json()) == 3


def test_the_logs_say_why(table):
    orthanc = server("cd /opt/pacs && docker compose logs --no-log-prefix orthanc")
    refused = {(entry["client"], entry["port"], entry["calling"], entry["refused"]) for entry in dicom_log()}
    scanner, angio = CLIENTS["scanner"]["ipv4"], CLIENTS["angio"]["ipv4"]
    assert (scanner, 4242, "MR1", "the calling AE title is listed with another address") in refused
    assert (scanner, 4242, "NOBODY", "the calling AE title is not listed") in refused
    assert (scanner, 4242, "ANGIO", "the calling AE title is not listed") in refused
    assert (scanner, 4242, "CT1", "the called AE title is another") in refused
    # Over TLS with the caller's own address as well.
    assert (angio, 2762, "CT1", "the calling AE title is not listed") in refused
    assert (angio, 2762, "ANGIO", "") in refused
    assert "The DICOM command Find is not allowed" in orthanc
    lines = server("cd /opt/pacs && docker compose logs --no-log-prefix nginx").splitlines()
    entries = [json.loads(line[line.index("{") :]) for line in lines if '"certificate"' in line]
    seen = {(entry["client"], entry["certificate"], entry["verified"].split(":")[0]) for entry in entries}
    assert (CLIENTS["angio"]["ipv4"], "CN=ANGIO", "SUCCESS") in seen
    assert (CLIENTS["forger"]["ipv4"], "CN=MAMMO", "FAILED") in seen
    assert not [entry for entry in entries if entry["upstream"] and entry["verified"] not in ("SUCCESS", "NONE")]


def test_everybody_reaches_the_web():
    for client in ("scanner", "stranger"):
        assert ask(client, WEB, *ADDRESSES.values()) == OPEN


def test_another_container_on_the_server_reaches_the_web_alone():
    here = (ADDRESSES["ipv4"], "172.17.0.1", "172.30.42.1")
    assert ask_inside("other", 443, *here) == OPEN
    assert ask_inside("other", (4242, 2762), *here) == SILENT


def test_nobody_reaches_a_container_around_its_published_port():
    ports = (443, 2762, 4242, 8042)
    # Not even a listed scanner: it has no business there.
    for client in ("stranger", "scanner"):
        assert ask(client, (*ports, 4243), HAPROXY, NGINX, ORTHANC) == SILENT
    assert ask_inside("other", (*ports, 4243), HAPROXY, NGINX, ORTHANC) == SILENT


@pytest.mark.parametrize(
    "port, address", [(4242, "haproxy"), (4242, "orthanc"), (8042, ORTHANC), (443, ADDRESSES["ipv4"])]
)
def test_the_containers_of_the_pacs_reach_each_other(port, address):
    assert ask_inside("beside", port, address) == OPEN


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", *ADDRESSES.values()])
def test_the_server_reaches_itself(address):
    server(f"timeout 2 bash -c 'exec 3<>/dev/tcp/{address}/4242'")


def test_other_ports_are_nobodys_business():
    server("systemd-run --unit=way-in --quiet python3 -m http.server 22 --bind ::")
    try:
        wait_until(lambda: ask("stranger", 22, *ADDRESSES.values()) == OPEN, 60)
    finally:
        server("systemctl stop way-in")


def test_what_is_dropped_is_counted_and_logged():
    def rules():
        return server(f"nft list chain {TABLE} refuse")

    def dropped():
        return int(re.search(r"counter packets (\d+)", rules())[1])

    before = dropped()
    ask("stranger", 4242, ADDRESSES["ipv6"])
    assert dropped() > before
    # The kernel's log of a container is not its own, so the line itself can't be read here.
    assert 'limit rate 10/minute burst 20 packets log prefix "pacs-drop "' in rules()


def stray(client, port):
    """The command of a client that sends a stray packet on an open connection and says what became of it."""
    code = (SCENARIO / "tests/stray.py").read_text()
    return "exec", f"{SERVER}-{client}", "python3", "-c", code, ADDRESSES["ipv4"], str(port)


@pytest.fixture
def receiver():
    """Lets the modality angio receive, with a certificate of its own or another one; returns what it received."""
    running = []

    def start(certificate, key):
        code = (SCENARIO / "tests/receiver.py").read_text()
        command = ["docker", "exec", f"{SERVER}-angio", "sh", "-c", 'exec timeout 900 python3 -c "$0" "$@"', code]
        running.append(subprocess.Popen([*command, "2762", certificate, key]))
        wait_until(lambda: ask("angio", 2762, "127.0.0.1") == OPEN, 30)
        return lambda: docker("exec", f"{SERVER}-angio", "sh", "-c", "cat /dicom/received 2>/dev/null", check=False)

    yield start
    docker("exec", f"{SERVER}-angio", "pkill", "-x", "timeout", check=False)
    for process in running:
        process.wait()


def test_the_archive_sends_over_tls(table, receiver):
    received = receiver("/dicom/cert.pem", "/dicom/key.pem")
    assert staff("POST", "/modalities/angio/echo", json={"Timeout": 50}).status_code == 200
    move = call("CT1", "move", study=STUDIES[0], target="ANGIO")
    assert ends(("scanner", move)) == ["0x0000"]
    assert len(set(received().split())) == 3
    # The way there is Orthanc's alone.
    listener = staff("GET", "/modalities/angio/configuration").json()
    assert listener["Host"] == NGINX
    knock = f"exec 3<>/dev/tcp/{NGINX}/{listener['Port']}; echo DICOM >&3; timeout 5 cat <&3 | wc -c"
    before = len(received())
    assert server(f"docker exec beside bash -c '{knock}'") == "0"
    assert len(received()) == before


def test_the_archive_sends_to_nobody_with_another_certificate(receiver):
    docker(
        "exec",
        f"{SERVER}-angio",
        "sh",
        "-c",
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 9 -subj /CN=ANGIO"
        " -addext keyUsage=critical,digitalSignature,keyCertSign"
        " -addext subjectAltName=DNS:angio -keyout /tmp/key.pem -out /tmp/cert.pem",
    )
    receiver("/tmp/cert.pem", "/tmp/key.pem")
    assert staff("POST", "/modalities/angio/echo", json={}).status_code != 200
    log = server("cd /opt/pacs && docker compose logs --no-log-prefix --since 10m nginx")
    assert "upstream SSL certificate verify error" in log


def test_the_web_is_for_staff_networks_alone_where_the_site_says_so():
    assert changed(close({"pacs_staff_networks": [CLIENTS["workstation"]["ipv4"], "fd42:213:43::25:0/112"]})) == 2
    assert ask("workstation", WEB, *ADDRESSES.values()) == OPEN
    assert ask("scanner", WEB, *ADDRESSES.values()) == SILENT
    assert ask("stranger", WEB, *ADDRESSES.values()) == SILENT
    assert ask_inside("other", WEB, ADDRESSES["ipv4"]) == SILENT
    assert ask_inside("beside", WEB, ADDRESSES["ipv4"]) == OPEN
    assert ask("scanner", 4242, *ADDRESSES.values()) == OPEN
    assert changed(close()) == 2


@pytest.mark.parametrize("port", [443, 4242])
def test_a_packet_out_of_place_resets_nothing(port):
    # Docker does not translate it, so the server gets it, which knows nothing of the connection.
    assert docker(*stray("scanner", port)) == "open"


def test_the_proof_stands_outside_the_list():
    checks = ("outside-4242", "outside-2762")
    outside = {"verify_outside_address": SITE["pacs_verify_address"], "verify_timeout": 5}
    assert verified({}, *checks, "echo", "find-not-allowed") == ["not checked"] * 2 + ["passed"] * 2
    # From a listed address the promise is not kept.
    assert verified(outside, *checks) == ["failed"] * 2
    unlisted = outside | {"pacs_verify_address": ""}
    assert changed(close(unlisted)) == 2
    assert verified(unlisted, *checks) == ["passed"] * 2
    assert changed(close()) == 2
