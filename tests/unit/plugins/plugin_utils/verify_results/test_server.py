# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which containers run, and which ports are open."""

from __future__ import annotations

import json

import pytest
from ansible_collections.threedpc.pacs.plugins.plugin_utils.verify_results import server


def container(service, state="running", health="healthy", ports=()):
    publishers = [{"PublishedPort": port, "TargetPort": port or 80, "Protocol": "tcp"} for port in ports]
    return {"Service": service, "State": state, "Health": health, "Publishers": publishers or None}


HEALTHY = [container("nginx", ports=[80, 443, 0]), container("haproxy", ports=[4242]), container("postgres", ports=[0])]


def statuses(results):
    return {result["id"]: result["status"] for result in results}


@pytest.mark.parametrize("write", [json.dumps, lambda entries: "\n".join(json.dumps(entry) for entry in entries)])
def test_both_forms_of_compose_are_read(write):
    assert server.containers(write(HEALTHY)) == HEALTHY
    assert server.containers(" \n") == []


def test_healthy_containers_pass():
    results = list(server.results(HEALTHY, ["postgres", "haproxy", "nginx"], ["haproxy", "nginx"]))
    assert set(statuses(results).values()) == {"passed"}
    assert results[-1]["got"] == "haproxy 4242, nginx 80 443"


@pytest.mark.parametrize(
    ("containers", "failed", "got"),
    [
        ([container("orthanc", health="unhealthy")], "container-orthanc", "running unhealthy"),
        ([container("orthanc", health="")], "container-orthanc", "running"),
        ([container("orthanc", "exited", "")], "container-orthanc", "exited"),
        ([], "container-orthanc", "no container"),
        ([container("postgres", ports=[5432])], "published-ports", "postgres 5432"),
        # Past HAProxy nobody waits for a whole request.
        ([container("orthanc", ports=[4242])], "published-ports", "orthanc 4242"),
        ([container("orthanc")], "published-ports", "no port"),
    ],
)
def test_what_is_wrong_with_a_container_fails(containers, failed, got):
    results = {result["id"]: result for result in server.results(containers, ["orthanc"], ["haproxy", "nginx"])}
    assert results[failed]["status"] == "failed"
    assert results[failed]["got"] == got
