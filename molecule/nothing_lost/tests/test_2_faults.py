# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Damage, a full disk, a kill: it is told by name, and the next run heals."""

from __future__ import annotations

import contextlib
import json
import re
import time

import pytest
from conftest import BACKUPS, make_study, play
from deployed import small_disk

DATA = f"{BACKUPS}/data"


@contextlib.contextmanager
def repository_as_it_was(server):
    server.run(f"rm -rf {BACKUPS}.kept && cp --archive {BACKUPS} {BACKUPS}.kept")
    try:
        yield
    finally:
        server.run(f"rm -rf {BACKUPS} && mv {BACKUPS}.kept {BACKUPS}")


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (
            "for pack in $(find {data} -type f -size +20k); do"
            " chmod u+w $pack; printf XXXX | dd of=$pack bs=1 seek=9000 conv=notrunc status=none; done",
            "/backup/stage/",
        ),
        # The newest belongs to the newest backup.
        (
            "rm -f $(find {data} -type f -printf '%T@ %p\\n' | sort -n | tail -1 | cut -d' ' -f2)",
            f"{DATA}/",
        ),
    ],
    ids=["flipped bytes", "a pack deleted"],
)
def test_a_damaged_repository_is_told_by_name(server, damage, words):
    packs = set(server.run(f"ls {DATA}/*").split())
    with repository_as_it_was(server):
        server.run(damage.format(data=DATA))
        checked = server.pacs("backup check --percent 100", succeeds=False)
        rehearsed = server.pacs("rehearse", succeeds=False)
        status = server.pacs("backup status")
    print(checked, rehearsed, sep="\n")
    # restic names a pack by the first digits of its name.
    assert {pack[:8] for pack in packs} & set(re.findall(r"\b[0-9a-f]{8}", checked))
    assert words in rehearsed
    assert {*status["failures"]} >= {"check", "rehearsal"}
    assert "rehearsal" not in server.run("ls /var/lib/pacs/backup")
    server.pacs("backup check --percent 100")
    server.pacs("rehearse")
    assert not server.pacs("backup status")["failures"]


@contextlib.contextmanager
def another_repository(server, place):
    """The same site with another place for its backups."""
    files = "/opt/pacs/config/pacs/backup.json /opt/pacs/secrets/backup/repository /var/lib/pacs/backup/status.json"
    server.run(f"tar --create --file=/root/kept.tar --absolute-names {files}")
    server.run(f"sed -i 's|{BACKUPS}|{place}|' {files.rsplit(' ', 1)[0]}")
    try:
        yield
    finally:
        server.run("tar --extract --file=/root/kept.tar --absolute-names && rm /root/kept.tar")


def test_a_full_disk_is_named_and_the_next_run_heals(server, site, tmp_path):
    server.run("mkdir -p /mnt/small && mount -t tmpfs -o size=24M tmpfs /mnt/small")
    try:
        with another_repository(server, "/mnt/small/pacs"):
            server.pacs("backup")
            server.run("dd if=/dev/zero of=/mnt/small/ballast bs=1M status=none || true")
            _made, files = make_study(tmp_path, "FULL", slices=24)
            site.send(files)
            reason = server.pacs("backup", succeeds=False)
            print(reason)
            assert "The disk of the backups (/mnt/small, " in reason
            assert server.pacs("backup status")["failures"]["backup"]["reason"] == reason
            said = " ".join(server.run("pacs status || true").split())
            assert "-> remove the cause, then: pacs backup" in said
            assert not server.run("ls -A /var/lib/pacs/backup/stage 2>/dev/null || true")
            server.run("rm /mnt/small/ballast")
            server.pacs("backup")
            server.pacs("backup check --percent 100")
            server.pacs("rehearse")
            assert not server.pacs("backup status")["failures"]
    finally:
        server.run("umount /mnt/small")


def fill(server, place):
    server.run(f"dd if=/dev/zero of={place}/ballast bs=4k status=none || true")


