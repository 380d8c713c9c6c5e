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


HEALTHY = [container("nginx", ports=[80, 443, 0]), container("haproxy", ports=[4242]), container("postgres", ports=[0])]


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
    results = verify.container_results(HEALTHY, ["postgres", "haproxy", "nginx"])
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
    results = {result["id"]: result for result in verify.container_results(containers, ["orthanc"])}
    assert results[failed]["status"] == "failed"
    assert results[failed]["got"] == got


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
    [result] = verify.socket_results({"stdout": json.dumps(found) + "\n", "rc": 0})
    assert result["status"] == status
    assert words in result["got"]


def test_open_files_that_could_not_be_counted_are_a_failure():
    [result] = verify.socket_results({"stdout": "", "stderr": "x\npython3: not found\n", "rc": 127})
    assert (result["status"], result["got"]) == ("failed", "python3: not found")


def test_a_token_is_signed_as_the_auth_service_signs():
    import jwt

    token = verify.signed_share_token("0123456789abcdef0123456789abcdef", "2.25.1")
    payload = jwt.decode(token, "0123456789abcdef0123456789abcdef", algorithms=["HS256"])
    assert payload["resources"][0]["dicom_uid"] == "2.25.1"
    assert payload["expiration_date"] is None


NOW = "2026-06-01T12:00:00+00:00"


def entry(begin, end, **more):
    return {"not_before": f"{begin}T12:00:00+00:00", "not_after": f"{end}T12:00:00+00:00", **more}


def certificates(ok=True, success="2026-06-01T06:00:00+00:00", failure=None, **entries):
    status = {"ok": ok, "last_success": success, "last_failure": failure, "certificates": entries}
    return verify.certificate_results(json.dumps(status), 7, 21, NOW)


def test_a_renewal_that_went_well_is_kept():
    (result,) = certificates(site=entry("2026-01-01", "2026-06-02"))
    assert result["status"] == "passed"


@pytest.mark.parametrize(
    "status, word",
    [
        ({"ok": False, "failure": {"time": "2026-06-01T06:00:00+00:00", "reason": "rate limited"}}, "rate limited"),
        ({"ok": False, "success": None, "failure": {"time": NOW, "reason": "refused"}}, "refused"),
        ({"success": "2026-05-30T12:00:00+00:00"}, "does cron run?"),
    ],
)
def test_a_renewal_that_failed_or_did_not_happen_is_a_warning_with_its_reason(status, word):
    (result,) = certificates(**status)
    assert result["status"] == "warned" and word in result["got"]


@pytest.mark.parametrize("text", ["", "{", "nonsense"])
def test_no_status_file_is_a_failure(text):
    (result,) = verify.certificate_results(text, 7, 21, NOW)
    assert result["status"] == "failed"


@pytest.mark.parametrize(
    "certificate, status",
    [
        (entry("2026-01-01", "2026-06-23"), "passed"),
        (entry("2026-01-01", "2026-06-20"), "warned"),
        (entry("2026-01-01", "2026-06-05"), "failed"),
        (entry("2026-01-01", "2026-05-05"), "failed"),
        # Six days: 21 of 90 are 1.4 of 6.
        (entry("2026-05-28", "2026-06-03"), "passed"),
        (entry("2026-05-27", "2026-06-02"), "warned"),
        # The scanner may have the one before.
        (entry("2026-04-01", "2029-06-01", previous_not_after="2026-06-15T12:00:00+00:00"), "warned"),
        (entry("2026-04-01", "2029-06-01", previous_not_after="2026-06-30T12:00:00+00:00"), "passed"),
        (entry("2026-04-01", "2029-06-01", previous_not_after="2026-05-30T12:00:00+00:00"), "passed"),
    ],
)
def test_the_end_of_a_modalitys_certificate_is_told_in_time(certificate, status):
    _renewal, result = certificates(**{"modality ct1": certificate})
    assert result["id"] == "certificate-modality-ct1"
    assert result["status"] == status
