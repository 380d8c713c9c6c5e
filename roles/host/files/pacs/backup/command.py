# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The subcommands backup, rehearse and restore: one at a time, and what came of it is written down."""

from __future__ import annotations

import argparse
import datetime
import os
import time
from pathlib import Path
from typing import Any

from .. import schedule
from ..core import Busy, Failure, Outcome, age, free, lock, now, say, size
from ..settings import Site
from .rehearse import rehearse
from .repository import NO_SPACE, Repository
from .restore import finish, restore
from .sandbox import remove
from .settings import BackupSite
from .stage import staged
from .study import restore_study

CRON_FILE = Path("/etc/cron.d/pacs-backup")
# How long a run waits for another one to end.
LOCK_SECONDS = 900
# Beside these, the directories of the site's data are in a backup as they are.
NOT_AS_THEY_ARE = ("backup", "postgres", "storage")


def parts(site: Site) -> list[str]:
    """What a backup is made of, beside the stage."""
    found = [
        entry.path
        for entry in os.scandir(site.data)
        if entry.is_dir() and entry.name not in NOT_AS_THEY_ARE and not entry.name.startswith(("replaced-", "."))
    ]
    return [str(site.directory), *sorted(found)]


def backup(site: BackupSite, arguments: argparse.Namespace) -> dict[str, Any]:
    os.nice(10)
    repository = Repository(site)
    if arguments.dry_run:
        snapshots = len(repository.snapshots()) if site.status().get("backup") else 0
        return {
            "repository": site.repository,
            "snapshots": snapshots,
            "would_back_up": [str(site.storage), *parts(site)],
        }
    if site.moves_file.exists():
        raise Failure(
            "A restore was cut off while it put the archive in its place. site.yml finishes it, or pacs restore finish."
        )
    # The next rehearsal may be a month away, and what a killed one left takes as much room as the archive.
    for name in ("rehearsal", "restore"):
        remove(site.work / name)
    began = time.monotonic()
    identity = repository.open()
    with staged(site) as manifest:
        say(f"Backing up {manifest['files']} files, {size(manifest['bytes'])}.")
        summary = repository.backup([str(site.stage), *parts(site)], manifest["files"])
    result = {
        "time": now().isoformat(),
        "seconds": round(time.monotonic() - began, 1),
        "repository": site.repository,
        "repository_id": identity,
        "snapshot": summary["snapshot_id"][:8],
        "files": manifest["files"],
        "bytes": manifest["bytes"],
        "added": summary.get("data_added_packed", summary["data_added"]),
        "newest_study": manifest["newest_study"],
        **manifest["counts"],
    }
    # The backup is there, even if old ones can't be dropped.
    site.record("backup", result)
    repository.forget()
    if repository.local:
        result["repository_free"] = free(repository.local)
    return result


def check(site: BackupSite, arguments: argparse.Namespace) -> dict[str, Any]:
    os.nice(10)
    percent = arguments.percent or site.read_percent
    began = time.monotonic()
    if arguments.dry_run:
        return {"repository": site.repository, "would_read_percent": percent}
    Repository(site).check(percent)
    return {"time": now().isoformat(), "seconds": round(time.monotonic() - began, 1), "percent": percent}


def snapshots(site: BackupSite) -> list[dict[str, str]]:
    return [{"snapshot": found["short_id"], "time": found["time"]} for found in Repository(site).snapshots()]


def status(site: BackupSite) -> dict[str, Any]:
    """How the last runs went, and whether cron will run the next ones."""
    found = site.status()
    moments = {kind: found[kind]["time"] for kind in ("backup", "check", "rehearsal") if kind in found}
    ages = {kind: age(datetime.datetime.fromisoformat(moment)) for kind, moment in moments.items()}
    configured = (site.config / "backup.json").stat().st_mtime
    return found | {
        "schedules": site.schedules,
        "ages": ages | {"configured": int(time.time() - configured)},
        "clock": schedule.clock(),
        "cron": schedule.complaint(CRON_FILE) if any(site.schedules.values()) else "",
    }


def exclusively(site: BackupSite, what: str, work: Any, dry: bool, recorded: str = "") -> Any:
    """Do one thing while nobody else is at work, and write down how it went."""
    recorded = "" if dry else recorded
    try:
        with lock(site.work / "lock", what, LOCK_SECONDS, inherit=True):
            result = work()
    except (Failure, OSError, KeyboardInterrupt) as error:
        reason = str(error) or "It was interrupted."
        if NO_SPACE in reason.casefold() and "Make space" not in reason:
            reason = f"{Repository(site).full()}\n{reason}"
        if recorded:
            try:
                site.record(recorded, reason=reason)
            except (Failure, OSError) as failure:
                say(f"This could not be written down: {failure}")
        raise (Busy if isinstance(error, Busy) else Failure)(reason) from error
    if recorded:
        site.record(recorded, result)
    say(f"{site.name}: {what} done.")
    return result


def command(site: Site, arguments: argparse.Namespace) -> Outcome:
    """Back up, or look at the backups."""
    with_backups = BackupSite(site.directory)
    if arguments.action == "list":
        found = snapshots(with_backups)
        return Outcome(result=found, text="\n".join(f"{one['snapshot']}  {one['time']}" for one in found))
    if arguments.action == "status":
        return Outcome(result=status(with_backups))
    work = {"now": backup, "check": check}[arguments.action]
    what = {"now": "backup", "check": "check"}[arguments.action]
    result = exclusively(with_backups, what, lambda: work(with_backups, arguments), arguments.dry_run, what)
    return Outcome(result=result, changed=not arguments.dry_run)


def rehearse_command(site: Site, arguments: argparse.Namespace) -> Outcome:
    with_backups, dry = BackupSite(site.directory), arguments.dry_run

    def work() -> dict[str, Any]:
        return rehearse(with_backups, arguments.snapshot, dry)

    # Nothing of it stays, so nothing has changed.
    return Outcome(result=exclusively(with_backups, "rehearsal", work, dry, "rehearsal"))


def restore_command(site: Site, arguments: argparse.Namespace) -> Outcome:
    with_backups, dry = BackupSite(site.directory), arguments.dry_run

    def work() -> dict[str, Any] | None:
        if arguments.action == "finish":
            return finish(with_backups, dry)
        if arguments.action == "study":
            return restore_study(with_backups, arguments.study, arguments.snapshot, dry)
        return restore(with_backups, arguments.snapshot, arguments.over, dry)

    result = exclusively(with_backups, "restore", work, dry) or {}
    changed = result.get("stored", 1) > 0 if result and not dry else False
    return Outcome(result=result, changed=changed)
