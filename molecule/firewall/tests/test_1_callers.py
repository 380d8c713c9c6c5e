"""Who gets through to which port, and over which ways."""

import re

import pytest
from conftest import ADDRESSES, SERVER, SITE, TABLE, ask, ask_inside, knocking, play, server

testinfra_hosts = [f"docker://{SERVER}"]
FAMILIES = list(ADDRESSES)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("client", ["scanner", "workstation"])
def test_a_listed_source_reaches_the_dicom_port(client, family):
    assert ask(client, 4242, ADDRESSES[family]).startswith("open")


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("client", ["stranger", "moved"])
def test_another_source_cannot_even_connect(client, family):
    assert ask(client, 4242, ADDRESSES[family]) == "silent"


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("port", [80, 443])
@pytest.mark.parametrize("client", SITE["lab_clients"])
def test_everybody_reaches_the_web(client, port, family):
    assert ask(client, port, ADDRESSES[family]).startswith("open")


def test_the_listener_sees_who_calls():
    assert ask("scanner", 4242, ADDRESSES["ipv4"]) == f"open {SITE['lab_clients']['scanner']['ipv4']}"


@pytest.mark.parametrize("address", [ADDRESSES["ipv4"], "172.17.0.1", "172.30.42.1"])
def test_another_container_on_the_server_reaches_the_web_alone(address):
    assert ask_inside("other", 443, address).startswith("open")
    assert ask_inside("other", 4242, address) == "silent"


@pytest.mark.parametrize("port", [443, 4242, 8042])
def test_nobody_reaches_a_container_around_its_published_port(port):
    # Not even a listed scanner: it has no business there.
    for client in ("stranger", "scanner"):
        assert ask(client, port, "172.30.42.11") == "silent"
    assert ask_inside("other", port, "172.30.42.11") == "silent"


@pytest.mark.parametrize("address, port", [("orthanc", 4242), ("172.30.42.11", 8042), (ADDRESSES["ipv4"], 443)])
def test_the_containers_of_the_pacs_reach_each_other(address, port):
    assert ask_inside("postgres", port, address).startswith("open")


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", *ADDRESSES.values()])
def test_the_server_reaches_itself(address):
    server(f"timeout 2 bash -c 'exec 3<>/dev/tcp/{address}/4242 && read -u 3'")


def test_other_ports_are_nobodys_business():
    server("systemd-run --unit=way-in --quiet python3 -m http.server 22 --bind ::")
    try:
        for family in FAMILIES:
            with knocking("stranger", family, 22) as way_in:
                server("sleep 1")
            assert way_in["through"]
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


@pytest.fixture(scope="module")
def staff_alone():
    workstation = SITE["lab_clients"]["workstation"]
    run = play({"pacs_staff_networks": [workstation["ipv4"], "fd42:213:43::25:0/112"]})
    assert run.returncode == 0, run.stdout[-3000:]
    yield
    assert play().returncode == 0


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("port", [80, 443])
def test_the_web_is_for_staff_networks_alone_where_the_site_says_so(staff_alone, port, family):
    assert ask("workstation", port, ADDRESSES[family]).startswith("open")
    assert ask("scanner", port, ADDRESSES[family]) == "silent"
    assert ask("stranger", port, ADDRESSES[family]) == "silent"
    assert ask("scanner", 4242, ADDRESSES[family]).startswith("open")
    assert ask_inside("other", port, ADDRESSES["ipv4"]) == "silent"
    assert ask_inside("postgres", port, ADDRESSES["ipv4"]).startswith("open")
