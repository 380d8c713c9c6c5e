# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether Orthanc has open files left."""

from __future__ import annotations

import json

import pytest
from ansible_collections.threedpc.pacs.plugins.plugin_utils.verify_results import sockets


@pytest.mark.parametrize(
    ("found", "status", "words"),
    [
        ({"sockets": 0, "files": 90, "limit": 20000}, "passed", "90 of 20000 open files, 0 of them"),
        ({"sockets": 1900, "files": 2000, "limit": 20000}, "passed", "1900 of them sockets"),
        ({"sockets": 2100, "files": 2200, "limit": 20000}, "warned", "docker compose restart orthanc"),
        ({"sockets": 0, "files": 10500, "limit": 20000}, "warned", "docker compose restart orthanc"),
        ({"sockets": 18000, "files": 18100, "limit": 20000}, "failed", "docker compose restart orthanc"),
        ({}, "not checked", "does not run"),
    ],
)
def test_orthanc_may_run_out_of_open_files(found, status, words):
    [result] = sockets.results({"stdout": json.dumps({"result": {"orthanc": found}}) + "\n", "rc": 0})
    assert result["status"] == status
    assert words in result["got"]


def test_open_files_that_could_not_be_counted_are_a_failure():
    [result] = sockets.results({"stdout": "", "stderr": "x\npython3: not found\n", "rc": 127})
    assert (result["status"], result["got"]) == ("failed", "python3: not found")
