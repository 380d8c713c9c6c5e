# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an upgrade changes, and what is refused."""

from __future__ import annotations

import pytest
from ansible_collections.threedpc.pacs.plugins.filter.upgrade import is_older, upgrade_plan

RUNS = {"orthanc": "orthancteam/orthanc:26.8.1", "postgres": "postgres:17", "nginx": "nginx:1.28"}


@pytest.mark.parametrize(
    ("wanted", "now", "older"),
    [
        ("orthancteam/orthanc:26.6.1", "orthancteam/orthanc:26.8.1", True),
        ("orthancteam/orthanc:26.8.1", "orthancteam/orthanc:26.6.1", False),
        ("orthancteam/orthanc:26.8.1-full", "orthancteam/orthanc:26.8.1", False),
        ("orthancteam/orthanc:26.10.0", "orthancteam/orthanc:26.8.1", False),
        ("registry.example.org:5000/orthanc:26.6.1", "orthancteam/orthanc:26.8.1", True),
        ("jodogne/orthanc-plugins:1.12.9", "orthancteam/orthanc:26.8.1", False),
        ("orthancteam/orthanc:master-unstable", "orthancteam/orthanc:26.8.1", False),
        ("orthancteam/orthanc@sha256:" + 64 * "a", "orthancteam/orthanc:26.8.1", False),
        ("orthancteam/orthanc:26.6.1@sha256:" + 64 * "a", "orthancteam/orthanc:26.8.1", True),
        ("postgres:17", "postgres:17.6", False),
        ("postgres:17.5", "postgres:17.6", True),
        ("postgres:16", "postgres:17.6", True),
        ("certbot/dns-rfc2136:v4.1.0", "certbot/dns-rfc2136:v4.2.0", True),
    ],
)
def test_which_of_two_is_older(wanted, now, older):
    assert is_older(wanted, than=now) is older


def plan(release, **state):
    return upgrade_plan({"services": RUNS} | state, RUNS | release)


def test_nothing_to_do():
    found = plan({}, postgres=17, needs=2, free=1)
    assert found["changes"] == [] and found["refused"] == [] and not found["interrupted"]
    assert "nothing to upgrade" in found["lines"][0]


def test_what_changes():
    found = plan({"orthanc": "orthancteam/orthanc:26.9.0"}, schema="6.10", needs=1, free=2)
    assert found["changes"] == ["orthanc: orthancteam/orthanc:26.8.1 to orthancteam/orthanc:26.9.0"]
    assert "schema 6.10" in found["lines"][-1]
    assert found["refused"] == []


def test_a_fresh_server_and_a_new_service_are_no_upgrade():
    assert upgrade_plan({}, RUNS)["changes"] == []
    assert upgrade_plan({"services": {}}, RUNS)["changes"] == []
    assert plan({"share-gate": "a:1"})["changes"] == []


@pytest.mark.parametrize(
    ("release", "state", "words"),
    [
        ({"orthanc": "orthancteam/orthanc:26.6.1"}, {}, "newer than the inventory"),
        ({"postgres": "postgres:18"}, {"postgres": 17}, "files of PostgreSQL 17"),
        ({"postgres": "postgres:16"}, {"postgres": 17}, "newer than the inventory"),
        ({"nginx": "nginx:1.29"}, {"needs": 5 * 10**9, "free": 10**9}, "needs 5.0 GB"),
        ({"nginx": "nginx:1.29"}, {"elsewhere": ["/data/postgres"]}, "/data/postgres is on another disk"),
    ],
)
def test_what_is_refused(release, state, words):
    [sentence] = plan(release, **state)["refused"]
    assert words in sentence


def test_an_older_proxy_is_allowed():
    assert plan({"nginx": "nginx:1.26"})["refused"] == []


@pytest.mark.parametrize("state", [{"interrupted": {"phase": "copied"}}, {"closed": True}])
def test_what_was_not_finished_is_taken_back_first(state):
    assert plan({}, **state)["interrupted"]
