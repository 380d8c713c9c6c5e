# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filters that turn what the acceptance test was told into results, and results into something to read."""

from __future__ import annotations

import base64
import datetime
import hmac
import json

from ansible.module_utils.common.text.converters import to_text

DAY = datetime.timedelta(days=1)

# The only services that anybody outside the server may reach.
PUBLISHED = {"nginx", "haproxy"}

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


def signed_share_token(key, uid):
    """A token as the auth service signs it, for a study that need not be there. No ledger knows it."""
    resource = {"dicom_uid": to_text(uid), "orthanc_id": None, "url": None, "level": "study"}
    payload = {"id": "verify", "resources": [resource], "type": "ohif-viewer-publication", "expiration_date": None}
    parts = [_token_part(json.dumps(entry).encode()) for entry in ({"alg": "HS256", "typ": "JWT"}, payload)]
    signature = hmac.digest(to_text(key).encode(), ".".join(parts).encode(), "sha256")
    return ".".join([*parts, _token_part(signature)])


def _token_part(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


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
        "expected": "ports of nginx and haproxy only",
        "got": got or "no port",
        "status": "passed" if open_ports and set(open_ports) <= PUBLISHED else "failed",
    }


def socket_results(counted):
    """Whether Orthanc will run out of open files: the result of a task that ran `drain.py count`.

    Orthanc 1.13 keeps the socket of each connection that ends without an association until it restarts.
    """
    result = {
        "id": "open-files",
        "area": "Server",
        "promise": "Orthanc has open files left",
        "request": "drain.py count",
        "expected": "at most half of its limit",
    }
    try:
        found = json.loads(counted.get("stdout") or "")
    except ValueError:
        got = (counted.get("stderr") or counted.get("msg") or "no answer").strip().splitlines()[-1]
        return [result | {"status": "failed", "got": got}]
    if not found:
        return [result | {"status": "not checked", "got": "Orthanc does not run"}]
    used = found["files"] / found["limit"]
    got = "{files} of {limit} open files, {sockets} of them sockets that Orthanc has left behind".format(**found)
    if used > 0.5 or found["sockets"] > found["limit"] / 10:
        got += "; restart Orthanc when nobody sends: docker compose restart orthanc"
    status = "failed" if used > 0.9 else "warned" if "; " in got else "passed"
    return [result | {"status": status, "got": got}]


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


def certificate_results(text, fail_days, warn_days, now=None):
    """What the server's status file says of its certificates; nginx's own is asked for over HTTP."""
    now = _time(now) if now else datetime.datetime.now(datetime.UTC)
    result = {
        "id": "certificate-renewal",
        "area": "Certificates",
        "promise": "Certificates are renewed by themselves",
        "request": "status.json",
        "expected": "no failure, and the last run within 36 hours",
    }
    try:
        status = json.loads(text)
    except ValueError:
        return [result | {"status": "failed", "got": "no status file; site.yml and cron write it"}]
    moments = [status["last_success"], (status["last_failure"] or {}).get("time")]
    last = max(_time(moment) for moment in moments if moment)
    if not status["ok"]:
        result |= {"status": "warned", "got": f"{last:%Y-%m-%d %H:%M} UTC: {status['last_failure']['reason']}"}
    elif now - last > datetime.timedelta(hours=36):
        result |= {"status": "warned", "got": f"the last run was {last:%Y-%m-%d %H:%M} UTC; does cron run?"}
    else:
        result |= {"status": "passed", "got": f"the last run was {last:%Y-%m-%d %H:%M} UTC"}
    found = [result]
    for name, entry in status["certificates"].items():
        if name != "site":
            found.append(_end_result(name, entry, fail_days, warn_days, now))
    return found


def _end_result(name, entry, fail_days, warn_days, now):
    # Here, because to find a filter each process of Ansible loads every file of this folder.
    from ansible_collections.threedpc.pacs.plugins.module_utils.http_judge import judge_days

    begin, end = _time(entry["not_before"]), _time(entry["not_after"])
    limits = {"fail_days": fail_days, "warn_days": warn_days}
    days = (end - now) / DAY
    result = {
        "id": "certificate-" + name.replace(" ", "-"),
        "area": "Certificates",
        "promise": f"The certificate of the {name} does not end soon"
        if name.startswith("modality")
        else "The archive's certificate for DICOM does not end soon",
        "request": "status.json",
        "expected": f"more than {warn_days} days",
        "status": judge_days(days, (end - begin) / DAY, limits),
        "got": f"{int(days // 1)} days left, until {end:%Y-%m-%d}",
    }
    if entry.get("previous_not_after"):
        previous = _time(entry["previous_not_after"])
        if now < previous < now + warn_days * DAY and result["status"] == "passed":
            got = f"it has been renewed; is the new one installed there? The one before ends on {previous:%Y-%m-%d}"
            result |= {"status": "warned", "got": got}
    return result


def _time(text):
    return datetime.datetime.fromisoformat(text)


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
            "certificate_results": certificate_results,
            "checks_for_each": checks_for_each,
            "compose_containers": compose_containers,
            "container_results": container_results,
            "modality_results": modality_results,
            "signed_share_token": signed_share_token,
            "socket_results": socket_results,
            "verify_counts": verify_counts,
            "verify_failures": verify_failures,
            "verify_summary": verify_summary,
            "verify_table": verify_table,
            "verify_worst_first": verify_worst_first,
        }
