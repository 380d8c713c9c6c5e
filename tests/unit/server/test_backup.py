# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Parts of the backup program that need no server: links, tables, messages, the Compose project of a rehearsal."""

from __future__ import annotations

import hashlib
import json
import os
import pathlib
import signal
import sqlite3
import subprocess
import types

import pytest
from pacs import core
from pacs.backup import command, database, repository, restore, sandbox, settings, stage, study


@pytest.fixture
def site(settled, tmp_path):
    found = settled()
    config = {
        "keep": {"daily": 7, "weekly": 0, "monthly": 2}, "proxy": "", "no_proxy": "",
        "images": {"orthanc": "o:2", "postgres": "p:2"}, "read_percent": 5, "repository": str(tmp_path / "repository"),
        "schedules": {},
    }  # fmt: skip
    (found.config / "backup.json").write_text(json.dumps(config))
    found = settings.BackupSite(found.directory)
    found.storage.mkdir(parents=True)
    found.work.mkdir()
    return found


@pytest.fixture
def runs_nothing(monkeypatch):
    """No command says anything."""
    monkeypatch.setattr(core, "run", lambda *_words, **_options: "")


def store(storage, uuid, content=b"x"):
    """A file as Orthanc keeps it."""
    path = pathlib.Path(storage, uuid[:2], uuid[2:4], uuid)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


ONE, TWO, THREE = "aa11-one", "aa22-two", "bb33-three"


@pytest.fixture
def storage(site):
    for uuid in (ONE, TWO):
        store(site.storage, uuid)
    (site.storage / "index").write_text("no file of a study")
    (site.storage / "cc").mkdir()
    return site.storage


def archive_of(monkeypatch, answers):
    """Let the database be dumped as these answers say, one after the other."""
    answers = iter(answers)
    monkeypatch.setattr(stage, "dump", lambda site: next(answers)())
    monkeypatch.setattr(stage, "write_manifest", lambda site, known: known)


def names(stage):
    return sorted(path.name for path in pathlib.Path(stage).rglob("*") if path.is_file())


def test_the_stage_has_every_file_by_a_link_and_is_removed(site, storage, monkeypatch):
    archive_of(monkeypatch, [lambda: [[ONE, 1, ""], [TWO, 1, ""]]])
    with stage.staged(site):
        staged = site.stage / "storage/aa/11" / ONE
        assert staged.samefile(storage / "aa/11" / ONE)
        assert names(site.stage) == [ONE, TWO]
    assert not site.stage.exists()
    assert names(storage) == [ONE, TWO, "index"]


def test_what_comes_and_goes_during_the_dump_is_in_the_backup_or_not_known_to_it(site, storage, monkeypatch):
    def first():
        # Stored after the links and deleted before the next ones: the dump knows it, and it is nowhere.
        store(storage, THREE)
        os.unlink(storage / "aa/22" / TWO)
        return [[ONE, 1, ""], [TWO, 1, ""], ["dd44-gone", 1, ""]]

    archive_of(monkeypatch, [first, lambda: [[ONE, 1, ""], [THREE, 1, ""]]])
    with stage.staged(site) as known:
        assert [row[0] for row in known] == [ONE, THREE]
        # What was deleted meanwhile and is in no database does not come back with a restore.
        assert names(site.stage) == [ONE, THREE]


def test_a_file_that_was_deleted_after_the_links_is_in_the_backup_of_a_dump_that_knows_it(site, storage, monkeypatch):
    def dump():
        os.unlink(storage / "aa/22" / TWO)
        return [[ONE, 1, ""], [TWO, 1, ""]]

    archive_of(monkeypatch, [dump])
    with stage.staged(site):
        assert names(site.stage) == [ONE, TWO]


@pytest.mark.parametrize(
    ("known", "words"), [(["dd44-gone", 1, ""], "Missing: dd44-gone"), ([ONE, 2, ""], f"says: {ONE}")]
)
def test_a_file_that_stays_away_or_has_another_size_is_named(site, storage, monkeypatch, known, words):
    archive_of(monkeypatch, [lambda: [known]] * stage.ROUNDS)
    with pytest.raises(core.Failure, match=words), stage.staged(site):
        pass
    assert not site.stage.exists()


