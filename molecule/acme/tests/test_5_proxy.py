# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A hospital's proxy, which writes down what it was asked: the way to the ACME server, and to nothing else.

The last tests of this scenario: they make its containers anew.
"""

import contextlib
import json
import os
import socket
import subprocess
import sys

import deployed
import pytest
from conftest import (
    ACME_ADDRESS,
    NAME,
    SCENARIO,
    SITE,
    changed,
    cron,
    docker,
    pebble,
    play,
    served,
    server,
    status,
    wait_until,
)

GATEWAY = SITE["pacs_verify_address"]
PASSWORD = "p@ss:w/rd#1"
CLIENT = "/root/.docker/config.json"
# Python of somebody who set a proxy for the whole server, as pam_env does for sudo and cron.
WRAPPER = "/usr/local/bin/python3-behind-a-proxy"


class Proxy:
    """A forward proxy on this machine, which the server and this machine reach by the same address."""

    def __init__(self, log, login=""):
        self.log = log
        with socket.socket() as free:
            free.bind((GATEWAY, 0))
            self.port = free.getsockname()[1]
        command = [
            sys.executable,
            "-m",
            "proxy",
            "--hostname",
            GATEWAY,
            "--port",
            str(self.port),
            "--log-file",
            str(log),
        ]
        # It would take itself for a client that is asked to use it.
        quiet = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
        self.process = subprocess.Popen([*command, *(["--basic-auth", login] if login else [])], env=quiet)
        wait_until(self.listens)

    def listens(self):
        with contextlib.suppress(OSError), socket.create_connection((GATEWAY, self.port), timeout=5):
            return True
        return False

    def asked(self):
        """What it was asked for: method and target of each request."""
        text = self.log.read_text() if self.log.exists() else ""
        return [
            line.split(" - ")
            for line in text.splitlines()
            if any(f" - {method} " in line for method in ("CONNECT", "DELETE", "GET", "POST", "PUT"))
        ]

    def stop(self):
        self.process.terminate()
        self.process.wait(60)


@pytest.fixture
def proxy(tmp_path):
    found = Proxy(tmp_path / "proxy.log")
    yield found
    found.stop()


def test_no_part_of_the_site_asks_another_through_a_proxy(proxy, monkeypatch):
    """Docker's client, the server and the operator's machine name one; the site is made anew, proven, and works."""
    url = f"http://{GATEWAY}:{proxy.port}"
    # As administrators write it: Python knows no network there.
    networks = "10.0.0.0/8,172.16.0.0/12,127.0.0.0/8"
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, url)
    monkeypatch.setenv("no_proxy", networks)
    client = json.dumps({"proxies": {"default": {"httpProxy": url, "httpsProxy": url, "allProxy": url}}})
    named = f"http_proxy={url} https_proxy={url} all_proxy={url} no_proxy={networks}"
    server(f"mkdir -p /root/.docker && echo '{client}' > {CLIENT}")
    server(f"printf '#!/bin/sh\\n{named} exec /usr/bin/python3 \"$@\"\\n' > {WRAPPER} && chmod 755 {WRAPPER}")
    try:
        server("cd /opt/pacs && docker compose down")
        # With a scanner more, so that Orthanc is told of it, with the staff's password.
        scanner = {"pacs_modalities": [{"name": "ct7", "aet": "CT7", "address": "10.213.46.77"}]}
        told = [deployed.lab_images(), f"--extra-vars={json.dumps(scanner)}"]
        names = {"PYTHONPATH": str(SCENARIO / "names")}
        # The proof runs on this machine, which has no such Python.
        there = [f"--extra-vars=ansible_python_interpreter={WRAPPER}", "--skip-tags=verify"]
        run = deployed.play("playbooks/site.yml", SCENARIO, *told, *there, environment=names)
        assert run.returncode == 0, run.stdout[-3000:]
        run = deployed.play("playbooks/verify.yml", SCENARIO, *told, environment=names)
        assert run.returncode == 0, run.stdout[-3000:]
        assert server(f"{named} pacs certificates --json --no-order | grep -c '\"problems\": \\[\\]'") == "1"
        assert proxy.asked() == []
        # It is a proxy, and writes down what it is asked.
        server(f"curl --silent --proxy {url} http://{ACME_ADDRESS}:9/", check=False)
        wait_until(proxy.asked)
        assert len(proxy.asked()) == 1
    finally:
        server(f"rm -f {CLIENT} {WRAPPER}")


def test_a_certificate_is_ordered_through_the_sites_proxy(tmp_path):
    """With a password, which nobody is shown; without the proxy the order fails, and the message names it."""
    found = Proxy(tmp_path / "proxy.log", f"order:{PASSWORD}")
    url = f"http://order:p%40ss%3Aw%2Frd%231@{GATEWAY}:{found.port}"
    place = f"http://{GATEWAY}:{found.port}"
    pebble("start", "3600")
    try:
        changed(play({"pacs_proxy": url}))
        server("rm -f /var/lib/pacs/tls/acme/site.pem")
        before, asked = served().serial_number, len(found.asked())
        assert cron().returncode == 0
        assert served().serial_number != before and status()["ok"]
        targets = {line for words in found.asked()[asked:] for line in words if "CONNECT" in line}
        assert targets and all(f"{ACME_ADDRESS}:14000" in line for line in targets)
        # Where a password could be seen.
        shown = server("cd /opt/pacs && docker compose --profile certificates config; cat config/pacs/*.json")
        assert place in shown and "p%40ss" not in shown and PASSWORD not in shown
        assert server("stat --format '%a %U' /opt/pacs/secrets/certbot/proxy") == "400 root"
        found.stop()
        server("rm -f /var/lib/pacs/tls/acme/site.pem")
        before = served().serial_number
        run = cron()
        assert run.returncode == 1 and served().serial_number == before
        assert f"asked through the proxy {place}, issued no certificate for {NAME}" in run.stdout
        assert "p%40ss" not in run.stdout and PASSWORD not in run.stdout
        # Directly, because the site says so.
        changed(play({"pacs_proxy": url, "pacs_no_proxy": [ACME_ADDRESS]}))
        assert status()["ok"] and "BEGIN" in server("head -1 /var/lib/pacs/tls/acme/site.pem")
    finally:
        found.stop()
        changed(play())
    assert docker("exec", SITE["lab_server_name"], "cat", "/opt/pacs/secrets/certbot/proxy") == ""
