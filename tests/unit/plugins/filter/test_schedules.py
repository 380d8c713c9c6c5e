# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Schedules as cron takes them, and when a backup that is missing is told."""

from __future__ import annotations

import datetime
import json
import zoneinfo

import pytest
from ansible_collections.threedpc.pacs.plugins.plugin_utils.schedules import gaps, schedule_problems
from ansible_collections.threedpc.pacs.plugins.plugin_utils.verify_results import backup

HOUR = 3600
DAY = 24 * HOUR
BACKUP = {"time": "t", "seconds": 12.3, "files": 52, "bytes": 463989, "studies": 4}
BERLIN = "Europe/Berlin"


# Debian's crontab(1) took each of these.
@pytest.mark.parametrize(
    "schedule",
    [
        "0 1 * * *",
        "59 23 31 12 7",
        "0 1 * * 0",
        "00 01 01 01 *",
        "0 1 * * mon",
        "0 1 * * Mon,TUE",
        "0 1 * * mon-fri",
        "0 1 1 jan-mar *",
        "0 1 * * 5-7",
        "0 1 * * 0-7",
        "0\t1\t*\t*\t*",
        "0  1 * * *",
        "1-40/20 * * * *",
        "*/15 1-5 * * 1,3",
        "@daily",
        "@midnight",
        "@weekly",
        "@monthly",
        "@hourly",
        "@yearly",
        "@annually",
        "0 1 13 * 5",
        "30 2 29 2,3 *",
    ],
)
def test_what_cron_takes_and_means(schedule):
    assert list(schedule_problems(schedule, 900)) == []


@pytest.mark.parametrize(
    ("schedule", "words"),
    [
        # cron ignores the whole file for each of these.
        ("0 24 * * *", "its hour is '24', but must be from 0 to 23"),
        ("60 1 * * *", "its minute is '60', but must be from 0 to 59"),
        ("30 1 32 * *", "its day is '32', but must be from 1 to 31"),
        ("30 1 0 * *", "its day is '0', but must be from 1 to 31"),
        ("30 1 * 13 *", "its month is '13', but must be from 1 to 12"),
        ("30 1 * 0 *", "its month is '0', but must be from 1 to 12"),
        ("30 1 * * 8", "its weekday is '8', but must be from 0 to 7"),
        ("0 1-24 * * *", "its hour is '1-24'"),
        ("1/5 * * * *", "a step needs a range or '*' before it, such as '1-59/5'"),
        ("*/0 * * * *", "the step must be from 1 to 59"),
        ("0 1 * * monday", "its weekday is 'monday'"),
        ("0 1 * * mo", "its weekday is 'mo'"),
        ("0 1 jan * *", "its day is 'jan'"),
        ("5, 1 * * *", "its minute is '5,'"),
        ("~ 1 * * *", "its minute is '~'"),
        ("0 1 L * *", "its day is 'L'"),
        ("0 1 * *", "five fields"),
        ("0 1 * * * root", "five fields"),
        ("@Daily", "five fields"),
        ("@reboot", "five fields"),
        ("@every_minute", "five fields"),
        ("٠ 1 * * *", "five fields"),
        ("0\u00a01 * * *", "five fields"),
        ("0 1 * * *\n", "five fields"),
        ("-5 1 * * *", "its minute is '-5'"),
        # cron takes these, and they do not mean what was meant.
        ("30 2 30 2 *", "this time never comes"),
        ("30 2 31 4,6,9,11 *", "this time never comes"),
        ("0 22-5 * * *", "a range that ends before it begins"),
        ("0 1 * * 1#2", "its weekday is '1#2'"),
        ("*/99 1 * * *", "the step must be from 1 to 59"),
        ("0 0 29 2 *", "more than a year"),
        ("* * * * *", "again after 1 minutes; leave at least 15"),
        ("0,10 1 * * *", "again after 10 minutes"),
    ],
)
def test_what_cron_ignores_or_nobody_means_is_refused(schedule, words):
    (problem,) = schedule_problems(schedule, 900)
    assert words in problem


@pytest.mark.parametrize(
    ("schedule", "longest"),
    [
        ("39 1 * * *", DAY),
        ("39 * * * *", HOUR),
        ("0 */6 * * *", 6 * HOUR),
        ("0 1 * * 1-5", 3 * DAY),
        ("0 1 1,15 * *", 17 * DAY),
        ("0 1 * * 0", 7 * DAY),
        ("0 1 1 * *", 31 * DAY),
        ("0 1 1 1 *", 366 * DAY),
        ("0 8-18/5 * * *", 14 * HOUR),
    ],
)
def test_the_longest_time_between_two_runs(schedule, longest):
    assert gaps(schedule)[1] == longest