def test_the_links_of_a_killed_run_are_removed_and_no_file_with_them(site, storage, monkeypatch):
    (site.stage / "storage/aa/11").mkdir(parents=True)
    os.link(storage / "aa/11" / ONE, site.stage / "storage/aa/11" / ONE)
    archive_of(monkeypatch, [lambda: []])
    with stage.staged(site):
        pass
    assert names(storage) == [ONE, TWO, "index"]


def test_another_disk_is_named(site, storage, monkeypatch):
    def link(source, target):
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr(stage.os, "link", link)
    with pytest.raises(core.Failure, match="different disks"), stage.staged(site):
        pass


TABLE = """--
COPY public.attachedfiles (id, filetype, uuid, compressedsize, revision, "compressedhash") FROM stdin;
1\t1\taa\t5\t0\t0cc1
2\t1\tbb\t6\t0\t\\N
\\.
"""


def test_the_files_of_a_dump_are_read_by_the_names_of_its_columns():
    columns = ("uuid", "compressedsize", "compressedhash")
    assert stage.read_table(TABLE, columns) == [["aa", 5, "0cc1"], ["bb", 6, ""]]
    for broken in ("", TABLE.replace("\\.\n", "")):
        with pytest.raises(core.Failure, match="no table of files"):
            stage.read_table(broken, columns)


def index(path):
    """Orthanc's index with one study of one instance that has one file."""
    connection = sqlite3.connect(path)
    connection.executescript(f"""
        CREATE TABLE Resources(internalId INTEGER, resourceType INTEGER, publicId TEXT, parentId INTEGER);
        CREATE TABLE AttachedFiles(id INTEGER, fileType INTEGER, uuid TEXT, compressedSize INTEGER,
                                   compressionType INTEGER, compressedMD5 TEXT);
        CREATE TABLE MainDicomTags(id INTEGER, tagGroup INTEGER, tagElement INTEGER, value TEXT);
        CREATE TABLE Metadata(id INTEGER, type INTEGER, value TEXT);
        INSERT INTO Resources VALUES (1,1,'p',NULL), (2,2,'s',1), (3,3,'e',2), (4,4,'i',3);
        INSERT INTO AttachedFiles VALUES (4, 1, '{ONE}', 1, 1, '{hashlib.md5(b"x").hexdigest()}');
        INSERT INTO MainDicomTags VALUES (2, 32, 13, '1.2.3'), (3, 8, 96, 'M3D');
        INSERT INTO Metadata VALUES (2, 7, '20261124T010203'), (1, 7, '20251124T010203'),
                                    (4, 10, '1.2.840.10008.5.1.4.1.1.104.3');
    """)
    connection.commit()
    connection.close()


def test_nobody_lets_orthanc_go_on_during_the_next_copy_of_its_index(site, tmp_path, monkeypatch):
    index(site.storage / "index")
    docker = tmp_path / "bin/docker"
    docker.parent.mkdir()
    docker.write_text(f"#!/bin/sh\necho $1 >> {tmp_path}/said\necho container\n")
    docker.chmod(0o755)
    monkeypatch.setenv("PATH", str(docker.parent), prepend=os.pathsep)
    watchers = []

    class Started(subprocess.Popen):
        def __init__(self, command, **options):
            super().__init__(command, **options)
            if options.get("start_new_session"):
                watchers.append(self)

    monkeypatch.setattr(stage.subprocess, "Popen", Started)
    site.stage.mkdir()
    stage.copy_index(site)
    assert (tmp_path / "said").read_text().split() == ["compose", "pause", "unpause"]
    assert database.counts(database.SQLite(site.stage / "database.sqlite"))["instances"] == 1
    assert [watcher.poll() for watcher in watchers] == [-signal.SIGKILL]


def test_the_database_says_what_the_archive_holds(tmp_path):
    index(tmp_path / "index")
    index_of = database.SQLite(tmp_path / "index")
    assert database.counts(index_of) == {"patients": 1, "studies": 1, "series": 1, "instances": 1}
    assert database.newest_study(index_of).isoformat() == "2026-11-24T01:02:03+00:00"
    assert database.models(index_of) == ["i"]


def test_a_model_that_is_no_stl_file_is_not_read_as_one(tmp_path):
    index(tmp_path / "index")
    with sqlite3.connect(tmp_path / "index") as connection:
        connection.execute("UPDATE Metadata SET value = '1.2.840.10008.5.1.4.1.1.104.4' WHERE type = 10")
    assert database.models(database.SQLite(tmp_path / "index")) == []


