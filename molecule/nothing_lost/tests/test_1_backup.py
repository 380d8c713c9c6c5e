# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Backups of an archive that is busy, and what they are worth."""

from __future__ import annotations

import json
import re
import threading
import time

from conftest import BACKUPS, SITE, make_study, play

SECRETS = [*SITE["pacs_staff_users"].values(), SITE["backup_repository_password"], SITE["pacs_database_password"]]


def keep_busy(site, folder, stop, told):
    """Store a study as the scanner does and delete an earlier one as staff do, again and again."""
    number = 0
    while not stop.is_set():
        number += 1
        there = folder / str(number)
        there.mkdir()
        made, files = make_study(there, f"BUSY-{folder.name}-{number}", slices=6)
        site.send(files)
        told["stored"] += len(files)
        [found] = site.must("POST", "/tools/lookup", data=made.study_instance_uid).json()[:1]
        if number % 3:
            site.must("DELETE", f"/studies/{found['ID']}")
            told["deleted"] += len(files)


def test_the_backup_of_a_busy_archive_is_whole(site, server, study, tmp_path):
    stop, told, threads = threading.Event(), {"stored": 0, "deleted": 0}, []
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        threads.append(threading.Thread(target=keep_busy, args=(site, tmp_path / name, stop, told)))
    for thread in threads:
        thread.start()
    try:
        while told["deleted"] < 12:
            time.sleep(0.1)
        before = dict(told)
        answer = server.pacs("backup")
        during = {key: told[key] - before[key] for key in told}
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    print(f"during the backup {during['stored']} instances were stored and {during['deleted']} deleted")
    assert during["stored"] >= 6
    assert during["deleted"] >= 6
    found = server.pacs(f"rehearse --snapshot {answer['snapshot']}")
    assert found["files"] == answer["files"]
    assert found["models"] == 1
    assert study["uid"] in str(site.json("/studies?expand"))


def test_only_what_is_new_is_stored_again(server):
    first, second = server.pacs("backup"), server.pacs("backup")
    assert second["files"] == first["files"]
    assert second["added"] < 300_000


def test_a_rehearsal_leaves_nothing_and_touches_nothing(server, site):
    before = server.run("docker ps --all --format '{{.ID}} {{.Names}}'")
    said = play("playbooks/rehearse.yml")
    assert "restore_seconds" in said
    found = server.pacs("backup status")["rehearsal"]
    print(f"time to restore {found['restore_seconds']} s, newest study {found['newest_study_age']} s old")
    # Minutes in a test of minutes.
    assert 0 <= found["newest_study_age"] < 3600
    assert server.run("docker ps --all --format '{{.ID}} {{.Names}}'") == before
    assert "rehearsal" not in server.run("ls /var/lib/pacs/backup")
    assert "rehearsal" not in server.run("docker network ls")
    assert site.json("/system")["Name"] == SITE["pacs_site"]


def test_the_playbooks_say_what_they_would_do_and_what_they_did(server):
    before = server.pacs("backup list")
    assert "would_back_up" in play("playbooks/backup.yml", "--check")
    assert server.pacs("backup list") == before
    assert "repository_free" in play("playbooks/backup.yml")
    assert server.pacs("backup list")[-1] != before[-1]


def test_no_secret_is_readable(server):
    """Neither in what everybody may read nor in the arguments of a running backup."""
    server.run(
        "rm -f /tmp/over; (until [ -e /tmp/over ]; do cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ 2>/dev/null |"
        " tr '\\0' '\\n'; sleep 0.1; done > /tmp/seen) &"
        " pacs backup >/dev/null; touch /tmp/over; wait"
    )
    assert "restic" in server.run("cat /tmp/seen")
    readable = server.run("find /opt/pacs /var/lib/pacs/backup /etc/cron.d -type f -perm -o=r -exec cat {} +")
    for secret in SECRETS:
        assert secret not in server.run("cat /tmp/seen")
        assert secret not in readable
    assert server.run("stat --format '%a %U' /opt/pacs/secrets/backup/*").splitlines() == ["400 root"] * 2
    assert SITE["pacs_site"] not in server.run(f"grep --recursive --text 'KEPT' {BACKUPS} || true")


def test_cron_runs_it_and_the_journal_has_what_it_says(server):
    line = next(line for line in server.run("cat /etc/cron.d/pacs-backup").splitlines() if "backup 2" in line)
    server.run(line.split("root", 1)[1])
    assert "Ward 10: backup done." in server.run("journalctl --identifier=pacs-backup --no-pager")
    assert server.run("systemctl is-active cron") == "active"


def test_verify_tells_about_the_backups(server):
    server.pacs("backup check --percent 100")
    said = play("playbooks/verify.yml")
    assert "Backup                 3 passed" in said
    # That nothing is recycled. How fast the disks fill is not known yet.
    assert "1 passed" in next(line for line in said.splitlines() if "Space  " in line)
    assert "how fast it fills is known after three days" in " ".join(said.split())


def test_verify_tells_when_a_disk_will_be_full(server):
    log = "/var/lib/pacs/space.log"
    server.run(server.run("grep root /etc/cron.d/pacs-space").split("root", 1)[1])
    now = [line.split() for line in server.run(f"cat {log}").splitlines()]
    # Ten days ago a tenth of what is free now was used less: it is full in a hundred.
    ago = "".join(
        f"{int(entry[0]) - 864000} {' '.join(entry[1:4])} {int(entry[4]) - int(entry[5]) // 10} {entry[5]}\n"
        for entry in now
    )
    server.run(f"printf '{ago}' > {log}")
    said = " ".join(play("playbooks/verify.yml", "--extra-vars", json.dumps({"verify_space_warn_days": 365})).split())
    assert re.search(r"WARNED: Space: The disk of \S*/var/lib/pacs .*?it is full in (9\d|1[01]\d) days", said), said
    server.run(f"rm {log}")
