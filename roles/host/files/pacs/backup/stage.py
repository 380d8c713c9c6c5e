# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A copy of the archive in which every file is there that its database knows, while the archive keeps working.

Orthanc writes a file before it tells the database, removes it after, and never changes one in between. So the files are
linked (which takes no space and survives a deletion), the database is dumped, and what came meanwhile is linked too.
A file that the dump knows and that is not there was stored and deleted within these moments: another dump will not know
it any more.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import time
from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from .. import core
from ..compose import BY_NAME
from ..core import Failure, now, say, write_json
from .database import Database, PostgreSQL, Row, SQLite, attachments, counts, file_path, newest_study
from .settings import BackupSite

ROUNDS = 8
FOLDER = re.compile(r"[0-9a-f]{2}")
# Longer than it takes to copy an index; then Orthanc goes on, whatever became of this program.
LONGEST_PAUSE = 60


@contextlib.contextmanager
def staged(site: BackupSite) -> Iterator[dict[str, Any]]:
    """The consistent copy; yields its manifest and is removed at the end."""
    remove(site)
    site.stage.mkdir(mode=0o700)
    try:
        yield make(site)
    finally:
        remove(site)


def remove(site: BackupSite) -> None:
    """Remove the links of this run, or of one that was killed. The files themselves stay where they are."""
    if site.stage.exists():
        shutil.rmtree(site.stage)


def make(site: BackupSite) -> dict[str, Any]:
    """Fill the stage; returns the manifest, which is in it too."""
    if not site.storage.is_dir():
        raise Failure(f"{site.storage} is not there: nothing was ever stored here.")
    storage = site.stage / "storage"
    copy_directory(site.storage, storage)
    link_new(site.storage, storage)
    for number in range(1, ROUNDS + 1):
        known = dump(site)
        link_new(site.storage, storage)
        missing, wrong = compare(known, storage)
        if not missing and not wrong:
            break
        say(f"Round {number}: {len(missing) + len(wrong)} files changed while the database was dumped; once more.")
    else:
        raise Failure(
            f"The archive and its database do not agree after {ROUNDS} rounds. Missing: {first_ten(missing)}."
            f" Of another size than the database says: {first_ten(wrong)}."
        )
    drop_deleted(site.storage, storage, {uuid for uuid, _length, _digest in known})
    return write_manifest(site, known)


def first_ten(names: Sequence[str]) -> str:
    return ", ".join(names[:10]) + (f" and {len(names) - 10} more" if len(names) > 10 else "") or "none"


def copy_directory(source: Path | str, target: Path | str) -> None:
    """Make a directory that belongs to the same user."""
    found = os.stat(source)
    os.mkdir(target, 0o700)
    os.chown(target, found.st_uid, found.st_gid)
    os.chmod(target, found.st_mode & 0o7777)


def folders(path: Path | str) -> Iterator[os.DirEntry[str]]:
    """The directories of Orthanc's storage below a path; they come and go."""
    with contextlib.suppress(FileNotFoundError), os.scandir(path) as entries:
        yield from (entry for entry in entries if FOLDER.fullmatch(entry.name) and entry.is_dir())


def link_new(storage: Path, stage: Path) -> None:
    """Link what the stage does not have yet."""
    for first in folders(storage):
        for second in folders(first.path):
            target = os.path.join(stage, first.name, second.name)
            try:
                there: set[str] | None = set(os.listdir(target))
            except FileNotFoundError:
                there = None
            with contextlib.suppress(FileNotFoundError):
                for name in set(os.listdir(second.path)) - (there or set()):
                    if there is None:
                        make_folders(storage, stage, first.name, second.name)
                        there = set()
                    link(os.path.join(second.path, name), os.path.join(target, name))


def make_folders(storage: Path, stage: Path, *names: str) -> None:
    for name in names:
        storage, stage = storage / name, stage / name
        if not stage.is_dir():
            copy_directory(storage, stage)


