# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The site as scanner, staff and surgeon use it, and its operator, whose inventory has a vault."""

from __future__ import annotations

import os
import shutil
import ssl
import subprocess
import threading
import time
from pathlib import Path

import deployed
import pydicom
import pytest
import yaml
from ansible_collections.threedpc.pacs.plugins.module_utils.phantom import Phantom
from pynetdicom import AE
from pynetdicom.sop_class import CTImageStorage

SCENARIO = Path(__file__).resolve().parents[1]
ROOT = SCENARIO.parents[1]
ADDRESS = "10.213.51.10"
SERVER = "threedpc-pacs-rotation"
BASE = f"https://{ADDRESS}"
VAULT_PASSWORD = "opens the vault"


class Operator:
    """The inventory of the scenario with its secrets in a vault, as new_site makes it, and the playbooks."""

    def __init__(self, folder):
        self.folder = folder / "inventory"
        self.vault = self.folder / "group_vars/all/vault.yml"
        self.password = folder / "vault-password"
        shutil.copytree(SCENARIO / "inventory", self.folder)
        self.password.write_text(VAULT_PASSWORD)
        (self.folder / "group_vars/all/secrets.yml").rename(self.vault)
        self.ansible("ansible-vault", "encrypt", str(self.vault))
        self.certificate = self.folder / ".local/ward11/ca.crt"

    def ansible(self, *command, succeeds=True, **options):
        environment = os.environ | {
            "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
            "ANSIBLE_FORCE_COLOR": "0",
            "ANSIBLE_VAULT_PASSWORD_FILE": str(self.password),
        }
        done = subprocess.run(
            command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, **options
        )
        said = done.stdout + done.stderr
        assert (done.returncode == 0) == succeeds, said[-6000:]
        return said

    def play(self, *arguments, playbook="rotate_secrets", **options):
        return self.ansible(
            "ansible-playbook",
            f"playbooks/{playbook}.yml",
            f"--inventory={self.folder}",
            f"--extra-vars=@{os.environ['LAB_IMAGES']}",
            *arguments,
            **options,
        )

    def rotate(self, what, *arguments, **options):
        """With differences and details, in which no secret may be."""
        before = self.values()
        said = self.play("--extra-vars", f"rotate_secrets={what}", "--diff", "-vvv", *arguments, **options)
        for secret in secrets_of(before) | secrets_of(self.values()):
            assert secret not in said
        return said

    def text(self):
        return self.ansible("ansible-vault", "view", str(self.vault))

    def values(self):
        return yaml.safe_load(self.text())

    def write(self, text):
        self.vault.write_text(text)
        self.ansible("ansible-vault", "encrypt", str(self.vault))


def secrets_of(values):
    """All that nobody may read."""
    keys = [entry["key"] for entry in values.get("pacs_share_previous_signing_keys", [])]
    return {
        *values["pacs_staff_users"].values(),
        *keys,
        *(value for name, value in values.items() if name.endswith(("_password", "_key"))),
    }


class Site(deployed.Web):
    """Ways into the site. Passwords are those of the vault, unless another is tried."""

    timeout = 120

    def __init__(self, operator):
        super().__init__(f"https://{ADDRESS}", operator.certificate, operator.values()["pacs_staff_users"])

    def logs_in(self, user, password=None):
        return self.request("GET", "/orthanc/system", user=user, password=password).status_code

    def link(self, study):
        """The token of a new link to a study."""
        return self.share(study.id, study.uid)["Token"]

    def answers_to(self, token, study):
        """Status of a search, of one study's data, of a download without a header, and of the page's question."""
        answers = [
            self.request("GET", f"/shares/dicom-web/studies?StudyInstanceUID={study.uid}", token=token),
            self.request("GET", f"/shares/dicom-web/studies/{study.uid}/metadata", token=token),
            self.request("GET", f"/shares/studies/{study.id}/archive?token={token}"),
            self.request("POST", "/shares/gate/open", headers={"token": token}),
        ]
        return {answer.status_code for answer in answers}

    def count(self, uid):
        found = self.staff("POST", "/tools/lookup", data=uid).json()
        if not found:
            return 0
        return len(self.json(f"/studies/{found[0]['ID']}/instances"))

    @staticmethod
    def served_certificate(port=443):
        return ssl.get_server_certificate((ADDRESS, port))


class Study:
    """A synthetic study in a folder."""

    def __init__(self, folder, name, slices=6):
        folder.mkdir(exist_ok=True)
        self.made = Phantom(slices=slices, rows=64, columns=64, patient_id=name[:60], seed=name)
        self.made.write(folder)
        self.uid = self.made.study_instance_uid
        self.files = sorted(folder.glob("*.dcm"))
        self.id = None


def associate(**options):
    entity = AE(ae_title="CT1")
    entity.connection_timeout = entity.acse_timeout = entity.network_timeout = 300
    entity.add_requested_context(CTImageStorage, "1.2.840.10008.1.2.1")
    return deployed.associate(entity, ADDRESS, "3DPCPACS", **options)


class Slow:
    """A body of known length that comes in pieces."""

    def __init__(self, content, pieces):
        self.content, self.pieces = content, pieces

    def __len__(self):
        return len(self.content)

    def __iter__(self):
        return self.pieces(self.content)


