# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A site that is being upgraded: in which phase it is, and what is needed to go back.

In replaced-by-upgrade in the directory of the site's data are the directory of the site (configuration and secrets) and
the database as they were, a copy of this program, and state.json with the phase:

  kept      the site's directory is copied; nothing was stopped
  closed    nobody but the machine that verifies the site reaches its ports any more
  stopping  the services are being stopped
  copied    the database is copied, and the new release may start
  returned  the old database is in its place again, and the old release may start
  proven    the new release was proven; the ports are being opened
  done      everybody is let in again; there is no way back by this program any more
  back      the old release runs again

From closed to proven nobody can store anything, so whatever the new release did to the database may be dropped: nothing
in it was acknowledged to anybody. The files of the studies are never touched.
"""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path
from typing import Any

from .. import core
from ..compose import OURS, compose, containers
from ..core import Failure, read_json, used, write_json
from ..settings import Site

FINISHED = ("done", "back")
# SQLite's index and what it may have beside it.
SQLITE_FILES = ("index", "index-journal", "index-shm", "index-wal")


class UpgradeSite(Site):
    """Where the things of the site are, and the journal of its upgrade."""

    def __init__(self, directory: Path):
        super().__init__(directory)
        self.state_file = self.upgrade / "state.json"
        self.kept_site = self.upgrade / "site"
        self.kept_program = self.upgrade / "lib"
        self.kept_database = self.upgrade / "database"
        self.failed_database = self.upgrade / "failed-database"

    def state(self) -> dict[str, Any]:
        found: dict[str, Any] = read_json(self.state_file, {})
        return found

    def record(self, **changes: Any) -> dict[str, Any]:
        """Write the phase down so that it outlives a power loss."""
        state = self.state() | changes
        write_json(self.state_file, state, 0o600)
        return state

    @property
    def interrupted(self) -> bool:
        state = self.state()
        return bool(state) and state["phase"] not in FINISHED

    # The containers

    def compose(self, *words: object, what: str) -> str:
        return compose(self, *words, what=what)

    def restart_policy(self, policy: str) -> None:
        """Whether Docker starts the services by itself, at boot and after they ended."""
        found = containers("--all")
        if found:
            core.run(["docker", "update", f"--restart={policy}", *found], "Setting the restart policy")

    def services(self) -> dict[str, str]:
        """The image of each service of the release that this server runs."""
        found = read_json(self.release_file)
        if found is not None:
            release: dict[str, str] = found["services"]
            return release
        # A first run that did not come to its end has written none: what is healthy counts.
        line = '{{.Label "com.docker.compose.service"}} {{.Image}}'
        healthy = ["docker", "ps", OURS, "--filter=health=healthy", "--format", line]
        lines = core.run(healthy, "Asking for the containers").splitlines()
        return {service: image for service, _space, image in (line.partition(" ") for line in lines)}

    # The database

    def places(self) -> list[tuple[Path, Path]]:
        """What the database consists of: where it is, and where its copy is."""
        if self.sqlite:
            return [(self.storage / name, self.kept_database / name) for name in SQLITE_FILES]
        return [(self.data / "postgres", self.kept_database / "postgres")]

    def database_bytes(self) -> int:
        return sum(used(place) for place, _copy in self.places())

    def elsewhere(self) -> list[str]:
        """What of it is on another disk than the copy, from which it can't be renamed."""
        there = [place for place, _copy in self.places() if os.path.lexists(place)]
        return [str(place) for place in there if os.lstat(place).st_dev != os.stat(self.data).st_dev]

    def major(self) -> int | None:
        """The version of PostgreSQL whose files are there."""
        found = sorted(path.parent.name for path in (self.data / "postgres").glob("[0-9]*/PG_VERSION"))
        return int(found[-1]) if found and found[-1].isdigit() else None

    def without_data(self) -> bool:
        """Whether a release ran here, and no database of either kind is left. Docker makes empty directories."""
        found = [*(self.data / "postgres").glob("[0-9]*/PG_VERSION"), *self.storage.glob("index")]
        return self.release_file.exists() and not found

    def schema(self) -> str | None:
        """The version of the tables and the plugin's revision of it, or None if nobody can say."""
        query = "SELECT property, value FROM GlobalProperties WHERE property IN (1, 4)"
        try:
            if self.sqlite:
                # An Orthanc that runs holds the lock for as long as it does: waiting brings nothing.
                connection = sqlite3.connect(f"file:{self.storage}/index?mode=ro", uri=True, timeout=0)
                rows = [[str(number), value] for number, value in connection.execute(query)]
                connection.close()
            else:
                psql = ["psql", "--no-psqlrc", "--username=postgres", "--dbname=orthanc", "--tuples-only", "--no-align"]
                command = ["exec", "-T", "postgres", *psql, f"--command={query}"]
                rows = [line.split("|", 1) for line in self.compose(*command, what="Asking the database").splitlines()]
        except (Failure, OSError, sqlite3.Error):
            return None
        found = {row[0]: row[1] for row in rows if len(row) == 2}
        return ".".join(found[number] for number in ("1", "4") if number in found) or None