def test_a_full_data_disk_loses_nothing_that_was_acknowledged(site, server, study, tmp_path):
    data = "/var/lib/pacs"
    _made, files = make_study(tmp_path, "FULLDATA", slices=60)
    with small_disk(server, data):
        stored = site.offer(files[:5])
        fill(server, data)
        stored |= site.offer(files[5:])
        print(f"{len(stored)} of {len(files)} instances acknowledged")
        assert 5 <= len(stored) < len(files)
        reason = server.pacs("backup", succeeds=False)
        print(reason)
        assert f"The disk of the site's data ({data}, " in reason
        said = " ".join(server.run("pacs status || true").split())
        assert f"FAIL Disk {data}" in said and "make space: " in said
        assert f"The disk of {data} has room" in play("playbooks/verify.yml", succeeds=False)
        server.run(f"rm {data}/ballast")
        site.wait()
        site.must_have(stored)
        site.send(files)
        server.pacs("backup")
        assert not server.pacs("backup status")["failures"]


def test_a_full_system_disk_is_named_and_the_next_run_heals(site, server, tmp_path):
    change = ["--skip-tags=verify", "--extra-vars", json.dumps({"backup_keep_daily": 13})]
    _made, files = make_study(tmp_path, "FULLSYSTEM", slices=5)
    with small_disk(server, "/opt/pacs", room=4):
        fill(server, "/opt/pacs")
        said = " ".join(play("playbooks/site.yml", *change, succeeds=False).split())
        assert "The disk /opt/pacs is full; make space there" in said
        stored = site.offer(files)
        assert len(stored) == len(files)
        server.run("rm /opt/pacs/ballast")
        assert "failed=0" in play("playbooks/site.yml", *change)
        assert server.run("grep -c '\"daily\": 13' /opt/pacs/config/pacs/backup.json") == "1"
        site.must_have(stored)


def test_a_data_disk_that_is_not_mounted_gets_no_empty_archive(site, server, study):
    server.run(
        "cd /opt/pacs && docker compose stop >/dev/null 2>&1 && mount -t tmpfs -o size=64M,mode=711 away /var/lib/pacs"
    )
    try:
        said = " ".join(play("playbooks/site.yml", "--skip-tags=verify", succeeds=False).split())
        assert "/var/lib/pacs holds no database. Is its disk mounted?" in said
    finally:
        server.run("umount /var/lib/pacs")
    play("playbooks/site.yml", "--skip-tags=verify")
    assert site.opens(study["token"], study["uid"])


def test_a_disk_that_is_not_mounted_gets_no_new_repository(server):
    server.run(f"mv {BACKUPS} {BACKUPS}.away")
    try:
        assert "Is its disk mounted" in server.pacs("backup", succeeds=False)
        assert not server.run(f"ls {BACKUPS} 2>/dev/null || true")
    finally:
        server.run(f"mv {BACKUPS}.away {BACKUPS}")


def test_after_a_kill_the_next_run_heals(server):
    """Killed with everything that it had started, at moments all over a run."""
    began = time.monotonic()
    server.pacs("backup")
    whole = time.monotonic() - began
    for part in (0.1, 0.25, 0.4, 0.55, 0.7, 0.85):
        server.run(
            f"setsid pacs backup >/dev/null 2>&1 & victim=$!; sleep {whole * part:.2f}; kill -KILL -- -$victim || true"
        )
        assert server.pacs("backup")["files"]
    server.pacs("backup check --percent 100")
    server.pacs("rehearse")
    assert server.run("ls /var/lib/pacs/backup").split() == ["cache", "lock", "status.json"]


def test_a_rehearsal_that_was_killed_leaves_nothing_to_the_next_one(server):
    server.run("setsid pacs rehearse >/dev/null 2>&1 & victim=$!; sleep 5; kill -KILL -- -$victim")
    server.pacs("rehearse")
    assert "rehearsal" not in server.run("docker ps --all; ls /var/lib/pacs/backup")
