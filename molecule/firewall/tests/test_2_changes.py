"""Runs that change the list, runs that repair, and runs that write nothing: never a moment for a stranger."""

import subprocess
import time

import pytest
from conftest import ADDRESSES, RULES, SERVER, SITE, TABLE, UNIT, ask, changed, knocking, loaded, play, server

testinfra_hosts = [f"docker://{SERVER}"]

MOVED = {"name": "moved", "aet": "MOVED", "address": SITE["lab_clients"]["moved"]["ipv4"]}
WITH_MOVED = {"pacs_modalities": [*SITE["pacs_modalities"], MOVED]}
WITHOUT_SCANNER = {"pacs_modalities": [entry for entry in SITE["pacs_modalities"] if entry["aet"] != "CT1"]}


@pytest.fixture(autouse=True, scope="module")
def as_before():
    yield
    assert play().returncode == 0


def test_a_dry_run_shows_the_exact_rules_and_changes_nothing():
    before = loaded(), server(f"cat {RULES}")
    run = play(WITH_MOVED, "--check", "--diff")
    assert changed(run) == 1
    shown = [line for line in run.stdout.splitlines() if line.startswith(("+ ", "- "))]
    assert shown == [f"+            {MOVED['address']},"]
    assert (loaded(), server(f"cat {RULES}")) == before
    assert ask("moved", 4242, ADDRESSES["ipv4"]) == "silent"


def test_a_changed_list_is_loaded_at_once_and_no_stranger_slips_in():
    say = f"exec 3<>/dev/tcp/{ADDRESSES['ipv4']}/4242; read -u 3; while read w; do echo $w >&3; head -1 <&3; done"
    talk = ["docker", "exec", "--interactive", f"{SERVER}-scanner", "bash", "-c", say]
    options = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(talk, **options) as study, knocking("stranger") as ipv4, knocking("stranger", "ipv6") as ipv6:
        study.stdin.write("before\n")
        study.stdin.flush()
        assert study.stdout.readline() == "before\n"
        assert changed(play(WITH_MOVED)) == 2
        assert ask("moved", 4242, ADDRESSES["ipv4"]).startswith("open")
        assert changed(play(WITHOUT_SCANNER)) == 2
        assert ask("moved", 4242, ADDRESSES["ipv4"]) == "silent"
        assert ask("scanner", 4242, ADDRESSES["ipv4"]) == "silent"
        # A study on its way is not torn down with the list.
        study.stdin.write("after\n")
        study.stdin.close()
        assert study.stdout.read() == "after\n"
        assert changed(play()) == 2
        assert ask("scanner", 4242, ADDRESSES["ipv4"]).startswith("open")
    assert ipv4["tries"] > 200 and ipv6["tries"] > 200
    assert ipv4["through"] == ipv6["through"] == []


@pytest.mark.parametrize(
    "damage",
    [
        f"nft delete table {TABLE}",
        f"nft add element {TABLE} modalities4 {{ 10.213.43.0/24 }}",
        f"nft insert rule {TABLE} dicom accept",
        f"systemctl disable --quiet {UNIT}",
        f"echo '# by hand' >> {RULES}",
    ],
)
def test_what_was_changed_by_hand_is_put_right(damage):
    before = loaded()
    server(damage)
    assert changed(play(None, "--check")) == 1
    assert changed(play()) == 1
    assert loaded() == before
    assert server(f"systemctl is-active {UNIT}; systemctl is-enabled {UNIT}").split() == ["active", "enabled"]
    assert ask("stranger", 4242, ADDRESSES["ipv4"]) == "silent"


def test_rules_that_are_not_valid_never_replace_valid_ones():
    before = loaded(), server(f"cat {RULES}")
    run = play({"__firewall_dicom_sources": {"ipv4": ["10.1.2.300"], "ipv6": []}})
    assert run.returncode != 0
    assert "10.1.2.300" in run.stdout and "old one stays in place" in run.stdout
    assert (loaded(), server(f"cat {RULES}")) == before


def test_500_scanners_cost_at_most_twice_the_time_of_5():
    def seconds(number):
        scanners = [
            {"name": f"ct{n}", "aet": f"CT{n}", "address": f"10.99.{n // 200}.{n % 200 + 1}"} for n in range(number)
        ]
        start = time.monotonic()
        assert changed(play({"pacs_modalities": scanners})) == 2
        return time.monotonic() - start

    few, many = seconds(5), seconds(500)
    assert "10.99.2.1-10.99.2.100" in loaded()
    assert many <= 2 * few


def test_a_way_in_of_the_operator_is_not_filtered():
    run = play({"ansible_port": 4242})
    assert run.returncode != 0
    assert "Ansible comes in by port 4242" in run.stdout
