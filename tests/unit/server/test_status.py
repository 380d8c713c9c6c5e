# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What `pacs status` says of a site that is well, and in each kind of trouble, with what to do next."""

from __future__ import annotations

import copy
import datetime
import json
import time
import types

import pytest
from pacs import core, doors, schedule, space
from pacs.status import command, look
from pacs.status.judge import judge, worst

NOW = datetime.datetime(2026, 11, 28, 3, 12, tzinfo=datetime.UTC)
GB = 10**9
SERVICES = ("postgres", "orthanc", "nginx")


def container(service, state="running", status="Up 3 days (healthy)", **more):
    named = {"service": service, "name": f"pacs-{service}-1", "image": f"{service}:1"}
    return named | {"state": state, "status": status} | more


def disk(free=300, whole=1000, growth=None, paths=("/", "/var/lib/pacs")):
    return space.Disk(list(paths), whole * GB, (whole - free) * GB, free * GB, growth, 30 if growth else 0).as_json()


def certificate(begins, ends, **more):
    dates = {"not_before": begins, "not_after": ends}
    moments = {name: (NOW + datetime.timedelta(days=days)).isoformat() for name, days in dates.items()}
    return {"names": ["pacs.example"], **moments, **more}


WELL = {
    "time": NOW.isoformat(),
    "services": [container(name) for name in SERVICES],
    "disks": [disk()],
    "certificates": {
        "ok": True,
        "last_success": NOW.isoformat(),
        "last_failure": None,
        "certificates": {"site": certificate(-30, 60, source="acme")},
    },
    "backups": {
        "schedules": {"backup": "17 1 * * *", "check": "17 3 * * 0", "rehearsal": "17 4 1 * *"},
        "ages": {"backup": 2 * 3600, "check": 5 * 86400, "rehearsal": 20 * 86400, "configured": 9999999},
        "backup": {"studies": 1234},
        "failures": {},
        "missed": {"backup": 0, "check": 0, "rehearsal": 0},
        "next": {"backup": "2026-11-29 01:17"},
    },
    "doors": {"drain": False, "ports": {}, "uploads": False, "upgrade": False},
    "release": {
        "services": {name: f"{name}:1" for name in SERVICES}, "upgrade": "done", "restore": None, "put_aside": [],
    },
    "orthanc": {"sockets": 0, "files": 40, "limit": 1024},
    "cron": {},
}  # fmt: skip


def of(area, **changes):
    """The lines of an area on a site where these parts are otherwise, those that are not well first."""
    rows = [row for row in judge(copy.deepcopy(WELL) | changes) if row.area == area]
    return sorted(rows, key=lambda row: row.state == "ok")


def test_a_site_that_is_well_has_one_short_screen(monkeypatch):
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    rows = judge(WELL)
    assert worst(rows) == "ok" and not any(row.next for row in rows)
    text = command.screen("Ward 7", "ward7", WELL["time"], rows, 120)
    assert text.startswith("Ward 7 (ward7), 2026-11-28 04:12 CET\n")
    assert text.endswith("All is well.") and len(text.splitlines()) < 24
    for words in (
        "all 3 run and are healthy", "open to scanners and uploads", "300.0 GB of 1.0 TB free", "Orthanc 1",
        "the site's: valid until 2027-01-27 03:12 UTC", "the last backup was 2 hours ago, of 1234 studies",
        "next: 2026-11-29 01:17", "the last rehearsal of a restore was 20 days ago",
    ):  # fmt: skip
        assert words in text
    monkeypatch.undo()
    time.tzset()


def test_a_full_disk():
    [row] = of("Disk", disks=[disk(free=1)])
    assert row.state == "failed" and "1.0 GB of 1.0 TB free" in row.text
    assert row.next.startswith("make space: du -xh --max-depth=2 / | sort -h | tail") and row.next.endswith(
        "Nothing that is stored is lost"
    )
    release = WELL["release"] | {"put_aside": ["/var/lib/pacs/replaced-20261101T010203Z"]}
    [row] = of("Disk", disks=[disk(free=1)], release=release)
    assert "remove /var/lib/pacs/replaced-20261101T010203Z" in row.next
    assert of("Disk", disks=[disk(free=90)])[0].state == "warning"
    # There is room, but not for long.
    for days, state in ((5, "failed"), (50, "warning"), (90, "ok")):
        assert of("Disk", disks=[disk(growth=300 * GB / days)])[0].state == state


