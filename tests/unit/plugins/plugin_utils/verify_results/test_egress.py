# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether the containers get out."""

from __future__ import annotations

import json

import pytest
from ansible_collections.threedpc.pacs.plugins.plugin_utils.verify_results import egress

SILENT = {"orthanc": "silent", "nginx": "silent"}


@pytest.mark.parametrize(
    ("said", "enabled", "status", "got"),
    [
        (json.dumps(SILENT), True, "passed", "no answer"),
        (json.dumps(SILENT | {"nginx": "answered"}), True, "failed", "nginx: it gets out"),
        (json.dumps({"orthanc": "silent"}), True, "failed", "nginx: it gets out"),
        ("", True, "failed", "orthanc, nginx: it gets out"),
        ("nsenter: cannot open", True, "failed", "orthanc, nginx: it gets out"),
        (json.dumps(SILENT), False, "warned", "pacs_firewall_enabled is false"),
    ],
)
def test_the_proof_says_who_gets_out(said, enabled, status, got):
    [result] = egress.results({"stdout": said}, ["orthanc", "nginx"], enabled)
    assert result["status"] == status
    assert got in result["got"]
