# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import base64
import socket
import time

import pytest
from ansible_collections.threedpc.pacs.plugins.module_utils import orthanc_client
from ansible_collections.threedpc.pacs.plugins.module_utils.errors import PacsError
from ansible_collections.threedpc.pacs.plugins.module_utils.orthanc_client import OrthancClient

PASSWORD = "p$ss\"w'o\\rd#1 ü"
ORTHANC_ERROR = {
    "HttpError": "Internal Server Error",
    "Message": "Error in the database",
    "Details": "disk full",
    "OrthancError": "Error in the database",
}


def client(url, **params):
    params.setdefault("retries", 0)
    params.setdefault("timeout", 15.0)
    waits = []
    result = OrthancClient(dict(params, url=url), sleep=waits.append)
    result.waits = waits
    return result


def failure(function, *args):
    with pytest.raises(PacsError) as error:
        function(*args)
    return error.value.message


@pytest.mark.parametrize(
    "url, expected",
    [
        ("https://user:s3cret@h:8042/a/b?token=t#f", "https://h:8042/a/b"),
        ("http://[fd00::1]:8042/orthanc", "http://[fd00::1]:8042/orthanc"),
    ],
)
def test_public_url(url, expected):
    assert orthanc_client.public_url(url) == expected


@pytest.mark.parametrize(
    "url, said",
    [
        ("pacs.example.org", "must look like"),
        ("ftp://pacs.example.org", "must look like"),
        ("https://", "must look like"),
        ("https://h:0", "must look like"),
        ("https://user:s3cret@pacs.example.org", "url_username"),
        ("https://pacs.example.org/orthanc?token=s3cret", "without a query"),
        ("https://pacs.example.org:99999", "not a URL"),
    ],
)
def test_wrong_url(url, said):
    message = failure(client, url)
    assert said in message
    assert "s3cret" not in message


@pytest.mark.parametrize(
    "params, said",
    [
        (dict(url_username="u"), "belong together"),
        (dict(url_password="p"), "belong together"),
        (dict(url_username="a:b", url_password="p"), "colon"),
        (dict(ca_path="/does/not/exist"), "ca_path is not a file"),
        (dict(timeout=0), "timeout"),
        (dict(retries=-1), "retries"),
    ],
)
def test_wrong_params(params, said):
    assert said in failure(lambda: client("http://localhost", **params))


@pytest.mark.parametrize(
    "body, expected",
    [
        (b'{"Message": "M", "Details": "D", "OrthancError": "M"}', "M: D"),
        (b'{"Message": ""}', '{"Message": ""}'),
        (b"<html><h1>502</h1>\n bad  gateway</html>", "502 bad gateway"),
        (b"", ""),
        (b"\xff\xfe", "\ufffd\ufffd"),
        (b"x" * 1000, "x" * 300),
        (b'["list"]', '["list"]'),
    ],
)
def test_server_message(body, expected):
    assert orthanc_client.server_message(body) == expected


def test_prefix_credentials_and_json(http_server):
    server = http_server(lambda method, path, body: (200, {"path": path, "body": body}))
    answer = client(server.url + "/orthanc/", url_username="ü", url_password=PASSWORD).request(
        "POST", "/tools/find", {"a": "ü"}
    )
    assert answer == {"path": "/orthanc/tools/find", "body": {"a": "ü"}}
    scheme, credentials = server.requests[0][3]["Authorization"].split()
    assert scheme == "Basic"
    assert base64.b64decode(credentials).decode("utf-8") == "ü:" + PASSWORD


def test_no_credentials_without_user(http_server):
    server = http_server(lambda method, path, body: (200, b""))
    assert client(server.url).get("/x") is None
    assert server.requests[0][3]["Authorization"] is None


@pytest.mark.parametrize(
    "status, body, said",
    [
        (400, {"Message": "Bad file format"}, ["Bad file format"]),
        (401, b"", ["401", "url_username"]),
        (403, b"<h1>Forbidden</h1>", ["403", "Forbidden", "permission"]),
        (404, {"Message": "Unknown resource"}, ["404", "Unknown resource", "prefix"]),
        (405, b"", ["405", "read-only"]),
        (500, ORTHANC_ERROR, ["500", "Error in the database: disk full", "log"]),
        (502, b"<html>bad gateway</html>", ["502", "bad gateway", "Orthanc behind it"]),
        (418, b"teapot", ["418", "teapot"]),
    ],
)
def test_refusals_are_told_and_not_retried(http_server, status, body, said):
    server = http_server(lambda method, path, data: (status, body))
    asking = client(server.url, url_username="u", url_password=PASSWORD, retries=3)
    with pytest.raises(PacsError) as error:
        asking.get("/system?token=s3cret")
    assert len(server.requests) == 1
    assert asking.waits == []
    assert error.value.result["status"] == status
    for text in said + ["GET %s/system" % server.url]:
        assert text in error.value.message
    assert "s3cret" not in error.value.message


