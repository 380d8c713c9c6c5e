"""The site as its administrator upgrades it, while a scanner sends."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import subprocess
import time
from pathlib import Path

import deployed
import pydicom
import pytest
import yaml
from ansible_collections.threedpc.pacs.plugins.module_utils.phantom import Phantom

SCENARIO = Path(__file__).resolve().parents[1]
SITE = yaml.safe_load((SCENARIO / "inventory/group_vars/all.yml").read_text())
SERVER = SITE["lab_server_name"]
NETWORK = SITE["lab_server_network"]
SCANNER = f"{SERVER}-scanner"
LAB_IMAGES = os.environ["LAB_IMAGES"]
KEPT = "/var/lib/pacs/replaced-by-upgrade"


def start(playbook, release, *arguments):
    """Start a playbook as an operator does, with the inventory at one release."""
    return deployed.start(
        f"playbooks/{playbook}.yml", SCENARIO, f"--extra-vars=lab_release={release}", *arguments,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip


def play(playbook, release, *arguments, succeeds=True):
    """Run it to its end; returns what it said."""
    run = start(playbook, release, *arguments)
    said, _nothing = run.communicate()
    assert (run.returncode == 0) == succeeds, said[-6000:]
    return said


class Server(deployed.Shell):
    """The server's shell, as its administrator uses it."""

    def images(self):
        """The image of each service that is healthy."""
        found = self.run(
            "docker ps --filter health=healthy --format '{{.Label \"com.docker.compose.service\"}} {{.Image}}'"
        )
        return dict(line.split() for line in found.splitlines())

    def release(self):
        """Which release of the lab's Orthanc is healthy, staff's and shares'."""
        images = self.images()
        return {images.get(service, "none").rsplit("-", 1)[-1] for service in ("orthanc", "orthanc-for-shares")}

    def schema(self):
        sql = "SELECT count(*) FROM information_schema.columns WHERE column_name LIKE 'lab\\_%'"
        return self.run(
            "cd /opt/pacs && docker compose exec -T postgres"
            f' psql --username=postgres --dbname=orthanc --tuples-only --no-align --command="{sql}"'
        )

    def phase(self):
        return json.loads(self.run(f"cat {KEPT}/state.json 2>/dev/null || echo '{{}}'")).get("phase")

    def lose_power(self):
        subprocess.run(["docker", "kill", "--signal", "KILL", SERVER], check=True, capture_output=True)
        subprocess.run(["docker", "start", SERVER], check=True, capture_output=True)
        self.run("until systemctl is-active --quiet docker; do sleep 0.5; done")


class Site(deployed.Web):
    """Ways into the site."""

    def __init__(self):
        certificate = SCENARIO / "inventory/.local/ward11/ca.crt"
        super().__init__(f"https://{SITE['pacs_domain']}", certificate, SITE["pacs_staff_users"])

    def held(self):
        """Every file by its digest, with the labels and the notes of the studies."""
        studies = self.json("/studies")
        return {
            "instances": {
                name: hashlib.md5(self.must("GET", f"/instances/{name}/file").content).hexdigest()
                for name in self.json("/instances")
            },
            "labels": {name: self.json(f"/studies/{name}/labels") for name in studies},
            "notes": {name: self.json(f"/studies/{name}/metadata?expand") for name in studies},
        }

    def wait_until_written(self, study, seconds=240):
        """Wait for what the archive writes by itself a minute after a series is whole: its metadata, for viewers.

        It is the series' attachment 4301, of the plugin DICOMweb.
        """
        [series] = self.json(f"/studies/{study}")["Series"]
        end = time.monotonic() + seconds
        while "4301" not in self.json(f"/series/{series}/attachments"):
            assert time.monotonic() < end, f"There is no copy of the metadata within {seconds} s."
            time.sleep(1)


class Scanner:
    """A machine with an address of its own, which sends without pause and writes down what was acknowledged."""

    def run(self, *command):
        done = subprocess.run(["docker", "exec", SCANNER, *command], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    @contextlib.contextmanager
    def sending(self):
        self.run("rm", "-f", "/tmp/stop")
        sender = subprocess.Popen(
            ["docker", "exec", SCANNER, "python3", "/scanner.py", SITE["pacs_domain"]],
            stdout=subprocess.PIPE,
            text=True,
        )
        stored = []
        try:
            yield stored
        finally:
            self.run("touch", "/tmp/stop")
            said, _nothing = sender.communicate(timeout=120)
            stored += said.split()
        assert sender.returncode == 0


@pytest.fixture(scope="session")
def server():
    return Server(SERVER)


@pytest.fixture(scope="session")
def site():
    return Site()


@pytest.fixture(scope="session")
def scanner():
    """It speaks DICOM with what this machine has."""
    image = yaml.safe_load(Path(LAB_IMAGES).read_text())["lab_server_image"]
    site = Path(pydicom.__file__).parents[1]
    packages = [path for name in ("pydicom", "pynetdicom") for path in site.glob(f"{name}*") if path.is_dir()]
    volumes = [f"--volume={path}:/usr/lib/python3/dist-packages/{path.name}:ro" for path in packages]
    remove = ["docker", "rm", "--force", SCANNER]
    subprocess.run(remove, check=True, capture_output=True)
    address = SITE["pacs_modalities"][0]["address"]
    subprocess.run(
        ["docker", "run", "--detach", "--init", f"--name={SCANNER}", f"--network={NETWORK}", f"--ip={address}",
         *volumes, "--entrypoint=sleep", image, "infinity"],
        check=True, capture_output=True,
    )  # fmt: skip
    sender = Path(__file__).with_name("scanner.py")
    subprocess.run(["docker", "cp", str(sender), f"{SCANNER}:/scanner.py"], check=True, capture_output=True)
    yield Scanner()
    subprocess.run(remove, check=True, capture_output=True)


@pytest.fixture(scope="session")
def study(site):
    """A study with a label, a note and a link."""
    made = Phantom(slices=12, rows=64, columns=64, patient_id="KEPT", seed="KEPT")
    for _name, content in made.files():
        site.must("POST", "/instances", data=content)
    uid = made.study_instance_uid
    name = site.must("POST", "/tools/lookup", data=uid).json()[0]["ID"]
    site.must("PUT", f"/studies/{name}/labels/printed")
    site.must("PUT", f"/studies/{name}/metadata/1024", data="weigh the skull")
    return {"id": name, "uid": uid, "token": site.share(name, uid)["Token"]}


def wait_for_phase(server, phase, run):
    while server.phase() != phase:
        assert run.poll() is None, run.communicate()[0][-5000:]
        time.sleep(0.2)
