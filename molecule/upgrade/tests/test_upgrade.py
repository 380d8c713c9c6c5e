# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Refused, failed, interrupted and successful upgrades: whatever was acknowledged is there afterwards."""

from __future__ import annotations

import json
import os
import random
import re
import signal
import time

import pytest
import requests
from conftest import KEPT, play, start, wait_for_phase
from deployed import small_disk

RANDOM = random.Random(os.environ.get("PYTEST_SEED", "upgrade"))


@pytest.fixture(autouse=True)
def whole(site, server, scanner, study):
    """Whatever a test does, everything from before it is there, and the site is open to everybody."""
    before = site.held()
    yield
    after = site.held()
    for part in ("labels", "notes"):
        assert {name: after[part].get(name) for name in before[part]} == before[part]
    assert {name: after["instances"].get(name) for name in before["instances"]} == before["instances"]
    assert after["labels"][study["id"]] == ["printed"]
    assert after["notes"][study["id"]]["1024"] == "weigh the skull"
    assert site.opens(study["token"], study["uid"])
    # What the gate asks the database is there as well.
    assert site.opens(site.share(study["id"], study["uid"])["Token"], study["uid"])
    with scanner.sending() as stored:
        time.sleep(3)
    assert stored
    there_are(site, stored)
    assert "threedpc_pacs_upgrade" not in server.run("nft list tables")
    assert set(
        server.run("docker ps --quiet | xargs docker inspect -f '{{.HostConfig.RestartPolicy.Name}}'").split()
    ) == {"unless-stopped"}


def there_are(site, stored):
    """Every instance that the scanner was told is stored can be read."""
    answer = site.must("POST", "/tools/find", json={"Level": "Instance", "Query": {}, "Expand": True})
    found = {entry["MainDicomTags"]["SOPInstanceUID"]: entry["ID"] for entry in answer.json()}
    assert not set(stored) - set(found)
    for uid in stored:
        assert uid.encode() in site.must("GET", f"/instances/{found[uid]}/file").content


def nobody_gets_in(site):
    with pytest.raises(requests.exceptions.RequestException):
        requests.get(site.base, verify=False, timeout=3)


def test_a_dry_run_says_what_changes_and_changes_nothing(server, site, study):
    site.wait_until_written(study["id"])
    before = server.run("find /opt/pacs /var/lib/pacs -not -path '*/postgres/*' -printf '%p %s %T@\\n' | sort | md5sum")
    containers = server.run("docker ps --quiet")
    said = play("upgrade", "new", "--check", "--diff")
    assert re.search("orthanc: threedpc-lab/orthanc:1.13.0-lab-old to\\s+threedpc-lab/orthanc:1.13.1-lab-new", said)
    assert "The database has schema 6" in said
    after = server.run("find /opt/pacs /var/lib/pacs -not -path '*/postgres/*' -printf '%p %s %T@\\n' | sort | md5sum")
    assert after == before
    assert server.run("docker ps --quiet") == containers


def test_without_another_release_there_is_nothing_to_do(server):
    assert "changed=0 " in play("upgrade", "old")


def test_a_plain_run_leaves_the_release_that_runs(server):
    said = play("site", "new", succeeds=False)
    assert "Run upgrade.yml" in said
    assert server.release() == {"old"}


def test_an_image_that_is_not_there_is_missed_before_anything_stops(server, site):
    started = server.run("docker ps --format '{{.ID}} {{.CreatedAt}}'")
    said = play("upgrade", "absent", succeeds=False)
    assert "pacs_image_archives has no threedpc-lab/orthanc:1.13.2-lab-absent" in " ".join(said.split())
    assert server.run("docker ps --format '{{.ID}} {{.CreatedAt}}'") == started


def test_a_full_disk_is_refused(server):
    with small_disk(server, "/var/lib/pacs", room=500):
        assert "An upgrade needs" in play("upgrade", "new", succeeds=False)
    assert server.release() == {"old"}


