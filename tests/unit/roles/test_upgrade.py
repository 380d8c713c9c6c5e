# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Parts of the upgrade program that need no server: the journal, the copies, and going back from every phase."""

from __future__ import annotations

import importlib.util
import json
import os
import pathlib

import pytest

PROGRAM = pathlib.Path(__file__).resolve().parents[3] / "roles/upgrade/files/upgrade.py"


@pytest.fixture(scope="module")
def program():
    spec = importlib.util.spec_from_file_location("upgrade_program", PROGRAM)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(params=["postgresql", "sqlite"])
def site(request, program, monkeypatch, tmp_path):
    """A site whose containers are only written down."""
    site = program.Site(tmp_path / "pacs", tmp_path / "data", request.param)
    calls = []
    real = program.run

    def run(command, what, **options):
        if command[0] == "cp":
            return real(command, what, **options)
        calls.append(" ".join(map(str, command)))
        return "one\n" if command[:2] == ["docker", "ps"] else ""

    monkeypatch.setattr(program, "run", run)
    monkeypatch.setattr(site, "closed", lambda _table="": True, raising=False)
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


def step(program, site, *words):
    common = [f"--directory={site.directory}", f"--data={site.data}"]
    arguments = program.parse([*common, *words])
    return program.STEPS[arguments.step](site, arguments)


def up_to(program, site, phase):
    """As far as an upgrade comes; the new release has changed everything by then."""
    step(program, site, "keep", "--to", json.dumps({"orthanc": "o:2"}))
    (site.directory / "config/orthanc/orthanc.json").write_text("new")
    (site.directory / "config/orthanc/more.json").write_text("new")
    if phase == "kept":
        return
    step(program, site, "close", "--port", "443", "--let-in", "10.1.2.3", "--network", "172.30.42.0/24")
    if phase == "closed":
        return
    step(program, site, "stop")
    (site.directory / "release.json").write_text(json.dumps({"services": {"orthanc": "o:2"}}))
    tables(site).write_text("new tables")
    if site.sqlite:
        (site.data / "storage/index-wal").write_text("new tables")


@pytest.mark.parametrize("phase", ["kept", "closed", "copied"])
def test_going_back_from_every_phase(program, site, phase):
    inode = os.stat(site.directory / "config/orthanc").st_ino
    up_to(program, site, phase)
    assert site.interrupted
    if phase != "copied":
        assert not [call for call in site.calls if "stop" in call]
    del site.calls[:]
    step(program, site, "back")
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
    step(program, site, "keep", "--to", "{}")


def test_going_back_may_be_repeated_from_where_it_broke_off(program, site, monkeypatch):
    up_to(program, site, "copied")
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
            step(program, site, "back")
    assert site.interrupted
    step(program, site, "back")
    assert tables(site).read_text() == "old tables"
    assert not (site.data / "storage/index-wal").exists()
    assert step(program, site, "back")["was"] == "back"
    assert tables(site).read_text() == "old tables"


def test_the_old_release_that_does_not_start_is_not_called_back(program, site, monkeypatch):
    up_to(program, site, "copied")

    def fails(*words, what):
        raise program.Failure(f"{what} failed")

    with monkeypatch.context() as broken:
        broken.setattr(site, "compose", fails)
        with pytest.raises(program.Failure):
            step(program, site, "back")
    assert site.interrupted
    # It has the old database, so whatever runs of it may be used.
    assert [call.split()[-1] for call in site.calls[-2:]] == ["threedpc_pacs_drain", "threedpc_pacs_upgrade"]
    # What it stored before it ended is not in the index yet.
    wal = site.data / ("storage/index-wal" if site.sqlite else "postgres/17/wal")
    wal.write_text("acknowledged")
    step(program, site, "back")
    assert tables(site).read_text() == "old tables"
    assert wal.read_text() == "acknowledged"


def test_a_finished_upgrade_is_not_taken_back(program, site):
    up_to(program, site, "copied")
    done = step(program, site, "finish")
    assert done["seconds_without_service"] >= 0
    assert step(program, site, "back")["was"] == "done"
    assert tables(site).read_text() == "new tables"
    assert (site.directory / "config/orthanc/orthanc.json").read_text() == "new"


def test_a_proven_release_whose_ports_were_not_opened_stays_and_is_let_start_by_itself(program, site, monkeypatch):
    up_to(program, site, "copied")

    def dies(*_words):
        raise OSError("the power is gone")

    with monkeypatch.context() as broken:
        broken.setattr(site, "restart_policy", dies)
        with pytest.raises(OSError, match="the power is gone"):
            step(program, site, "finish")
    assert step(program, site, "look")["interrupted"]
    del site.calls[:]
    assert step(program, site, "back")["was"] == "proven"
    assert "docker update --restart=unless-stopped one" in site.calls
    assert tables(site).read_text() == "new tables"
    assert not site.interrupted


def test_nothing_of_the_new_release_starts_by_itself(program, site):
    up_to(program, site, "copied")
    made = next(index for index, call in enumerate(site.calls) if "up --no-start" in call)
    assert "docker update --restart=no one" in site.calls[made + 1 :]
    assert site.state()["phase"] == "copied"


# SQLite's files lie among those of the studies.
@pytest.mark.parametrize("site", ["postgresql"], indirect=True)
def test_a_database_behind_a_link_comes_back(program, site, tmp_path):
    place = site.places()[0][0]
    place.rename(tmp_path / "disk")
    place.symlink_to(tmp_path / "disk")
    for _time in range(2):
        up_to(program, site, "copied")
        step(program, site, "back")
        assert tables(site).read_text() == "old tables"
    assert (tmp_path / "disk/17/tables").read_text() == "new tables"


def test_a_database_on_another_disk_is_seen(program, site, monkeypatch):
    assert step(program, site, "look")["elsewhere"] == []
    place, real = site.places()[0][0], os.lstat

    def lstat(path, **options):
        found = real(path, **options)
        return os.stat_result((*found[:2], found.st_dev + 1, *found[3:])) if path == place else found

    monkeypatch.setattr(program.os, "lstat", lstat)
    assert step(program, site, "look")["elsewhere"] == [str(place)]


def test_an_interrupted_upgrade_is_not_forgotten_by_the_next(program, site):
    up_to(program, site, "copied")
    with pytest.raises(program.Failure, match="interrupted"):
        step(program, site, "keep", "--to", "{}")


def test_what_is_needed_and_free(program, site):
    seen = step(program, site, "look")
    assert seen["services"] == {"orthanc": "o:1"}
    assert seen["postgres"] == (None if site.sqlite else 17)
    assert seen["interrupted"] is None
    assert seen["needs"] > program.RESERVE
    assert seen["free"] > 0


def test_an_archive_whose_disk_is_not_mounted_is_seen(program, site, monkeypatch):
    monkeypatch.setattr(site, "services", dict)
    assert not step(program, site, "look")["without_data"]
    site.data.rename(site.data.with_name("disk"))
    (site.data / "storage").mkdir(parents=True)
    (site.data / "postgres").mkdir()
    assert step(program, site, "look")["without_data"]
    # Before the first run that came to its end there is nothing to miss.
    (site.directory / "release.json").unlink()
    assert not step(program, site, "look")["without_data"]


def test_the_doors(program):
    text = program.rules([443, 4242], ["10.1.2.3", "fd00::1"], "172.30.42.0/24")
    assert "ip saddr 10.1.2.3 accept" in text
    assert "ip6 saddr fd00::1 accept" in text
    assert "tcp dport { 443, 4242 } reject" in text
