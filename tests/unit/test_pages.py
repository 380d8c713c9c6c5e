# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the pages name is there: files of the repository, and pages that they link to."""

from __future__ import annotations

import pathlib
import re

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
FILE = re.compile(r"`((?:\.github|changelogs|molecule|playbooks|plugins|roles|tests)/[\w./*<>-]*)`")
LINK = re.compile(r"\]\((?!https?:|mailto:|#)([^)#\s]+)")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_what_a_page_names_is_there(page):
    text = page.read_text(encoding="utf-8")
    # A word in angle brackets stands for any name.
    patterns = {name: re.sub(r"<\w+>", "*", name).rstrip("/") for name in FILE.findall(text)}
    found = [name for name, pattern in patterns.items() if not next(ROOT.glob(pattern), None)]
    found += [link for link in LINK.findall(text) if not (page.parent / link).exists()]
    assert sorted(set(found)) == []
