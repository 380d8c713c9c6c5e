# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the roles wrote down about the site, and where its things are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from .core import Failure, read_json


class Site:
    """A site's settings. `directory` holds its configuration and secrets, `data` everything that it stores."""

    def __init__(self, directory: Path):
        self.directory = directory
        self.config = directory / "config/pacs"
        found = read_json(self.config / "site.json")
        if found is None:
            raise Failure(f"{self.config}/site.json is missing, so this server is not set up. Run site.yml.")
        self.name: str = found["site"]
        # The server's name in the inventory.
        self.host: str = found["host"]
        self.data = Path(found["data_dir"])
        # postgresql or sqlite.
        self.database: str = found["database"]
        # The numbers of the users as whom services run on this server.
        self.users: dict[str, int] = {name: int(number) for name, number in found["users"].items()}
        # Those that are published, and of them those at which a drain keeps new callers away.
        self.ports = [int(number) for number in found["ports"]]
        self.drained_ports = [int(number) for number in found["drained_ports"]]
        self.network: str = found["network"]
        self.orthanc_url: str = found["orthanc_url"]
        # Paths that may have a disk of their own.
        self.space: list[str] = found["space"]
        self.storage = self.data / "storage"
        self.sqlite = self.database == "sqlite"
        # What is needed to go back from an upgrade.
        self.upgrade = self.data / "replaced-by-upgrade"
        # What a restore moves, while it does.
        self.moves_file = self.data / "backup/moves.json"
        # Which image each service of the release has that runs here.
        self.release_file = directory / "release.json"

    def settings(self, name: str) -> dict[str, Any] | None:
        """What the role of a subcommand wrote down, or None if the site does without."""
        found: dict[str, Any] | None = read_json(self.config / f"{name}.json")
        return found
