"""The site with its backups, as scanner, staff, surgeon and administrator meet it."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import io
import json
import os
import ssl
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import deployed
import pydicom
import pytest
import yaml
from ansible_collections.threedpc.pacs.plugins.module_utils.phantom import Phantom
from pynetdicom import AE
from pynetdicom.sop_class import CTImageStorage

SCENARIO = Path(__file__).resolve().parents[1]
SITE = yaml.safe_load((SCENARIO / "inventory/group_vars/all.yml").read_text())
SERVER = SITE["lab_server_name"]
BACKUPS = "/mnt/backup/pacs"


def play(playbook, *arguments, succeeds=True):
    """Run a playbook as an operator does; returns what it said."""
    run = deployed.play(playbook, SCENARIO, deployed.lab_images(), *arguments)
    assert (run.returncode == 0) == succeeds, run.stdout[-7000:]
    return run.stdout


class Server(deployed.Shell):
    """The server's shell, as its administrator uses it."""

    def backup(self, command, succeeds=True):
        """The answer of the program; of a failure, its reason."""
        done = subprocess.run(
            ["docker", "exec", SERVER, "/opt/pacs/bin/pacs-backup", *command.split()],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert (done.returncode == 0) == succeeds, done.stdout + done.stderr
        answer = json.loads(done.stdout)
        return answer if succeeds else answer["failed"]


class Site(deployed.Web):
    """Ways into the site."""

    def __init__(self):
        certificate = SCENARIO / "inventory/.local/ward10/ca.crt"
        super().__init__(f"https://{SITE['pacs_domain']}", certificate, SITE["pacs_staff_users"])

    def upload(self, data):
        return self.must("POST", "/instances", data=data).json()

    def send(self, files):
        """Store files as the scanner ct1 does."""
        assert len(self.offer(files)) == len(files)

    @staticmethod
    def offer(files):
        """Send files as the scanner ct1 does, until the last or the end of the association.

        Returns which it was told are stored: the file by SOPInstanceUID.
        """
        entity = AE(ae_title="CT1")
        entity.add_requested_context(CTImageStorage, "1.2.840.10008.1.2.1")
        association = deployed.associate(entity, SITE["pacs_domain"], "3DPCPACS")
        stored = {}
        for file in files:
            if not association.is_established:
                break
            dataset = pydicom.dcmread(file)
            # The association may end before or within an instance.
            with contextlib.suppress(RuntimeError, OSError):
                if association.send_c_store(dataset).get("Status") == 0:
                    stored[str(dataset.SOPInstanceUID)] = file
        if association.is_established:
            association.release()
        return stored

    def wait(self, seconds=600):
        """Wait until the archive answers."""
        end = time.monotonic() + seconds
        while True:
            with contextlib.suppress(OSError):
                if self.request("GET", "/orthanc/studies", user="anna").ok:
                    return
            assert time.monotonic() < end, f"The archive did not answer within {seconds} s."
            time.sleep(0.5)

    def must_have(self, stored):
        """What a scanner was told is stored is there as it was sent, and nothing in the archive is damaged."""
        for instance in self.json("/instances"):
            path = f"/orthanc/instances/{instance}/attachments/dicom/verify-md5"
            assert self.request("POST", path, user="anna").ok, f"{instance} is damaged"
        for uid, file in stored.items():
            found = self.must("POST", "/tools/lookup", data=uid).json()
            assert [entry["Type"] for entry in found] == ["Instance"], f"{uid} was acknowledged and is not there"
            content = self.must("GET", f"/instances/{found[0]['ID']}/file").content
            assert pydicom.dcmread(io.BytesIO(content)) == pydicom.dcmread(file), f"{uid} is not what was sent"

    def fingerprint(self):
        """Everything that must be the same after a restore."""
        instances = self.json("/instances")
        with ThreadPoolExecutor(8) as pool:
            files = pool.map(lambda name: self.must("GET", f"/instances/{name}/file").content, instances)
            digests = {name: hashlib.md5(data).hexdigest() for name, data in zip(instances, files, strict=True)}
        studies = {study["ID"]: study for study in self.json("/studies?expand")}
        return {
            "instances": digests,
            "labels": {name: self.json(f"/studies/{name}/labels") for name in studies},
            "metadata": {name: self.json(f"/studies/{name}/metadata?expand") for name in studies},
            "models": {name: self.model(name) for name in instances if self.is_model(name)},
            # The verification after a restore makes links of its own.
            "shares": [share for share in self.json("/shares")["shares"] if share["recipient"] != "verify"],
            "modalities": self.json("/modalities?expand"),
            "users": [
                self.request("GET", "/orthanc/system", user=user).status_code for user in SITE["pacs_staff_users"]
            ],
            "certificate": self.certificate_of_server(),
        }

    def is_model(self, instance):
        return self.json(f"/instances/{instance}/tags?simplify").get("Modality") == "M3D"

    def model(self, instance):
        return hashlib.md5(self.must("GET", f"/instances/{instance}/stl").content).hexdigest()

    @staticmethod
    def certificate_of_server():
        return ssl.get_server_certificate((SITE["pacs_domain"], 443))


def make_study(folder, name, slices=12):
    made = Phantom(slices=slices, rows=64, columns=64, patient_id=name, seed=name)
    made.write(folder)
    return made, sorted(folder.glob("*.dcm"))


@pytest.fixture(scope="session")
def site():
    return Site()


@pytest.fixture(scope="session")
def server():
    return Server(SERVER)


@pytest.fixture(scope="session")
def study(site, tmp_path_factory):
    """A study that the scanner sent, with a model, a label, a note and a link."""
    made, files = make_study(tmp_path_factory.mktemp("kept"), "KEPT")
    site.send(files)
    uid = made.study_instance_uid
    name = site.must("POST", "/tools/lookup", data=uid).json()[0]["ID"]
    surface = bytes(80) + (40).to_bytes(4, "little") + os.urandom(2000)
    content = "data:model/stl;base64," + base64.b64encode(surface).decode()
    body = {"Parent": name, "Tags": {"SeriesDescription": "Model"}, "Content": content}
    site.must("POST", "/tools/create-dicom", json=body)
    site.must("PUT", f"/studies/{name}/labels/printed")
    site.must("PUT", f"/studies/{name}/metadata/1024", data="weigh the skull")
    return {"id": name, "uid": uid, "token": site.share(name, uid)["Token"], "model": hashlib.md5(surface).hexdigest()}
