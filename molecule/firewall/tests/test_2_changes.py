# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs that change the list, runs that repair, and runs that write nothing: never a moment for a stranger."""

import contextlib
import subprocess
import time

import pytest
from conftest import (
    ADDRESSES,
    CLIENTS,
    OPEN,
    RULES,
    SERVER,
    SILENT,
    SITE,
    TABLE,
    UNIT,
    UNKNOWN,
    ask,
    bring_certificate,
    browse,
    call,
    changed,
    close,
    ends,
    loaded,
    modality,
    play,
    server,
    staff,
    strangers,
)

testinfra_hosts = [f"docker://{SERVER}"]

ADDRESS = CLIENTS["moved"]["ipv4"]
PLAIN = {"name": "ct2", "aet": "CT2", "address": ADDRESS, "allow": ["echo"]}
SECURE = {"name": "us2", "aet": "US2", "address": ADDRESS, "tls": True}
MORE = {"pacs_modalities": [*SITE["pacs_modalities"], PLAIN, SECURE]}
FEWER = {"pacs_modalities": [entry for entry in SITE["pacs_modalities"] if entry["name"] != "ct1"]}
FILES = f"cat {RULES} /opt/pacs/config/nginx/*"


@pytest.fixture(autouse=True, scope="module")
def as_before():
    yield
    assert play().returncode == 0


def containers() -> str:
    """When each container was started."""
    return server("docker inspect --format '{{.Name}} {{.State.StartedAt}}' $(docker ps --quiet)")


