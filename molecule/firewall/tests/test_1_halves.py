# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Callers that begin and never finish: they hold up nobody, and it is known who they were."""

import contextlib
import ipaddress
import json
import re
import subprocess

from conftest import (
    ADDRESSES,
    CLIENTS,
    HAPROXY,
    ORTHANC,
    SCENARIO,
    SERVER,
    call,
    dicom_log,
    docker,
    ends,
    server,
    wait_until,
)

testinfra_hosts = [f"docker://{SERVER}"]

# The first bytes of each kind: nothing at all, the head of a request that never comes, half of one, lengths that nobody
# can hold, something else than DICOM, and another PDU than the first one must be.
HALF = "010000001000" + "00010000" + b"GATE            CT1             ".hex()
KINDS = {
    "silent": "",
    "head": "010000001000",
    "half": HALF,
    "4 GB": "0100ffffffff",
    "web": b"GET / HTTP/1.1\r\nHost: gate\r\n\r\n".hex(),
    "data": "040000000010" + "00" * 16,
}
GATEWAY = "172.30.42.1"
# As the kernel writes it. Other tests connect to Orthanc from beside it, and it keeps what they leave behind.
HAPROXY_THERE = ipaddress.ip_address(HAPROXY).packed[::-1].hex().upper()
AT_ONCE = ("4 GB", "web", "data")
ECHOES = [("scanner", call("CT1")), ("angio", call("ANGIO", tls={})), ("scanner", call("US1", family="ipv6"))]


@contextlib.contextmanager
def holding(client: str, port: int, kinds: dict, each: int, family: str = "ipv4"):
    """A client that holds such connections all the time; afterwards the dictionary says how they were closed."""
    wanted = {"address": ADDRESSES[family], "port": port, "kinds": kinds, "each": each, "tls": port == 2762}
    command = ["docker", "exec", "--interactive", f"{SERVER}-{client}", "python3", "-c"]
    command += [(SCENARIO / "tests/hold.py").read_text(), json.dumps(wanted)]
    result = {}
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout.readline() == "held\n"
            yield result
            # It was still holding them when the others were through.
            assert process.poll() is None
        finally:
            result |= json.loads(process.communicate("\n")[0] or "{}")


def stored(study: str) -> list[str]:
    return ends(("scanner", call("CT1", "store", study=study, count=100)))


def test_half_associations_hold_up_nobody():
    # Eight of each kind, from a listed address, and others when they are closed.
    with holding("scanner", 4242, KINDS, 8) as plain:
        with holding("angio", 2762, KINDS, 5) as secure:
            assert ends(*ECHOES) == ["0x0000"] * 3
            assert stored("2.25.1101") == ["0x0000"]
            assert ends(*ECHOES) == ["0x0000"] * 3
            # Until one that was held for its whole time has been closed.
            wait_until(lambda: any(e["refused"].endswith("finished") and e["port"] == 2762 for e in dicom_log()), 60)
    for closed in (plain, secure):
        for kind in AT_ONCE:
            assert closed[kind]
        # Nobody is answered whose request is not there.
        assert {answer for ends_of_kind in closed.values() for _seconds, answer in ends_of_kind} <= {""}


def test_it_is_known_who_they_were():
    seen = {(entry["client"], entry["port"], entry["calling"], entry["refused"]) for entry in dicom_log()}
    for client, port in (("scanner", 4242), ("angio", 2762)):
        address = CLIENTS[client]["ipv4"]
        assert (address, port, "", "association request not finished") in seen
        assert (address, port, "CT1", "association request not finished") in seen
        assert (address, port, "", "association request too long") in seen
        assert (address, port, "", "not an association request") in seen


def test_a_large_request_in_pieces_is_an_association():
    code = (SCENARIO / "tests/pieces.py").read_text()
    for pause in ("0", "0.05"):
        run = [
            "exec",
            f"{SERVER}-scanner",
            "python3",
            "-c",
            code,
            "CT1",
            "GATE",
            ADDRESSES["ipv4"],
            "4242",
            "128",
            pause,
        ]
        size, answer = docker(*run).split()
        assert int(size) > 18000
        # An A-ASSOCIATE-AC.
        assert answer.startswith("0200")


