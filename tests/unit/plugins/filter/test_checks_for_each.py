# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from ansible_collections.threedpc.pacs.plugins.filter import checks_for_each as rows


def test_a_row_fills_a_template_and_keeps_types():
    template = {"id": "x-{name}", "json": ["{number}", {"k": "{number}{name}"}], "flag": "{flag}", "keep": "{other} {{"}
    assert rows.checks_for_each(template, [{"name": "a", "number": 3, "flag": False}, {"name": "{b}"}]) == [
        {"id": "x-a", "json": [3, {"k": "3a"}], "flag": False, "keep": "{other} {{"},
        {"id": "x-{b}", "json": ["{number}", {"k": "{number}{b}"}], "flag": "{flag}", "keep": "{other} {{"},
    ]
    assert rows.checks_for_each({"file": "{item}"}, ["a", "b"]) == [{"file": "a"}, {"file": "b"}]
