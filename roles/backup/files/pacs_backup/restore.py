# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is done with a backup: rehearse, restore the whole archive, restore one study."""

from __future__ import annotations

import base64
import datetime
import json
import os
import pathlib
import re
import time
import urllib.error
import urllib.request

from archive import (
    DICOM_FILE,
    LEVELS,
    USER_METADATA,
    age,
    check_files,
    counts,
    examine_files,
    file_path,
    models,
    name_damage,
    newest_study,
)
from common import PROJECT, RESERVE, Commands, Failure, free, now, say, size, sync, write_down
from repository import Repository
from sandbox import Sandbox, remove

SHOWN_MODELS = 10
# Asks the site itself, with a password, so never through a proxy.
OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))
SITE_PROJECT = ("docker", "compose", "--project-name", PROJECT)
RUNNING = ("docker", "ps", "--quiet", "--filter", f"label=com.docker.compose.project={PROJECT}")

# Everything that belongs to one study.
DOWN = """
  WITH RECURSIVE down(id) AS (
    SELECT r.internalId FROM Resources r WHERE r.resourceType = {level} AND r.publicId = '{study}'
    UNION ALL SELECT r.internalId FROM Resources r JOIN down ON r.parentId = down.id)
  SELECT {value} """


def examine(box):
    """Whether the restored archive is whole; returns what it holds."""
    database = box.database()
    say("Comparing every file with the database.")
    files = check_files(database, box.stage / "storage")
    held = counts(database)
    told = box.ask("/statistics")["/statistics"]
    if not isinstance(told, dict):
        raise Failure(f"The restored Orthanc does not say what it holds: {told}")
    told = {level: told[f"Count{level.capitalize()}"] for level in held}
    if told != held:
        raise Failure(f"The restored Orthanc says that it holds {told}, and its database has {held}.")
    paths = [f"/instances/{model}/stl" for model in models(database)]
    broken = [f"{path}: {wrong}" for path, wrong in box.ask(*paths).items() if wrong] if paths else []
    if broken:
        shown = "\n".join(broken[:SHOWN_MODELS])
        raise Failure(f"{len(broken)} of {len(paths)} models can't be read:\n{shown}")
    newest = newest_study(database)
    return {
        "files": files,
        "models": len(paths),
        **held,
        "newest_study": newest.isoformat() if newest else None,
        "newest_study_age": age(newest),
    }


def describe(box):
    return {
        "snapshot": box.snapshot.short,
        "snapshot_time": box.snapshot.time,
        "bytes": box.manifest["bytes"],
        "newest_study": box.manifest["newest_study"],
        **box.manifest["counts"],
    }


def rehearse(site, wanted, dry):
    """Restore the newest backup beside the site, look whether it is whole, and remove it again."""
    os.nice(10)
    # As on a new server: nothing that this one remembers of the repository may hide what is missing in it.
    box = Sandbox(site, Repository(site, cache=False).find(wanted), "rehearsal")
    box.check_room()
    if dry:
        disk, main_memory = box.needs()
        return {**describe(box), "would_take_disk": disk, "would_take_memory": main_memory}
    with box.open():
        seconds = box.start()
        began = time.monotonic()
        found = examine(box)
    return {
        "time": now().isoformat(),
        "snapshot": box.snapshot.short,
        "snapshot_time": box.snapshot.time,
        "restore_seconds": round(seconds, 1),
        "check_seconds": round(time.monotonic() - began, 1),
        **found,
    }


def in_the_way(site):
    """What a restore would replace."""
    found = [str(path) for path in (site.storage, site.data / "postgres") if path.is_dir() and any(path.iterdir())]
    if Commands.run(RUNNING).split():
        found.append("the running services")
    return found


def elsewhere(site):
    """What can't be renamed to its place, or from there."""
    places = [path for path in (site.storage, site.data / "postgres") if os.path.lexists(path)]
    return [str(path) for path in places if os.lstat(path).st_dev != os.stat(site.work).st_dev]


def unfinished_upgrade(site):
    """The phase of an upgrade that is neither done nor taken back, or None."""
    try:
        phase = json.loads((site.upgrade / "state.json").read_text(encoding="utf-8"))["phase"]
    except FileNotFoundError:
        return None
    return None if phase in ("done", "back") else phase


