# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json

import pytest
from ansible_collections.threedpc.pacs.plugins.filter import verify


def container(service, state="running", health="healthy", ports=()):
    publishers = [{"PublishedPort": port, "TargetPort": port or 80, "Protocol": "tcp"} for port in ports]
    return {"Service": service, "State": state, "Health": health, "Publishers": publishers or None}


HEALTHY = [container("nginx", ports=[80, 443, 0]), container("orthanc", ports=[4242]), container("postgres", ports=[0])]


def statuses(results):
    return {result["id"]: result["status"] for result in results}


def test_a_row_fills_a_template_and_keeps_types():
    template = {"id": "x-{name}", "json": ["{number}", {"k": "{number}{name}"}], "flag": "{flag}", "keep": "{other} {{"}
    assert verify.checks_for_each(template, [{"name": "a", "number": 3, "flag": False}, {"name": "{b}"}]) == [
        {"id": "x-a", "json": [3, {"k": "3a"}], "flag": False, "keep": "{other} {{"},
        {"id": "x-{b}", "json": ["{number}", {"k": "{number}{b}"}], "flag": "{flag}", "keep": "{other} {{"},
    ]
    assert verify.checks_for_each({"file": "{item}"}, ["a", "b"]) == [{"file": "a"}, {"file": "b"}]


@pytest.mark.parametrize("write", [json.dumps, lambda entries: "\n".join(json.dumps(entry) for entry in entries)])
def test_both_forms_of_compose_are_read(write):
    assert verify.compose_containers(write(HEALTHY)) == HEALTHY
    assert verify.compose_containers(" \n") == []


def test_healthy_containers_pass():
    results = verify.container_results(HEALTHY, ["postgres", "orthanc", "nginx"])
    assert set(statuses(results).values()) == {"passed"}
    assert results[-1]["got"] == "nginx 80 443, orthanc 4242"


@pytest.mark.parametrize(
    ("containers", "failed", "got"),
    [
        ([container("orthanc", health="unhealthy")], "container-orthanc", "running unhealthy"),
        ([container("orthanc", health="")], "container-orthanc", "running"),
        ([container("orthanc", "exited", "")], "container-orthanc", "exited"),
        ([], "container-orthanc", "no container"),
        ([container("postgres", ports=[5432])], "published-ports", "postgres 5432"),
        ([container("orthanc")], "published-ports", "no port"),
    ],
)
def test_what_is_wrong_with_a_container_fails(containers, failed, got):
    results = {result["id"]: result for result in verify.container_results(containers, ["orthanc"])}
    assert results[failed]["status"] == "failed"
    assert results[failed]["got"] == got


def test_echoes_become_results():
    item = {
        "id": "e",
        "area": "DICOM",
        "promise": "p",
        "calling_aet": "A",
        "called_aet": "B",
        "expect": "refused",
        "expect_reason": "called-AE-title-not-recognized",
        "not_checked": "",
    }
    answers = [
        {"item": item, "message": "rejected"},
        {"item": dict(item, id="f"), "msg": "C-ECHO from A: accepted", "message": "it was accepted"},
        {"item": dict(item, id="g"), "msg": "pynetdicom is missing"},
        {"item": dict(item, id="h", not_checked="because"), "skipped": True},
    ]
    results = verify.echo_results(answers)
    assert [(result["status"], result["got"]) for result in results] == [
        ("passed", "rejected"),
        ("failed", "it was accepted"),
        ("failed", "pynetdicom is missing"),
        ("not checked", "because"),
    ]
    assert results[0]["expected"] == "refused for called-AE-title-not-recognized"


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
    [entry] = verify.modality_results(answer)
    assert entry["status"] == status
    assert got in entry["got"]


def result(name, status, area="A"):
    return {
        "id": name,
        "area": area,
        "promise": f"{name} holds",
        "status": status,
        "expected": "x",
        "got": "y",
        "request": "GET z",
    }


def test_the_summary_names_the_worst_first():
    results = [result("a", "passed"), result("b", "not checked"), result("c", "failed"), result("d", "passed")]
    assert verify.verify_summary(results) == "1 failed, 1 not checked, 2 passed"
    assert verify.verify_counts(results) == {"failed": 1, "warned": 0, "not checked": 1, "passed": 2}
    assert [entry["id"] for entry in verify.verify_worst_first(results)] == ["c", "b", "a", "d"]
    assert verify.verify_failures(results) == ["A (c): c holds. Expected: x. Got: y."]


def test_the_table_counts_by_area_and_shows_what_failed():
    results = [result("a", "failed"), result("b", "passed", "Long"), result("c", "not checked", "Long")]
    assert verify.verify_table(results) == [
        "A     1 failed",
        "Long  1 not checked, 1 passed",
        "NOT CHECKED (1): y",
        "FAILED: A: a holds",
        "    request  GET z",
        "    expected x",
        "    got      y",
    ]
    assert verify.verify_table([]) == []
