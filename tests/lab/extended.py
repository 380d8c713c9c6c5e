# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A copy of the collection with one more service: its role, and one line in the list of services."""

from __future__ import annotations

import shutil
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ROLE = Path(__file__).parent / "hello"
LIST = "playbooks/tasks/services.yml"
LAST = "    - threedpc.pacs.tls\n"


def collection(folder: Path) -> Path:
    """Make the copy; returns where it is."""
    copy = folder / "ansible_collections/threedpc/pacs"
    for part in ("meta", "playbooks", "plugins", "roles"):
        # A copy finds itself by its path, not by the link that finds the checkout.
        shutil.copytree(
            ROOT / part,
            copy / part,
            symlinks=True,
            ignore=shutil.ignore_patterns("collections", "__pycache__"),
        )
    shutil.copy(ROOT / "galaxy.yml", copy)
    return copy


def with_service(copy: Path) -> None:
    """Add the role and the line."""
    shutil.copytree(ROLE, copy / "roles/hello")
    text = (copy / LIST).read_text(encoding="utf-8")
    assert text.count(LAST) == 1
    (copy / LIST).write_text(text.replace(LAST, f"{LAST}    - threedpc.pacs.hello\n"), encoding="utf-8")
