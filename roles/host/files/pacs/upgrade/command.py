# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The subcommand: each step of an upgrade, and the way back. A step of a run that was killed may still be at work."""

from __future__ import annotations

import argparse
import os
import shutil
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from .. import core, doors
from ..compose import containers
from ..compose import stop as stop_containers
from ..core import RESERVE, Failure, Outcome, free, lock, used, write_file
from ..settings import Site
from .mirror import mirror, same_owner
from .state import FINISHED, UpgradeSite

LOCK_SECONDS = 3600
# The upgrade of a database may write every table anew.
GROWTH = 2
# The program as it was when the upgrade began: it must outlive its own replacement.
KEPT_COMMAND = """\
#!/usr/bin/python3 -I
# pacs upgrade back, by the program of the upgrade that made this copy.
import sys
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, {lib!r})
from pacs import cli  # noqa: E402

sys.exit(cli.main(Path({directory!r}), sys.argv[1:]))
"""


def look(site: UpgradeSite, _arguments: argparse.Namespace) -> dict[str, Any]:
    """What is there, without a change."""
    return {
        "services": site.services(),
        "postgres": None if site.sqlite else site.major(),
        "schema": site.schema(),
        "interrupted": site.state() if site.interrupted else None,
        "closed": doors.is_closed(doors.UPGRADE),
        "needs": GROWTH * site.database_bytes() + used(site.directory) + RESERVE,
        "free": free(site.data),
        "elsewhere": site.elsewhere(),
        "without_data": site.without_data(),
    }


def keep(site: UpgradeSite, arguments: argparse.Namespace) -> dict[str, Any]:
    """Copy what configures the site, and this program. A copy of an earlier upgrade makes room for it."""
    if site.interrupted:
        raise Failure("An earlier upgrade was interrupted and is neither done nor taken back.")
    site.state_file.unlink(missing_ok=True)
    for old in (site.kept_site, site.kept_program, site.kept_database, site.failed_database):
        if old.exists():
            shutil.rmtree(old)
    core.run(["cp", "--archive", site.directory, site.kept_site], "Copying the configuration")
    shutil.copytree(Path(__file__).parents[1], site.kept_program / "pacs", ignore=shutil.ignore_patterns("__pycache__"))
    launcher = KEPT_COMMAND.format(lib=str(site.kept_program), directory=str(site.directory))
    write_file(site.upgrade / "pacs", launcher, 0o755)
    os.sync()
    return site.record(phase="kept", began=core.now().isoformat(), schema=site.schema(), to=arguments.to)


def close(site: UpgradeSite, arguments: argparse.Namespace) -> dict[str, Any]:
    """From here on nobody stores anything."""
    state = site.record(phase="closed", closed=time.time())
    doors.load(doors.upgrade_rules(site.ports, arguments.let_in, site.network))
    return state


def stop(site: UpgradeSite, _arguments: argparse.Namespace) -> dict[str, Any]:
    """Stop everything and copy the database; then make the new containers, which Docker may not start by itself."""
    site.record(phase="stopping")
    # In the order that Compose knows, and then whatever it does not know any more.
    site.compose("stop", what="Stopping the services")
    stop_containers()
    site.kept_database.mkdir(mode=0o700, exist_ok=True)
    there = [(place, copy) for place, copy in site.places() if place.exists()]
    for place, copy in there:
        # The directory of the database may be a link to another disk; a copy of the link would be no copy.
        core.run(["cp", "--archive", "-H", "--reflink=auto", place, copy], "Copying the database")
    os.sync()
    state = site.record(phase="copied", copied=[place.name for place, _copy in there])
    # After a power loss a release that nobody has proven must not begin to accept studies.
    site.compose("up", "--no-start", "--pull", "never", "--remove-orphans", what="Making the new containers")
    site.restart_policy("no")
    return state


