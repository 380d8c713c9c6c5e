"""Other people's rules beside ours, restarts, a reboot, and the end of it."""

import subprocess

import pytest
from conftest import (
    ADDRESSES,
    OPEN,
    ORTHANC,
    SERVER,
    TABLE,
    UNIT,
    ask,
    ask_inside,
    changed,
    close,
    ends,
    it_answers,
    knocking,
    loaded,
    server,
    strangers,
    wait_until,
)
from table import ROWS

testinfra_hosts = [f"docker://{SERVER}"]


def check_who_gets_through():
    """Every row of the table ends as it did."""
    found = dict(zip(ROWS, ends(*[row[:2] for row in ROWS.values()]), strict=True))
    assert found == {name: row[2] for name, row in ROWS.items()}


def restart_docker():
    server("systemctl reset-failed docker docker.socket; systemctl restart docker")
    wait_until(it_answers, 180)


def test_restarts_of_docker():
    with strangers():
        restart_docker()
    check_who_gets_through()


def test_rules_of_others_live_on():
    server("nft 'table ip foreign { chain input { type filter hook input priority 10; counter; }; }'")
    before = server("nft --stateless list table ip foreign")
    docker = server("nft --stateless list table ip nat 2>/dev/null")
    server(f"nft delete table {TABLE}")
    assert changed(close()) == 1
    assert server("nft --stateless list table ip foreign") == before
    assert server("nft --stateless list table ip nat 2>/dev/null") == docker
    server("nft delete table ip foreign")


def test_ufw_beside_it():
    server("apt-get install --yes --no-install-recommends --no-download ufw")
    server("ufw --force enable && ufw allow 4242/tcp && ufw allow 2762/tcp")
    try:
        assert changed(close(None, "--check")) == 0
        server(f"systemctl reload {UNIT}")
        assert "Status: active" in server("ufw status")
        assert "ufw-user-input" in server("iptables --list-rules")
        server("ufw reload")
        check_who_gets_through()
    finally:
        server("ufw --force disable")


def test_the_flush_of_nftables_service():
    # Debian's service erases the tables of everybody, Docker's too, whenever it starts, reloads or stops.
    before = loaded()
    for action in ("restart", "reload", "restart"):
        server(f"systemctl {action} nftables")
        # systemctl waits for that service, not for ours, which systemd starts after it.
        wait_until(lambda: loaded() == before, 10)
    server("systemctl stop nftables")
    # The operator's next run puts right what is ours.
    assert changed(close()) == 1
    assert loaded() == before
    restart_docker()
    check_who_gets_through()


def test_a_reboot():
    with strangers(), knocking("scanner") as scanner:
        subprocess.run(["docker", "restart", SERVER], check=True, capture_output=True)
        wait_until(it_answers, 180)
    assert scanner["through"]
    check_who_gets_through()
    # Loaded before Docker began to start.
    times = "systemctl show --value --property={} {}"
    ours = int(server(times.format("ActiveEnterTimestampMonotonic", UNIT)))
    dockers = int(server(times.format("ExecMainStartTimestampMonotonic", "docker")))
    assert 0 < ours < dockers
    assert changed(close(None, "--check")) == 0


@pytest.fixture(scope="module")
def switched_off():
    other = server("nft --stateless list table ip nat 2>/dev/null")
    assert changed(close({"firewall_enabled": False}, "--check")) == 2
    assert TABLE in loaded()
    assert changed(close({"firewall_enabled": False})) == 2
    yield
    assert server("nft --stateless list table ip nat 2>/dev/null") == other
    assert changed(close()) == 2
    check_who_gets_through()


def test_switched_off_it_leaves_nothing_behind(switched_off):
    assert TABLE not in server("nft list tables")
    assert server("find /etc -name '*threedpc*firewall*'") == ""
    assert server(f"systemctl show --value --property=LoadState {UNIT}") == "not-found"
    server(f"nft add table {TABLE}")
    assert changed(close({"firewall_enabled": False})) == 1
    assert TABLE not in server("nft list tables")
    assert changed(close({"firewall_enabled": False})) == 0


def test_switched_off_everybody_gets_in(switched_off):
    # So it was the firewall that kept them out in every test before.
    for client in ("stranger", "moved", "scanner"):
        assert ask(client, 4242, *ADDRESSES.values()) == OPEN
        assert ask(client, 2762, *ADDRESSES.values()) == OPEN
    assert ask("stranger", 4242, ORTHANC) == OPEN
    assert ask_inside("other", 4242, ADDRESSES["ipv4"]) == OPEN
