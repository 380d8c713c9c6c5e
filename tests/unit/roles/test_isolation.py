# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Programs of the server and of its containers use nothing of where they are started, and no proxy to ask the site."""

import http.server
import os
import re
import subprocess
import sys
import threading
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
# Where the collection says what is run.
SAYS = [*ROOT.glob("roles/*/*/*.yml"), *ROOT.glob("roles/*/*/*/*.yml"), *ROOT.glob("roles/*/templates/**/*.j2")]
PYTHON = re.compile(r"(?:^|[\s'\"\[,/])python3?(?=[\s'\",])(?P<rest>.*)")
# Runs as nobody in a container, from a directory of its own.
STARTS = re.compile(r"^,? /etc/pacs/start\.py")


def commands():
    for path in SAYS:
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            text = line.partition("#")[0] if not line.lstrip().startswith("#!") else line
            for found in PYTHON.finditer(text):
                yield pytest.param(found["rest"], id=f"{path.relative_to(ROOT)}:{number}")


@pytest.mark.parametrize("rest", list(commands()))
def test_python_is_always_isolated(rest):
    """-I: neither the current directory nor the environment has modules for it."""
    assert re.match(r"[\s'\",]*-I\b", rest) or STARTS.match(rest)


class Listener:
    """Answers 200 to everything and notes what it was asked."""

    def __init__(self):
        asked = self.asked = []

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                asked.append((self.path, self.headers.get("Authorization")))
                self.send_response(200)
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"{}")

            do_POST = do_PUT = do_GET

            def log_message(self, *_arguments):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def proxy(monkeypatch):
    listener = Listener()
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, listener.url.replace("//", "//user:hunter2@"))
    # As an administrator writes it, and as Python does not read it.
    monkeypatch.setenv("no_proxy", "10.0.0.0/8,172.16.0.0/12,127.0.0.0/8")
    yield listener
    listener.server.shutdown()


@pytest.mark.parametrize(
    ("program", "port", "arguments"),
    [("auth/files/probe.py", "8000", ["/health", "3"]), ("orthanc/files/probe.py", "8042", [])],
)
def test_a_health_check_asks_no_proxy(proxy, tmp_path, program, port, arguments):
    service = Listener()
    (tmp_path / "orthanc.json").write_text('{"RegisteredUsers": {"anna": "secret"}}')
    text = (ROOT / "roles" / program).read_text()
    assert f'"127.0.0.1", {port},' in text
    text = text.replace(f'"127.0.0.1", {port},', f'"127.0.0.1", {service.server.server_port},')
    (tmp_path / "probe.py").write_text(text.replace("/tmp/orthanc.json", str(tmp_path / "orthanc.json")))
    done = subprocess.run(
        [sys.executable, "-I", tmp_path / "probe.py", *arguments], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert len(service.asked) == 1 and proxy.asked == []


def test_the_restore_of_a_study_asks_no_proxy(proxy):
    service = Listener()
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); from pacs.orthanc import Orthanc;"
        "asks = Orthanc.__new__(Orthanc);"
        "asks.url, asks.authorization = sys.argv[2], 'Basic secret'; asks.ask('POST', '/instances', b'x')"
    )
    command = [sys.executable, "-c", code, str(ROOT / "roles/host/files"), service.url]
    subprocess.run(command, check=True, env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"})
    assert service.asked == [("/instances", "Basic secret")] and proxy.asked == []
