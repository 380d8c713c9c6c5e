# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Backs up the archive, proves the backups and restores them. The result is JSON on standard output."""

from __future__ import annotations

import argparse
import json
import os
import pathlib
import signal
import sys
import time

import schedule
from common import Failure, Site, alone, free, now, say, size
from repository import NO_SPACE, Repository
from restore import ages, finish, rehearse, restore, restore_study
from sandbox import remove
from stage import staged

# Beside these, the directories of the site's data are in a backup as they are.
NOT_AS_THEY_ARE = ("backup", "postgres", "storage")


def parts(site):
    """What a backup is made of, beside the stage."""
    found = [
        entry.path
        for entry in os.scandir(site.data)
        if entry.is_dir() and entry.name not in NOT_AS_THEY_ARE and not entry.name.startswith(("replaced-", "."))
    ]
    return [str(site.directory), *sorted(found)]


def backup(site, arguments):
    os.nice(10)
    repository = Repository(site)
    if arguments.check:
        snapshots = len(repository.snapshots()) if site.status().get("backup") else 0
        return {
            "repository": site.repository,
            "snapshots": snapshots,
            "would_back_up": [str(site.storage), *parts(site)],
        }
    if site.moves_file.exists():
        raise Failure("A restore was cut off while it put the archive in its place; site.yml finishes it.")
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


def check(site, arguments):
    os.nice(10)
    percent = arguments.percent or site.read_percent
    began = time.monotonic()
    if arguments.check:
        return {"repository": site.repository, "would_read_percent": percent}
    Repository(site).check(percent)
    return {"time": now().isoformat(), "seconds": round(time.monotonic() - began, 1), "percent": percent}


def snapshots(site, _arguments):
    found = Repository(site).snapshots()
    return [{"snapshot": snapshot["short_id"], "time": snapshot["time"]} for snapshot in found]


def status(site, _arguments):
    found = site.status()
    configured = (site.directory / "config/backup/backup.json").stat().st_mtime
    return found | {
        "schedules": site.schedules,
        "ages": ages(found) | {"configured": int(time.time() - configured)},
        "clock": schedule.clock(),
        "cron": schedule.complaint() if any(site.schedules.values()) else "",
    }


COMMANDS = {
    "backup": backup,
    "check": check,
    "snapshots": snapshots,
    "status": status,
    "rehearse": lambda site, arguments: rehearse(site, arguments.snapshot, arguments.check),
    "restore": lambda site, arguments: restore(site, arguments.snapshot, arguments.over, arguments.check),
    "finish-restore": lambda site, arguments: finish(site, arguments.check),
    "restore-study": lambda site, arguments: restore_study(site, arguments.study, arguments.snapshot, arguments.check),
}
# What is written down in the status, and under which name.
RECORDED = {"backup": "backup", "check": "check", "rehearse": "rehearsal"}
# These only look.
SHARED = ("snapshots", "status")


def parse(words):
    parser = argparse.ArgumentParser(prog="pacs-backup", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for name, words_about in (
        ("backup", "back up the archive now"),
        ("check", "look for damage in the repository"),
        ("snapshots", "list the backups"),
        ("status", "say how the last backup, check and rehearsal went"),
        ("rehearse", "restore a backup beside the site, prove it and remove it again"),
        ("restore", "restore the whole archive; the services stay stopped, site.yml starts them"),
        ("finish-restore", "move the rest, if a restore was cut off while it put the archive in its place"),
        ("restore-study", "restore one study into the running archive"),
    ):
        command = commands.add_parser(name, help=words_about, description=words_about)
        if name not in SHARED:
            command.add_argument("--check", action="store_true", help="say what would be done, and change nothing")
        if name == "check":
            command.add_argument("--percent", type=int, default=0, help="how much of the backups is read")
        if name == "restore-study":
            command.add_argument("study", help="StudyInstanceUID or Orthanc's identifier")
        if name.startswith("re"):
            command.add_argument("--snapshot", default="latest", help="another one than the newest")
        if name == "restore":
            command.add_argument("--over", default="", help="the site's name, if its archive shall be put aside")
    return parser.parse_args(words)


def stopped(number, _frame):
    raise Failure(f"It was stopped by {signal.Signals(number).name}.")


def main(words):
    arguments = parse(words)
    site = Site(pathlib.Path(__file__).resolve().parents[2])
    signal.signal(signal.SIGTERM, stopped)
    # Compose would take a project that happens to lie where the administrator stands for the site.
    os.chdir("/")
    recorded = RECORDED.get(arguments.command) if not getattr(arguments, "check", False) else None
    try:
        if os.geteuid():
            raise Failure("Only root may do this.")
        if arguments.command in SHARED:
            result = COMMANDS[arguments.command](site, arguments)
        else:
            with alone(site, arguments.command):
                result = COMMANDS[arguments.command](site, arguments)
    except (Failure, OSError, KeyboardInterrupt) as error:
        reason = str(error) or "It was interrupted."
        if NO_SPACE in reason.casefold() and "Make space" not in reason:
            reason = f"{Repository(site).full()}\n{reason}"
        say(f"{site.name}: {arguments.command} failed: {reason}")
        if recorded:
            try:
                site.record(recorded, reason=reason)
            except OSError as failure:
                say(f"This could not be written down: {failure}")
        print(json.dumps({"failed": reason}))
        return 1
    if recorded:
        site.record(recorded, result)
    if arguments.command not in SHARED:
        say(f"{site.name}: {arguments.command} done.")
    print(json.dumps(result, indent=None if not sys.stdout.isatty() else 2))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
