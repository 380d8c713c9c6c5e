# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every program says under which license it is."""

from __future__ import annotations

import pathlib

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("folder", ["molecule", "plugins", "roles", "tests"])
def test_every_program_names_its_license(folder):
    programs = (path for ending in ("py", "sh", "js") for path in (ROOT / folder).rglob(f"*.{ending}"))
    assert [
        str(path.relative_to(ROOT))
        for path in programs
        if "output" not in path.parts and path.stat().st_size and "SPDX-License-Identifier" not in path.read_text()
    ] == []
