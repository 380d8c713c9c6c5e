# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The deployed site as its users meet it: a scanner, the staff, a surgeon, an administrator on the server."""

from __future__ import annotations

import json
import time
from pathlib import Path

import deployed
import pydicom
import pytest
import requests
import yaml
from ansible_collections.threedpc.pacs.plugins.module_utils.phantom import Phantom
from pydicom.uid import ImplicitVRLittleEndian
from pynetdicom import AE
from pynetdicom.sop_class import CTImageStorage, Verification

SCENARIO = Path(__file__).resolve().parents[1]
ROOT = SCENARIO.parents[1]
SITE = yaml.safe_load((SCENARIO / "inventory/group_vars/all.yml").read_text())
SERVER = SITE["lab_server_name"]
SECRETS = {
    **SITE["pacs_staff_users"],
    "database": SITE["pacs_database_password"],
    "auth service": SITE["pacs_auth_service_password"],
    "signing key": SITE["pacs_share_signing_key"],
}


def play(*arguments: str, playbook: str = "playbooks/site.yml", **options):
    """Run a playbook as an operator does; returns the finished process with its output.

    Without the proof at the end of site.yml, which converge and idempotence have shown and which takes time.
    """
    proof = ["--skip-tags=verify"] if playbook == "playbooks/site.yml" else []
    return deployed.play(playbook, SCENARIO, *proof, deployed.lab_images(), *arguments, **options)


class Site(deployed.Web):
    """Ways into the deployed site."""

    timeout = 20

    def __init__(self):
        certificate = SCENARIO / "inventory/.local/ward7/ca.crt"
        super().__init__(f"https://{SITE['pacs_domain']}", certificate, SITE["pacs_staff_users"])

    def find(self, level, **query):
        return self.staff("POST", "/tools/find", json={"Level": level, "Query": query}).json()

    def gate(self, what, token, **options):
        """What the page of a link asks."""
        return self.request("POST", f"/shares/gate/{what}", headers={"token": token}, **options)

    def associate(self, calling, called=None):
        entity = AE(ae_title=calling)
        entity.acse_timeout = entity.network_timeout = entity.connection_timeout = 10
        entity.add_requested_context(Verification)
        entity.add_requested_context(CTImageStorage, ["1.2.840.10008.1.2.1", ImplicitVRLittleEndian])
        return deployed.associate(entity, SITE["pacs_domain"], called or SITE["pacs_aet"])

    def send(self, files):
        """Store files as the scanner ct1 does; returns the DICOM status of each."""
        association = self.associate("CT1")
        assert association.is_established
        statuses = [association.send_c_store(pydicom.dcmread(file)).Status for file in files]
        association.release()
        return statuses

    def answers(self, study):
        """Whether staff and a surgeon get what they ask for right now: archive, database, token, gate."""
        try:
            token = self.share(study["id"], study["uid"])["Token"]
            shared = self.request("GET", "/shares/dicom-web/studies", token=token)
            archived = self.staff("GET", f"/studies/{study['id']}")
            return shared.ok and archived.ok and study["uid"] in shared.text
        except (requests.RequestException, KeyError):
            return False

    def wait_until_it_answers(self, study, seconds):
        deployed.wait_until(lambda: self.answers(study), seconds)


class Server(deployed.Shell):
    """The server's shell, as its administrator uses it."""

    def services(self):
        """State and health of every service."""
        lines = self.compose("ps --all --format json").splitlines()
        return {row["Service"]: (row["State"], row["Health"]) for row in map(json.loads, lines)}

    def wait_until_healthy(self, seconds):
        end = time.monotonic() + seconds
        services = {}
        while time.monotonic() < end:
            services = self.services()
            if services and set(services.values()) == {("running", "healthy")}:
                return
            time.sleep(1)
        pytest.fail(f"not healthy after {seconds} s: {services}")


@pytest.fixture(scope="session")
def site():
    return Site()


@pytest.fixture(scope="session")
def server():
    return Server(SERVER)


@pytest.fixture(scope="session")
def studies(site, tmp_path_factory):
    """Two studies that the scanner sent: what the archive, Orthanc and DICOM call them."""
    sent = []
    for number in (1, 2):
        folder = tmp_path_factory.mktemp(f"study{number}")
        made = Phantom(slices=12, rows=64, columns=64, patient_id=f"TEST-{number}", seed=f"test-{number}")
        made.write(folder)
        assert set(site.send(sorted(folder.glob("*.dcm")))) == {0x0000}
        uid = made.study_instance_uid
        [study] = site.find("Study", StudyInstanceUID=uid)
        sent.append({"id": study, "uid": uid, "folder": folder})
    return sent


@pytest.fixture(scope="module")
def token(site, studies):
    """Of a link that no earlier file has revoked."""
    return site.share(studies[0]["id"], studies[0]["uid"])["Token"]