@pytest.mark.parametrize(
    ("content", "words"),
    [(None, "is missing"), (b"xy", "has 2 bytes instead of 1"), (b"y", "has the MD5 415290769594460e2e485922904f345d")],
)
def test_damage_is_named_with_its_study(tmp_path, storage, content, words):
    index(tmp_path / "index")
    index_of = database.SQLite(tmp_path / "index")
    assert database.check_files(index_of, storage) == 1
    path = storage / "aa/11" / ONE
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(core.Failure, match=f"1 of 1 files are not .*\n{ONE} of study 1.2.3 {words}"):
        database.check_files(index_of, storage)


ERRORS = """{"message_type":"error","error":{"message":"read: bad"},"during":"restore","item":"/x/y"}
{"message_type":"exit_error","code":1,"message":"Fatal: it ended"}
Fatal: it ended
plain words
"""


def test_the_messages_of_restic_are_told_without_their_wrapping():
    assert repository.messages(ERRORS) == ["/x/y: read: bad", "Fatal: it ended", "plain words"]


@pytest.mark.parametrize(
    ("said", "code", "words"),
    [
        ("write /x: no space left on device", 1, "is full. Make space"),
        ("Fatal: wrong password or no key found", 12, "does not open with this password"),
        ("", 10, "is not there. Is its disk mounted"),
        ("", 7, "restic ended with 7 and said nothing"),
        ("\n".join(f"line {number}" for number in range(15)), 1, "and 5 more"),
    ],
)
def test_a_failure_of_restic_says_what_it_means(site, said, code, words):
    result = types.SimpleNamespace(stderr=said.encode(), stdout=b"", returncode=code)
    assert words in repository.Repository(site).explain("backup", result)


@pytest.mark.parametrize(
    ("repository_name", "target"),
    [
        ("sftp:backup7@nas.hospital.example:/srv/pacs", "ssh://backup7@nas.hospital.example"),
        ("sftp:nas:pacs", "ssh://nas"),
        ("sftp://backup7@nas:2222//srv/pacs", "ssh://backup7@nas:2222"),
        ("sftp://nas/pacs", "ssh://nas"),
    ],
)
def test_ssh_itself_says_why_it_can_not_log_in(site, monkeypatch, repository_name, target):
    """restic often ends before it has passed that on."""
    asked = []

    def attempt(words):
        asked.append(words)
        return types.SimpleNamespace(returncode=255, stderr=b"Host key verification failed.", stdout=b"")

    monkeypatch.setattr(core, "attempt", attempt)
    site.repository = repository_name
    ended = b"Fatal: unable to start the sftp session, error: unexpected EOF"
    result = types.SimpleNamespace(stderr=ended, stdout=b"", returncode=1)
    assert "Host key verification failed." in repository.Repository(site).explain("backup", result)
    assert [words[-3:] for words in asked] == [[target, "-s", "sftp"]]
    result.stderr += b"\nsubprocess ssh: it has said why"
    assert "it has said why" in repository.Repository(site).explain("backup", result)
    assert len(asked) == 1


def test_restic_does_not_tell_of_its_progress_all_the_time(site, monkeypatch):
    monkeypatch.setattr(core, "attempt", lambda _words, env: env)
    assert float(repository.Repository(site).attempt("backup")["RESTIC_PROGRESS_FPS"]) < 1


def test_a_full_disk_is_named(site, monkeypatch):
    monkeypatch.setattr(repository, "free", lambda path: 5 if "repository" in str(path) else 1 << 40)
    monkeypatch.setattr(repository, "mount_point", str)
    assert repository.Repository(site).full_disks() == [f"The disk of the backups ({site.repository}, 5 bytes free)"]


@pytest.mark.parametrize(
    ("hosts", "words"),
    [
        ({}, []),
        ({"a": "ward7", "b": "ward7"}, [("unlock", "--remove-all")]),
        # Another server may be at work in there.
        ({"a": "ward7", "b": "ward8"}, [("unlock",)]),
    ],
)
def test_the_locks_of_a_killed_run_are_removed_without_a_signal_to_anybody(site, monkeypatch, hosts, words):
    said = []

    def restic(_repository, *arguments):
        if arguments[0] == "list":
            return "\n".join(hosts).encode()
        if arguments[0] == "cat":
            return json.dumps({"hostname": hosts[arguments[2]], "pid": 1}).encode()
        said.append(arguments)
        return b""

    monkeypatch.setattr(repository.Repository, "restic", restic)
    monkeypatch.setattr(repository.socket, "gethostname", lambda: "ward7")
    repository.Repository(site).unlock()
    assert said == words


