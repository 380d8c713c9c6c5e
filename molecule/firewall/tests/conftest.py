"""The clients around a server whose network is closed, the server's own containers, and the operator."""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
import time
from pathlib import Path

import pytest
import yaml

SCENARIO = Path(__file__).resolve().parents[1]
ROOT = SCENARIO.parents[1]
SITE = yaml.safe_load((SCENARIO / "inventory/group_vars/all.yml").read_text())
SERVER = SITE["lab_server_name"]
ADDRESSES = {"ipv4": SITE["lab_server_address"], "ipv6": SITE["lab_server_address6"]}
IMAGE = yaml.safe_load(Path(os.environ["LAB_IMAGES"]).read_text())["pacs_images"]["nginx"]
TABLE = "inet threedpc_pacs"
UNIT = "threedpc-pacs-firewall"
RULES = f"/etc/{UNIT}.nft"

# What a client sees of a port: how the attempt ended, and what the listener greeted it with.
PROBE = """
import socket, sys
try:
    with socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=1.5) as connection:
        print("open", connection.makefile().readline().strip())
except OSError as error:
    print("silent" if isinstance(error, TimeoutError) else error)
"""


def docker(*command: str, check: bool = True, **options) -> str:
    return subprocess.run(["docker", *command], capture_output=True, text=True, check=check, **options).stdout.strip()


def server(command: str, check: bool = True) -> str:
    """Run a command in the server's shell."""
    return docker("exec", SERVER, "bash", "-c", command, check=check)


def play(changes: dict | None = None, *arguments: str) -> subprocess.CompletedProcess:
    """Run the playbook as an operator does, with some variables changed."""
    command = ["ansible-playbook", str(SCENARIO / "converge.yml"), f"--inventory={SCENARIO / 'inventory'}"]
    command += [f"--extra-vars=@{os.environ['LAB_IMAGES']}", f"--extra-vars={json.dumps(changes or {})}", *arguments]
    environment = os.environ | {"ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "ANSIBLE_FORCE_COLOR": "0"}
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)


def changed(run: subprocess.CompletedProcess) -> int:
    """How much a successful run changed."""
    assert run.returncode == 0, run.stdout[-3000:]
    return int(re.search(r"changed=(\d+) +unreachable=0 +failed=0", run.stdout)[1])


def ask(client: str, port: int, address: str) -> str:
    """What a client sees of a port: `open` and its own address as the listener sees it, or why not."""
    return docker("exec", f"{SERVER}-{client}", "python3", "-c", PROBE, address, str(port))


def ask_inside(container: str, port: int, address: str) -> str:
    """The same from a container on the server."""
    return docker("exec", SERVER, "docker", "exec", container, "python3", "-c", PROBE, address, str(port))


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


def wait_until(question, seconds: int = 30):
    end = time.monotonic() + seconds
    while not question():
        assert time.monotonic() < end, f"not so after {seconds} s"
        time.sleep(0.2)


def it_listens() -> bool:
    """Whether Docker publishes the listener's port and hands callers on to it."""
    return ask("scanner", 4242, ADDRESSES["ipv4"]).startswith("open")


@pytest.fixture(scope="session", autouse=True)
def listener():
    """On the server: a listener in the network of the PACS, a container beside it, and one of somebody else."""
    archive = subprocess.Popen(["docker", "save", IMAGE], stdout=subprocess.PIPE)
    docker("exec", "--interactive", SERVER, "docker", "load", stdin=archive.stdout)
    code = (SCENARIO / "tests/listener.py").read_text()
    run = ["exec", SERVER, "docker", "run", "--detach", "--restart=unless-stopped", "--init"]
    docker("exec", SERVER, "docker", "network", "create", "--subnet=172.30.42.0/24", "pacs_default")
    inside = ["--network=pacs_default", "--publish=80:80", "--publish=443:443", "--publish=4242:4242"]
    docker(*run, "--name=orthanc", "--ip=172.30.42.11", *inside, IMAGE, "python3", "-c", code)
    docker(*run, "--name=postgres", "--network=pacs_default", IMAGE, "sleep", "infinity")
    docker(*run, "--name=other", IMAGE, "sleep", "infinity")
    # A neighbor that routes the containers' network to the server.
    for client in ("stranger", "scanner"):
        docker("exec", f"{SERVER}-{client}", "ip", "route", "replace", "172.30.42.0/24", "via", ADDRESSES["ipv4"])
    wait_until(it_listens)