@contextlib.contextmanager
def sending(client: str, request: dict):
    """A modality in the middle of a study; afterwards the list has the status of each instance, and the end."""
    lines = []
    command = ["docker", "exec", "--interactive", f"{SERVER}-{client}", *modality(request)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        lines.append(process.stdout.readline().strip())
        yield lines
        hurry = time.monotonic()
        lines += process.communicate("\n")[0].split()
    # It was still in the middle when it was told to hurry.
    assert time.monotonic() - hurry > 0.5


def stored(study: str) -> int:
    return len(staff("POST", "/tools/find", json={"Level": "Instance", "Query": {"StudyInstanceUID": study}}).json())


def test_a_dry_run_shows_the_exact_changes_and_makes_none():
    before = loaded(), server(FILES), staff("GET", "/modalities?expand").json()
    run = play(MORE, "--check", "--diff")
    # Rules, certificates, configuration, what Compose would do with it, modalities.
    assert changed(run) == 5, run.stdout[-6000:]
    shown = [line for line in run.stdout.splitlines() if line.startswith(("+ ", "- "))]
    assert [line for line in shown if line.endswith(",")][:2] == [f"+            {ADDRESS},"] * 2
    assert f"+    proxy_pass {ADDRESS}:104;" in shown
    assert [line.split()[-1] for line in shown if " aet: " in line] == ["CT2", "US2"]
    assert (loaded(), server(FILES), staff("GET", "/modalities?expand").json()) == before
    assert ask("moved", 4242, ADDRESSES["ipv4"]) == SILENT


def test_sources_of_one_scanner_change_nothing_for_the_others():
    several = {**PLAIN, "address": "192.0.2.8", "sources": [f"{ADDRESS}/32"]}
    before = containers()
    assert changed(play({"pacs_modalities": [*SITE["pacs_modalities"], several]})) >= 3
    assert ends(("moved", call("CT2")), ("moved", call("CT1")), ("scanner", call("CT2"))) == [
        "0x0000",
        UNKNOWN,
        UNKNOWN,
    ]
    assert ends(("scanner", call("CT1")), ("scanner", call("MR1")), ("scanner", call("ANGIO"))) == [
        "0x0000",
        UNKNOWN,
        UNKNOWN,
    ]
    assert changed(play()) >= 3
    assert containers() == before


def test_new_scanners_interrupt_nobody_and_no_stranger_slips_in():
    # Slow enough for the changes of a busy machine, which take minutes.
    slow = {"count": 500, "pause": 4}
    plain = call("CT1", "store", study="2.25.2001", **slow)
    secure = call("ANGIO", "store", study="2.25.2002", tls={}, **slow)
    before = containers()
    with strangers(), sending("scanner", plain) as one, sending("angio", secure) as other:
        assert changed(play(MORE)) >= 5
        bring_certificate("us2", "moved")
        new = ("moved", call("CT2")), ("moved", call("US2", tls={}))
        assert ends(*new) == ["0x0000", "0x0000"]
        # Those who send are taken from the list of the firewall, and finish what they send.
        assert changed(close(FEWER)) == 2
        assert ask("scanner", 4242, ADDRESSES["ipv4"]) == SILENT
        assert changed(close(MORE)) == 2
        # A reload of nginx more, and the ports of the new ones are closed again.
        assert changed(play()) >= 5
        assert ask("moved", 4242, ADDRESSES["ipv4"]) == SILENT
        assert ask("moved", 2762, ADDRESSES["ipv4"]) == SILENT
    assert one == other == ["0x0000"] * 501
    assert stored("2.25.2001") == stored("2.25.2002") == 500
    assert containers() == before
    assert sorted(staff("GET", "/modalities").json()) == sorted(
        [entry["name"] for entry in SITE["pacs_modalities"]] + ["verify"]
    )


@pytest.mark.parametrize(
    "damage",
    [
        f"nft delete table {TABLE}",
        f"nft add element {TABLE} modalities4 {{ 10.213.43.0/24 }}",
        f"nft insert rule {TABLE} tls_modalities accept",
        f"systemctl disable --quiet {UNIT}",
        f"echo '# by hand' >> {RULES}",
    ],
)
def test_what_was_changed_by_hand_is_put_right(damage):
    before = loaded()
    server(damage)
    assert changed(close()) == 1
    assert loaded() == before
    assert server(f"systemctl is-active {UNIT}; systemctl is-enabled {UNIT}").split() == ["active", "enabled"]


def test_rules_that_are_not_valid_never_replace_valid_ones(monkeypatch):
    before = loaded(), server(f"cat {RULES}")
    monkeypatch.setenv("LAB_DICOM_SOURCES", '{"ipv4": ["10.1.2.300"], "ipv6": []}')
    run = close()
    assert run.returncode != 0
    assert "10.1.2.300" in run.stdout and "old one stays in place" in run.stdout
    assert (loaded(), server(f"cat {RULES}")) == before


def test_an_interrupted_run_is_finished_by_the_next():
    # nginx has another configuration than the files say.
    server(
        "cd /opt/pacs/config/nginx && cp loaded.conf /root/ && sed -E -i 's/[0-9a-f]{12}/0123456789ab/' loaded.conf"
        " && docker exec pacs-nginx-1 nginx -c /etc/nginx/pacs/nginx.conf -s reload"
        " && until docker exec pacs-nginx-1 curl -s http://127.0.0.1:8080/ | grep -q 0123456789ab; do sleep 0.2; done"
        " && cp /root/loaded.conf loaded.conf"
    )
    assert changed(play()) == 1


@pytest.mark.parametrize(
    "broken, sentences",
    [
        (
            [
                {"name": "a", "aet": "SAME", "address": "10.9.9.9"},
                {"name": "b", "aet": "SAME", "address": "10.9.9.9"},
            ],
            ["gate: pacs_modalities[1] (b): aet is 'SAME'; that is pacs_modalities[0] (a) already"],
        ),
        (
            [
                {"name": "a", "aet": "A", "address": "scanner.hospital.example"},
                {"name": "b", "aet": "B", "address": "10.9.9.8", "sources": ["10.9.0.1/16"]},
            ],
            [
                "gate: pacs_modalities[0] (a): address is 'scanner.hospital.example'; it must be an IPv4 or IPv6",
                "gate: pacs_modalities[1] (b): sources[0] is '10.9.0.1/16'; the address has bits beyond the network",
            ],
        ),
    ],
)
def test_a_list_that_cannot_be_meant_is_refused_before_anything_is_touched(broken, sentences):
    before = server(FILES)
    run = play({"pacs_modalities": broken})
    assert run.returncode != 0
    assert all(sentence in run.stdout for sentence in sentences)
    assert "changed=0" in run.stdout
    assert server(FILES) == before


def test_500_scanners_are_let_in_by_one_short_list():
    scanners = [{"name": f"ct{n}", "aet": f"CT{n}", "address": f"10.99.{n // 200}.{n % 200 + 1}"} for n in range(500)]
    assert changed(play({"pacs_modalities": scanners})) >= 3
    assert "10.99.2.1-10.99.2.100" in loaded()
    assert len(staff("GET", "/modalities").json()) == 501


def test_a_way_in_of_the_operator_is_not_filtered():
    for port in (4242, 2762):
        run = close({"ansible_port": port})
        assert run.returncode != 0
        assert f"Ansible comes in by port {port}" in run.stdout
    assert ask("scanner", 443, ADDRESSES["ipv4"]) == OPEN


@pytest.fixture(scope="module")
def another_site():
    """A site where every modality has TLS, and the staff sits in one network."""
    secure = [entry for entry in SITE["pacs_modalities"] if entry.get("tls")]
    staffed = {"pacs_staff_networks": [CLIENTS["workstation"]["ipv4"]], "pacs_staff_networks_guard": "paths"}
    assert play({"pacs_dicom_enabled": False, "pacs_modalities": secure, **staffed}).returncode == 0


def test_a_site_can_do_without_plain_dicom(another_site):
    assert ends(("angio", call("ANGIO", tls={}))) == ["0x0000"]
    # Nothing listens there any more, and there is no rule for it.
    assert ask("scanner", 4242, *ADDRESSES.values()) == {"[Errno 111] Connection refused"}
    assert "4242" not in loaded()
    assert ask("stranger", 2762, *ADDRESSES.values()) == SILENT


def test_the_staff_can_have_its_paths_for_itself(another_site):
    paths = ("/orthanc/ui/app/", "/orthanc/system", "/shares/../orthanc/system")
    # A path that is not plain is nobody's.
    assert browse("workstation", *paths) == ["401", "401", "404"]
    assert browse("scanner", *paths) == ["403", "403", "404"]
    # What is not the staff's is not closed; this site just has no shares.
    assert browse("scanner", "/shares/open/") == ["404"]
    assert staff("GET", "/system").status_code == 200
