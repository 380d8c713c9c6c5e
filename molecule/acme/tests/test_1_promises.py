# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""After one run of site.yml on an empty server: what a browser, a scanner of TLS and monitoring see."""

import socket
import ssl
import subprocess
import xml.etree.ElementTree as tree

import pytest
import requests
from conftest import ACME_ADDRESS, ADDRESS, CA, FILES, NAME, SERVER, docker, served, server, status, trusted
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

SUITES = {
    "TLSv1.2": {
        "ECDHE-ECDSA-AES128-GCM-SHA256",
        "ECDHE-ECDSA-AES256-GCM-SHA384",
        "ECDHE-ECDSA-CHACHA20-POLY1305",
    },
    "TLSv1.3": {"TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"},
}


def test_the_certificate_is_the_acme_servers_and_a_client_with_its_root_accepts_it():
    # The root alone: the chain that nginx sends is complete.
    assert trusted()
    certificate = served()
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == [NAME]
    assert isinstance(certificate.public_key(), ec.EllipticCurvePublicKey)


def test_keys_and_secrets_are_for_root_alone():
    files = server(
        "grep --recursive --files-with-matches -e '^-----BEGIN .*PRIVATE KEY' /var/lib/pacs/tls /opt/pacs"
    ).split()
    assert len(files) >= 3
    for file in files:
        assert server(f"stat --format='%a %U' {file}") == "400 root", file
        assert file.startswith(("/var/lib/pacs/tls/", "/opt/pacs/secrets/"))


def test_plain_http_answers_challenges_and_redirects_and_nothing_else():
    for path in ("/", "/orthanc/system", "/.well-known/other"):
        answer = requests.get(f"http://{NAME}{path}", timeout=60, allow_redirects=False)
        assert (answer.status_code, answer.headers["Location"]) == (301, f"https://{NAME}{path}")
    server("mkdir --parents /var/lib/pacs/tls/acme/webroot/.well-known/acme-challenge")
    server("echo proof > /var/lib/pacs/tls/acme/webroot/.well-known/acme-challenge/token")
    assert requests.get(f"http://{NAME}/.well-known/acme-challenge/token", timeout=60).text == "proof\n"
    server("rm /var/lib/pacs/tls/acme/webroot/.well-known/acme-challenge/token")
    for path in ("token", "", "../../etc/passwd", "%2e%2e/x"):
        url = f"http://{NAME}/.well-known/acme-challenge/{path}"
        assert requests.get(url, timeout=60, allow_redirects=False).status_code in (301, 403, 404)


def test_whoever_asks_for_another_host_gets_nothing():
    for host in ("other.clinic.test", ADDRESS):
        with pytest.raises(requests.exceptions.ConnectionError):
            requests.get(f"http://{ADDRESS}/", headers={"Host": host}, timeout=60)
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    for name in ("other.clinic.test", None):
        with pytest.raises(ssl.SSLError), socket.create_connection((ADDRESS, 443), timeout=60) as plain:
            context.wrap_socket(plain, server_hostname=name)


def test_a_scan_finds_the_promised_protocols_and_suites_and_no_others():
    report = tree.fromstring(
        docker("exec", CA, "sslscan", "--no-colour", "--xml=-", f"--sni-name={NAME}", f"{ADDRESS}:443")
    )
    enabled = {
        f"{entry.get('type').upper()}v{entry.get('version')}"
        for entry in report.iter("protocol")
        if entry.get("enabled") == "1"
    }
    assert enabled == {"TLSv1.2", "TLSv1.3"}
    found = {}
    for cipher in report.iter("cipher"):
        found.setdefault(cipher.get("sslversion"), set()).add(cipher.get("cipher"))
    assert found == SUITES
    assert report.find(".//compression").get("supported") == "0"
    assert {entry.get("vulnerable") for entry in report.iter("heartbleed")} <= {"0"}


def test_nobody_renegotiates():
    command = ["openssl", "s_client", "-connect", f"{ADDRESS}:443", "-servername", NAME, "-tls1_2"]
    said = subprocess.run(
        ["docker", "exec", "--interactive", CA, *command],
        input="R\nGET / HTTP/1.0\r\n\r\n", capture_output=True, text=True, check=False, timeout=30,
    )  # fmt: skip
    assert "Cipher is ECDHE" in said.stdout
    assert "RENEGOTIATING" in said.stderr
    assert "no renegotiation" in said.stderr


def test_http_2_is_negotiated():
    context = ssl.create_default_context(cafile=str(FILES / "root.pem"))
    context.set_alpn_protocols(["h2", "http/1.1"])
    with socket.create_connection((ADDRESS, 443), timeout=60) as plain:
        with context.wrap_socket(plain, server_hostname=NAME) as connection:
            assert connection.selected_alpn_protocol() == "h2"
    ask = ["curl", "--insecure", "--silent", "--output", "/dev/null", "--write-out", "%{http_version}"]
    assert (
        docker("exec", CA, *ask, "--resolve", f"{NAME}:443:{ADDRESS}", f"https://{NAME}/orthanc/ui/app/index.html")
        == "2"
    )


def test_hsts_is_said_over_https_for_a_month_unless_the_site_says_otherwise():
    answer = requests.get(f"https://{NAME}/", verify=False, timeout=60, allow_redirects=False)
    assert answer.headers["Strict-Transport-Security"] == "max-age=2592000"
    plain = requests.get(f"http://{NAME}/", timeout=60, allow_redirects=False)
    assert "Strict-Transport-Security" not in plain.headers


def test_the_status_file_tells_nobody_a_secret():
    said = status()
    assert said["ok"] and said["last_success"] and said["certificates"]["site"]["names"] == [NAME]
    assert said["certificates"]["site"]["serial"] == f"{served().serial_number:x}"


def test_the_line_of_cron_is_the_sites_own_minute_twice_a_day():
    line = server("grep root /etc/cron.d/pacs-certificates")
    minute, hours = line.split()[:2]
    first, second = map(int, hours.split(","))
    assert 0 <= int(minute) < 60 and second == first + 12
    assert server("stat --format='%a %U' /etc/cron.d/pacs-certificates") == "644 root"
    # cron itself can read it and has it in its table.
    assert "bad" not in server("journalctl --unit=cron --output=cat", check=False).lower()
    assert server("systemctl is-active cron") == "active"


def test_no_secret_of_the_order_is_an_argument_or_in_the_environment():
    fragment = server("cat /opt/pacs/compose.d/certbot.json")
    assert "secret" not in fragment.replace("secrets", "") and "BEGIN" not in fragment
    assert SERVER and ACME_ADDRESS in server("cat /opt/pacs/secrets/certbot/certbot")
