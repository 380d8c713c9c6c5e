# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Parts of the upgrade program that need no server: the journal, the copies, and going back from every phase."""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import sys

import pytest
from pacs import cli, core, doors
from pacs.upgrade import command, state


@pytest.fixture(params=["postgresql", "sqlite"])
def site(request, settled, monkeypatch):
    """A site whose containers are only written down."""
    site = state.UpgradeSite(settled(database=request.param).directory)
    site.upgrade.mkdir()
    calls = []
    real = core.run

    def run(command, what="", **options):
        if command[0] == "cp":
            return real(command, what, **options)
        calls.append(" ".join(map(str, command)))
        return "one\n" if command[:2] == ["docker", "ps"] else ""

    monkeypatch.setattr(core, "run", run)
    monkeypatch.setattr(doors, "run", run)
    monkeypatch.setattr(doors, "is_closed", lambda _table: True)
    site.calls = calls
    (site.directory / "config/orthanc").mkdir(parents=True)
    (site.directory / "config/orthanc/orthanc.json").write_text("old")
    (site.directory / "release.json").write_text(json.dumps({"services": {"orthanc": "o:1"}}))
    for place, _copy in site.places()[:1]:
        if site.sqlite:
            place.parent.mkdir(parents=True)
            place.write_text("old tables")
        else:
            (place / "17").mkdir(parents=True)
            (place / "17/PG_VERSION").write_text("17")
            (place / "17/tables").write_text("old tables")
    return site


def tables(site):
    place = site.places()[0][0]
    return place if site.sqlite else place / "17/tables"


def step(site, *words):
    arguments = cli.parser().parse_args(["upgrade", *words])
    return command.STEPS[arguments.action](site, arguments)


def up_to(site, phase):
    """As far as an upgrade comes; the new release has changed everything by then."""
    step(site, "keep", "--to", json.dumps({"orthanc": "o:2"}))
    (site.directory / "config/orthanc/orthanc.json").write_text("new")
    (site.directory / "config/orthanc/more.json").write_text("new")
    if phase == "kept":
        return
    step(site, "close", "--let-in", "10.1.2.3")
    if phase == "closed":
        return
    step(site, "stop")
    (site.directory / "release.json").write_text(json.dumps({"services": {"orthanc": "o:2"}}))
    tables(site).write_text("new tables")
    if site.sqlite:
        (site.data / "storage/index-wal").write_text("new tables")


@pytest.mark.parametrize("phase", ["kept", "closed", "copied"])
def test_going_back_from_every_phase(site, phase):
    inode = os.stat(site.directory / "config/orthanc").st_ino
    up_to(site, phase)
    assert site.interrupted
    if phase != "copied":
        assert not [call for call in site.calls if "stop" in call]
    del site.calls[:]
    step(site, "back")
    assert (site.directory / "config/orthanc/orthanc.json").read_text() == "old"
    assert not (site.directory / "config/orthanc/more.json").exists()
    # A container that still runs has this directory mounted.
    assert os.stat(site.directory / "config/orthanc").st_ino == inode
    assert site.services() == {"orthanc": "o:1"}
    assert tables(site).read_text() == "old tables"
    assert not (site.data / "storage/index-wal").exists()
    assert any(call.startswith("docker stop") for call in site.calls) == (phase == "copied")
    assert any("compose up --detach --wait" in call for call in site.calls) == (phase == "copied")
    # Everybody is let in again, after the old release runs.
    assert [call.split()[-1] for call in site.calls[-2:]] == ["threedpc_pacs_drain", "threedpc_pacs_upgrade"]
    assert not site.interrupted
    # The next upgrade is possible.
    step(site, "keep", "--to", "{}")


def test_going_back_may_be_repeated_from_where_it_broke_off(site, monkeypatch):
    up_to(site, "copied")
    renames = []
    real = pathlib.Path.rename

    def rename(path, target):
        if len(renames) == 1:
            raise OSError("the power is gone")
        renames.append(path)
        return real(path, target)

    with monkeypatch.context() as broken:
        broken.setattr(pathlib.Path, "rename", rename)
        with pytest.raises(OSError, match="the power is gone"):
            step(site, "back")
    assert site.interrupted
    step(site, "back")
    assert tables(site).read_text() == "old tables"
    assert not (site.data / "storage/index-wal").exists()
    assert step(site, "back")["was"] == "back"
    assert tables(site).read_text() == "old tables"


def test_the_old_release_that_does_not_start_is_not_called_back(site, monkeypatch):
    up_to(site, "copied")

    def fails(*words, what):
        raise core.Failure(f"{what} failed")

    with monkeypatch.context() as broken:
        broken.setattr(site, "compose", fails)
        with pytest.raises(core.Failure):
            step(site, "back")
    assert site.interrupted
    # It has the old database, so whatever runs of it may be used.
    assert [call.split()[-1] for call in site.calls[-2:]] == ["threedpc_pacs_drain", "threedpc_pacs_upgrade"]
    # What it stored before it ended is not in the index yet.
    wal = site.data / ("storage/index-wal" if site.sqlite else "postgres/17/wal")
    wal.write_text("acknowledged")
    step(site, "back")
    assert tables(site).read_text() == "old tables"
    assert wal.read_text() == "acknowledged"


