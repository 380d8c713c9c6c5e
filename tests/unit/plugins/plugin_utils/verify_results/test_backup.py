# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the verification makes of the state of the backups."""

from __future__ import annotations

import json

import pytest
from ansible_collections.threedpc.pacs.plugins.plugin_utils.verify_results import backup
from ansible_collections.threedpc.pacs.plugins.plugin_utils.verify_results.words import DAY, HOUR

BACKUP = {"time": "t", "seconds": 12.3, "files": 52, "bytes": 463989, "studies": 4}
CHECK = {"time": "t", "seconds": 1.2, "percent": 10}
REHEARSAL = {"time": "t", "restore_seconds": 60.1, "newest_study_age": 7300}
SCHEDULES = {"backup": "39 1 * * *", "check": "39 3 * * 0", "rehearsal": ""}
# A Saturday: the day and the hour decide how many times a schedule has passed.
NOON = {"now": "2026-11-28T12:00:00+00:00"}
FAILURE = {"time": "2026-11-24", "reason": "The disk is full."}


def results(**status):
    status = {"schedules": SCHEDULES, "ages": {"configured": 60}, "clock": NOON} | status
    found = backup.results({"rc": 0, "stdout": json.dumps({"result": {"backups": status}})})
    return {result["id"]: (result["status"], result["got"]) for result in found}


@pytest.mark.parametrize(("age", "verdict"), [(HOUR, "passed"), (27 * HOUR, "warned"), (51 * HOUR, "failed")])
def test_a_backup_is_judged_by_its_age(age, verdict):
    found = results(backup=BACKUP, ages={"configured": 60, "backup": age})
    assert found["backup"][0] == verdict
    assert "4 studies, 52 files, 464.0 kB in 12 s" in found["backup"][1]


def test_a_new_site_has_none_yet_and_that_is_no_failure():
    assert {key: value[0] for key, value in results().items()} == {
        "backup": "not checked",
        "backup-check": "not checked",
    }


def test_a_schedule_that_never_ran_is_a_failure():
    found = results(ages={"configured": 3 * DAY})
    assert found["backup"] == ("failed", "none in 3 days, although cron should have run it")
    assert found["backup-check"][0] == "not checked"


def test_a_failure_since_the_last_success_is_told_with_its_reason():
    ages = {"configured": 60, "backup": HOUR, "check": HOUR}
    found = results(backup=BACKUP, check=CHECK, ages=ages, failures={"backup": FAILURE})
    assert found["backup"][0] == "failed"
    assert "The disk is full." in found["backup"][1] and "4 studies" in found["backup"][1]
    assert found["backup-check"][0] == "passed"
    assert results(failures={"backup": FAILURE})["backup"][0] == "failed"


def test_a_rehearsal_by_hand_is_told_without_a_schedule():
    found = results(rehearsal=REHEARSAL, ages={"configured": 60, "rehearsal": 400 * DAY})
    assert found["backup-rehearsal"] == ("passed", "400 days ago: restored in 60 s, its newest study was 2 hours old")
    empty = results(rehearsal=REHEARSAL | {"newest_study_age": None}, ages={"configured": 60, "rehearsal": 5})
    assert empty["backup-rehearsal"][1] == "just now: restored in 60 s"


@pytest.mark.parametrize("answer", [{"msg": "No such file"}, {"stdout": "", "stderr": "No such file"}])
def test_a_program_that_does_not_answer_is_a_failure(answer):
    for result in backup.results(answer):
        assert (result["status"], result["got"]) == ("failed", "No such file")
