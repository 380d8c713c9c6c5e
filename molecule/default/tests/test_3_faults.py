# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kills, recreations, interrupted runs and a reboot: the site comes back by itself, with every study."""

import json
import os
import re
import signal
import subprocess
import time

import deployed
import pytest
from conftest import SCENARIO, SERVER, play

SERVICES = [
    "postgres",
    "orthanc-auth-service",
    "share-gate",
    "staff-gate",
    "orthanc",
    "haproxy",
    "orthanc-for-shares",
    "nginx",
]

testinfra_hosts = [f"docker://{SERVER}"]


def check_the_studies(site, studies, token):
    for study in studies:
        assert len(site.staff("GET", f"/studies/{study['id']}/instances").json()) == 12
    path = f"/shares/dicom-web/studies/{studies[0]['uid']}/metadata"
    assert site.request("GET", path, token=token).status_code == 200


@pytest.fixture(autouse=True)
def healthy_before(server):
    server.wait_until_healthy(90)


@pytest.mark.parametrize("service", SERVICES)
def test_a_killed_service_comes_back(site, server, studies, token, service):
    container = server.compose(f"ps --quiet {service}").strip()
    began = f"docker inspect --format '{{{{.State.StartedAt}}}}' {container}"
    before = server.run(began)
    server.run(f"kill -9 $(docker inspect --format '{{{{.State.Pid}}}}' {container})")
    # nginx knows for a moment what a gate has said, so that an answer is no sign yet.
    deployed.wait_until(lambda: server.run(began) != before, 30)
    server.wait_until_healthy(30)
    site.wait_until_it_answers(studies[0], 30)
    for _attempt in range(20):
        assert site.answers(studies[0])
    check_the_studies(site, studies, token)


@pytest.mark.parametrize("service", SERVICES)
def test_a_recreated_service_is_found_again(site, server, studies, token, service):
    server.compose(f"up --detach --force-recreate --no-deps {service}")
    site.wait_until_it_answers(studies[0], 30)
    for _attempt in range(20):
        assert site.answers(studies[0])
    check_the_studies(site, studies, token)


@pytest.mark.parametrize("seconds", [pytest.param(5, marks=pytest.mark.soak), 11])
def test_an_interrupted_run_is_healed_by_the_next(site, studies, token, tmp_path, seconds):
    change = {"pacs_share_days": 3 + seconds, "pacs_database_password": f"violet-{seconds}-otter-balcony"}
    (tmp_path / "vars.json").write_text(json.dumps(change))
    run = deployed.start(
        "playbooks/site.yml", SCENARIO, deployed.lab_images(), f"--extra-vars=@{tmp_path / 'vars.json'}",
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    time.sleep(seconds)
    assert run.poll() is None, "it ended by itself"
    os.killpg(run.pid, signal.SIGKILL)
    run.wait()
    result = play()
    assert result.returncode == 0, result.stdout[-3000:]
    check_the_studies(site, studies, token)


def test_a_wrong_image_leaves_the_old_service_running(site, studies, token):
    images = '{"pacs_images": {"orthanc": "threedpc-lab/orthanc:not-there"}}'
    result = play(f"--extra-vars={images}")
    assert result.returncode != 0
    assert "threedpc-lab/orthanc:not-there" in result.stdout
    assert site.answers(studies[0])
    check_the_studies(site, studies, token)


def test_everything_is_healthy_after_a_reboot(site, server, studies, token):
    deployed.reboot(SERVER)
    end = time.monotonic() + 60
    while server.run("systemctl is-active docker", check=False).strip() != "active" and time.monotonic() < end:
        time.sleep(1)
    server.wait_until_healthy(120)
    site.wait_until_it_answers(studies[0], 30)
    check_the_studies(site, studies, token)


def test_after_all_this_every_promise_is_kept():
    result = play("--extra-vars=verify_send=true", playbook="playbooks/verify.yml")
    assert result.returncode == 0, result.stdout[-3000:]


def test_after_all_this_there_is_nothing_to_do():
    result = play("--check", "--diff")
    assert result.returncode == 0, result.stdout[-3000:]
    assert re.search(r"changed=0 +unreachable=0 +failed=0", result.stdout), result.stdout[-3000:]
