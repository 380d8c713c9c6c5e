# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bring one study out of a backup into the running archive, as staff would send it."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..core import RESERVE, Failure, free, size
from ..orthanc import Orthanc
from ..settings import Site
from .database import DICOM_FILE, LEVELS, USER_METADATA, Database, Row, examine_files, file_path, name_damage
from .repository import Repository, Snapshot
from .sandbox import Sandbox
from .settings import BackupSite

# Everything that belongs to one study.
DOWN = """
  WITH RECURSIVE down(id) AS (
    SELECT r.internalId FROM Resources r WHERE r.resourceType = {level} AND r.publicId = '{study}'
    UNION ALL SELECT r.internalId FROM Resources r JOIN down ON r.parentId = down.id)
  SELECT {value} """


def restore_study(site: BackupSite, study: str, wanted: str, dry: bool) -> dict[str, Any]:
    """Bring one study out of a backup into the running archive."""
    box = Sandbox(site, Repository(site).find(wanted), "rehearsal")
    box.check_room(whole=False)
    with box.open():
        box.restore(["/database.dump", "/database.sqlite", "/roles.sql", "/manifest.json"])
        box.prepare()
        box.load()
        database = box.database()
        orthanc_id, uid = find_study(database, study, box.snapshot)
        if study != orthanc_id:
            refuse_second(site, orthanc_id, uid)
        down = DOWN.format(study=orthanc_id, level=database.patient + 1, value="{value}")
        files = database.rows(
            f"f.uuid, f.compressedSize, f.{database.hash}, f.compressionType",
            f"{down} FROM AttachedFiles f JOIN down ON f.id = down.id WHERE f.fileType = {DICOM_FILE}",
        )
        total = sum(row[1] for row in files)
        plan = {"snapshot": box.snapshot.short, "study": uid, "instances": len(files), "bytes": total}
        if any(row[3] != 1 for row in files):
            raise Failure(f"Study {uid} is stored compressed; restore the whole backup instead.")
        if dry:
            return plan
        if free(site.work) < total + RESERVE:
            raise Failure(f"The disk of {site.work} has {size(free(site.work))} left; {size(total)} are needed.")
        patterns = [f"/storage/{uuid[:2]}/{uuid[2:4]}/{uuid}" for uuid, *_rest in files]
        for start in range(0, len(patterns), 5000):
            box.snapshot.restore(box.snapshot.stage, box.stage, patterns[start : start + 5000])
        plan |= send(site, database, box, files)
        plan |= describe_again(site, database, down)
        return plan


def find_study(database: Database, study: str, snapshot: Snapshot) -> Row:
    """Orthanc's identifier and the UID of a study that is named by either."""
    if not re.fullmatch(r"[0-9a-f.-]{1,64}", study):
        raise Failure(f"'{study}' is neither a StudyInstanceUID nor Orthanc's identifier of a study.")
    rows = database.rows(
        "r.publicId, t.value",
        "FROM Resources r JOIN MainDicomTags t ON t.id = r.internalId"
        f" WHERE r.resourceType = {database.patient + 1} AND t.tagGroup = 32 AND t.tagElement = 13"
        f" AND (t.value = '{study}' OR r.publicId = '{study}')",
    )
    where = f"Snapshot {snapshot.short} of {snapshot.time}"
    if not rows:
        raise Failure(f"{where} has no studies {study}.")
    if len(rows) > 1:
        raise Failure(
            f"{where} has {len(rows)} studies {study}, each of another PatientID. Name the one that you mean by"
            f" Orthanc's identifier: {', '.join(sorted(row[0] for row in rows))}. Nothing was changed."
        )
    return rows[0]


def refuse_second(site: Site, orthanc_id: str, uid: str) -> None:
    """By its UID no study is brought beside another patient's that has the same: no link and no viewer by UID would
    tell them apart any more."""
    asked = json.dumps({"Level": "Study", "Query": {"StudyInstanceUID": uid}}).encode()
    others = sorted(set(json.loads(Orthanc(site).ask("POST", "/tools/find", asked))) - {orthanc_id})
    if others:
        raise Failure(
            f"The archive has the StudyInstanceUID {uid} in another study, of another PatientID ({', '.join(others)}),"
            f" and the backup's is {orthanc_id}. Delete the wrong one; or name the backup's by Orthanc's identifier to"
            " have both, and then neither can be shared. Nothing was changed."
        )


def send(site: Site, database: Database, box: Sandbox, files: Sequence[Row]) -> dict[str, int]:
    """Send the files to Orthanc as staff do; what is there already stays as it is."""
    check_some(database, files, box.stage / "storage")
    orthanc, stored, there = Orthanc(site), 0, 0
    for uuid, *_rest in files:
        with open(file_path(box.stage / "storage", uuid), "rb") as stream:
            answer = json.loads(orthanc.ask("POST", "/instances", stream.read()))
        if answer["Status"] == "Success":
            stored += 1
        elif answer["Status"] == "AlreadyStored":
            there += 1
        else:
            raise Failure(f"Orthanc did not take {uuid}: {answer['Status']}")
    return {"stored": stored, "already_there": there}


def check_some(database: Database, files: Sequence[Row], storage: Path) -> None:
    problems = list(examine_files([row[:3] for row in files], storage))
    if problems:
        raise Failure("The backup is damaged:\n" + "\n".join(name_damage(database, problems)))


def describe_again(site: Site, database: Database, down: str) -> dict[str, int]:
    """Give the study its labels and the users' own metadata back; what it has now stays."""
    orthanc = Orthanc(site)
    resources = "JOIN down ON x.id = down.id JOIN Resources r ON r.internalId = x.id"
    labels = database.rows("r.resourceType, r.publicId, x.label", f"{down} FROM Labels x {resources}")
    for level, resource, label in labels:
        orthanc.ask("PUT", f"/{LEVELS[level - database.patient]}/{resource}/labels/{label}")
    rest = f"{down} FROM Metadata x {resources} WHERE x.type >= {USER_METADATA}"
    metadata = 0
    for level, resource, kind, value in database.rows("r.resourceType, r.publicId, x.type, x.value", rest):
        path = f"/{LEVELS[level - database.patient]}/{resource}/metadata"
        present = json.loads(orthanc.ask("GET", f"{path}?numeric", None))
        if kind not in [entry[0] if isinstance(entry, list) else entry for entry in present]:
            orthanc.ask("PUT", f"{path}/{kind}", value.encode())
            metadata += 1
    return {"labels": len(labels), "metadata": metadata}
