# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Orthanc's database says about the archive, and whether the files are so."""

from __future__ import annotations

import datetime
import hashlib
import json
import os
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO, Any

from .. import core
from ..core import Failure

LEVELS = ("patients", "studies", "series", "instances")
# Orthanc's numbers: the metadata that says when something last arrived, that of an instance's SOP class, the first that
# users may define, and DICOM.
LAST_UPDATE, SOP_CLASS, USER_METADATA, DICOM_FILE = 7, 10, 1024, 1
Row = list[Any]
ENCAPSULATED_STL = "1.2.840.10008.5.1.4.1.1.104.3"
SHOWN_DAMAGE = 20

# Which study a file belongs to, from whatever level it is attached to.
STUDY_OF = """
  WITH RECURSIVE up(id, parent, level) AS (
    SELECT r.internalId, r.parentId, r.resourceType FROM Resources r JOIN AttachedFiles f ON f.id = r.internalId
      WHERE f.uuid = '{uuid}'
    UNION ALL SELECT r.internalId, r.parentId, r.resourceType FROM Resources r JOIN up ON r.internalId = up.parent)
  SELECT {value} FROM MainDicomTags t JOIN up ON t.id = up.id
    WHERE up.level = {study} AND t.tagGroup = 32 AND t.tagElement = 13"""


class PostgreSQL:
    """The database of a Compose project, asked by its superuser from inside the container."""

    hash = "compressedHash"
    # The number of the level of patients; studies, series and instances follow.
    patient = 0

    def __init__(self, compose: Sequence[object]):
        self.compose: list[object] = [*compose, "exec", "-T", "postgres"]

    def rows(self, columns: str, rest: str) -> list[Row]:
        """Rows of a query, by way of JSON, which has no trouble with any character."""
        columns = f"json_build_array({columns})"
        query = rest.format(value=columns) if "{value}" in rest else f"SELECT {columns} {rest}"
        return [json.loads(line) for line in self.execute(query).splitlines() if line.strip()]

    def execute(self, statement: str) -> str:
        command = ["psql", "--no-psqlrc", "--username=postgres", "--dbname=orthanc", "--tuples-only", "--no-align"]
        options = ["--set=ON_ERROR_STOP=1", "--quiet", f"--command={statement}"]
        return core.run([*self.compose, *command, *options], "The question to the database")

    def extensions(self) -> list[str]:
        """What start.sh adds to the database of a new cluster has numbers for which pg_dump takes it as built in."""
        return [row[0] for row in self.rows("extname", "FROM pg_extension WHERE extname <> 'plpgsql'")]

    def size(self) -> int:
        return int(self.rows("pg_database_size('orthanc')", "")[0][0])


class SQLite:
    """An index in a file of its own, which nobody writes to."""

    hash = "compressedMD5"
    patient = 1

    def __init__(self, path: Path):
        self.path = path

    def rows(self, columns: str, rest: str) -> list[Row]:
        query = rest.format(value=columns) if "{value}" in rest else f"SELECT {columns} {rest}"
        connection = sqlite3.connect(self.path)
        try:
            return [list(row) for row in connection.execute(query)]
        finally:
            connection.close()

    def extensions(self) -> list[str]:
        return []

    def size(self) -> int:
        return self.path.stat().st_size


Database = PostgreSQL | SQLite


def counts(database: Database) -> dict[str, int]:
    """How many patients, studies, series and instances there are."""
    found = dict(map(tuple, database.rows("resourceType, COUNT(*)", "FROM Resources GROUP BY resourceType")))
    return {name: found.get(level, 0) for level, name in enumerate(LEVELS, database.patient)}


def newest_study(database: Database) -> datetime.datetime | None:
    """When the newest study last received something, or None without studies."""
    rows = database.rows("MAX(m.value)", f"FROM Metadata m WHERE m.type = {LAST_UPDATE}")
    if not rows or not rows[0][0]:
        return None
    moment = datetime.datetime.strptime(rows[0][0][:15], "%Y%m%dT%H%M%S")
    return moment.replace(tzinfo=datetime.timezone.utc)


def file_path(storage: Path | str, uuid: str) -> str:
    """Where Orthanc keeps a file."""
    return os.path.join(storage, uuid[:2], uuid[2:4], uuid)


def attachments(database: Database) -> list[Row]:
    """Every file that the database knows: name, size on the disk, MD5 of that."""
    return database.rows(f"uuid, compressedSize, {database.hash}", "FROM AttachedFiles")


def examine_files(known: Iterable[Row], storage: Path) -> Iterator[tuple[str, str]]:
    """Compare every file with what the database recorded; yields what is wrong with which."""
    for uuid, length, digest in known:
        try:
            with open(file_path(storage, uuid), "rb") as stream:
                there = os.fstat(stream.fileno()).st_size
                if there != length:
                    yield uuid, f"has {there} bytes instead of {length}"
                elif digest and (found := md5(stream)) != digest:
                    yield uuid, f"has the MD5 {found} instead of {digest}"
        except FileNotFoundError:
            yield uuid, "is missing"
        except OSError as error:
            yield uuid, f"can't be read ({error.strerror})"


def md5(stream: IO[bytes]) -> str:
    total = hashlib.md5(usedforsecurity=False)
    while block := stream.read(1 << 20):
        total.update(block)
    return total.hexdigest()


def name_damage(database: Database, problems: Sequence[tuple[str, str]]) -> Iterator[str]:
    """A sentence for each damaged file, with its study."""
    for uuid, what in problems[:SHOWN_DAMAGE]:
        studies = database.rows("t.value", STUDY_OF.format(uuid=uuid, study=database.patient + 1, value="{value}"))
        yield f"{uuid} of study {studies[0][0] if studies else 'unknown'} {what}"
    if len(problems) > SHOWN_DAMAGE:
        yield f"and {len(problems) - SHOWN_DAMAGE} more"


def check_files(database: Database, storage: Path) -> int:
    """Every file against the database; returns their number. Damage is a failure that names it."""
    known = attachments(database)
    problems = list(examine_files(known, storage))
    if problems:
        named = "\n".join(name_damage(database, problems))
        raise Failure(f"{len(problems)} of {len(known)} files are not what the database says:\n{named}")
    return len(known)


def models(database: Database) -> list[str]:
    """The Orthanc identifiers of all instances that are STL models; the plugin refuses to read other kinds (OBJ)."""
    rest = (
        f"FROM Resources i JOIN Metadata m ON m.id = i.internalId WHERE i.resourceType = {database.patient + 3}"
        f" AND m.type = {SOP_CLASS} AND m.value = '{ENCAPSULATED_STL}'"
    )
    return [row[0] for row in database.rows("i.publicId", rest)]
