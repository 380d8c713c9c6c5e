# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a backup can be restored: restore it beside the site, look whether it is whole, and remove it again."""

from __future__ import annotations

import os
import time
from typing import Any

from ..core import Failure, age, now, say
from .database import check_files, counts, models, newest_study
from .repository import Repository
from .sandbox import Sandbox
from .settings import BackupSite

SHOWN_MODELS = 10


def examine(box: Sandbox) -> dict[str, Any]:
    """Whether the restored archive is whole; returns what it holds."""
    database = box.database()
    say("Comparing every file with the database.")
    files = check_files(database, box.stage / "storage")
    held = counts(database)
    statistics = box.ask("/statistics")["/statistics"]
    if not isinstance(statistics, dict):
        raise Failure(f"The restored Orthanc does not say what it holds: {statistics}")
    shown = {level: statistics[f"Count{level.capitalize()}"] for level in held}
    if shown != held:
        raise Failure(f"The restored Orthanc says that it holds {shown}, and its database has {held}.")
    paths = [f"/instances/{model}/stl" for model in models(database)]
    broken = [f"{path}: {wrong}" for path, wrong in box.ask(*paths).items() if wrong] if paths else []
    if broken:
        some = "\n".join(broken[:SHOWN_MODELS])
        raise Failure(f"{len(broken)} of {len(paths)} models can't be read:\n{some}")
    newest = newest_study(database)
    return {
        "files": files,
        "models": len(paths),
        **held,
        "newest_study": newest.isoformat() if newest else None,
        "newest_study_age": age(newest),
    }


def describe(box: Sandbox) -> dict[str, Any]:
    return {
        "snapshot": box.snapshot.short,
        "snapshot_time": box.snapshot.time,
        "bytes": box.manifest["bytes"],
        "newest_study": box.manifest["newest_study"],
        **box.manifest["counts"],
    }


def rehearse(site: BackupSite, wanted: str, dry: bool) -> dict[str, Any]:
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
