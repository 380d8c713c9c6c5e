# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Make a directory what another is, in place: directories that containers have mounted stay the same ones."""

from __future__ import annotations

import os
import shutil
from pathlib import Path


def mirror(source: Path | str, target: Path | str) -> None:
    wanted = {entry.name: entry for entry in os.scandir(source)}
    for entry in list(os.scandir(target)):
        kept = wanted.get(entry.name)
        if kept is None or kept.is_dir(follow_symlinks=False) != entry.is_dir(follow_symlinks=False):
            shutil.rmtree(entry.path) if entry.is_dir(follow_symlinks=False) else os.unlink(entry.path)
    for name, entry in wanted.items():
        there = os.path.join(target, name)
        if entry.is_dir(follow_symlinks=False):
            os.makedirs(there, exist_ok=True)
            mirror(entry.path, there)
            same_owner(entry.path, there)
        elif not same_file(entry.path, there):
            staged = f"{there}.staged"
            if os.path.lexists(staged):
                os.unlink(staged)
            shutil.copy2(entry.path, staged, follow_symlinks=False)
            same_owner(entry.path, staged)
            os.replace(staged, there)


def same_owner(source: Path | str, target: Path | str) -> None:
    found = os.lstat(source)
    os.chown(target, found.st_uid, found.st_gid, follow_symlinks=False)
    if not os.path.islink(target):
        os.chmod(target, found.st_mode & 0o7777)


def same_file(one: str, other: str) -> bool:
    if not os.path.lexists(other) or os.path.islink(one) or os.path.islink(other):
        return False
    first, second = os.stat(one), os.stat(other)
    facts = [(found.st_size, found.st_mode, found.st_uid, found.st_gid) for found in (first, second)]
    return facts[0] == facts[1] and Path(one).read_bytes() == Path(other).read_bytes()