def link(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except FileNotFoundError:
        pass
    except OSError as error:
        if error.errno == errno.EXDEV:
            raise Failure(
                f"{os.path.dirname(source)} and {os.path.dirname(target)} are on different disks; a backup needs"
                " the storage and pacs_data_dir on one file system."
            ) from error
        raise


def compare(known: Iterable[Row], stage: Path) -> tuple[list[str], list[str]]:
    """The names of files that the database knows and the stage lacks, and of those with another size."""
    missing, wrong = [], []
    for uuid, length, _digest in known:
        try:
            if os.stat(file_path(stage, uuid)).st_size != length:
                wrong.append(uuid)
        except FileNotFoundError:
            missing.append(uuid)
    return missing, wrong


def drop_deleted(storage: Path, stage: Path, known: Collection[str]) -> None:
    """Drop the links of what was deleted since: the database does not know it, and Orthanc has no file of it."""
    for first in folders(stage):
        for second in folders(first.path):
            for name in os.listdir(second.path):
                if name not in known and not os.path.exists(os.path.join(storage, first.name, second.name, name)):
                    os.unlink(os.path.join(second.path, name))


def dump(site: BackupSite) -> list[Row]:
    """Write the database into the stage; returns the files that this very dump knows."""
    if site.sqlite:
        copy_index(site)
        return attachments(SQLite(site.stage / "database.sqlite"))
    inside = [*BY_NAME, "exec", "-T", "postgres"]
    with (site.stage / "database.dump").open("wb") as stream:
        # Not compressed: restic compresses by itself, and finds again what is as it was yesterday.
        command = ["pg_dump", "--username=postgres", "--format=custom", "--compress=0", "orthanc"]
        core.run([*inside, *command], "The dump of the database", stdout=stream)
    with (site.stage / "roles.sql").open("wb") as stream:
        command = ["pg_dumpall", "--username=postgres", "--roles-only"]
        core.run([*inside, *command], "The dump of the database's users", stdout=stream)
    with (site.stage / "database.dump").open("rb") as stream:
        command = ["pg_restore", "--data-only", "--table=attachedfiles", "--file=-"]
        table = core.run([*inside, *command], "Reading the dump of the database", stdin=stream)
    return read_table(table, ("uuid", "compressedsize", "compressedhash"))


def read_table(text: str, wanted: Sequence[str]) -> list[Row]:
    """The wanted columns of a table in a dump: name, size and MD5 of each file."""
    rows: list[Row] = []
    places: list[int] | None = None
    for line in text.splitlines():
        if places is None:
            found = re.fullmatch(r"COPY public\.attachedfiles \((.*)\) FROM stdin;", line)
            if found:
                columns = [name.strip().strip('"') for name in found[1].split(",")]
                places = [columns.index(name) for name in wanted]
        elif line == "\\.":
            return rows
        else:
            values = line.split("\t")
            uuid, length, digest = (values[place] for place in places)
            rows.append([uuid, int(length), "" if digest == "\\N" else digest])
    raise Failure("The dump of the database has no table of files.")


def copy_index(site: BackupSite) -> None:
    """Copy the index of a site without PostgreSQL.

    Orthanc holds it for itself, so it is stopped while its two files are copied, which takes less than a second in
    most archives. Together they are what a power failure would leave, and SQLite makes an index of them.
    """
    target = site.stage / "database.sqlite"
    container = core.run([*BY_NAME, "ps", "--quiet", "orthanc"]).strip()
    if container:
        # Whatever happens to this program, Orthanc goes on.
        guard = f"sleep {LONGEST_PAUSE}; exec docker unpause {container}"
        watcher = subprocess.Popen(
            ["sh", "-c", guard],
            start_new_session=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        core.run(["docker", "pause", container], "Pausing Orthanc")
    began = time.monotonic()
    try:
        for suffix in ("", "-wal"):
            target.with_name(target.name + suffix).unlink(missing_ok=True)
            with contextlib.suppress(FileNotFoundError):
                shutil.copyfile(f"{site.storage}/index{suffix}", f"{target}{suffix}")
    finally:
        if container:
            core.run(["docker", "unpause", container], "Letting Orthanc go on")
            # Or it would let Orthanc go on in the middle of the next round's copy.
            os.killpg(watcher.pid, signal.SIGKILL)
            watcher.wait()
    if container and time.monotonic() - began > LONGEST_PAUSE - 5:
        raise Failure("Copying the index took too long to be sure that Orthanc stood still.")
    connection = sqlite3.connect(target)
    try:
        connection.execute("PRAGMA journal_mode=DELETE")
        [[verdict]] = connection.execute("PRAGMA quick_check(1)").fetchall()
    except sqlite3.Error as error:
        verdict = str(error)
    finally:
        connection.close()
    if verdict != "ok":
        raise Failure(f"The copy of the index is damaged: {verdict}")


def write_manifest(site: BackupSite, known: Sequence[Row]) -> dict[str, Any]:
    """Say what the backup holds, for the one who restores it."""
    database: Database = SQLite(site.stage / "database.sqlite") if site.sqlite else PostgreSQL(BY_NAME)
    newest = newest_study(database)
    manifest = {
        "site": site.name,
        "time": now().isoformat(),
        "database": site.database,
        "database_bytes": database.size(),
        "extensions": database.extensions(),
        "images": site.images,
        "files": len(known),
        "bytes": sum(length for _uuid, length, _digest in known),
        "newest_study": newest.isoformat() if newest else None,
        # Asked after the dump: what arrived within this second may be counted already.
        "counts": counts(database),
    }
    write_json(site.stage / "manifest.json", manifest, 0o600)
    return manifest