def test_no_password_in_an_error(http_server):
    """Not even if the server echoes what it was sent."""
    encoded = base64.b64encode(("u:" + PASSWORD).encode()).decode()
    server = http_server(lambda *args: (500, ("you sent %s, which is %s" % (encoded, PASSWORD)).encode()))
    with pytest.raises(PacsError) as error:
        client(server.url, url_username="u", url_password=PASSWORD).get("/x")
    assert "you sent" in error.value.message
    for text in [error.value.message] + list(map(str, error.value.result.values())):
        assert PASSWORD not in text
        assert encoded not in text


def test_redirect_is_not_followed(http_server):
    target = http_server(lambda *args: (200, {}))
    server = http_server(lambda *args: (302, b"", {"Location": target.url + "/x?token=s3cret"}))
    message = failure(client(server.url, url_username="u", url_password=PASSWORD).get, "/x")
    assert "redirects to %s/x: use that" % target.url in message
    assert target.requests == []


def test_not_json(http_server):
    server = http_server(lambda *args: (200, b"<html>Welcome to nginx</html>"))
    message = failure(client(server.url).get, "/x")
    assert "not JSON" in message
    assert "Welcome to nginx" in message


def test_connection_refused_is_retried(closed_port):
    asking = client("http://127.0.0.1:%d" % closed_port, retries=3)
    message = failure(asking.get, "/x")
    assert "refused" in message
    assert "tried 4 times" in message
    assert asking.waits == [1, 2, 4]


def test_retry_succeeds(raw_server):
    """Two connections are reset, the third is answered."""
    seen = []

    def talk(connection, number):
        seen.append(number)
        connection.recv(10000)
        if number == 3:
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]")

    assert client("http://127.0.0.1:%d" % raw_server(talk), retries=2).get("/x") == []
    assert seen == [1, 2, 3]


def test_timeout(raw_server):
    start = time.monotonic()
    message = failure(client("http://127.0.0.1:%d" % raw_server(lambda *args: time.sleep(20)), timeout=0.3).get, "/x")
    assert "no answer in time" in message
    assert time.monotonic() - start < 20


def test_answer_breaks_off(raw_server):
    def talk(connection, number):
        connection.recv(10000)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n[")

    assert "connection failed" in failure(client("http://127.0.0.1:%d" % raw_server(talk)).get, "/x")


def test_not_http(raw_server):
    def talk(connection, number):
        connection.recv(10000)
        connection.sendall(b"SSH-2.0-OpenSSH\r\n")

    assert "not HTTP" in failure(client("http://127.0.0.1:%d" % raw_server(talk)).get, "/x")


def test_name_does_not_resolve(monkeypatch):
    def unknown(*args, **kwargs):
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    assert "does not resolve" in failure(client("http://nowhere.invalid").get, "/x")


class TestTls:
    def answer(self, *args):
        return 200, {"ok": True}

    def test_own_ca(self, http_server, site_ca):
        server = http_server(self.answer, tls=site_ca.server_context())
        assert client(server.url, ca_path=site_ca.path).get("/x") == {"ok": True}

    @pytest.mark.parametrize("with_ca", [False, True])
    def test_untrusted(self, http_server, site_ca, other_ca, with_ca):
        server = http_server(self.answer, tls=site_ca.server_context())
        asking = client(server.url, ca_path=other_ca.path if with_ca else None, retries=2)
        message = failure(asking.get, "/x")
        assert "not trusted" in message
        assert "ca_path" in message
        assert asking.waits == []
        assert server.requests == []

    def test_untrusted_however_it_is_written(self, http_server, site_ca, other_ca):
        server = http_server(self.answer, tls=site_ca.server_context())
        asking = client(server.url.replace("https", "HTTPS"), ca_path=other_ca.path)
        assert "not trusted" in failure(asking.get, "/x")
        assert server.requests == []

    def test_wrong_name(self, http_server, site_ca):
        server = http_server(self.answer, tls=site_ca.server_context("pacs.example.org"))
        assert "not trusted" in failure(client(server.url, ca_path=site_ca.path).get, "/x")

    def test_unverified_if_asked_for(self, http_server, other_ca):
        server = http_server(self.answer, tls=other_ca.server_context())
        assert client(server.url, validate_certs=False).get("/x") == {"ok": True}

    def test_plain_port(self, http_server):
        server = http_server(self.answer)
        assert "does this port speak HTTPS" in failure(client(server.url.replace("http:", "https:")).get, "/x")