@pytest.fixture
def back_up(site, monkeypatch):
    """The subcommand, on a processor that is left as it is."""
    monkeypatch.setattr(command.os, "nice", lambda _much: 0)
    arguments = types.SimpleNamespace(action="now", dry_run=False)
    return lambda: command.command(site, arguments)


def test_an_index_that_is_no_database_is_a_failed_backup(site, back_up, settled, monkeypatch, runs_nothing):
    settled(database="sqlite")
    (site.storage / "index").write_text("no index" * 1000)
    monkeypatch.setattr(repository.Repository, "open", lambda repository: "identity")
    with pytest.raises(core.Failure, match="damaged: file is not a database"):
        back_up()
    assert site.status()["failures"]["backup"]["reason"].endswith("damaged: file is not a database")


def test_a_backup_removes_what_a_killed_rehearsal_left(site, back_up, monkeypatch):
    (site.work / "rehearsal/data").mkdir(parents=True)
    said = []

    def run(words, *_rest, **_options):
        said.append(words[1])
        return "one" if words[1] == "ps" else ""

    monkeypatch.setattr(core, "run", run)
    monkeypatch.setattr(repository.Repository, "open", lambda repository: pytest.fail("it came first"))
    with pytest.raises(pytest.fail.Exception, match="it came first"):
        back_up()
    assert not (site.work / "rehearsal").exists()
    assert said == ["ps", "rm"] * 2


def test_a_full_data_disk_is_named_even_if_nothing_can_be_written_down(site, back_up, monkeypatch):
    def full(*_arguments, **_options):
        raise OSError(28, "No space left on device", str(site.stage))

    monkeypatch.setattr(command, "backup", full)
    monkeypatch.setattr(settings.BackupSite, "record", full)
    monkeypatch.setattr(repository, "free", lambda path: 5 if str(path) == str(site.data) else 1 << 40)
    monkeypatch.setattr(repository, "mount_point", str)
    with pytest.raises(core.Failure) as failure:
        back_up()
    words = f"The disk of the site's data ({site.data}, 5 bytes free) is full. Make space"
    assert str(failure.value).startswith(words)


def test_what_was_done_is_written_down_and_a_dry_run_is_not(site, monkeypatch):
    monkeypatch.setattr(command, "check", lambda _site, _arguments: {"percent": 5})
    arguments = types.SimpleNamespace(action="check", dry_run=True)
    assert not command.command(site, arguments).changed and site.status() == {}
    arguments.dry_run = False
    assert command.command(site, arguments).changed and site.status()["check"] == {"percent": 5}


def test_a_site_without_backups_is_told_how_to_have_some(site):
    (site.config / "backup.json").unlink()
    with pytest.raises(core.Failure, match="This site has no place for backups. Set pacs_backup_repository"):
        command.command(site, types.SimpleNamespace(action="list"))


def snapshot(**changes):
    entry = {"id": "1234567890", "short_id": "12345678", "time": "2026-11-24T01:02:03.123456Z"}
    entry["paths"] = ["/srv/data/backup/stage", "/srv/data/tls", "/srv/pacs"]
    return repository.Snapshot(None, entry | changes)


def test_a_snapshot_knows_where_things_were():
    found = snapshot()
    assert (found.data, found.directory, found.time) == ("/srv/data", "/srv/pacs", "2026-11-24T01:02:03Z")
    with pytest.raises(core.Failure, match="no backup of this program"):
        snapshot(paths=["/etc"])


