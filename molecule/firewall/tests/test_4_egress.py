# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the containers get to outside their own network, and which of the server's users gets to them."""

import re
import subprocess

import pytest
from conftest import (
    ADDRESSES,
    CLIENTS,
    IMAGE,
    NGINX,
    ORTHANC,
    SERVER,
    SITE,
    TABLE,
    changed,
    close,
    docker,
    server,
    wait_until,
)
from ways_out import BEYOND, containers, from_container, from_user

testinfra_hosts = [f"docker://{SERVER}"]

HOSPITAL = CLIENTS["stranger"]["ipv4"]
# Addresses of the same machine, so that there is somebody who would answer: the internet, a cloud's metadata.
INTERNET, METADATA = "203.0.113.9", "169.254.169.254"
GATEWAY = "172.30.42.1"
CERTBOT = "172.30.42.7"
NOBODY = 65534
SERVICES = ("haproxy", "orthanc", "nginx", "staff-gate")
CLOSED = {
    "a machine of the hospital": (HOSPITAL, 8000),
    "the internet": (INTERNET, 8000),
    "the metadata of a cloud": (METADATA, 8000),
    "the server's own port, at its address": (ADDRESSES["ipv4"], 8022),
    "at the gateway": (GATEWAY, 8022),
    "at the gateway of other containers": ("172.17.0.1", 8022),
    "a scanner at a port that the site does not list": (CLIENTS["scanner"]["ipv4"], 8000),
    "the DICOM port at the server's address": (ADDRESSES["ipv4"], 4242),
}


@pytest.fixture(scope="module", autouse=True)
def beyond():
    """Somebody who answers at every place that is closed, and the server's own service."""
    stranger, scanner = f"{SERVER}-stranger", f"{SERVER}-scanner"
    for address in (INTERNET, METADATA):
        docker("exec", stranger, "ip", "address", "replace", f"{address}/32", "dev", "lo")
        server(f"ip route replace {address} via {HOSPITAL}")
    for client in (stranger, scanner):
        docker("exec", "--detach", client, "python3", "-c", BEYOND)
    server("systemd-run --unit=own-service --quiet python3 -m http.server 8022")
    doors = [door for door in CLOSED.values() if door[1] != 4242]
    wait_until(lambda: set(from_user(server, 0, doors)) == {"open"})
    yield
    server("systemctl stop own-service")
    for client in (stranger, scanner):
        docker("exec", client, "pkill", "-f", "serve_forever", check=False)


@pytest.mark.parametrize("service", SERVICES)
def test_a_container_gets_nowhere_else(service):
    seen = dict(zip(CLOSED, from_container(server, f"pacs-{service}-1", CLOSED.values()), strict=True))
    assert seen == dict.fromkeys(CLOSED, "silent")


def test_every_container_of_the_site_was_tried():
    assert containers(server) == sorted(f"pacs-{service}-1" for service in SERVICES)


@pytest.mark.parametrize("service", SERVICES)
def test_a_container_has_no_ipv6(service):
    doors = [(ADDRESSES["ipv6"], 443), (CLIENTS["stranger"]["ipv6"], 8000)]
    assert "open" not in from_container(server, f"pacs-{service}-1", doors)


def test_the_containers_reach_each_other():
    assert from_container(server, "pacs-nginx-1", [(ORTHANC, 8042), (ORTHANC, 4242)]) == ["open", "open"]


def test_the_archive_reaches_what_the_site_lists_and_whoever_is_not_orthanc_does_not():
    place = {"address": HOSPITAL, "port": 8000, "reason": "a peer"}
    assert changed(close({"pacs_egress": [place]})) == 2
    assert from_container(server, "pacs-orthanc-1", [(HOSPITAL, 8000), (HOSPITAL, 8001)]) == ["open", "silent"]
    assert from_container(server, "pacs-nginx-1", [(HOSPITAL, 8000)]) == ["silent"]
    assert changed(close()) == 2
    assert from_container(server, "pacs-orthanc-1", [(HOSPITAL, 8000)]) == ["silent"]


def test_the_archive_reaches_its_modalities_at_their_ports():
    scanner, angio = CLIENTS["scanner"]["ipv4"], CLIENTS["angio"]["ipv4"]
    # Nobody listens there, and says so.
    refused = "[Errno 111] Connection refused"
    assert from_container(server, "pacs-orthanc-1", [(scanner, 104), (scanner, 105)]) == [refused, "silent"]
    # Over TLS it is nginx that sends.
    assert from_container(server, "pacs-nginx-1", [(angio, 2762), (scanner, 104)]) == [refused, "silent"]
    assert from_container(server, "pacs-orthanc-1", [(angio, 2762)]) == ["silent"]


@pytest.fixture
def certbot():
    """A container with the address of certbot's, which runs only while it orders."""
    server("docker rm --force ordering")
    run = f"docker run --detach --init --name=ordering --network=pacs_default --ip={CERTBOT} --entrypoint=sleep"
    server(f"{run} {IMAGE} infinity")
    yield
    server("docker rm --force ordering")
    assert changed(close()) == 2


