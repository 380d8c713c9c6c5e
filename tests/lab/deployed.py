# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A site that a scenario has deployed, as its operator, its server's administrator and its users meet it."""

from __future__ import annotations

import base64
import contextlib
import os
import subprocess
import time
from pathlib import Path

import requests
from ansible_collections.threedpc.pacs.plugins.module_utils.dialed_association import keep_answers

ROOT = Path(__file__).resolve().parents[2]
# What a link to a study is called in the web interface.
LINK = "ohif-viewer-publication"
# The seconds for which one opens its study: longer than a scenario takes on a slow machine.
VALID = 12 * 3600


def start(playbook, scenario, *arguments, environment=(), **options):
    """Start a playbook of the checkout as an operator does, with the inventory of a scenario."""
    command = ["ansible-playbook", str(playbook), f"--inventory={scenario / 'inventory'}", *map(str, arguments)]
    told = os.environ | {"ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "ANSIBLE_FORCE_COLOR": "0"} | dict(environment)
    # In a session of its own, so that it can be killed with all that it has started.
    return subprocess.Popen(command, cwd=ROOT, env=told, text=True, start_new_session=True, **options)


def play(playbook, scenario, *arguments, **options):
    """Run it to its end; returns the finished process with its output."""
    run = start(playbook, scenario, *arguments, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **options)
    said, _nothing = run.communicate()
    return subprocess.CompletedProcess(run.args, run.returncode, said)


def wait_until(question, seconds=120):
    """Ask until the answer is yes; who is not there yet has not answered."""
    end = time.monotonic() + seconds
    while True:
        with contextlib.suppress(OSError):
            if question():
                return
        assert time.monotonic() < end, f"not so after {seconds} s"
        time.sleep(0.2)


def reboot(server):
    """Docker may say of a container that it had to kill that it is still there, for a moment."""
    subprocess.run(["docker", "stop", server], check=True, capture_output=True)
    start = ["docker", "start", server]
    wait_until(lambda: subprocess.run(start, capture_output=True, check=False).returncode == 0, 60)


def lab_images():
    """The argument that names the images of the lab."""
    return f"--extra-vars=@{os.environ['LAB_IMAGES']}"


def associate(entity, address, called, port=4242, **options):
    """An association with the archive, in which only who waits for an answer gets it."""
    association = entity.associate(address, port, ae_title=called, **options)
    keep_answers(association)
    return association


@contextlib.contextmanager
def small_disk(server, place, room=40):
    """Lay a disk with so many free megabytes over a directory, with what is in it; what it held in the end is gone.

    The server's own disk is that of this machine, on which other scenarios run.
    """
    stop, start = (
        f"(cd /opt/pacs && docker compose {word} >/dev/null 2>&1)" for word in ("stop", "up --detach --wait")
    )
    server.run(
        f"{stop}; mkdir -p /mnt/small && size=$(du -sm {place} | cut -f1) &&"
        f" mount -t tmpfs -o size=$((size + {room}))M,mode=$(stat -c %a {place}) small /mnt/small &&"
        f" cp -a {place}/. /mnt/small && mount --bind /mnt/small {place} && umount /mnt/small && {start}"
    )
    try:
        yield
    finally:
        server.run(f"{stop}; umount {place} && {start}")


class Shell:
    """The shell of a server, as its administrator uses it."""

    def __init__(self, name):
        self.name = name

    def run(self, command, check=True):
        words = ["docker", "exec", self.name, "bash", "-c", command]
        # Not every file on a server is text.
        done = subprocess.run(words, capture_output=True, text=True, errors="replace", check=False)
        assert not check or done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
        return done.stdout.strip()

    def compose(self, command, **options):
        return self.run(f"cd /opt/pacs && docker compose {command}", **options)


class Web:
    """The web side of a site: of its staff, and of who has a link."""

    timeout = 60

    def __init__(self, base, certificate, users):
        self.base, self.certificate, self.users = base, certificate, users

    def request(self, method, path, user=None, password=None, token=None, **options):
        """As a user, with his own password unless another is given, or with a link."""
        headers = options.pop("headers", {})
        if user:
            # Bytes, because requests would write other characters than ASCII as Latin-1.
            credentials = f"{user}:{self.users[user] if password is None else password}".encode()
            headers["Authorization"] = b"Basic " + base64.b64encode(credentials)
        if token:
            headers["Authorization"] = f"Bearer {token}"
        return requests.request(
            method,
            self.base + path,
            headers=headers,
            verify=self.certificate,
            timeout=self.timeout,
            allow_redirects=False,
            **options,
        )

    def staff(self, method, path, **options):
        return self.request(method, "/orthanc" + path, user="anna", **options)

    def must(self, method, path, **options):
        """The answer to what has to succeed."""
        answer = self.staff(method, path, **options)
        answer.raise_for_status()
        return answer

    def json(self, path):
        return self.must("GET", path).json()

    def ask_share(self, study, uid, seconds=VALID, user="anna", **more):
        """The request for a link to one study, as the web interface makes it, with what the gate takes besides."""
        resource = {"DicomUid": uid, "OrthancId": study, "Level": "study"}
        body = {"Resources": [resource], "Type": LINK, "ValidityDuration": seconds, **more}
        return self.request("PUT", f"/orthanc/auth/tokens/{LINK}", user=user, json=body)

    def share(self, study, uid, *arguments, **more):
        answer = self.ask_share(study, uid, *arguments, **more)
        answer.raise_for_status()
        return answer.json()

    def opens(self, token, uid):
        """Whether a link shows its study."""
        answer = self.request("GET", f"/shares/dicom-web/studies?StudyInstanceUID={uid}", token=token)
        return answer.ok and uid in answer.text