def test_a_dead_container():
    dead = container("orthanc", "exited", "Exited (137) 12 minutes ago", out_of_memory=False, output="")
    [row] = of("Services", services=[container("postgres"), dead, container("nginx")])
    assert (row.state, row.text) == ("failed", "orthanc is dead: Exited (137) 12 minutes ago")
    assert row.next.startswith("docker start pacs-orthanc-1;") and "docker logs --tail 50 pacs-orthanc-1" in row.next
    [row] = of("Services", services=[container("postgres"), dead | {"out_of_memory": True}, container("nginx")])
    assert "it had no memory left" in row.text and "pacs_memory_limits" in row.next


def test_a_container_that_does_not_answer_one_that_starts_and_one_that_is_gone():
    sick = container("orthanc", status="Up 2 hours (unhealthy)", output="timed out", out_of_memory=False)
    [row] = of("Services", services=[container("postgres"), sick, container("nginx")])
    assert row.text == "orthanc is not healthy: Up 2 hours (unhealthy); timed out"
    assert row.next.startswith("docker restart pacs-orthanc-1")
    young = container("orthanc", status="Up 5 seconds (health: starting)")
    [row] = of("Services", services=[container("postgres"), young, container("nginx")])
    assert row.state == "warning"
    [row] = of("Services", services=[container("postgres"), container("nginx")])
    assert row.text == "orthanc has no container" and "docker compose up --detach" in row.next


def test_an_engine_that_does_not_answer():
    rows = judge(WELL | {"services": {"error": "Asking Docker failed: Cannot connect to the Docker daemon"}})
    assert (rows[0].state, rows[0].area) == ("failed", "Services")
    assert "systemctl restart docker" in rows[0].next
    assert "Cannot connect" in rows[0].text and worst(rows) == "failed"


def certificates(*, ok=True, failure=None, success=NOW, **found):
    failed = {"time": NOW.isoformat(), "reason": failure} if failure else None
    return {"ok": ok, "last_success": success.isoformat(), "last_failure": failed, "certificates": found}


def test_an_expired_certificate():
    found = certificates(ok=False, failure="no order", site=certificate(-100, -10, source="acme"))
    rows = of("Certificates", certificates=found)
    assert rows[0].state == "failed" and rows[0].text == "the site's: expired on 2026-11-18 03:12 UTC"
    assert rows[0].next.startswith("pacs certificates")
    assert (rows[1].state, rows[1].text) == ("warning", "the last run failed: no order")
    [row] = of("Certificates", certificates=certificates(site=certificate(-100, -10, source="provided")))
    assert row.next.startswith("put the renewed one into the inventory")
    [row] = of("Certificates", certificates=certificates(**{"modality ct1": certificate(-900, 5)}))
    assert row.state == "failed" and "carry the files in tls/dicom/modalities/ct1" in row.next


@pytest.mark.parametrize(
    ("life", "left", "state"),
    [(90, 22, "ok"), (90, 20, "warning"), (90, 6, "failed"), (6, 2, "ok"), (6, 1, "warning"), (6, 0.4, "failed")],
)
def test_a_certificate_that_nobody_renewed(life, left, state):
    [row] = of("Certificates", certificates=certificates(site=certificate(left - life, left, source="acme")))
    assert row.state == state


def test_certificates_that_nobody_looks_after():
    before = NOW - datetime.timedelta(days=3)
    row = of("Certificates", certificates=certificates(success=before, site=certificate(-3, 87)))[0]
    assert (row.state, row.text, row.next) == (
        "warning", "nobody has looked after them for 3 days", "systemctl status cron",
    )  # fmt: skip
    [row] = of("Certificates", certificates=None)
    assert row.state == "failed"
    [row] = of("Certificates", certificates=certificates())
    assert row.state == "ok" and "plain HTTP" in row.text


def test_a_failed_backup():
    failure = {"time": (NOW - datetime.timedelta(hours=2)).isoformat(), "reason": "The disk is full.\nmore"}
    found = WELL["backups"] | {"failures": {"backup": failure}, "ages": WELL["backups"]["ages"] | {"backup": 93600}}
    row = of("Backup", backups=found)[0]
    assert row.state == "failed" and row.next == "remove the cause, then: pacs backup"
    assert row.text == (
        "the last backup failed 2 hours ago: The disk is full. Before that, the last backup was 26 hours ago, of 1234"
        " studies"
    )


@pytest.mark.parametrize(("missed", "state"), [(1, "warning"), (2, "failed")])
@pytest.mark.parametrize(
    ("kind", "command"), [("backup", "pacs backup"), ("check", "pacs backup check"), ("rehearsal", "pacs rehearse")]
)
def test_a_backup_that_is_overdue(missed, state, kind, command):
    row = of("Backup", backups=WELL["backups"] | {"missed": {kind: missed}})[0]
    assert row.state == state and "it is overdue" in row.text and row.next.startswith(command)


