# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files that a module writes on the machine where it runs."""

from __future__ import annotations

import os


def put(path: str, content: bytes, dry_run: bool) -> bool:
    """Write a file if its content differs, never leaving half of it; returns whether it differed."""
    try:
        with open(path, "rb") as stream:
            if stream.read() == content:
                return False
    except FileNotFoundError:
        pass
    if not dry_run:
        os.makedirs(os.path.dirname(os.path.abspath(path)), exist_ok=True)
        staged = f"{path}.part"
        with open(staged, "wb") as stream:
            stream.write(content)
        os.replace(staged, path)
    return True
