# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Restore the whole archive from a backup that has been proven beside it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from .. import core
from ..compose import BY_NAME, SERVICES, containers, stop
from ..core import Failure, free, now, read_json, say, size, sync, write_json
from ..settings import Site
from .rehearse import describe, examine
from .repository import Repository
from .sandbox import Sandbox, remove
from .settings import BackupSite


def in_the_way(site: BackupSite) -> list[str]:
    """What a restore would replace."""
    found = [str(path) for path in (site.storage, site.data / "postgres") if path.is_dir() and any(path.iterdir())]
    if containers():
        found.append("the running services")
    return found


def elsewhere(site: BackupSite) -> list[str]:
    """What can't be renamed to its place, or from there."""
    places = [path for path in (site.storage, site.data / "postgres") if os.path.lexists(path)]
    return [str(path) for path in places if os.lstat(path).st_dev != os.stat(site.work).st_dev]


def unfinished_upgrade(site: Site) -> str | None:
    """The phase of an upgrade that is neither done nor taken back, or None."""
    phase: str = read_json(site.upgrade / "state.json", {"phase": "done"})["phase"]
    return None if phase in ("done", "back") else phase


def restore(site: BackupSite, wanted: str, over: str, dry: bool) -> dict[str, Any]:
    """Replace the archive of this server, or fill an empty one, by a backup that has been proven beside it."""
    finished = finish(site, dry)
    if finished and (wanted == "latest" or wanted.startswith(finished["snapshot"])):
        return finished
    replaced = in_the_way(site)
    if replaced and over != site.name:
        raise Failure(
            f"{site.name} has an archive on this server already ({', '.join(replaced)}), and restoring puts it aside."
            f" If that is what you want, say so by the site's name: -e \"restore_over='{site.name}'\" with restore.yml,"
            f" or pacs restore --over '{site.name}'."
            " Nothing was changed."
        )
    if unfinished_upgrade(site) not in (None, "returned"):
        raise Failure(
            "An upgrade was interrupted on this server, and going back from it would replace the restored database by"
            " the one from before the upgrade. Go back first, by site.yml or on the server by"
            " pacs upgrade back. Nothing was changed."
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


def swap(site: BackupSite, box: Sandbox, plan: dict[str, Any]) -> str | None:
    """Put the proven copy in the place of what is there, which is only renamed. All of it, or as it was.

    Between two renames the database of one archive is beside the files of another. What is moved is written down
    before, so that the first run after a power loss finishes it, and nothing starts on the half.
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
        write_json(site.moves_file, {"aside": str(aside), "moves": names, "plan": plan})
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
        core.attempt([*BY_NAME, "start"])
        raise
    return moved(site, aside)


def stop_services() -> None:
    say("Stopping the services.")
    # An order for a certificate is no service, and touches nothing that is moved.
    stop(SERVICES)
    core.run([*BY_NAME, "stop"], "Stopping the services")
    if containers(SERVICES):
        raise Failure("The services are still running, so nothing was moved.")


def moved(site: BackupSite, aside: Path) -> str | None:
    """Everything is in its place; returns where that is which was there before, if anything was."""
    os.sync()
    site.moves_file.unlink()
    sync(site.work)
    if not any(aside.iterdir()):
        aside.rmdir()
        return None
    return str(aside)


def finish(site: BackupSite, dry: bool) -> dict[str, Any] | None:
    """Move the rest, if a restore was cut off between two renames; returns what it restored.

    It goes on and not back: if somebody has started the services meanwhile, what they stored is moved aside, and not to
    where it would be removed.
    """
    cut_off = read_json(site.moves_file)
    if cut_off is None:
        return None
    snapshot = cut_off["plan"]["snapshot"]
    say(f"The restore of snapshot {snapshot} was cut off. It {'would be' if dry else 'is'} finished first.")
    if dry:
        return None
    stop_services()
    aside, moves = Path(cut_off["aside"]), cut_off["moves"]
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
    plan: dict[str, Any] = cut_off["plan"] | {"put_aside": moved(site, aside)}
    site.record("restore", {"time": now().isoformat(), **plan})
    remove(site.work / "restore")
    return plan


def remove_empty(directory: Path) -> None:
    """Remove a directory in which nothing is but directories."""
    for path in sorted(directory.rglob("*"), reverse=True):
        path.rmdir()
    if directory.exists():
        directory.rmdir()