def test_the_project_of_a_rehearsal_reaches_nothing(site):
    found = snapshot()
    found.manifest = lambda: {"database": "postgresql"}
    box = sandbox.Sandbox(site, found, "rehearsal")
    volume = {"type": "bind", "source": "/srv/pacs/config/orthanc", "target": "/etc/orthanc"}
    service = {
        "image": "o:1", "ports": ["4242"], "networks": {"default": {}}, "restart": "unless-stopped", "environment": {},
        "user": "7:7", "tmpfs": ["/tmp", "/run/x:uid=7,gid=7,mode=0700"],
        "volumes": [volume, {"type": "bind", "source": "/srv/data/storage", "target": "/var/lib/orthanc/db"}],
        "secrets": [{"source": "orthanc"}], "depends_on": {"postgres": {}},
        "dns": ["127.0.0.1"], "extra_hosts": ["pacs=10.0.0.1"],
    }  # fmt: skip
    whole = {
        "services": {"orthanc": service, "postgres": {"image": "p:1", "secrets": []}, "nginx": {}},
        "secrets": {"orthanc": {"file": "/srv/pacs/secrets/orthanc/orthanc.json"}, "tls": {"file": "/srv/pacs/x"}},
    }
    project = box.project(whole)
    # As the users of this server, whatever numbers they had on that of the backup.
    user = site.users["orthanc"]
    assert project["services"]["orthanc"]["user"] == f"{user}:{user}"
    assert project["services"]["orthanc"]["tmpfs"] == ["/tmp", f"/run/x:uid={user},gid={user},mode=0700"]
    assert sorted(project["services"]) == ["orthanc", "postgres"]
    orthanc = project["services"]["orthanc"]
    assert not {"ports", "networks", "depends_on", "dns", "extra_hosts"} & {*orthanc}
    assert (orthanc["image"], orthanc["network_mode"]) == ("o:2", "service:postgres")
    assert project["services"]["postgres"]["network_mode"] == "none"
    assert [mount["source"] for mount in orthanc["volumes"]] == [
        str(site.work / "rehearsal/site/config/orthanc"),
        str(site.work / "rehearsal/data/backup/stage/storage"),
    ]
    assert project["secrets"] == {"orthanc": {"file": str(site.work / "rehearsal/site/secrets/orthanc/orthanc.json")}}
    volume["source"] = "/etc/passwd"
    with pytest.raises(core.Failure, match="/etc/passwd, which is not in the backup"):
        box.project(whole)


def test_the_database_of_a_rehearsal_is_its_own(tmp_path):
    uri = "postgresql://orthanc:p%24s@172.30.42.14:5432/orthanc?sslmode=disable"
    path = tmp_path / "orthanc.json"
    path.write_text(json.dumps({"PostgreSQL": {"ConnectionUri": uri}, "RegisteredUsers": {"anna": "a$HOME"}}))
    sandbox.rewrite(path, sandbox.local_database)
    assert "$" not in path.read_text()
    config = json.loads(path.read_text())
    assert config["PostgreSQL"]["ConnectionUri"] == uri.replace("172.30.42.14", "127.0.0.1")
    assert config["RegisteredUsers"] == {"anna": "a$HOME"}


@pytest.mark.parametrize(("disk", "main_memory", "words"), [(1, 1 << 40, "The disk of"), (1 << 50, 1, "memory")])
def test_a_rehearsal_without_room_is_refused_with_the_numbers(site, monkeypatch, disk, main_memory, words):
    found = snapshot()
    found.manifest = lambda: {"database": "postgresql", "bytes": 10**12, "database_bytes": 10**9}
    monkeypatch.setattr(sandbox, "free", lambda path: disk)
    monkeypatch.setattr(sandbox, "memory", lambda: main_memory)
    with pytest.raises(core.Failure, match=f"{words}.* needs [0-9.]+ [GT]B"):
        sandbox.Sandbox(site, found, "rehearsal").check_room()


def test_the_database_of_one_study_needs_room_too(site, monkeypatch):
    found = snapshot()
    found.manifest = lambda: {"database": "postgresql", "bytes": 10**15, "database_bytes": 10**9}
    monkeypatch.setattr(repository.Repository, "find", lambda *_arguments: found)
    monkeypatch.setattr(sandbox, "memory", lambda: 1 << 30)
    monkeypatch.setattr(sandbox, "free", lambda path: 4 * 10**9)
    with pytest.raises(core.Failure, match="needs 4.1 GB"):
        study.restore_study(site, "1.2.3", "latest", False)
    # The archive's files are not restored for it.
    monkeypatch.setattr(sandbox, "free", lambda path: 5 * 10**9)
    sandbox.Sandbox(site, found, "rehearsal").check_room(whole=False)