def restore(site, wanted, over, dry):
    """Replace the archive of this server, or fill an empty one, by a backup that has been proven beside it."""
    finished = finish(site, dry)
    if finished and (wanted == "latest" or wanted.startswith(finished["snapshot"])):
        return finished
    replaced = in_the_way(site)
    if replaced and over != site.name:
        raise Failure(
            f"{site.name} has an archive on this server already ({', '.join(replaced)}), and restoring puts it aside."
            f" If that is what you want, say so by the site's name: -e \"restore_over='{site.name}'\"."
            " Nothing was changed."
        )
    if unfinished_upgrade(site) not in (None, "returned"):
        raise Failure(
            "An upgrade was interrupted on this server, and going back from it would replace the restored database by"
            " the one from before the upgrade. Go back first, by site.yml or on the server by"
            f" {site.upgrade}/pacs-upgrade back. Nothing was changed."
        )
    if elsewhere(site):
        raise Failure(
            f"{', '.join(elsewhere(site))} is on another disk than {site.work}, from which the proven copy is moved to"
            " its place by a rename. Put both on one disk. Nothing was changed."
        )
    # Without what this server remembers of the repository, so that nothing hides what is missing in it.
    box = Sandbox(site, Repository(site, cache=False).find(wanted), "restore")
    if box.manifest["database"] != site.database:
        raise Failure(
            f"Snapshot {box.snapshot.short} has a database of {box.manifest['database']}, and pacs_database is"
            f" '{site.database}', which would not find a study in it. Restore it with the inventory of that time."
            " Nothing was changed."
        )
    needed = box.needs()[0]
    plan = {**describe(box), "replaces": replaced, "needs_disk": needed, "free_disk": free(site.work)}
    if dry:
        return plan
    if plan["free_disk"] < needed:
        raise Failure(
            f"The disk of {site.work} has {size(plan['free_disk'])} left, and restoring snapshot {box.snapshot.short}"
            f" needs {size(needed)}. What is there now stays until you remove it."
        )
    with box.open():
        seconds = box.start()
        plan |= {"restore_seconds": round(seconds, 1), **examine(box)}
        box.stop()
        plan["put_aside"] = swap(site, box, plan)
    site.record("restore", {"time": now().isoformat(), **plan})
    return plan


def swap(site, box, plan):
    """Put the proven copy in the place of what is there, which is only renamed. All of it, or as it was.

    Between two renames the database of one archive stands beside the files of another. What is moved is written down
    before, so that whoever comes after a power loss finishes it and starts nothing on the half.
    """
    aside = site.data / f"replaced-{now():%Y%m%dT%H%M%SZ}"
    moves = []
    for place, new in ((site.data / "postgres", box.data / "postgres"), (site.storage, box.stage / "storage")):
        if place.exists():
            moves.append((place, aside / place.name))
        if new.exists() and any(new.iterdir()):
            moves.append((new, place))
    # Its old database is in its place, and the old release does not get healthy with it: that is over now.
    if unfinished_upgrade(site):
        moves.append((site.upgrade, aside / site.upgrade.name))
    # Certificates and whatever else the server does not have; what it has may be newer.
    for new in sorted(box.data.iterdir()):
        place = site.data / new.name
        if new.name not in ("backup", "postgres") and not any(path.is_file() for path in place.rglob("*")):
            remove_empty(place)
            moves.append((new, place))
    done = []
    try:
        names = [[str(old), str(new)] for old, new in moves]
        write_down(site.moves_file, {"aside": str(aside), "moves": names, "plan": plan})
        stop_services()
        aside.mkdir(mode=0o700)
        for old, new in moves:
            old.rename(new)
            done.append((old, new))
    except BaseException:
        for old, new in reversed(done):
            new.rename(old)
        os.sync()
        site.moves_file.unlink(missing_ok=True)
        Commands.attempt([*SITE_PROJECT, "start"])
        raise
    return moved(site, aside)


