# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who is restarted, and whose work that would cut, by what Compose says before it does something."""

from __future__ import annotations

import pytest
from ansible_collections.threedpc.pacs.plugins.plugin_utils import compose_plan

SERVICES = [
    {"name": "postgres", "cuts_work": True, "stops_before": []},
    {"name": "orthanc", "cuts_work": True, "stops_before": ["postgres"]},
    {"name": "gate", "cuts_work": False, "stops_before": ["postgres"]},
    {"name": "web", "cuts_work": False, "stops_before": []},
]


def container(service, state="running", health="healthy"):
    return {"Name": f"pacs-{service}-1", "Service": service, "State": state, "Health": health}


def action(service, status):
    return {"what": "container", "id": f"pacs-{service}-1", "status": status}


ALL = [container(entry["name"]) for entry in SERVICES]


def due(containers=ALL, *actions, **result):
    return compose_plan.due({"containers": containers, "actions": list(actions)} | result, SERVICES)


def test_nothing_to_do():
    found = due()
    assert not found["to_do"] and not found["cuts_work"] and found["services"] == found["stop_first"] == []


@pytest.mark.parametrize(
    ("service", "status", "services", "cuts", "first"),
    [
        ("web", "Recreate", ["web"], False, []),
        ("gate", "Stopping", ["gate"], False, []),
        ("orthanc", "Recreate", ["orthanc"], True, []),
        ("orthanc", "Removing", ["orthanc"], True, []),
        ("postgres", "Recreate", ["postgres"], True, ["pacs-gate-1", "pacs-orthanc-1"]),
        # One that starts was not there for anybody.
        ("orthanc", "Starting", [], False, []),
    ],
)
def test_what_compose_would_do(service, status, services, cuts, first):
    found = due(ALL, action(service, status))
    assert found["to_do"]
    assert (found["services"], found["cuts_work"], found["stop_first"]) == (services, cuts, first)


def test_a_service_that_is_no_longer_declared_is_removed():
    found = due([*ALL, container("old")], action("old", "Removing"))
    assert found["to_do"] and found["services"] == ["old"] and not found["cuts_work"]


@pytest.mark.parametrize("state", [("running", "unhealthy"), ("running", "starting"), ("exited", ""), ("created", "")])
def test_one_that_is_not_well_is_something_to_do_and_cuts_nothing(state):
    found = due([*ALL[:3], container("web", *state)])
    assert found["to_do"] and found["services"] == [] and found["unwell"] == ["web"]
    assert found["unwell_states"] == [f"web is {state[1] or state[0]}"]
    assert found["stopped"] == (["pacs-web-1"] if state[0] == "exited" else [])


def test_one_without_a_health_check_is_well_if_it_runs():
    assert not due([*ALL[:3], container("web", health="")])["to_do"]


@pytest.mark.parametrize("asked", [{"rc": 1, "containers": ALL, "actions": []}, {"msg": "no Docker"}, {}])
def test_where_compose_cannot_say_it_everything_that_runs_may_be_cut_and_nothing_is_stopped(asked):
    found = compose_plan.due(asked, SERVICES)
    assert found["to_do"]
    assert found["cuts_work"] == ("containers" in asked)
    assert found["stop_first"] == []