def test_an_archive_is_put_aside_by_its_name_alone(site, storage, monkeypatch, runs_nothing):
    for over in ("", "ward 7", "Ward"):
        with pytest.raises(core.Failure, match="restore_over='Ward 7'.*--over 'Ward 7'.*Nothing was changed"):
            restore.restore(site, "latest", over, True)


def test_an_archive_with_another_kind_of_database_is_not_restored(site, monkeypatch, runs_nothing):
    found = snapshot()
    found.manifest = lambda: {"database": "sqlite"}
    monkeypatch.setattr(repository.Repository, "find", lambda *_arguments: found)
    with pytest.raises(core.Failure, match="has a database of sqlite.*Nothing was changed"):
        restore.restore(site, "latest", "", True)


def test_a_database_on_another_disk_is_told_before_a_restore(site, monkeypatch, runs_nothing):
    place, real = site.data / "postgres", os.lstat
    place.mkdir()

    def lstat(path, **options):
        found = real(path, **options)
        return os.stat_result((*found[:2], found.st_dev + 1, *found[3:])) if path == place else found

    monkeypatch.setattr(restore.os, "lstat", lstat)
    with pytest.raises(core.Failure, match=f"{place} is on another disk than {site.work}"):
        restore.restore(site, "latest", "", True)


def upgrade_in(site, phase):
    site.upgrade.mkdir()
    (site.upgrade / "state.json").write_text(json.dumps({"phase": phase}))


@pytest.mark.parametrize("phase", ["kept", "closed", "stopping", "copied", "proven"])
def test_an_interrupted_upgrade_is_taken_back_before_a_restore(site, storage, monkeypatch, phase, runs_nothing):
    upgrade_in(site, phase)
    with pytest.raises(core.Failure, match="pacs upgrade back. Nothing was changed"):
        restore.restore(site, "latest", "Ward 7", True)


@pytest.fixture
def restored(site, storage, monkeypatch):
    """A proven copy beside an archive, and the commands that were run."""
    said = []

    def run(words, *_rest):
        if words[1] == "compose":
            said.append(words[-1])
        return ""

    monkeypatch.setattr(core, "run", run)
    monkeypatch.setattr(core, "attempt", lambda words: said.append(words[-1]))
    (site.data / "postgres").mkdir()
    (site.data / "tls/live").mkdir(parents=True)
    (site.data / "ledger").mkdir()
    (site.data / "ledger/new").write_text("newer")
    data = site.work / "restore/data"
    box = types.SimpleNamespace(data=data, stage=data / "backup/stage")
    store(box.stage / "storage", THREE)
    for name in ("postgres/17", "tls/live/site.pem", "ledger/old"):
        (data / name).parent.mkdir(parents=True, exist_ok=True)
        (data / name).write_text("restored")
    return box, said


def test_a_restore_puts_aside_what_was_there(site, restored):
    box, said = restored
    aside = pathlib.Path(restore.swap(site, box, {}))
    assert names(site.storage) == [THREE]
    assert names(aside) == [ONE, TWO, "index"]
    assert (site.data / "tls/live/site.pem").exists()
    # What the server has already is not older than the backup.
    assert names(site.data / "ledger") == ["new"]
    assert said == ["stop"]


@pytest.mark.parametrize(("phase", "there"), [("returned", False), ("back", True)])
def test_after_a_restore_nothing_goes_back_from_an_upgrade(site, restored, phase, there):
    box, _said = restored
    upgrade_in(site, phase)
    aside = pathlib.Path(restore.swap(site, box, {}))
    assert (aside / "replaced-by-upgrade").exists() != there
    assert site.upgrade.exists() == there


def test_a_restore_that_fails_at_the_end_leaves_the_old_archive_running(site, restored, monkeypatch):
    box, said = restored
    before = names(site.data)
    rename = pathlib.Path.rename

    def refuse(path, target):
        if path == box.stage / "storage":
            raise OSError(5, "Input/output error")
        return rename(path, target)

    monkeypatch.setattr(pathlib.Path, "rename", refuse)
    with pytest.raises(OSError, match="Input/output"):
        restore.swap(site, box, {})
    assert names(site.data) == before
    assert names(site.storage) == [ONE, TWO, "index"]
    assert said == ["stop", "start"]
    assert restore.finish(site, False) is None


