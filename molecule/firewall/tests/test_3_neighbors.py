# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Other people's rules beside ours, restarts, a reboot, and the end of it."""

import contextlib

import deployed
import pytest
from conftest import (
    ADDRESSES,
    CLIENTS,
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
from ways_out import from_container, from_user

testinfra_hosts = [f"docker://{SERVER}"]


# A service of the server's own, on a port that is not the PACS's.
OTHER = 8422
NOBODY = 65534
JAIL = """[DEFAULT]
banaction = nftables[type=allports]
[sshd]
enabled = false
[other]
enabled = true
backend = polling
filter = sshd
logpath = /var/log/other.log
"""


@contextlib.contextmanager
def neighbor(*packages: str):
    """Packages of the distribution, as its administrator installs and removes them, and the other service."""
    server(f"apt-get install --yes --no-install-recommends --no-download {' '.join(packages)}")
    server(f"systemd-run --unit=other --quiet python3 -m http.server {OTHER}")
    try:
        yield
    finally:
        server(f"systemctl stop other; apt-get purge --yes {' '.join(packages)}")


def reaches_other(client: str) -> bool:
    return ask(client, OTHER, ADDRESSES["ipv4"]) == OPEN


def check_who_gets_through():
    """Every row of the table ends as it did, and nobody gets out, or to the containers, who did not."""
    found = dict(zip(ROWS, ends(*[row[:2] for row in ROWS.values()]), strict=True))
    assert found == {name: row[2] for name, row in ROWS.items()}
    # Nobody listens there. Whoever is let out hears that from the machine itself.
    out = [(CLIENTS["scanner"]["ipv4"], 104), (CLIENTS["scanner"]["ipv4"], 8000), (CLIENTS["stranger"]["ipv4"], 8000)]
    refused = "[Errno 111] Connection refused"
    assert from_container(server, "pacs-orthanc-1", out) == [refused, "silent", "silent"]
    # Not asked at the scanner, which one of the tests bans from the server.
    assert from_user(server, 0, out[2:]) == [refused]
    inside = [(ORTHANC, 8042), (ADDRESSES["ipv4"], 4242), ("127.0.0.1", 4242)]
    assert from_user(server, NOBODY, inside) == ["silent"] * 3
    assert from_user(server, 0, inside) == ["open"] * 3


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
        for restart in ("ufw reload", "systemctl restart ufw"):
            server(restart)
            check_who_gets_through()
    finally:
        server("ufw --force disable")


def check_that_a_run_leaves(table: str):
    """The operator's run puts back what is ours and touches nothing of another table."""
    before = server(f"nft --stateless list table {table}")
    server(f"nft delete table {TABLE}")
    assert changed(close()) == 1
    assert server(f"nft --stateless list table {table}") == before
    check_who_gets_through()


def firewalld(change: str):
    server(f"firewall-cmd --quiet --permanent {change} && firewall-cmd --quiet --reload")
    # Docker makes its rules again after a reload.
    wait_until(it_answers, 60)


def test_firewalld_beside_it():
    before = loaded()
    with neighbor("firewalld"):
        # Docker tells firewalld of its networks when it starts.
        restart_docker()
        assert not reaches_other("scanner")
        # Callers over IPv6 come to Docker's proxy, a program of the server, which firewalld has to let in as well.
        firewalld(f"--add-port={OTHER}/tcp --add-port=4242/tcp --add-port=2762/tcp")
        assert reaches_other("scanner")
        assert loaded() == before
        check_that_a_run_leaves("inet firewalld")
        assert reaches_other("scanner")
        firewalld(f"--remove-port={OTHER}/tcp")
        assert not reaches_other("scanner")
        check_who_gets_through()
        server("systemctl restart firewalld")
        # It says that it is there before Docker has made its rules again.
        wait_until(it_answers, 60)
        assert loaded() == before
        check_who_gets_through()
    restart_docker()
    check_who_gets_through()


def test_fail2ban_beside_it():
    before = loaded()
    with neighbor("fail2ban", "python3-systemd"):
        server(f"touch /var/log/other.log; cat > /etc/fail2ban/jail.d/other.local <<'END'\n{JAIL}END")
        server("systemctl restart fail2ban && timeout 30 sh -c 'until fail2ban-client ping; do sleep 0.3; done'")
        assert reaches_other("scanner")
        server(f"fail2ban-client set other banip {CLIENTS['scanner']['ipv4']}")
        wait_until(lambda: not reaches_other("scanner"), 30)
        assert reaches_other("moved")
        check_that_a_run_leaves("inet f2b-table")
        assert not reaches_other("scanner")
        server(f"fail2ban-client set other unbanip {CLIENTS['scanner']['ipv4']}")
        wait_until(lambda: reaches_other("scanner"), 30)
        assert loaded() == before


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
    with strangers():
        with knocking("scanner") as scanner:
            deployed.reboot(SERVER)
            wait_until(lambda: ask("scanner", 4242, ADDRESSES["ipv4"]) == OPEN)
        # Who knocks so often is soon one of whom HAProxy takes no more.
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
    assert changed(close({"pacs_firewall_enabled": False}, "--check")) == 2
    assert TABLE in loaded()
    assert changed(close({"pacs_firewall_enabled": False})) == 2
    yield
    assert server("nft --stateless list table ip nat 2>/dev/null") == other
    assert changed(close()) == 2
    check_who_gets_through()


def test_switched_off_it_leaves_nothing_behind(switched_off):
    assert TABLE not in server("nft list tables")
    assert server("find /etc -name '*threedpc*firewall*'") == ""
    assert server(f"systemctl show --value --property=LoadState {UNIT}") == "not-found"
    server(f"nft add table {TABLE}")
    assert changed(close({"pacs_firewall_enabled": False})) == 1
    assert TABLE not in server("nft list tables")
    assert changed(close({"pacs_firewall_enabled": False})) == 0


def test_switched_off_everybody_gets_in(switched_off):
    # So it was the firewall that kept them out in every test before.
    for client in ("stranger", "moved", "scanner"):
        assert ask(client, 4242, *ADDRESSES.values()) == OPEN
        assert ask(client, 2762, *ADDRESSES.values()) == OPEN
    assert ask("stranger", 4242, ORTHANC) == OPEN
    assert ask_inside("other", 4242, ADDRESSES["ipv4"]) == OPEN