def verdict(schedule, last, now, zone=BERLIN, **more):
    """Status of the backup at a local time of the server, after a success at another."""
    here = zoneinfo.ZoneInfo(zone)
    now, last = (datetime.datetime.fromisoformat(text).replace(tzinfo=here) for text in (now, last))
    age = int(now.timestamp() - last.timestamp())
    status = {
        "schedules": {"backup": schedule},
        "ages": {"configured": age} if more.pop("never", False) else {"configured": 9 * DAY, "backup": age},
        "clock": {"now": now.isoformat(), "zone": zone},
    } | more
    if "backup" in status["ages"]:
        status.setdefault("backup", BACKUP)
    return backup.results({"stdout": json.dumps({"result": {"backups": status}})})[0]


@pytest.mark.parametrize(
    ("now", "status"),
    [
        # 2026-11-27 is a Friday.
        ("2026-11-27 09:00", "passed"),
        ("2026-11-29 23:00", "passed"),
        ("2026-11-30 02:59", "passed"),
        ("2026-11-30 03:30", "warned"),
        ("2026-12-01 02:30", "warned"),
        ("2026-12-01 03:30", "failed"),
    ],
)
def test_a_weekday_schedule_is_late_on_monday_and_not_after_a_fortnight(now, status):
    assert verdict("0 1 * * 1-5", "2026-11-27 01:05", now)["status"] == status


@pytest.mark.parametrize(
    ("now", "status"), [("2026-11-27 08:30", "passed"), ("2026-11-27 14:30", "warned"), ("2026-11-27 20:30", "failed")]
)
def test_every_six_hours_is_judged_by_hours(now, status):
    assert verdict("0 */6 * * *", "2026-11-27 06:05", now)["status"] == status


def test_twice_a_month_is_judged_by_its_days():
    assert verdict("0 1 1,15 * *", "2026-11-15 01:05", "2026-11-30 23:00")["status"] == "passed"
    assert verdict("0 1 1,15 * *", "2026-11-15 01:05", "2026-12-01 04:00")["status"] == "warned"
    assert verdict("0 1 1,15 * *", "2026-11-15 01:05", "2026-12-15 04:00")["status"] == "failed"


def test_the_servers_time_zone_counts():
    """One o'clock in Auckland is noon of the day before in UTC."""
    assert verdict("0 1 * * *", "2026-11-27 01:05", "2026-11-28 02:30", "Pacific/Auckland")["status"] == "passed"
    assert verdict("0 1 * * *", "2026-11-27 01:05", "2026-11-28 03:30", "Pacific/Auckland")["status"] == "warned"


def test_the_nights_when_clocks_change_are_no_fault():
    # 02:30 is twice in the night to 2026-10-25, and not at all in that to 2026-03-29.
    assert verdict("30 2 * * *", "2026-10-24 02:35", "2026-10-25 03:15")["status"] == "passed"
    assert verdict("30 2 * * *", "2026-03-28 02:35", "2026-03-29 04:30")["status"] == "passed"
    assert verdict("30 2 * * *", "2026-03-28 02:35", "2026-03-30 05:00")["status"] == "failed"


def test_a_long_backup_has_the_time_that_it_took():
    long = {"backup": BACKUP | {"seconds": 5 * HOUR}}
    assert verdict("0 1 * * *", "2026-11-26 06:00", "2026-11-27 06:30", **long)["status"] == "passed"


def test_a_schedule_that_cron_never_ran_is_told():
    assert verdict("0 1 * * 1-5", "2026-11-27 09:00", "2026-11-30 02:00", never=True)["status"] == "not checked"
    assert verdict("0 1 * * 1-5", "2026-11-27 09:00", "2026-11-30 04:00", never=True)["status"] == "warned"
    assert verdict("0 1 * * 1-5", "2026-11-27 09:00", "2026-12-01 04:00", never=True)["status"] == "failed"


def test_what_cron_complains_of_is_a_failure_at_once():
    said = "cron ignores /etc/cron.d/pacs-backup: Error: bad hour; while reading it"
    found = verdict("0 1 * * *", "2026-11-27 01:05", "2026-11-27 01:10", cron=said)
    assert (found["status"], found["got"]) == ("failed", said)


def test_an_old_schedule_that_never_comes_is_a_failure():
    assert verdict("30 2 30 2 *", "2026-11-27 01:05", "2026-11-27 01:10")["status"] == "failed"


def test_an_unknown_time_zone_is_read_by_its_offset():
    assert (
        verdict(
            "0 1 * * *",
            "2026-11-27 01:05",
            "2026-11-27 09:00",
            clock={"now": "2026-11-27T09:00:00+01:00", "zone": "Nowhere/Land"},
        )["status"]
        == "passed"
    )
