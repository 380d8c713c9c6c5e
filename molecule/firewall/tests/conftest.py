# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The clients around a server whose network is closed, the server's own containers, and the operator."""

from __future__ import annotations

import concurrent.futures
import contextlib
import json
import os
import re
import subprocess
from pathlib import Path

import deployed
import pytest
import requests
import yaml
from deployed import wait_until

SCENARIO = Path(__file__).resolve().parents[1]
SITE = yaml.safe_load((SCENARIO / "inventory/group_vars/all.yml").read_text())
SERVER = SITE["lab_server_name"]
CLIENTS = SITE["lab_clients"]
ADDRESSES = {"ipv4": SITE["lab_server_address"], "ipv6": SITE["lab_server_address6"]}
IMAGE = yaml.safe_load(Path(os.environ["LAB_IMAGES"]).read_text())["pacs_images"]["nginx"]
HAPROXY, NGINX, ORTHANC = "172.30.42.9", "172.30.42.10", "172.30.42.11"
TABLE = "inet threedpc_pacs"
UNIT = "threedpc-pacs-firewall"
RULES = f"/etc/{UNIT}.nft"
MODALITIES = "/var/lib/pacs/tls/dicom/modalities"
OPEN, SILENT = {"open"}, {"silent"}
UNKNOWN, WRONG_TITLE = "Calling AE title not recognised", "Called AE title not recognised"

# What a client sees of each port: whether it can connect, or why not.
PROBE = """
import concurrent.futures, socket, sys
def ask(door):
    port, address = door.split("@")
    try:
        with socket.create_connection((address, int(port)), timeout=3):
            return "open"
    except OSError as error:
        return "silent" if isinstance(error, TimeoutError) else str(error)
with concurrent.futures.ThreadPoolExecutor(16) as pool:
    print("\\n".join(pool.map(ask, sys.argv[1:])))
"""


def docker(*command: str, check: bool = True, **options) -> str:
    return subprocess.run(["docker", *command], capture_output=True, text=True, check=check, **options).stdout.strip()


def server(command: str, check: bool = True) -> str:
    """Run a command in the server's shell."""
    return docker("exec", SERVER, "bash", "-c", command, check=check)


def staff(method: str, path: str, **options):
    """What the staff's Orthanc answers."""
    url = f"https://{SITE['pacs_domain']}/orthanc{path}"
    [login] = SITE["pacs_staff_users"].items()
    certificate = SCENARIO / "inventory/.local/gate/ca.crt"
    return requests.request(method, url, auth=login, verify=certificate, timeout=60, **options)


def play(changes: dict | None = None, *arguments: str, playbook="site") -> subprocess.CompletedProcess:
    """Run the playbook as an operator does, with some variables changed. Without the proof at its end."""
    path = SCENARIO / "close.yml" if playbook == "close" else f"playbooks/{playbook}.yml"
    changed = f"--extra-vars={json.dumps(changes or {})}"
    return deployed.play(path, SCENARIO, "--skip-tags=verify", deployed.lab_images(), changed, *arguments)


def close(changes: dict | None = None, *arguments: str) -> subprocess.CompletedProcess:
    """Run the part of it that is the firewall."""
    return play(changes, *arguments, playbook="close")


def changed(run: subprocess.CompletedProcess) -> int:
    """How much a successful run changed."""
    assert run.returncode == 0, run.stdout[-3000:]
    return int(re.search(r"changed=(\d+) +unreachable=0 +failed=0", run.stdout)[1])


def ask(client: str, ports: int | tuple, *addresses: str) -> set[str]:
    """What a client sees of one or several ports at some addresses: `open`, or why not."""
    doors = [f"{port}@{address}" for port in (ports if isinstance(ports, tuple) else (ports,)) for address in addresses]
    return set(docker("exec", f"{SERVER}-{client}", "python3", "-c", PROBE, *doors).splitlines())


def ask_inside(container: str, ports: int | tuple, *addresses: str) -> set[str]:
    """The same from a container on the server."""
    doors = [f"{port}@{address}" for port in (ports if isinstance(ports, tuple) else (ports,)) for address in addresses]
    return set(docker("exec", SERVER, "docker", "exec", container, "python3", "-c", PROBE, *doors).splitlines())


# How a web server answers a client: the status of each path.
BROWSE = """
import http.client, ssl, sys
for path in sys.argv[2:]:
    connection = http.client.HTTPSConnection(sys.argv[1], timeout=30, context=ssl._create_unverified_context())
    connection.request("GET", path)
    print(connection.getresponse().status)
"""


def browse(client: str, *paths: str) -> list[str]:
    """The status with which the web server answers a client's browser."""
    command = ["exec", f"{SERVER}-{client}", "python3", "-c", BROWSE, ADDRESSES["ipv4"], *paths]
    return docker(*command).split()


