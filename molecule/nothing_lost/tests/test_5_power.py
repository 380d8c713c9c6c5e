# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The power fails while a scanner sends and a backup runs, at random moments.

A kill takes every process at once, the server's own included; what its kernel had not written to the disk yet survives,
which in a real loss of power is up to Orthanc's SyncStorageArea and PostgreSQL's fsync.
"""

from __future__ import annotations

import itertools
import os
import random
import subprocess
import threading
import time

import pytest
from conftest import SERVER, make_study, play

KILLS = 10 if os.environ.get("SOAK") else 2
SEED = os.environ.get("NOTHING_LOST_SEED", str(time.time_ns()))


class Scanner(threading.Thread):
    """Sends one study after the other until it is cut off, and remembers what it was told is stored."""

    def __init__(self, site, folder):
        super().__init__()
        self.site = site
        self.folder = folder
        self.stored = {}
        self.first = threading.Event()

    def files(self):
        for number in itertools.count():
            there = self.folder / str(number)
            there.mkdir()
            yield from make_study(there, f"POWER-{self.folder.name}-{number}", slices=4)[1]
            self.first.set()

    def run(self):
        self.stored = self.site.offer(self.files())


def lose_power(everything_first):
    """Kill the server. Where everything in it is killed first, Docker takes that for the operator's wish."""
    if everything_first:
        kill = "docker kill --signal KILL $(docker ps --quiet)"
        subprocess.run(["docker", "exec", SERVER, "sh", "-c", kill], check=False, capture_output=True)
    subprocess.run(["docker", "kill", "--signal", "KILL", SERVER], check=True, capture_output=True)
    subprocess.run(["docker", "start", SERVER], check=True, capture_output=True)


@pytest.fixture(scope="module")
def acknowledged(site):
    """What all scanners were told is stored; at the end all of it is there."""
    everything = {}
    yield everything
    site.must_have(everything)


@pytest.fixture(scope="module")
def backup_seconds(server):
    began = time.monotonic()
    server.pacs("backup")
    return time.monotonic() - began


@pytest.mark.parametrize("number", range(KILLS))
def test_nothing_acknowledged_is_lost_with_the_power(site, server, acknowledged, backup_seconds, tmp_path, number):
    moment = random.Random(f"{SEED}-{number}").uniform(0, 1.1 * backup_seconds)
    scanners = []
    for name in ("a", "b"):
        (tmp_path / f"{number}{name}").mkdir()
        scanners.append(Scanner(site, tmp_path / f"{number}{name}"))
        scanners[-1].start()
    assert all(scanner.first.wait(120) for scanner in scanners)
    backup = ["docker", "exec", SERVER, "pacs", "backup"]
    with subprocess.Popen(backup, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as running:
        time.sleep(moment)
        cut_off = running.poll() is None
        lose_power(everything_first=number % 2 == 1)
    for scanner in scanners:
        scanner.join(120)
        assert not scanner.is_alive()
    told = {uid: file for scanner in scanners for uid, file in scanner.stored.items()}
    acknowledged.update(told)
    print(
        f"seed {SEED}, killed {moment:.1f} s into a backup of {backup_seconds:.1f} s (cut off: {cut_off}),"
        f" {len(told)} instances acknowledged before"
    )
    by_itself = number % 2 == 0
    if by_itself:
        site.wait()
        site.must_have(told)
    said = play("playbooks/site.yml", "--skip-tags=verify")
    assert not by_itself or "changed=0 " in said
    site.wait()
    site.must_have(told)
    server.pacs("backup")


def test_the_backups_outlived_it(server, acknowledged):
    assert len(acknowledged) >= 2 * KILLS
    server.pacs("backup check --percent 100")
    server.pacs("rehearse")
    assert server.run("ls /var/lib/pacs/backup").split() == ["cache", "lock", "status.json"]
