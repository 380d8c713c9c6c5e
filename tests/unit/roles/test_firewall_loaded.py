# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether the rules of the firewall are loaded, asked of stand-ins of nft, unshare and systemctl."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

spec = importlib.util.spec_from_file_location("loaded", Path(__file__).parents[3] / "roles/firewall/files/loaded.py")
loaded = importlib.util.module_from_spec(spec)
spec.loader.exec_module(loaded)

FINE = {"unshare": "table x", "/usr/sbin/nft": "table x", "is-active": "", "is-enabled": "", "show": "no\n"}


@pytest.mark.parametrize(
    ("other", "words"),
    [
        ({}, ""),
        ({"/usr/sbin/nft": "table x { }"}, "other rules"),
        ({"/usr/sbin/nft": None}, "other rules"),
        # A file that can't be loaded.
        ({"unshare": None, "/usr/sbin/nft": None}, "other rules"),
        ({"is-active": None}, "is-active"),
        ({"is-enabled": None}, "is-enabled"),
        ({"show": "yes\n"}, "another unit"),
    ],
)
def test_the_reason(monkeypatch, other, words):
    answers = FINE | other
    monkeypatch.setattr(loaded, "answer", lambda *call: answers[call[1] if call[0] == "systemctl" else call[0]])
    found = loaded.reason("unit", "inet", "x", "/etc/x.nft")
    assert words in found and bool(found) == bool(words)
