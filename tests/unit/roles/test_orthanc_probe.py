# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The health check of Orthanc meets every connection that a restart of PostgreSQL has broken, before anybody else."""

import base64
import collections
import http.server
import importlib.util
import io
import json
import threading
from pathlib import Path

import pytest
from ansible_collections.threedpc.pacs.plugins.filter import site

PROBE = Path(__file__).parents[3] / "roles/orthanc/files/probe.py"
CONNECTIONS = 20


class Pool:
    """Orthanc's connections: each request takes the oldest, one that is broken fails once and is replaced."""

    def __init__(self, broken):
        self.connections = collections.deque(broken)

    def take(self):
        good = self.connections.popleft()
        self.connections.append(True)
        return good


class Orthanc(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        good = self.server.pool.take()
        self.server.asked.append(self.headers.get("Authorization"))
        body = b'{"Last": 7}' if good else b'{"OrthancError": "The database is not available"}'
        self.send_response(200 if good else 503)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments):
        pass


@pytest.fixture
def orthanc():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Orthanc)
    server.asked = []
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()


def run_probe(monkeypatch, server, config):
    """The program as the health check runs it, but for where Orthanc and its configuration are."""
    source = PROBE.read_text()
    port = server.server_address[1]
    text = source.replace("127.0.0.1:8042", f"127.0.0.1:{port}").replace('"127.0.0.1", 8042', f'"127.0.0.1", {port}')
    assert text != source
    real = open
    monkeypatch.setattr(
        "builtins.open",
        lambda path, *more, **options: (
            io.StringIO(json.dumps(config)) if path == "/tmp/orthanc.json" else real(path, *more, **options)
        ),
    )
    with pytest.raises(SystemExit) as ended:
        exec(compile(text, str(PROBE), "exec"), {"__name__": "__main__"})
    return ended.value.code


CONFIG = {"RegisteredUsers": {"anna": "p"}, "PostgreSQL": {"IndexConnectionsCount": CONNECTIONS}}


@pytest.mark.parametrize("place", [0, 1, 7, CONNECTIONS - 1])
def test_no_broken_connection_is_left_for_others(monkeypatch, orthanc, place):
    """The connection that was in use when PostgreSQL went comes back behind some that are good already."""
    orthanc.pool = Pool([index not in (place, CONNECTIONS - 1) for index in range(CONNECTIONS)])
    assert run_probe(monkeypatch, orthanc, CONFIG) == 0
    assert all(orthanc.pool.take() for _connection in range(CONNECTIONS))
    assert set(orthanc.asked) == {"Basic YW5uYTpw"}


def test_a_password_that_orthanc_would_substitute_is_asked_as_it_is(monkeypatch, orthanc):
    orthanc.pool = Pool([True])
    written = json.loads(site.orthanc_json({"RegisteredUsers": {"anna": "a${PATH}b"}}))
    assert run_probe(monkeypatch, orthanc, written) == 0
    assert set(orthanc.asked) == {"Basic " + base64.b64encode(b"anna:a${PATH}b").decode()}


def test_sqlite_is_asked_once(monkeypatch, orthanc):
    orthanc.pool = Pool([True])
    assert run_probe(monkeypatch, orthanc, {"RegisteredUsers": {"anna": "p"}}) == 0
    assert len(orthanc.asked) == 1


@pytest.fixture(scope="module")
def probe():
    spec = importlib.util.spec_from_file_location("orthanc_probe", PROBE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Clock:
    """Each question takes as long as it is told."""

    def __init__(self, answers):
        self.now, self.answers = 0, iter(answers)

    def __call__(self):
        return self.now

    def sleep(self, seconds):
        self.now += seconds

    def question(self):
        took, problem = next(self.answers)
        self.now += took
        return problem


@pytest.mark.parametrize(
    ("answers", "verdict"),
    [
        ([(0, None)] * 20, None),
        ([(0, "status 503")] * 3 + [(0, None)] * 20, None),
        # A good one between two bad ones proves nothing.
        ([(0, "status 503"), (0, None)] * 10 + [(0, None)] * 20, None),
        # Busy, but nothing fails.
        ([(1.5, None)] * 3, None),
        # Some failed, and there was no time for all the others.
        ([(0, "status 503")] + [(1.5, None)] * 3, "3 good answers in a row, not yet 20"),
        ([(1.5, None), (1.5, None), (1.5, "timed out")], "timed out"),
        ([(5, "timed out")], "timed out"),
        ([(0.5, "status 503")] * 20, "status 503"),
    ],
)
def test_verdict(probe, answers, verdict):
    clock = Clock(answers)
    assert probe.judge(clock.question, CONNECTIONS, clock=clock, sleep=clock.sleep) == verdict