def stop_services():
    say("Stopping the services.")
    # The database last: whatever waits for it would not end.
    database = Commands.run([*RUNNING, "--filter", "label=com.docker.compose.service=postgres"]).decode().split()
    others = set(Commands.run([*RUNNING, "--filter", "label=com.docker.compose.oneoff=False"]).decode().split())
    if others - set(database):
        Commands.run(["docker", "stop", *sorted(others - set(database))], "Stopping the services")
    Commands.run([*SITE_PROJECT, "stop"], "Stopping the services")
    # An order for a certificate is no service, and touches nothing that is moved.
    if Commands.run([*RUNNING, "--filter", "label=com.docker.compose.oneoff=False"]).split():
        raise Failure("The services are still running, so nothing was moved.")


def moved(site, aside):
    """Everything is in its place; returns where that is which was there before, if anything was."""
    os.sync()
    site.moves_file.unlink()
    sync(site.work)
    if not any(aside.iterdir()):
        aside.rmdir()
        return None
    return str(aside)


def finish(site, dry):
    """Move the rest, if a restore was cut off between two renames; returns what it restored.

    It goes on and not back: if somebody has started the services meanwhile, what they stored is moved aside, and not to
    where it would be removed.
    """
    try:
        cut_off = json.loads(site.moves_file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    snapshot = cut_off["plan"]["snapshot"]
    say(f"The restore of snapshot {snapshot} was cut off. It {'would be' if dry else 'is'} finished first.")
    if dry:
        return None
    stop_services()
    aside, moves = pathlib.Path(cut_off["aside"]), cut_off["moves"]
    aside.mkdir(mode=0o700, exist_ok=True)
    targets = {new for _old, new in moves}
    for old, new in moves:
        if not os.path.lexists(new):
            os.rename(old, new)
        elif os.path.lexists(old) and old not in targets:
            try:
                # What is empty gives way: Docker makes a directory where a container that is started misses one.
                os.rename(old, new)
            except OSError as error:
                raise Failure(
                    f"The restore of snapshot {snapshot} was cut off, and somebody has made {new} since. Move it away,"
                    f" so that {old} can take its place, and run this again."
                ) from error
    plan = cut_off["plan"] | {"put_aside": moved(site, aside)}
    site.record("restore", {"time": now().isoformat(), **plan})
    remove(site.work / "restore")
    return plan


def remove_empty(directory):
    """Remove a directory in which nothing is but directories."""
    for path in sorted(directory.rglob("*"), reverse=True):
        path.rmdir()
    if directory.exists():
        directory.rmdir()


def restore_study(site, study, wanted, dry):
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


def find_study(database, study, snapshot):
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


def refuse_second(site, orthanc_id, uid):
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


class Orthanc:
    """The site's own Orthanc, asked as the first of the staff."""

    def __init__(self, site):
        self.url = site.orthanc_url
        config = json.loads((site.directory / "secrets/orthanc/orthanc.json").read_text(encoding="utf-8"))
        user, password = next(iter(config["RegisteredUsers"].items()))
        # The filter orthanc_json writes it so, because Orthanc substitutes variables.
        credentials = f"{user}:{password}".replace("${PACS_DOLLAR:-$}", "$")
        self.authorization = "Basic " + base64.b64encode(credentials.encode()).decode()

    def ask(self, method, path, body=b""):
        request = urllib.request.Request(self.url + path, data=body, method=method)
        request.add_header("Authorization", self.authorization)
        # Orthanc keeps the identity that the pixel data has, whatever it holds.
        request.add_header("Content-Type", "application/dicom" if path == "/instances" else "text/plain")
        try:
            with OPENER.open(request, timeout=600) as answer:
                return answer.read()
        except urllib.error.HTTPError as error:
            raise Failure(f"Orthanc refused {method} {path}: {error.read().decode(errors='replace')[:200]}") from error
        except OSError as error:
            raise Failure(f"Orthanc does not answer {method} {path}: {error}") from error


def send(site, database, box, files):
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


def check_some(database, files, storage):
    problems = list(examine_files([row[:3] for row in files], storage))
    if problems:
        raise Failure("The backup is damaged:\n" + "\n".join(name_damage(database, problems)))


def describe_again(site, database, down):
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


def ages(status):
    """How long ago things happened, in seconds."""
    found = {}
    for kind in ("backup", "check", "rehearsal"):
        if kind in status:
            found[kind] = age(datetime.datetime.fromisoformat(status[kind]["time"]))
    return found
