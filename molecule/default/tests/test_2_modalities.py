# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The list of scanners: a change interrupts nobody, and what somebody changed by hand is found and put right."""

import base64
import itertools
import json
import shlex
import threading

import pydicom
from conftest import SERVER, SITE, play

testinfra_hosts = [f"docker://{SERVER}"]

SECOND = {"name": "ct2", "aet": "CT2", "address": SITE["lab_scanner_address"], "allow": ["echo"]}


def containers(server):
    """When each container was started."""
    names = server.compose("ps --quiet")
    return server.run(
        "docker inspect --format '{{.Name}} {{.State.StartedAt}}' " + " ".join(names.split())
    ).splitlines()


class Scanner(threading.Thread):
    """Sends a study again and again over one association until it is told to stop."""

    def __init__(self, site, study):
        super().__init__(daemon=True)
        self.images = [pydicom.dcmread(file) for file in sorted(study["folder"].glob("*.dcm"))]
        self.association = site.associate("CT1")
        self.statuses = []
        self.stop = threading.Event()

    def run(self):
        for image in itertools.cycle(self.images):
            self.statuses.append(self.association.send_c_store(image).get("Status"))
            if self.stop.wait(0.3):
                break
        self.association.release()


def test_a_new_scanner_interrupts_nobody(site, server, studies, tmp_path):
    assert not site.associate("CT2").is_established
    before = containers(server)
    scanner = Scanner(site, studies[0])
    scanner.start()

    modalities = [{"name": "ct1", "aet": "CT1", "address": SITE["lab_scanner_address"], "port": 11112}, SECOND]
    (tmp_path / "vars.json").write_text(json.dumps({"pacs_modalities": modalities}))
    dry = play("--check", "--diff", f"--extra-vars=@{tmp_path / 'vars.json'}")
    assert "ct2" in dry.stdout
    assert not site.associate("CT2").is_established
    result = play(f"--extra-vars=@{tmp_path / 'vars.json'}")
    assert result.returncode == 0, result.stdout[-3000:]

    scanner.stop.set()
    scanner.join()
    assert len(scanner.statuses) > 20
    assert set(scanner.statuses) == {0x0000}
    second = site.associate("CT2")
    assert second.send_c_echo().Status == 0x0000
    second.release()
    assert containers(server) == before


def test_changes_by_hand_are_reported_and_put_right(site, server, studies):
    byhand = json.dumps({"AET": "BYHAND", "Host": SITE["lab_scanner_address"], "Port": 104})
    # nginx lets nobody do this, so an administrator does it on the server.
    assert site.staff("PUT", "/modalities/byhand", data=byhand).status_code == 403
    login = base64.b64encode(f"anna:{SITE['pacs_staff_users']['anna']}".encode()).decode()
    program = (
        "import urllib.request as u; u.urlopen(u.Request('http://127.0.0.1:8042/modalities/byhand', method='PUT',"
        f" data=b'{byhand}', headers={{'Authorization': 'Basic {login}'}}))"
    )
    server.compose(f"exec -T orthanc python3 -c {shlex.quote(program)}")
    result = play(playbook="playbooks/verify.yml")
    assert result.returncode != 0
    assert "nobody listed byhand, ct2" in result.stdout
    before = containers(server)
    result = play()
    assert result.returncode == 0, result.stdout[-3000:]
    assert list(site.staff("GET", "/modalities?expand").json()) == ["ct1", "verify"]
    assert not site.associate("BYHAND").is_established
    assert not site.associate("CT2").is_established
    assert containers(server) == before


def test_every_permission_is_written_out(site):
    known = site.staff("GET", "/modalities?expand").json()
    allowed = {
        name: {key for key, value in entry.items() if key.startswith("Allow") and value}
        for name, entry in known.items()
    }
    # Orthanc may convert what it sends to a modality; that lets nobody do anything.
    assert {name: keys - {"AllowTranscoding"} for name, keys in allowed.items()} == {
        "ct1": {"AllowEcho", "AllowStore"},
        "verify": {"AllowEcho"},
    }
