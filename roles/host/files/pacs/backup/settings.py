# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A site that has a place for backups: its settings, and what is written down about the last runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..core import Failure, now, read_json, write_json
from ..settings import Site


class BackupSite(Site):
    """A site with what the role backup wrote down."""

    def __init__(self, directory: Path):
        super().__init__(directory)
        found = self.settings("backup")
        if found is None:
            raise Failure("This site has no place for backups. Set pacs_backup_repository and run site.yml.")
        self.images: dict[str, str] = found["images"]
        self.keep: dict[str, int] = found["keep"]
        self.schedules: dict[str, str] = found["schedules"]
        self.read_percent: int = found["read_percent"]
        self.repository: str = found["repository"]
        # By which the repository is reached, if it is; without its password.
        self.proxy: str = found["proxy"]
        self.no_proxy: str = found["no_proxy"]
        self.secrets = directory / "secrets/backup"
        self.work = self.data / "backup"
        self.stage = self.work / "stage"
        self.status_file = self.work / "status.json"

    def status(self) -> dict[str, Any]:
        found: dict[str, Any] = read_json(self.status_file, {})
        return found

    def record(self, kind: str, result: Any = None, reason: str | None = None) -> None:
        """Write down how a backup, a check, a rehearsal or a restore went. Everybody on the server may read it."""
        status = self.status() | {"site": self.name}
        failures = status.setdefault("failures", {})
        if reason is None:
            status[kind] = result
            # It was there.
            status["repository"] = self.repository
            failures.pop(kind, None)
        else:
            failures[kind] = {"time": now().isoformat(), "reason": reason}
        write_json(self.status_file, status)
