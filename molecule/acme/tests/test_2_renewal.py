# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Renewal as cron does it, and what it must not disturb."""

import base64
import http.client
import re
import socket
import ssl
import threading
import time
import urllib.parse

from conftest import (
    ADDRESS,
    NAME,
    STAFF,
    container,
    cron,
    make_due,
    pebble,
    probing,
    served,
    server,
    status,
    trusted,
    workers,
)  # fmt: skip


def test_a_run_with_nothing_to_do_changes_and_reloads_nothing():
    before = served().serial_number, workers(), container()
    run = cron()
    assert run.returncode == 0 and "nothing to do" in run.stdout
    assert (served().serial_number, workers(), container()) == before


HEADERS = {"Authorization": "Basic " + base64.b64encode(":".join(STAFF).encode()).decode()}


def connect() -> http.client.HTTPSConnection:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    connection = http.client.HTTPSConnection(NAME, context=context, timeout=60)
    # Little is under way: what nobody has read yet still waits at the server.
    plain = socket.socket()
    plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16384)
    plain.connect((ADDRESS, 443))
    connection.sock = context.wrap_socket(plain, server_hostname=NAME)
    return connection


def get(path: str) -> http.client.HTTPResponse:
    connection = connect()
    connection.request("GET", path, headers=HEADERS)
    answer = connection.getresponse()
    assert answer.status == 200
    return answer


def test_cron_renews_and_neither_a_connection_nor_an_upload_nor_a_request_notices():
    make_due()
    before, loaded, runs_in = served().serial_number, workers(), container()
    pebble("start", "3600")

    # A download that nobody is in a hurry with.
    script = re.search(r'src="([^"]*app\.bundle[^"]*)"', get("/orthanc/ohif/").read().decode())[1]
    download = get(urllib.parse.urljoin("/orthanc/ohif/", script))
    size = int(download.headers["Content-Length"])
    assert size > 2_000_000
    received = len(download.read(10_000))

    # An upload that is under way meanwhile; it is no DICOM, which Orthanc says at its end.
    going, answers = threading.Event(), []

    def pieces():
        while not going.is_set():
            yield b"x" * 65536
            time.sleep(0.1)

    def upload():
        connection = connect()
        headers = HEADERS | {"Transfer-Encoding": "chunked"}
        connection.request("POST", "/orthanc/instances", body=pieces(), headers=headers, encode_chunked=True)
        answers.append(connection.getresponse().status)

    uploader = threading.Thread(target=upload)
    uploader.start()
    with probing() as probe:
        run = cron()
        assert run.returncode == 0, run.stdout
        renewed = time.monotonic()
        while served().serial_number == before:
            assert time.monotonic() < renewed + 60
            time.sleep(0.2)
        time.sleep(1)
    going.set()
    uploader.join()
    received += len(download.read())
    assert received == size
    # The whole of it arrived at Orthanc.
    assert answers == [400]
    assert probe.asked > 20 and probe.noticed() == []
    assert "ordered a certificate" in run.stdout and "reloaded nginx" in run.stdout
    assert trusted() and workers() != loaded and container() == runs_in
    assert status()["ok"]


def test_a_certificate_that_its_server_revoked_is_replaced_long_before_its_end():
    """By ARI (RFC 9773): Pebble names a moment in the past for what was revoked."""
    folder = "/var/lib/pacs/tls/acme"
    pebble("start", "3600")
    server(f"rm -f {folder}/site.pem")
    assert cron().returncode == 0
    before = served().serial_number
    assert "nothing to do" in cron().stdout
    server(f"awk '/BEGIN CERTIFICATE/ {{ n++ }} n == 1' {folder}/site.pem > {folder}/work/revoked.pem")
    revoke = "certbot revoke --config /run/secrets/certbot --no-delete-after-revoke"
    revoke += " --cert-path /var/lib/letsencrypt/revoked.pem"
    server(f"cd /opt/pacs && docker compose --profile certificates run --rm -T certbot {revoke}")
    # The server was asked a moment ago, and said when it may be asked again.
    server(f"rm {folder}/renewal.json {folder}/work/revoked.pem")
    run = cron()
    assert run.returncode == 0 and "its server wants it renewed before it ends" in run.stdout, run.stdout
    assert served().serial_number != before and trusted() and status()["ok"]
