# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which containers run, and which ports are open."""

from __future__ import annotations

import json

import pytest
from ansible_collections.threedpc.pacs.plugins.plugin_utils.verify_results import server


def container(service, status="Up 2 minutes (healthy)", state="running", ports=()):
    return {"service": service, "state": state, "status": status, "published": list(ports)}


HEALTHY = [container("nginx", ports=[80, 443]), container("haproxy", ports=[4242]), container("postgres")]


def judged(containers, services):
    answer = {"stdout": json.dumps({"result": {"services": containers}})}
    return list(server.results(answer, services, ["haproxy", "nginx"]))


def statuses(results):
    return {result["id"]: result["status"] for result in results}


def test_healthy_containers_pass():
    results = judged(HEALTHY, ["postgres", "haproxy", "nginx"])
    assert set(statuses(results).values()) == {"passed"}
    assert results[-1]["got"] == "haproxy 4242, nginx 80 443"


@pytest.mark.parametrize(
    ("containers", "failed", "got"),
    [
        ([container("orthanc", "Up 2 minutes (unhealthy)")], "container-orthanc", "running unhealthy"),
        ([container("orthanc", "Up 2 minutes")], "container-orthanc", "running"),
        ([container("orthanc", "Up 2 seconds (health: starting)")], "container-orthanc", "running starting"),
        ([container("orthanc", "Exited (1) 2 minutes ago", "exited")], "container-orthanc", "exited"),
        ([container("orthanc"), container("orthanc")], "container-orthanc", "running healthy, running healthy"),
        ([], "container-orthanc", "no container"),
        ({"error": "Asking Docker failed"}, "container-orthanc", "Asking Docker failed"),
        ([container("postgres", ports=[5432])], "published-ports", "postgres 5432"),
        # Past HAProxy nobody waits for a whole request.
        ([container("orthanc", ports=[4242])], "published-ports", "orthanc 4242"),
        ([container("orthanc")], "published-ports", "no port"),
    ],
)
def test_what_is_wrong_with_a_container_fails(containers, failed, got):
    results = {result["id"]: result for result in judged(containers, ["orthanc"])}
    assert results[failed]["status"] == "failed"
    assert results[failed]["got"] == got