def is_closed():
    """Whether new associations are kept away."""
    return bool(run("/usr/sbin/nft list table inet threedpc_pacs_drain >/dev/null 2>&1 && echo closed", check=False))


class Load:
    """What goes on while secrets are rotated: an association, a slow upload, and staff who read all the time.

    The association goes on until the door is closed for others or the rotation is over, and the upload until the
    association is over; so a restart that does not wait for both would cut them.
    """

    def __init__(self, site, folder, name, instances=200):
        self.site = site
        self.sent = Study(folder / "sent", f"SENT-{name}", slices=instances)
        self.uploaded = Study(folder / "uploaded", f"UPLOADED-{name}", slices=1)
        self.late = Study(folder / "late", f"LATE-{name}", slices=1)
        self.user, self.password = "otto", site.users["otto"]
        self.begun, self.ending, self.over = threading.Event(), threading.Event(), threading.Event()
        self.statuses, self.reads, self.errors = [], [], []
        self.released = self.upload = self.closed = self.refused = self.late_status = None
        works = (self.send, self.post, self.read, self.watch)
        self.threads = [threading.Thread(target=self.caught, args=(work,)) for work in works]

    def caught(self, work):
        try:
            work()
        except Exception as error:
            self.errors.append(error)
            # What the others wait for will not come.
            for event in (self.begun, self.ending, self.over):
                event.set()

    def start(self):
        for thread in self.threads:
            thread.start()
        assert self.begun.wait(600)

    def send(self):
        """Three quarters at once, the rest when it is about to end."""
        association = associate()
        assert association.is_established
        most = len(self.sent.files) * 3 // 4
        for file in self.sent.files[:most]:
            self.statuses.append(association.send_c_store(pydicom.dcmread(file)).Status)
        self.begun.set()
        while not self.ending.wait(1):
            self.statuses.append(association.send_c_store(pydicom.dcmread(self.sent.files[0])).Status)
        for file in self.sent.files[most:]:
            self.statuses.append(association.send_c_store(pydicom.dcmread(file)).Status)
            time.sleep(0.1)
        association.release()
        self.released = association.is_released
        self.over.set()

    def pieces(self, content):
        yield content[:1000]
        at = 1000
        while not self.over.wait(1):
            yield content[at : at + 1]
            at += 1
        # Associations are over, and this alone is waited for.
        if self.closed:
            self.refused = self.refuses_uploads()
        time.sleep(3)
        yield content[at:]

    def post(self):
        content = self.uploaded.files[0].read_bytes()
        self.upload = self.request("POST", "/orthanc/instances", data=Slow(content, self.pieces)).status_code

    def refuses_uploads(self):
        """The answer to another upload, once nginx lets none begin. Where nobody waits any more, there is none."""
        while is_closed():
            answer = self.request("POST", "/orthanc/instances", data=b"no DICOM")
            if answer.status_code == 503:
                return answer.headers.get("Retry-After"), answer.json()["Message"]
            time.sleep(0.3)
        return None

    def read(self):
        while not self.over.is_set():
            status = self.request("GET", "/orthanc/system").status_code
            if not self.over.is_set():
                self.reads.append(status)
            time.sleep(0.2)

    def watch(self):
        """Begins another association as soon as the door is closed."""
        while not self.ending.is_set():
            if is_closed():
                self.closed = True
                self.ending.set()
                association = associate()
                # The callers' TCP tries for about two minutes, and a loaded machine may take longer.
                while not association.is_established:
                    association = associate()
                self.late_status = association.send_c_store(pydicom.dcmread(self.late.files[0])).Status
                association.release()
            time.sleep(0.5)

    def request(self, *arguments, **options):
        return self.site.request(*arguments, user=self.user, password=self.password, **options)

    def end(self):
        self.ending.set()
        for thread in self.threads:
            thread.join()

    def lost_nothing(self):
        self.end()
        assert self.errors == []
        assert set(self.statuses) == {0x0000}
        assert self.released
        assert self.upload == 200
        assert set(self.reads) == {200}
        assert self.site.count(self.sent.uid) == len(self.sent.files)
        assert self.site.count(self.uploaded.uid) == 1
        if self.closed:
            # Whoever came meanwhile was told, or was let in later.
            assert self.refused[0] == "30"
            assert "about to restart" in self.refused[1]
            assert self.late_status == 0x0000
            assert self.site.count(self.late.uid) == 1


@pytest.fixture(scope="session")
def operator(tmp_path_factory):
    return Operator(tmp_path_factory.mktemp("site"))


@pytest.fixture(scope="session")
def site(operator):
    return Site(operator)


@pytest.fixture
def load(site, tmp_path, request):
    """Something in progress, of which nothing may be lost."""
    work = Load(site, tmp_path, request.node.name)
    work.start()
    yield work
    work.end()


@pytest.fixture(scope="session")
def study(site, tmp_path_factory):
    made = Study(tmp_path_factory.mktemp("kept"), "KEPT")
    association = associate()
    assert {association.send_c_store(pydicom.dcmread(file)).Status for file in made.files} == {0x0000}
    association.release()
    made.id = site.must("POST", "/tools/lookup", data=made.uid).json()[0]["ID"]
    return made


run = deployed.Shell(SERVER).run