def verified(changes: dict, *checks: str) -> list[str]:
    """What the operator's proof says of some of its checks."""
    report = SCENARIO / "inventory/.local/gate/verify.json"
    report.unlink(missing_ok=True)
    play(changes, playbook="verify")
    status = {result["id"]: result["status"] for result in json.loads(report.read_text())["results"]}
    return [status[check] for check in checks]


def call(calling: str, do: str = "echo", family: str = "ipv4", tls: dict | None = None, **more) -> dict:
    """A request of a modality."""
    port = 4242 if tls is None else 2762
    return {
        "calling": calling,
        "called": SITE["pacs_aet"],
        "address": ADDRESSES[family],
        "port": port,
        "do": do,
        "tls": tls,
    } | more


def modality(wanted) -> list[str]:
    """The command of a modality that does what it is told."""
    return ["python3", "-c", (SCENARIO / "tests/modality.py").read_text(), json.dumps(wanted)]


def ends(*requests_of_clients: tuple[str, dict]) -> list[str]:
    """How requests of several clients end, made at once."""

    def of(client):
        wanted = [request for other, request in requests_of_clients if other == client]
        return client, iter(json.loads(docker("exec", f"{SERVER}-{client}", *modality(wanted))))

    clients = list(dict.fromkeys(client for client, request in requests_of_clients))
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        answers = dict(pool.map(of, clients))
    return [next(answers[client]) for client, request in requests_of_clients]


def dicom_log() -> list[dict]:
    """What HAProxy says of each connection that is over."""
    lines = server("cd /opt/pacs && docker compose --ansi never logs --no-log-prefix haproxy").splitlines()
    return [json.loads(line[line.index("{") :]) for line in lines if '"client"' in line]


def loaded() -> str:
    """The rules that the kernel has, without counters."""
    return server(f"nft --stateless list table {TABLE}", check=False)


@contextlib.contextmanager
def knocking(client: str, family: str = "ipv4", port: int = 4242):
    """A client that tries to get through all the time; afterwards the dictionary says how it went."""
    result = {}
    command = ["docker", "exec", "--interactive", f"{SERVER}-{client}", "python3", "-c"]
    command += [(SCENARIO / "tests/knock.py").read_text(), ADDRESSES[family], str(port)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield result
        finally:
            result |= json.loads(process.communicate("\n")[0])


@contextlib.contextmanager
def strangers():
    """Strangers who try both ports all the time, and never get through."""
    with contextlib.ExitStack() as stack:
        doors = [(family, port) for family in ADDRESSES for port in (4242, 2762)]
        tried = [stack.enter_context(knocking("stranger", *door)) for door in doors]
        yield
    assert all(one["tries"] > 20 for one in tried)
    assert [one["through"] for one in tried] == [[], [], [], []]


def it_answers() -> bool:
    """Whether the archive answers a scanner, in plain text and over TLS."""
    return ends(("scanner", call("CT1")), ("angio", call("ANGIO", tls={}))) == ["0x0000", "0x0000"]


def bring_certificate(name: str, client: str):
    """What somebody carries to the modality."""
    docker("exec", f"{SERVER}-{client}", "mkdir", "-p", "/dicom")
    for file in ("ca.pem", "cert.pem", "key.pem"):
        content = server(f"cat {MODALITIES}/{name}/{file}")
        docker("exec", "--interactive", f"{SERVER}-{client}", "sh", "-c", f"cat > /dicom/{file}", input=content + "\n")


def forge_certificate(client: str):
    """A certificate with the right name that another CA signed."""
    run = ["exec", f"{SERVER}-{client}", "sh", "-c"]
    docker(
        *run,
        "cd /dicom && openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 9 -subj /CN=MAMMO"
        " -addext keyUsage=critical,digitalSignature,keyCertSign"
        " -addext subjectAltName=DNS:mammo -keyout key.pem -out cert.pem",
    )


@pytest.fixture(scope="session", autouse=True)
def landscape():
    """The modalities have their certificates; the server has a container of somebody else, and one beside the PACS."""
    run = ["exec", SERVER, "docker", "run", "--detach", "--restart=unless-stopped", "--init"]
    server("docker rm --force beside other")
    docker(*run, "--name=beside", "--network=pacs_default", "--entrypoint=sleep", IMAGE, "infinity")
    docker(*run, "--name=other", "--entrypoint=sleep", IMAGE, "infinity")
    for name, client in (("angio", "angio"), ("planning", "workstation"), ("mammo", "forger")):
        bring_certificate(name, client)
    forge_certificate("forger")
    # A neighbor that routes the containers' network to the server.
    for client in ("stranger", "scanner"):
        docker("exec", f"{SERVER}-{client}", "ip", "route", "replace", "172.30.42.0/24", "via", ADDRESSES["ipv4"])
    wait_until(it_answers, 120)
