# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""No client of a site uses the proxy that its machine names; what fails says so."""

import http.server
import threading

import pytest
from ansible_collections.threedpc.pacs.plugins.module_utils.errors import PacsError
from ansible_collections.threedpc.pacs.plugins.module_utils.http_probe import Probe, ProbeError
from ansible_collections.threedpc.pacs.plugins.module_utils.orthanc_client import OrthancClient


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.asked.append((self.path, self.headers.get("Authorization")))
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_arguments):
        pass


@pytest.fixture
def listen():
    servers = []

    def start():
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.asked = []
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return server

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture
def proxy(listen, monkeypatch):
    server = listen()
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, f"http://user:hunter2@127.0.0.1:{server.server_port}")
    # Networks, which Python does not know here.
    monkeypatch.setenv("no_proxy", "127.0.0.0/8,172.16.0.0/12")
    return server


def client(port, **more):
    login = {"url_username": "anna", "url_password": "staff secret", "retries": 0}
    return OrthancClient({"url": f"http://127.0.0.1:{port}", **login, **more})


def test_the_staffs_password_goes_to_the_site_and_nowhere_else(listen, proxy):
    site = listen()
    assert client(site.server_port).get("/modalities") == {}
    assert len(site.asked) == 1 and site.asked[0][1].startswith("Basic ")
    assert proxy.asked == []


def test_a_check_asks_the_site_and_nobody_else(listen, proxy):
    site = listen()
    assert Probe().send("GET", f"http://127.0.0.1:{site.server_port}/x").status == 200
    assert proxy.asked == []


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_what_fails_names_the_proxy_without_its_password(listen, proxy, scheme):
    closed = listen()
    closed.server_close()
    with pytest.raises(PacsError) as failed:
        client(closed.server_port, url=f"{scheme}://127.0.0.1:{closed.server_port}").get("/system")
    with pytest.raises(ProbeError) as probed:
        Probe().send("GET", f"{scheme}://127.0.0.1:{closed.server_port}/x")
    for said in (str(failed.value), str(probed.value)):
        assert f"not through the proxy 127.0.0.1:{proxy.server_port} that {scheme}_proxy names" in said
        assert "hunter2" not in said
    assert proxy.asked == []


def test_without_a_proxy_nothing_is_said_of_one(listen, monkeypatch):
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    closed = listen()
    closed.server_close()
    with pytest.raises(PacsError) as failed:
        client(closed.server_port).get("/system")
    assert "proxy" not in str(failed.value)