@pytest.mark.parametrize(
    ("release", "reason"),
    [("broken", "This release of the lab does not start"), ("wrong", "promise")],
)
def test_a_release_that_fails_is_taken_back_by_itself(server, site, scanner, release, reason):
    tables = server.schema()
    configuration = server.run("cd /opt/pacs && find . -type f | sort | xargs md5sum")
    with scanner.sending() as stored:
        said = play("upgrade", release, succeeds=False)
    print(len(stored), said[-3000:])
    assert reason in said
    assert re.search(r"The release from before runs again with its database; out of service for \d+\s+s", said)
    assert server.release() == {"old"}
    assert server.schema() == tables
    assert server.run("cd /opt/pacs && find . -type f | sort | xargs md5sum") == configuration
    there_are(site, stored)
    assert "changed=0 " in play("site", "old")


@pytest.mark.parametrize(
    "phase",
    ["copied", *(pytest.param(phase, marks=pytest.mark.soak) for phase in ["closed", "stopping", *["copied"] * 7])],
)
def test_after_a_power_loss_the_release_from_before_is_back(server, site, scanner, phase):
    pause = RANDOM.uniform(0, 12)
    print(f"{phase} and {pause:.1f} s")
    with scanner.sending() as stored:
        run = start("upgrade", "new")
        wait_for_phase(server, phase, run)
        time.sleep(pause if phase == "copied" else pause / 20)
        os.killpg(run.pid, signal.SIGKILL)
        server.lose_power()
        run.communicate()
        time.sleep(20)
        # Nobody has proven what runs now, and nobody may store into what may be dropped.
        if phase == "copied":
            nobody_gets_in(site)
        said = play("site", "new", succeeds=False)
        assert "It is taken back first" in said
        assert "Run upgrade.yml" in said
        assert server.release() == {"old"}
    there_are(site, stored)


@pytest.mark.soak
def test_the_play_is_killed(server, site, scanner):
    with scanner.sending() as stored:
        run = start("upgrade", "new")
        wait_for_phase(server, "copied", run)
        time.sleep(RANDOM.uniform(0, 15))
        os.killpg(run.pid, signal.SIGKILL)
        run.communicate()
        # Whoever logs in to the server needs no Ansible.
        server.run(f"{KEPT}/pacs upgrade back")
        assert server.release() == {"old"}
    there_are(site, stored)
    assert "changed=0 " in play("site", "old")


def test_an_upgrade(server, site, scanner, study):
    tables = server.schema()
    with scanner.sending() as stored:
        said = play("upgrade", "new")
    window = re.search(r"Out of service for\s+(\d+) s", said)
    print(window[0], len(stored))
    assert int(window[1]) > 0
    assert "Database schema: 6" in said
    assert server.release() == {"new"}
    assert server.schema() != tables
    assert int(server.run("pacs backup list --json | grep -o '\"snapshot\"' | wc -l")) > 0
    there_are(site, stored)
    assert "changed=0 " in play("site", "new")
    assert "changed=0 " in play("upgrade", "new")


def test_a_newer_server_is_refused(server):
    said = " ".join(play("upgrade", "old", succeeds=False).split())
    assert "The server is newer than the inventory: orthanc is threedpc-lab/orthanc:1.13.1-lab-new" in said
    assert "Run upgrade.yml" in play("site", "old", succeeds=False)
    assert server.release() == {"new"}


def test_another_major_version_of_the_database_is_refused(server):
    images = {"postgres": "threedpc-lab/postgres:18.1-lab", "orthanc": "threedpc-lab/orthanc:1.13.1-lab-new"}
    change = json.dumps({"pacs_images": images})
    said = " ".join(play("upgrade", "new", "--extra-vars", change, succeeds=False).split())
    assert "The database has files of PostgreSQL 17" in said


def test_a_reboot_afterwards(server, site, study):
    server.lose_power()
    end = time.monotonic() + 180
    while time.monotonic() < end and server.release() != {"new"}:
        time.sleep(2)
    assert server.release() == {"new"}