def test_one_address_has_a_limit_and_others_have_theirs():
    # Each is closed after 5 seconds and begun again, so that nearly all of them are always there.
    with holding("scanner", 4242, {"silent": ""}, 70):
        wait_until(lambda: ends(("scanner", call("CT1"))) == ["Local limit exceeded"], 60)
        assert ends(("angio", call("ANGIO", tls={}))) == ["0x0000"]
    assert ends(("scanner", call("CT1"))) == ["0x0000"]
    assert any(entry["refused"] == "too many connections at once" for entry in dicom_log())


def test_one_caller_over_ipv6_does_not_use_up_what_the_others_may_do():
    """Though Docker hands all of them on from one address. Each is known by its title as soon as it said it."""
    callers = [
        ("scanner", call("US1", family="ipv6")),
        ("workstation", call("PLANNING", family="ipv6", tls={})),
        # Nor what those over IPv4 may do.
        ("scanner", call("CT1")),
        ("angio", call("ANGIO", tls={})),
    ]
    # Each is closed after 5 seconds and begun again 3 seconds later; still more are there than one address may open.
    for client, port in (("scanner", 4242), ("workstation", 2762)):
        with holding(client, port, {"silent": ""}, 250, "ipv6"):
            assert ends(*callers, *callers) == ["0x0000"] * 8
    unknown = "not known (IPv6, or the server itself)"
    seen = {(entry["client"], entry["port"], entry["calling"], entry["refused"]) for entry in dicom_log()}
    for port, title in ((4242, "US1"), (2762, "PLANNING")):
        assert (unknown, port, title, "") in seen
        assert (unknown, port, "", "association request not finished") in seen
    assert GATEWAY not in {client for client, *_rest in seen}
    lines = server("cd /opt/pacs && docker compose logs --no-log-prefix nginx").splitlines()
    entries = [json.loads(line[line.index("{") :]) for line in lines if '"certificate"' in line]
    assert unknown in {entry["client"] for entry in entries if entry["verified"] == "SUCCESS"}


def to_orthanc() -> list[str]:
    """The sockets of Orthanc's DICOM port that HAProxy has opened."""
    pid = server("docker inspect --format '{{.State.Pid}}' pacs-orthanc-1")
    lines = server(f"cat /proc/{pid}/net/tcp /proc/{pid}/net/tcp6").splitlines()
    return [line for line in lines if re.search(rf"^ *\d+: \S+:1092 \S*{HAPROXY_THERE}:\S+ (01|08) ", line)]


def test_a_check_of_the_port_never_reaches_orthanc():
    scan = "import socket, sys\nfor _ in range(100): socket.create_connection((sys.argv[1], int(sys.argv[2]))).close()"
    wait_until(lambda: not to_orthanc(), 60)
    for client, port in (("scanner", 4242), ("angio", 2762)):
        docker("exec", f"{SERVER}-{client}", "python3", "-c", scan, ADDRESSES["ipv4"], str(port))
    assert ends(*ECHOES) == ["0x0000"] * 3
    # What has ended with an association is closed as well.
    wait_until(lambda: not to_orthanc(), 60)


def test_what_orthanc_left_behind_does_not_keep_the_site_from_changing():
    # A caller that Orthanc hears of and that leaves without an association, from beside it: HAProxy would not let it.
    knock = f"import socket\nfor _ in range(5): socket.create_connection(('{ORTHANC}', 4242)).close()"
    server(f'docker exec beside python3 -c "{knock}"')
    try:
        server("pacs drain close --patience 60 --closed 120")
    finally:
        server("pacs drain open")
    counted = json.loads(server("pacs status --json || true"))["result"]["orthanc"]
    assert 0 < counted["files"] < counted["limit"]
