# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The clinic's server, the ACME server and the name server beside it, and whoever looks at them from outside."""

from __future__ import annotations

import contextlib
import json
import re
import socket
import ssl
import subprocess
import threading
import time
from pathlib import Path

import deployed
import pytest
import requests
import yaml
from cryptography import x509
from cryptography.x509.oid import NameOID
from deployed import wait_until

SCENARIO = Path(__file__).resolve().parents[1]
SITE = yaml.safe_load((SCENARIO / "inventory/group_vars/all.yml").read_text())
FILES = deployed.ROOT / ".cache/molecule/acme"
SERVER = SITE["lab_server_name"]
CA = f"{SERVER}-ca"
NAME = SITE["pacs_domain"]
ADDRESS = SITE["lab_server_address"]
ACME_ADDRESS = SITE["lab_acme_address"]
CRON = "/etc/cron.d/pacs-certificates"
STAFF = next(iter(SITE["pacs_staff_users"].items()))
LIVE = "/var/lib/pacs/tls/live/site.pem"


def docker(*command: str, check: bool = True, **options) -> str:
    return subprocess.run(["docker", *command], capture_output=True, text=True, check=check, **options).stdout.strip()


def server(command: str, check: bool = True) -> str:
    """Run a command in the server's shell."""
    return docker("exec", SERVER, "bash", "-c", command, check=check)


def pebble(*arguments: str) -> None:
    """Start the ACME server anew, or stop it, and trust the root that it makes for itself each time."""
    docker("exec", CA, "lab-pebble", *arguments)
    if arguments[0] == "start":
        ca = str(FILES / "ca.crt")
        wait_until(lambda: get_root(ca))


def get_root(ca: str) -> bool:
    with contextlib.suppress(requests.RequestException):
        root = requests.get(f"https://{ACME_ADDRESS}:15000/roots/0", verify=ca, timeout=30).text
        (FILES / "root.pem").write_text(root)
        return True
    return False


def cron() -> subprocess.CompletedProcess:
    """Run the line of cron as cron runs it: its environment, its shell, no terminal, nobody at the other end."""
    text = server(f"cat {CRON}")
    path = re.search(r"^PATH=(.+)$", text, re.MULTILINE)[1]
    command = re.search(r"^[0-9]+ [0-9,]+ \* \* \* root (.+)$", text, re.MULTILINE)[1]
    cron_like = ["env", "-i", "SHELL=/bin/sh", "HOME=/root", "LOGNAME=root", f"PATH={path}", "/bin/sh", "-c", command]
    since = server("date '+%F %T.%6N'")
    run = subprocess.run(
        ["docker", "exec", "--workdir=/root", SERVER, *cron_like],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
    )  # fmt: skip
    # The shell says that a command was killed.
    assert run.stdout == "" and run.stderr == ("Killed\n" if run.returncode == 137 else ""), "cron would mail this"
    # What it said went to the journal.
    server("journalctl --sync")
    run.stdout = server(f"journalctl --identifier=pacs-certificates --since='{since}' --output=cat")
    return run


def play(changes: dict | None = None, playbook: str = "switch.yml") -> subprocess.CompletedProcess:
    """Run a playbook as an operator does, with some variables changed, and without the proof at its end."""
    changed = f"--extra-vars={json.dumps(changes or {})}"
    names = {"PYTHONPATH": str(SCENARIO / "names")}
    arguments = [deployed.lab_images(), changed, "--skip-tags=verify"]
    return deployed.play(SCENARIO / playbook, SCENARIO, *arguments, environment=names)


def changed(run: subprocess.CompletedProcess) -> int:
    """How much a successful run changed."""
    assert run.returncode == 0, run.stdout[-3000:]
    return int(re.search(r"changed=(\d+) +unreachable=0 +failed=0", run.stdout)[1])


