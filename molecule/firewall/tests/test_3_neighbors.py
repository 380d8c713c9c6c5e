"""Other people's rules beside ours, restarts, a reboot, and the end of it."""

import contextlib
import subprocess

import pytest
from conftest import (
    ADDRESSES,
    SERVER,
    TABLE,
    UNIT,
    ask,
    ask_inside,
    changed,
    it_listens,
    knocking,
    loaded,
    play,
    server,
    wait_until,
)

testinfra_hosts = [f"docker://{SERVER}"]


def check_who_gets_through():
    for address in ADDRESSES.values():
        assert ask("scanner", 4242, address).startswith("open")
        assert ask("workstation", 4242, address).startswith("open")
        assert ask("stranger", 4242, address) == "silent"
        assert ask("moved", 4242, address) == "silent"
    assert ask_inside("other", 4242, ADDRESSES["ipv4"]) == "silent"


@contextlib.contextmanager
def strangers():
    """Strangers who try all the time, and never get through."""
    with knocking("stranger") as ipv4, knocking("stranger", "ipv6") as ipv6:
        yield
    assert ipv4["tries"] and ipv6["tries"]
    assert ipv4["through"] == ipv6["through"] == []


def restart_docker():
    server("systemctl reset-failed docker docker.socket; systemctl restart docker")
    wait_until(it_listens)


def test_restarts_of_docker():
    with strangers():
        restart_docker()
    check_who_gets_through()


def test_rules_of_others_live_on():
    server("nft 'table ip foreign { chain input { type filter hook input priority 10; counter; }; }'")
    before = server("nft --stateless list table ip foreign")
    docker = server("nft --stateless list table ip nat 2>/dev/null")
    server(f"nft delete table {TABLE}")
    assert changed(play()) == 1
    assert server("nft --stateless list table ip foreign") == before
    assert server("nft --stateless list table ip nat 2>/dev/null") == docker
    server("nft delete table ip foreign")


def test_ufw_beside_it():
    server("apt-get install --yes --no-install-recommends --no-download ufw")
    server("ufw --force enable && ufw allow 4242/tcp")
    try:
        check_who_gets_through()
        assert changed(play(None, "--check")) == 0
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
        assert loaded() == before
    server("systemctl stop nftables")
    # The operator's next run puts right what is ours.
    assert changed(play()) == 1
    assert loaded() == before
    restart_docker()
    check_who_gets_through()


def test_a_reboot():
    with strangers(), knocking("scanner") as scanner:
        subprocess.run(["docker", "restart", SERVER], check=True, capture_output=True)
        wait_until(it_listens, 60)
    assert scanner["through"]
    check_who_gets_through()
    # Loaded before Docker began to start.
    times = "systemctl show --value --property={} {}"
    ours = int(server(times.format("ActiveEnterTimestampMonotonic", UNIT)))
    dockers = int(server(times.format("ExecMainStartTimestampMonotonic", "docker")))
    assert 0 < ours < dockers
    assert changed(play(None, "--check")) == 0


@pytest.fixture(scope="module")
def switched_off():
    other = server("nft --stateless list table ip nat 2>/dev/null")
    assert changed(play({"firewall_enabled": False}, "--check")) == 2
    assert TABLE in loaded()
    assert changed(play({"firewall_enabled": False})) == 2
    yield
    assert server("nft --stateless list table ip nat 2>/dev/null") == other
    assert changed(play()) == 2
    check_who_gets_through()


def test_switched_off_it_leaves_nothing_behind(switched_off):
    assert TABLE not in server("nft list tables")
    assert server("find /etc -name '*threedpc*'") == ""
    assert server(f"systemctl show --value --property=LoadState {UNIT}") == "not-found"
    server(f"nft add table {TABLE}")
    assert changed(play({"firewall_enabled": False})) == 1
    assert TABLE not in server("nft list tables")
    assert changed(play({"firewall_enabled": False})) == 0


def test_switched_off_everybody_gets_in(switched_off):
    # So it was the firewall that kept them out in every test before.
    for client in ("stranger", "moved", "scanner"):
        for address in ADDRESSES.values():
            assert ask(client, 4242, address).startswith("open")
    assert ask("stranger", 4242, "172.30.42.11").startswith("open")
    assert ask_inside("other", 4242, ADDRESSES["ipv4"]).startswith("open")
