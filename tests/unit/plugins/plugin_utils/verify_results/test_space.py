# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How long disks last."""

from __future__ import annotations

import importlib
import json
import pathlib
import sys

import pytest
from ansible_collections.threedpc.pacs.plugins.plugin_utils.verify_results import space
from ansible_collections.threedpc.pacs.plugins.plugin_utils.verify_results.words import DAY

# What the server's program makes of its measurements.
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[5] / "roles/host/files"))
server = importlib.import_module("pacs.space")
sys.path.pop(0)
LIMITS = {"warn_days": 60, "fail_days": 7, "warn_percent": 10, "fail_percent": 2}
NOW = 1_800_000_000
GB = 10**9


def line(days_ago, path, used, whole=1000, device="/dev/sda1"):
    return f"{NOW - int(days_ago * DAY)} {path}  {device} {whole * GB} {int(used * GB)} {int((whole - used) * GB)}"


def results(*lines):
    disks = [disk.as_json() for disk in server.disks(server.read("\n".join(lines)))]
    return space.results({"stdout": json.dumps({"result": {"disks": disks}})}, LIMITS)


@pytest.mark.parametrize(
    ("before", "used", "status", "words"),
    [
        (470, 500, "passed", "500.0 GB of 1.0 TB free; at 1.0 GB a day, as in the last 30, it is full in 500 days"),
        (200, 500, "warned", "at 10.0 GB a day, as in the last 30, it is full in 50 days"),
        (20, 890, "failed", "it is full in 4 days"),
        (500, 500, "passed", "did not fill up"),
        (600, 500, "passed", "did not fill up"),
        (497, 500, "passed", "at 100.0 MB a day, as in the last 30, it is full in 14 years"),
        # Too little is left, however slowly it fills.
        (915, 915, "warned", "85.0 GB of 1.0 TB free"),
        (990, 990, "failed", "10.0 GB of 1.0 TB free"),
    ],
)
def test_a_disk_is_judged_by_the_days_until_it_is_full(before, used, status, words):
    # What is older than a month says nothing about the present.
    [found] = results(line(300, "/", 1), line(30, "/", before), line(0, "/", used))
    assert found["status"] == status
    assert words in found["got"]


def test_the_growth_of_a_new_site_is_not_known():
    [found] = results(line(2.9, "/", 100), line(0, "/", 500))
    assert found["status"] == "not checked"
    assert found["got"] == "500.0 GB of 1.0 TB free; how fast it fills is known after three days"
    assert results(line(0, "/", 950))[0]["status"] == "warned"
    assert results(line(0, "/", 999))[0]["status"] == "failed"
    assert results(line(3, "/", 499), line(0, "/", 500))[0]["status"] == "passed"


def test_paths_on_one_disk_are_one_disk_and_what_is_no_longer_asked_for_is_none():
    before = [line(5, path, 100) for path in ("/", "/opt/pacs", "/old", "/var/lib/pacs")]
    found = results(
        *before, line(0, "/", 200), line(0, "/opt/pacs", 200.1), line(0, "/var/lib/pacs", 950, 1000, "nas:/a b")
    )
    assert [entry["promise"] for entry in found] == [
        "The disk of / and /opt/pacs has room",
        "The disk of /var/lib/pacs has room",
    ]
    assert [entry["id"] for entry in found] == ["space-/", "space-/var/lib/pacs"]
    assert [entry["status"] for entry in found] == ["warned", "failed"]


def test_a_line_that_a_full_disk_cut_short_is_no_number():
    [found] = results(line(5, "/", 100), "18000000", f"{NOW} / 5", "x y z a b c", line(0, "/", 101))
    assert found["status"] == "passed"


@pytest.mark.parametrize(
    ("answer", "words"), [({"stderr": "pacs: not found"}, "not found"), ({}, "no answer; site.yml")]
)
def test_a_program_that_does_not_answer_is_a_failure(answer, words):
    [found] = space.results(answer, LIMITS)
    assert found["status"] == "failed"
    assert words in found["got"]