def served() -> x509.Certificate:
    """The certificate that a browser would see, trusted or not."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with socket.create_connection((ADDRESS, 443), timeout=60) as plain:
        with context.wrap_socket(plain, server_hostname=NAME) as connection:
            return x509.load_der_x509_certificate(connection.getpeercert(binary_form=True))


def issuer() -> str:
    return served().issuer.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value


def trusted() -> bool:
    """Whether a client with the ACME server's root accepts what nginx serves for the name."""
    context = ssl.create_default_context(cafile=str(FILES / "root.pem"))
    try:
        with socket.create_connection((ADDRESS, 443), timeout=60) as plain:
            with context.wrap_socket(plain, server_hostname=NAME):
                return True
    except ssl.SSLError:
        return False


def status() -> dict:
    # Monitoring is nobody in particular.
    return json.loads(server("setpriv --reuid=65534 --clear-groups cat /var/lib/pacs/tls/status.json"))


def workers() -> set[str]:
    """The processes of nginx that take new connections, which are others after each reload."""
    return set(server("pgrep --full '^nginx: worker process$'").split())


def container() -> str:
    return server("cd /opt/pacs && docker compose ps --quiet nginx")


def make_due() -> None:
    """Have the server hold a certificate that is due for renewal, though valid for a while still."""
    pebble("start", "30")
    server("rm -f /var/lib/pacs/tls/acme/site.pem")
    assert cron().returncode == 0
    end = served().not_valid_after_utc.timestamp()
    # Two thirds of its life. On a slow machine it may be over as well, which changes nothing: nobody here looks at it.
    time.sleep(max(0, end - 9 - time.time()))


class Probe(threading.Thread):
    """Somebody who asks for a page all the time, by new connections and by one that stays open."""

    def __init__(self, url: str):
        super().__init__()
        self.url, self.asked, self.over = url, 0, threading.Event()
        # closed: a connection that rested, just when the next request was on its way.
        # overtaken: sent on to HTTPS, just before the site stopped speaking it.
        self.failed, self.closed, self.overtaken = [], [], []

    def run(self):
        while not self.over.is_set():
            rested = False
            try:
                with requests.Session() as session:
                    session.auth = STAFF
                    for _attempt in range(5):
                        answer = session.get(self.url, timeout=60, verify=False)
                        self.asked += 1
                        rested = True
                        if answer.status_code >= 400:
                            self.failed.append(str(answer.status_code))
            except requests.RequestException as error:
                self.kind(error, rested).append(str(error))
            time.sleep(0.01)

    def kind(self, error: requests.RequestException, rested: bool) -> list:
        if rested and ("RemoteDisconnected" in str(error) or "ConnectionResetError" in str(error)):
            return self.closed
        if error.request.url != self.url and "refused" in str(error):
            return self.overtaken
        return self.failed

    def noticed(self, tls_ends: bool = False) -> list:
        """What a user would have noticed. No server can help the other two at a reload, and a browser asks again.

        A run reloads nginx twice at the most, for its configuration and for a certificate.
        """
        return self.failed + self.closed[2:] + self.overtaken[int(tls_ends) :]


@contextlib.contextmanager
def killed(at: str, meanwhile: str = ":"):
    """End the program on the server with kill -9 when it gives Docker a command with these words."""
    script = f"""#!/bin/sh
case "$*" in *'{at}'*) {meanwhile}; kill -9 $PPID; exit 1;; esac
exec /usr/bin/docker "$@"
"""
    # Cron's path begins there.
    server(f"cat > /usr/local/sbin/docker <<'END'\n{script}END\nchmod 755 /usr/local/sbin/docker")
    try:
        yield
    finally:
        server("rm /usr/local/sbin/docker")


@contextlib.contextmanager
def probing(url: str = f"http://{NAME}/orthanc/system"):
    probe = Probe(url)
    probe.start()
    try:
        yield probe
    finally:
        probe.over.set()
        probe.join()


@pytest.fixture(autouse=True, scope="session")
def quiet():
    requests.packages.urllib3.disable_warnings()
