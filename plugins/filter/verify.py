# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filters that turn what the acceptance test was told into results, and results into something to read."""

from __future__ import annotations

import json

# The only services that anybody outside the server may reach.
PUBLISHED = {"nginx", "orthanc"}

# What `orthanc_modality` would do, and what that says about the server.
DRIFT = {"added": "the server lacks", "updated": "the server has other settings of", "removed": "nobody listed"}

# Worst first.
STATUSES = ["failed", "warned", "not checked", "passed"]


def checks_for_each(template, rows):
    """One check per row: `{name}` in the template stands for what the row has under that name.

    A row that is no dictionary stands for `{item}`.
    """
    return [_filled(template, row if isinstance(row, dict) else {"item": row}) for row in rows]


def _filled(thing, row):
    if isinstance(thing, dict):
        return {key: _filled(entry, row) for key, entry in thing.items()}
    if isinstance(thing, list):
        return [_filled(entry, row) for entry in thing]
    if not isinstance(thing, str):
        return thing
    for key, value in row.items():
        if thing == f"{{{key}}}":
            return value
        thing = thing.replace(f"{{{key}}}", str(value))
    return thing


def compose_containers(output):
    """The containers of `docker compose ps --format json`: newer ones write a line each, older ones a list."""
    text = (output or "").strip()
    if not text:
        return []
    if text.startswith("["):
        return json.loads(text)
    return [json.loads(line) for line in text.splitlines()]


def container_results(containers, services):
    """Whether every service runs and is healthy, and whether only those that should can be reached from outside."""
    results = []
    for service in services:
        found = [entry for entry in containers if entry.get("Service") == service]
        state = ", ".join(
            " ".join(part for part in (entry.get("State"), entry.get("Health")) if part) for entry in found
        )
        results.append(
            {
                "area": "Server",
                "id": "container-" + service,
                "promise": f"{service} runs and is healthy",
                "request": "docker compose ps",
                "expected": "running healthy",
                "got": state or "no container",
                "status": "passed" if state == "running healthy" else "failed",
            }
        )
    return results + [_published_result(containers)]


def _published_result(containers):
    open_ports = {}
    for entry in containers:
        for port in entry.get("Publishers") or []:
            if port.get("PublishedPort"):
                open_ports.setdefault(entry.get("Service"), set()).add(int(port["PublishedPort"]))
    got = ", ".join(
        "{} {}".format(service, " ".join(str(port) for port in sorted(open_ports[service])))
        for service in sorted(open_ports)
    )
    return {
        "area": "Server",
        "id": "published-ports",
        "promise": "Nothing but the web server and the DICOM port can be reached from outside",
        "request": "docker compose ps",
        "expected": "ports of nginx and orthanc only",
        "got": got or "no port",
        "status": "passed" if open_ports and set(open_ports) <= PUBLISHED else "failed",
    }


def echo_results(answers):
    """Results of a loop of `dicom_echo`: a message means that the answer was not the expected one."""
    results = []
    for answer in answers:
        check = answer["item"]
        result = {key: check[key] for key in ("id", "area", "promise")}
        result["request"] = "C-ECHO from {} to {}".format(check["calling_aet"], check["called_aet"])
        result["expected"] = " for ".join(part for part in (check["expect"], check.get("expect_reason")) if part)
        if answer.get("skipped"):
            result.update(status="not checked", got=check["not_checked"])
        elif answer.get("msg"):
            result.update(status="failed", got=answer.get("message") or answer["msg"])
        else:
            result.update(status="passed", got=answer.get("message", ""))
        results.append(result)
    return results


def modality_results(answer):
    """Whether the server's list of modalities is the inventory's: the answer of `orthanc_modality` in check mode."""
    result = {
        "id": "modalities",
        "area": "DICOM",
        "promise": "The archive knows the modalities of the inventory and no others",
        "request": "GET /modalities",
        "expected": "no drift",
    }
    drift = [f"{word} {', '.join(answer[key])}" for key, word in DRIFT.items() if answer.get(key)]
    if answer.get("msg"):
        result.update(status="failed", got=answer["msg"])
    elif drift:
        result.update(status="failed", got="; ".join(drift) + ". site.yml puts it right.")
    else:
        result.update(status="passed", got="no drift")
    return [result]


def verify_counts(results):
    """How many results there are of each status."""
    return {status: sum(1 for result in results if result["status"] == status) for status in STATUSES}


def verify_summary(results):
    """The counts as half a sentence, worst first."""
    counts = verify_counts(results)
    return ", ".join(f"{counts[status]} {status}" for status in STATUSES if counts[status])


def verify_worst_first(results):
    """The results, failed ones first, otherwise in their order."""
    return sorted(results, key=lambda result: STATUSES.index(result["status"]))


def verify_table(results):
    """The results as lines: a count for each area, why some were not checked, and what failed in full."""
    areas = list(dict.fromkeys(result["area"] for result in results))
    width = max([len(area) for area in areas] + [0])
    lines = []
    for area in areas:
        here = [result for result in results if result["area"] == area]
        lines.append(f"{area.ljust(width)}  {verify_summary(here)}")
    skipped = {}
    for result in results:
        if result["status"] == "not checked":
            skipped[result["got"]] = skipped.get(result["got"], 0) + 1
    lines += [f"NOT CHECKED ({number}): {reason}" for reason, number in skipped.items()]
    for status in ("warned", "failed"):
        for result in results:
            if result["status"] == status:
                lines.append("{}: {}: {}".format(status.upper(), result["area"], result["promise"]))
                lines += [f"    {key.ljust(9)}{result[key]}" for key in ("request", "expected", "got")]
    return lines


def verify_failures(results):
    """A paragraph for each result that failed."""
    return [
        "{} ({}): {}. Expected: {}. Got: {}.".format(
            result["area"], result["id"], result["promise"], result["expected"], result["got"]
        )
        for result in results
        if result["status"] == "failed"
    ]


class FilterModule:
    """Filters of the acceptance test."""

    def filters(self):
        return {
            "checks_for_each": checks_for_each,
            "compose_containers": compose_containers,
            "container_results": container_results,
            "modality_results": modality_results,
            "echo_results": echo_results,
            "verify_counts": verify_counts,
            "verify_failures": verify_failures,
            "verify_summary": verify_summary,
            "verify_table": verify_table,
            "verify_worst_first": verify_worst_first,
        }