def test_a_site_without_backups():
    [row] = of("Backup", backups=None)
    assert row.state == "warning" and "set pacs_backup_repository" in row.next
    first = {"schedules": {"backup": "1 1 * * *"}, "ages": {"configured": 60}, "missed": {}, "next": {"backup": "soon"}}
    [row] = of("Backup", backups=first)
    assert (row.state, row.text) == ("ok", "no backup yet; next: soon")


def test_doors_that_a_killed_run_left_closed():
    shut = {"drain": True, "ports": {4242: 312, 2762: 312}, "uploads": True, "upgrade": False}
    [row] = of("Doors", doors=shut)
    assert row.state == "failed" and row.next == "if no site.yml is at work: pacs drain open"
    assert "port 4242 is closed to scanners and uploads over the web are refused" in row.text
    assert "they open by themselves in 5 minutes" in row.text
    [row] = of("Doors", doors=shut | {"ports": {}, "uploads": False})
    assert (row.state, row.next) == ("warning", "pacs drain open")
    [row] = of("Doors", doors=WELL["doors"] | {"upgrade": True})
    assert row.state == "failed" and row.next.endswith("pacs upgrade back")


def test_what_replaces_the_release_or_the_archive_was_cut_off():
    [row] = of("Upgrade", release=WELL["release"] | {"upgrade": "copied"})
    assert row.state == "failed" and row.next.endswith("pacs upgrade back")
    [row] = of("Restore", release=WELL["release"] | {"restore": "1a2b3c4d"})
    assert row.state == "failed" and row.next == "pacs restore finish; then run site.yml"
    running = [container("postgres"), container("orthanc", image="orthanc:2"), container("nginx")]
    [row] = of("Release", services=[one | {"image": one.get("image")} for one in running])
    assert row.state == "warning" and "orthanc runs another image" in row.text
    [row] = of("Release", release=WELL["release"] | {"services": {}})
    assert row.state == "warning"


@pytest.mark.parametrize("cut_off", [{"upgrade": "copied"}, {"restore": "1a2b3c4d"}])
def test_nobody_is_told_to_start_services_on_the_database_of_another_release(cut_off):
    release = WELL["release"] | cut_off
    dead = [container(name, "exited", "Exited (0) 1 minute ago") for name in SERVICES]
    rows = judge(WELL | {"release": release, "services": dead})
    assert [row.area for row in rows[:2]] in (["Upgrade", "Services"], ["Restore", "Services"])
    [row] = of("Services", release=release, services=dead)
    assert row.text == "3 of 3 don't run, and must not be started by hand before that is finished"
    assert not any("docker start" in row.next or "compose up" in row.next for row in rows)


@pytest.mark.parametrize(("files", "state"), [(500, "ok"), (600, "warning"), (1000, "failed")])
def test_open_files(files, state):
    [row] = of("Orthanc", orthanc={"sockets": 3, "files": files, "limit": 1024})
    assert row.state == state and "3 of them left behind" in row.text


def test_a_cron_that_does_not_run():
    complaint = "cron does not run on the server, so no schedule is alive; run: systemctl enable --now cron"
    [row] = of("Cron", cron={"pacs-backup": complaint, "pacs-space": complaint})
    assert (row.state, row.next) == ("failed", "systemctl enable --now cron")


def test_the_screen_of_much_trouble_is_still_one_and_worst_state_is_the_exit_status(site, monkeypatch):
    seen = copy.deepcopy(WELL)
    seen |= {"disks": [disk(free=1)], "doors": WELL["doors"] | {"drain": True, "ports": {4242: 60}}}
    monkeypatch.setattr(command, "look", lambda _site: seen)
    outcome = command.command(site, types.SimpleNamespace())
    assert outcome.state == "failed" and "2 failed. Do what the arrows say, from the top." in outcome.text
    assert all(len(line) <= 120 for line in outcome.text.splitlines())
    assert [row["area"] for row in outcome.result["rows"] if row["state"] == "failed"] == ["Doors", "Disk"]
    assert json.loads(json.dumps(outcome.result))["orthanc"]["files"] == 40
    assert len(outcome.problems) == 2


def test_what_can_not_be_asked_does_not_hide_the_rest(site, monkeypatch):
    failed = types.SimpleNamespace(returncode=1, stdout=b"", stderr=b"Cannot connect to the Docker daemon")
    monkeypatch.setattr(core, "attempt", lambda _words, **_options: failed)
    monkeypatch.setattr(doors, "attempt", core.attempt)
    monkeypatch.setattr(space, "attempt", core.attempt)
    monkeypatch.setattr(schedule, "attempt", core.attempt)
    monkeypatch.setattr(look, "CRON_FILES", ())
    seen = look.look(site)
    rows = judge(seen)
    assert seen["services"] == {"error": "Asking Docker failed: Cannot connect to the Docker daemon"}
    assert seen["disks"] and seen["backups"] is None
    assert worst(rows) == "failed" and {"Disk", "Backup", "Certificates"} <= {row.area for row in rows}