def test_a_finished_upgrade_is_not_taken_back(site):
    up_to(site, "copied")
    done = step(site, "proven")
    assert done["seconds_without_service"] >= 0
    assert step(site, "back")["was"] == "done"
    assert tables(site).read_text() == "new tables"
    assert (site.directory / "config/orthanc/orthanc.json").read_text() == "new"


def test_a_proven_release_whose_ports_were_not_opened_stays_and_is_let_start_by_itself(site, monkeypatch):
    up_to(site, "copied")

    def dies(*_words):
        raise OSError("the power is gone")

    with monkeypatch.context() as broken:
        broken.setattr(site, "restart_policy", dies)
        with pytest.raises(OSError, match="the power is gone"):
            step(site, "proven")
    assert step(site, "look")["interrupted"]
    del site.calls[:]
    assert step(site, "back")["was"] == "proven"
    assert "docker update --restart=unless-stopped one" in site.calls
    assert tables(site).read_text() == "new tables"
    assert not site.interrupted


def test_nothing_of_the_new_release_starts_by_itself(site):
    up_to(site, "copied")
    made = next(index for index, call in enumerate(site.calls) if "up --no-start" in call)
    assert "docker update --restart=no one" in site.calls[made + 1 :]
    assert site.state()["phase"] == "copied"


# SQLite's files lie among those of the studies.
@pytest.mark.parametrize("site", ["postgresql"], indirect=True)
def test_a_database_behind_a_link_comes_back(site, tmp_path):
    place = site.places()[0][0]
    place.rename(tmp_path / "disk")
    place.symlink_to(tmp_path / "disk")
    for _time in range(2):
        up_to(site, "copied")
        step(site, "back")
        assert tables(site).read_text() == "old tables"
    assert (tmp_path / "disk/17/tables").read_text() == "new tables"


def test_a_database_on_another_disk_is_seen(site, monkeypatch):
    assert step(site, "look")["elsewhere"] == []
    place, real = site.places()[0][0], os.lstat

    def lstat(path, **options):
        found = real(path, **options)
        return os.stat_result((*found[:2], found.st_dev + 1, *found[3:])) if path == place else found

    monkeypatch.setattr(state.os, "lstat", lstat)
    assert step(site, "look")["elsewhere"] == [str(place)]


def test_an_interrupted_upgrade_is_not_forgotten_by_the_next(site):
    up_to(site, "copied")
    with pytest.raises(core.Failure, match="interrupted"):
        step(site, "keep", "--to", "{}")


def test_what_is_needed_and_free(site):
    seen = step(site, "look")
    assert seen["services"] == {"orthanc": "o:1"}
    assert seen["postgres"] == (None if site.sqlite else 17)
    assert seen["interrupted"] is None
    assert seen["needs"] > core.RESERVE
    assert seen["free"] > 0


def test_an_archive_whose_disk_is_not_mounted_is_seen(site, monkeypatch):
    monkeypatch.setattr(site, "services", dict)
    assert not step(site, "look")["without_data"]
    site.data.rename(site.data.with_name("disk"))
    (site.data / "storage").mkdir(parents=True)
    (site.data / "postgres").mkdir()
    assert step(site, "look")["without_data"]
    # Before the first run that came to its end there is nothing to miss.
    (site.directory / "release.json").unlink()
    assert not step(site, "look")["without_data"]


def test_the_doors():
    text = doors.upgrade_rules([443, 4242], ["10.1.2.3", "fd00::1"], "172.30.42.0/24")
    assert "ip saddr 10.1.2.3 accept" in text
    assert "ip6 saddr fd00::1 accept" in text
    assert "tcp dport { 443, 4242 } reject" in text


def test_the_way_back_outlives_the_replacement_of_the_program(site, tmp_path):
    """The copy that an upgrade keeps runs by itself, from its own files."""
    step(site, "keep", "--to", "{}")
    kept = site.upgrade / "pacs"
    assert kept.stat().st_mode & 0o777 == 0o755
    text = kept.read_text().replace("#!/usr/bin/python3 -I", f"#!{sys.executable} -I")
    (tmp_path / "kept").write_text(text)
    (tmp_path / "kept").chmod(0o755)
    done = subprocess.run([tmp_path / "kept", "upgrade", "--help"], capture_output=True, text=True, check=False)
    assert done.stdout.startswith("NAME\n  pacs upgrade"), done.stderr
    assert f"sys.path.insert(0, {str(site.kept_program)!r})" in text
    shipped = {path.name for path in pathlib.Path(cli.__file__).parent.rglob("*.py")}
    assert {path.name for path in site.kept_program.rglob("*.py")} == shipped


def test_an_administrator_is_told_how_going_back_ended(site, settled):
    arguments = cli.parser().parse_args(["upgrade", "back"])
    assert "There was nothing to take back" in command.command(site, arguments).text
    up_to(site, "copied")
    outcome = command.command(site, arguments)
    assert outcome.text == "The release from before the upgrade runs again, and everybody is let in."
    assert outcome.result["was"] == "copied"
    assert "runs already" in command.command(site, arguments).text