def test_nothing_is_moved_under_services_that_run(site, restored, monkeypatch):
    box, said = restored
    before = names(site.data)
    real = core.run

    def run(words, *rest):
        return "one" if words[1] == "ps" else real(words, *rest)

    monkeypatch.setattr(core, "run", run)
    with pytest.raises(core.Failure, match="still running"):
        restore.swap(site, box, {})
    assert names(site.data) == before
    assert not site.moves_file.exists()
    assert said == ["stop", "start"]


def cut_off(site, box, number):
    """Put the copy in its place as far as so many renames, and be killed."""
    child = os.fork()
    if child == 0:
        rename, done = pathlib.Path.rename, []

        def limited(path, target):
            if len(done) == number:
                os._exit(0)
            done.append(path)
            return rename(path, target)

        pathlib.Path.rename = limited
        restore.swap(site, box, {"snapshot": "12345678"})
        os._exit(1)
    assert os.waitpid(child, 0)[1] == 0


@pytest.mark.parametrize("number", range(4))
def test_a_restore_that_was_cut_off_is_finished(site, restored, number):
    box, _said = restored
    (site.data / "postgres/old").write_text("old")
    cut_off(site, box, number)
    assert restore.finish(site, True) is None
    plan = restore.restore(site, "latest", "", False)
    assert names(site.storage) == [THREE]
    assert names(site.data / "postgres") == ["17"]
    assert names(plan["put_aside"]) == [ONE, TWO, "index", "old"]
    assert site.status()["restore"]["put_aside"] == plan["put_aside"]
    assert not (site.work / "restore").exists()
    assert restore.finish(site, False) is None


def test_what_somebody_made_after_a_restore_was_cut_off_is_not_touched(site, restored):
    box, _said = restored
    cut_off(site, box, 1)
    (site.data / "postgres").mkdir()
    (site.data / "postgres/new").write_text("acknowledged")
    with pytest.raises(core.Failure, match="somebody has made .*/data/postgres since"):
        restore.finish(site, False)
    assert names(site.data / "postgres") == ["new"]
    assert names(site.storage) == [ONE, TWO, "index"]
    (site.data / "postgres/new").unlink()
    assert restore.finish(site, False)
    assert names(site.data / "postgres") == ["17"]


def test_a_failure_stays_in_the_status_until_a_success(site):
    site.record("backup", reason="full")
    site.record("check", {"time": "t"})
    assert site.status()["failures"]["backup"]["reason"] == "full"
    site.record("backup", {"time": "t"})
    assert site.status() == {
        "site": "Ward 7",
        "repository": site.repository,
        "failures": {},
        "check": {"time": "t"},
        "backup": {"time": "t"},
    }
    assert site.status_file.stat().st_mode & 0o777 == 0o644


def test_two_runs_do_not_meet_even_if_only_a_child_of_the_first_is_left(site, monkeypatch):
    file = site.work / "lock"
    with core.lock(file, "backup", 0, inherit=True):
        child = subprocess.Popen(["sleep", "60"], pass_fds=core._inherited)
    try:
        with pytest.raises(core.Busy, match="Another run is still at work: backup since"):
            with core.lock(file, "check", 0):
                pass
    finally:
        child.kill()
        child.wait()
    with core.lock(file, "check", 0):
        pass


def test_a_command_that_fails_says_its_last_words():
    with pytest.raises(core.Failure, match="^Trying failed: why$"):
        core.run(["sh", "-c", "echo why >&2; exit 3"], "Trying")
    assert core.run(["cat"], input=b"in") == "in"


def test_sizes_as_people_say_them():
    assert [core.size(number) for number in (5, 1500, 2.5e9, 3e13)] == [
        "5 bytes",
        "1.5 kB",
        "2.5 GB",
        "30.0 TB",
    ]


def test_accounts_get_the_numbers_of_this_server():
    passwd = "root:x:0:0:root:/root:/bin/sh\npostgres:x:7:8::/nonexistent:/bin/sh\n"
    right = "root:x:0:0:root:/root:/bin/sh\npostgres:x:61000:61000::/nonexistent:/bin/sh\n"
    assert sandbox.renumbered(passwd, 61000) == right
    assert sandbox.renumbered("root:x:0:\npostgres:x:8:\n", 61000) == "root:x:0:\npostgres:x:61000:\n"