DOCKER = {
    "ID": "1", "Names": "pacs-orthanc-1", "Image": "orthanc:1", "State": "exited",
    "Status": "Exited (137) 1 minute ago", "Ports": "",
    "Labels": "com.docker.compose.project=pacs,com.docker.compose.service=orthanc,empty=",
}  # fmt: skip
STATE = {"OOMKilled": True, "Error": "", "Health": {"Log": [{"Output": "old"}, {"Output": "Connection\nrefused"}]}}


def test_what_docker_knows_of_a_dead_container_is_read(site, monkeypatch):
    def attempt(words, **_options):
        answer = json.dumps(STATE if words[1] == "inspect" else DOCKER)
        return types.SimpleNamespace(returncode=0, stdout=answer.encode(), stderr=b"")

    monkeypatch.setattr(core, "attempt", attempt)
    [found] = look.services(site)
    assert (found["service"], found["out_of_memory"], found["output"]) == ("orthanc", True, "Connection refused")


@pytest.mark.parametrize(
    ("ports", "found"),
    [
        ("", []),
        ("8042/tcp", []),
        ("0.0.0.0:443->443/tcp, [::]:443->443/tcp, 0.0.0.0:8080->80/tcp, 8042/tcp", [443, 8080]),
        ("127.0.0.1:9000-9002->9000-9002/tcp", [9000, 9001, 9002]),
    ],
)
def test_the_ports_that_others_reach_are_read(ports, found):
    assert look.published(ports) == found


@pytest.mark.parametrize(
    ("text", "after", "coming"),
    [
        ("17 1 * * *", "2026-11-28T01:16", "2026-11-28T01:17"),
        ("17 1 * * *", "2026-11-28T01:17", "2026-11-29T01:17"),
        ("@daily", "2026-11-28T01:17", "2026-11-29T00:00"),
        ("0 3 * * sun", "2026-11-28T01:17", "2026-11-29T03:00"),
        ("0 3 * * 7", "2026-11-28T01:17", "2026-11-29T03:00"),
        ("0 3 * * 1-5", "2026-11-28T01:17", "2026-11-30T03:00"),
        ("30 4 1 * *", "2026-11-28T01:17", "2026-12-01T04:30"),
        ("*/20 9-17 * * *", "2026-11-28T17:41", "2026-11-29T09:00"),
        ("0 0 29 feb *", "2026-11-28T01:17", "2028-02-29T00:00"),
        # Debian's cron takes either, if both are named.
        ("0 0 13 * fri", "2026-11-28T01:17", "2026-12-04T00:00"),
        ("0 0 30 2 *", "2026-11-28T01:17", None),
    ],
)
def test_when_cron_comes_next(text, after, coming):
    found = schedule.next_run(text, datetime.datetime.fromisoformat(after))
    assert (found and found.isoformat(timespec="minutes")) == coming


@pytest.mark.parametrize(("hours", "missed"), [(1, 0), (2.7, 0), (24, 1), (26.5, 1), (27, 2), (500, 2)])
def test_how_many_runs_were_missed(hours, missed):
    now = datetime.datetime(2026, 11, 28, 4, 0)
    # Due at 1:17 each night; a result may be two hours late.
    assert schedule.missed("17 1 * * *", int(hours * 3600), 0, now) == missed


def test_a_run_that_takes_long_is_not_overdue_while_it_does():
    now = datetime.datetime(2026, 11, 28, 4, 0)
    assert schedule.missed("17 1 * * *", 24 * 3600, 5 * 3600, now) == 0


def test_the_state_of_the_backups_is_read_with_what_cron_missed(settled, monkeypatch):
    site = settled()
    config = {
        "images": {}, "keep": {}, "schedules": {"backup": "@hourly", "check": ""}, "read_percent": 5, "proxy": "",
        "repository": "/mnt/backup", "no_proxy": "",
    }  # fmt: skip
    (site.config / "backup.json").write_text(json.dumps(config))
    (site.data / "backup").mkdir()
    last = (datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=2)).isoformat()
    (site.data / "backup/status.json").write_text(json.dumps({"backup": {"time": last, "seconds": 5, "studies": 7}}))
    monkeypatch.setattr(schedule, "complaint", lambda _path: "")
    found = look.backup_status(site)
    assert found["missed"] == {"backup": 2} and list(found["next"]) == ["backup"]
    assert found["ages"]["backup"] >= 2 * 86400 - 60