def proven(site: UpgradeSite, _arguments: argparse.Namespace) -> dict[str, Any]:
    """The new release was proven: let everybody in again."""
    before = site.state()
    state = site.record(phase="proven", ended=time.time(), schema_now=site.schema())
    open_again(site)
    site.record(phase="done")
    return {
        "seconds_without_service": round(state["ended"] - before["closed"]),
        "schema_before": before["schema"],
        "schema": state["schema_now"],
    }


def open_again(site: UpgradeSite) -> None:
    site.restart_policy("unless-stopped")
    # A drain before a restart may have been killed.
    doors.remove(doors.DRAIN)
    doors.remove(doors.UPGRADE)


def back(site: UpgradeSite, arguments: argparse.Namespace) -> dict[str, Any]:
    """Make everything what it was before the upgrade, from whatever phase it is in; may be repeated."""
    state = site.state()
    phase = state.get("phase", "done")
    if phase in (*FINISHED, "proven"):
        open_again(site)
        # Without this, a power loss would have left services that Docker never starts by itself again.
        if phase == "proven":
            site.record(phase="done")
        return {"was": phase, "seconds_without_service": 0}
    stopped = phase in ("stopping", "copied", "returned")
    if stopped:
        found = containers("--all")
        if found:
            stop_containers()
            # By force: a Compose that a killed run left may start them again meanwhile.
            core.run(["docker", "rm", "--force", *found], "Removing the new release")
    if phase == "copied":
        swap(site, state["copied"])
        os.sync()
        # The old release stores into it from now on, so another attempt must not put any of it aside.
        site.record(phase="returned")
    mirror(site.kept_site, site.directory)
    same_owner(site.kept_site, site.directory)
    os.sync()
    if stopped:
        wait = ["--detach", "--wait", "--wait-timeout", str(arguments.wait), "--pull", "never", "--remove-orphans"]
        try:
            site.compose("up", *wait, what="Starting the old release")
        finally:
            # Whatever runs now has the old database, so it may be used.
            open_again(site)
    else:
        open_again(site)
    ended = time.time()
    site.record(phase="back", ended=ended)
    return {"was": phase, "seconds_without_service": round(ended - state["closed"]) if stopped else 0}


def swap(site: UpgradeSite, copied: list[str]) -> None:
    """Put the copy of the database in its place. All of it are renames; a copy that is gone has been moved already."""
    site.failed_database.mkdir(mode=0o700, exist_ok=True)
    for place, copy in site.places():
        if place.exists() and (copy.exists() or place.name not in copied):
            aside = site.failed_database / place.name
            if os.path.lexists(aside):
                shutil.rmtree(aside) if aside.is_dir() and not aside.is_symlink() else aside.unlink()
            place.rename(aside)
        if copy.exists():
            copy.rename(place)


STEPS: Mapping[str, Callable[[UpgradeSite, argparse.Namespace], dict[str, Any]]] = {
    "look": look,
    "keep": keep,
    "close": close,
    "stop": stop,
    "proven": proven,
    "back": back,
}
ENDS = {
    "done": "There was nothing to take back: the last upgrade was finished, or there was none.",
    "proven": "The new release had been proven. It runs, and everybody is let in again.",
    "back": "The release from before the upgrade runs already, and everybody is let in.",
}


def command(site: Site, arguments: argparse.Namespace) -> Outcome:
    upgraded = UpgradeSite(site.directory)
    if arguments.action == "look":
        return Outcome(result=look(upgraded, arguments))
    upgraded.upgrade.mkdir(mode=0o700, exist_ok=True)
    with lock(upgraded.upgrade / "lock", f"upgrade {arguments.action}", LOCK_SECONDS):
        try:
            result = STEPS[arguments.action](upgraded, arguments)
        except shutil.Error as error:
            raise Failure(str(error)) from error
    text = ""
    if arguments.action == "back":
        again = "The release from before the upgrade runs again, and everybody is let in."
        text = ENDS.get(result["was"], again)
    return Outcome(result=result, changed=True, text=text)