@pytest.mark.parametrize("name, elsewhere", [(HOSPITAL, "silent"), ("ca.hospital.example", "open")])
def test_certbot_reaches_its_acme_server_and_name_servers(certbot, name, elsewhere):
    here = [(HOSPITAL, 8000), (INTERNET, 8000), (METADATA, 8000), (ADDRESSES["ipv4"], 8022), (HOSPITAL, 8001)]
    assert set(from_container(server, "ordering", here)) == {"silent"}
    acme = {
        "pacs_tls_source": "acme",
        "tls_acme_server": f"https://{name}:8000/dir",
        "pacs_domain": "gate.hospital.example",
    }
    dns = {
        "tls_acme_challenge": "dns-01",
        "tls_acme_dns_server": INTERNET,
        "tls_acme_dns_port": 8000,
        "tls_acme_dns_key_name": "key",
        "tls_acme_dns_key_secret": "aGVsbG8=",
    }
    assert changed(close(acme)) == 2
    assert from_container(server, "ordering", here) == ["open", elsewhere, *["silent"] * 3]
    assert from_container(server, "pacs-orthanc-1", here) == ["silent"] * 5
    # Nobody answers there, but it is asked.
    docker("exec", f"{SERVER}-stranger", "rm", "--force", "/tmp/asked")
    from_container(server, "ordering", [(HOSPITAL, 53, "certbot.told.example")])
    assert "certbot" in docker("exec", f"{SERVER}-stranger", "cat", "/tmp/asked")
    assert changed(close(acme | dns)) == 2
    assert from_container(server, "ordering", here) == ["open", "open", *["silent"] * 3]


def test_no_name_leaves_a_container():
    """Not through Docker's resolver either, which asks in the server's name where its resolver listens at loopback."""
    resolvers = server("cat /etc/resolv.conf")
    # The file is the engine's, so it can't be replaced, only written.
    server("echo 'nameserver 127.0.0.1' > /etc/resolv.conf")
    command = ["docker", "exec", SERVER, "sh", "-c", 'exec timeout 300 python3 -c "$0"', BEYOND]
    with subprocess.Popen(command) as noting:
        try:
            server("rm -f /tmp/asked; docker restart beside pacs-nginx-1")
            for container in ("beside", "pacs-nginx-1"):
                from_container(server, container, [("127.0.0.11", 53, f"{container}.told.example")])
            asked = server("cat /tmp/asked")
        finally:
            server("pkill -f '[t]imeout 300 python3'", check=False)
            server(f"cat > /etc/resolv.conf <<'END'\n{resolvers}\nEND")
            server("docker restart beside pacs-nginx-1")
            noting.wait()
    assert "beside" in asked
    assert "pacs-nginx-1" not in asked
    # Nor straight on to a name server.
    doors = [(HOSPITAL, 53, "straight.told.example")]
    assert from_container(server, "pacs-orthanc-1", doors) == ["silent"]
    assert "straight" not in docker("exec", f"{SERVER}-stranger", "sh", "-c", "cat /tmp/asked 2>/dev/null", check=False)


def test_what_is_refused_is_counted_and_logged():
    def rules():
        return server(f"nft list chain {TABLE} refuse_egress")

    before = int(re.search(r"counter packets (\d+)", rules())[1])
    from_container(server, "pacs-orthanc-1", [(HOSPITAL, 8000)])
    assert int(re.search(r"counter packets (\d+)", rules())[1]) > before
    assert 'limit rate 10/minute burst 20 packets log prefix "pacs-egress "' in rules()


def test_a_user_of_the_server_does_not_reach_the_containers():
    inside = [(ORTHANC, 8042), (ORTHANC, 4242), (NGINX, 443), (NGINX, 8080), (NGINX, 2762)]
    assert set(from_user(server, NOBODY, inside)) == {"silent"}
    assert from_user(server, 0, [(ORTHANC, 8042), (ORTHANC, 4242), (NGINX, 443)]) == ["open"] * 3
    assert "pacs-local" in server(f"nft list chain {TABLE} refuse_local")


def test_a_user_of_the_server_reaches_the_published_ports_like_everybody():
    here = ["127.0.0.1", "::1", *ADDRESSES.values()]
    for port in (4242, 2762):
        assert from_user(server, NOBODY, [(address, port) for address in here]) == ["silent"] * 4
        assert from_user(server, 0, [(address, port) for address in here]) == ["open"] * 4
    assert from_user(server, NOBODY, [(address, 443) for address in here]) == ["open"] * 4
    # Where the site lists this server, as for a program that sends from it.
    listed = {"name": "here", "aet": "HERE", "address": ADDRESSES["ipv4"]}
    staffed = {"pacs_staff_networks": [CLIENTS["workstation"]["ipv4"]]}
    assert changed(close({"pacs_modalities": [*SITE["pacs_modalities"], listed], **staffed})) == 2
    assert from_user(server, NOBODY, [(ADDRESSES["ipv4"], 4242), ("127.0.0.1", 4242)]) == ["open", "silent"]
    assert set(from_user(server, NOBODY, [(address, 443) for address in here])) == {"silent"}
    assert changed(close()) == 2


def test_an_address_of_the_containers_is_nobody_elses():
    """Not of a neighbor who takes one and routes it to the server: no packet of his gets any further."""
    before = int(re.search(r"counter packets (\d+)", server(f"nft list chain {TABLE} refuse"))[1])
    forge = (
        'ip address replace 172.30.42.77/32 dev lo; python3 -c "import socket\n'
        "with socket.socket() as s:\n  s.settimeout(3); s.bind(('172.30.42.77', 0))\n"
        f"  s.connect_ex(('{ORTHANC}', 8042))\"; ip address del 172.30.42.77/32 dev lo"
    )
    docker("exec", f"{SERVER}-stranger", "sh", "-c", forge)
    assert int(re.search(r"counter packets (\d+)", server(f"nft list chain {TABLE} refuse"))[1]) > before


def test_switched_off_they_get_everywhere():
    # So it was the firewall that kept them in.
    assert changed(close({"pacs_firewall_enabled": False})) == 2
    doors = [door for door in CLOSED.values() if door[1] != 4242]
    assert set(from_container(server, "pacs-orthanc-1", doors)) == {"open"}
    assert from_user(server, NOBODY, [(ORTHANC, 8042)]) == ["open"]
    assert changed(close()) == 2
