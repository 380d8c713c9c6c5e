# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether the archive knows the modalities of the inventory."""

from __future__ import annotations

import pytest
from ansible_collections.threedpc.pacs.plugins.plugin_utils.verify_results import modalities


@pytest.mark.parametrize(
    ("answer", "status", "got"),
    [
        ({"added": [], "updated": [], "removed": []}, "passed", "no drift"),
        ({"added": ["ct1"]}, "failed", "the server lacks ct1. site.yml puts it right."),
        ({"updated": ["ct1", "mr1"]}, "failed", "other settings of ct1, mr1"),
        ({"added": [], "removed": ["byhand"]}, "failed", "nobody listed byhand"),
        ({"msg": "401", "added": []}, "failed", "401"),
        ({"msg": "it cannot be reached"}, "failed", "it cannot be reached"),
    ],
)
def test_a_list_of_modalities_that_differs_is_drift(answer, status, got):
    [entry] = modalities.results(answer)
    assert entry["status"] == status
    assert got in entry["got"]
