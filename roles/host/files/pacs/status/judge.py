# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the state of the site means, and what to do next, for somebody who is tired."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from ..core import span

STATES = ("ok", "warning", "failed")
DAY = 86400
# A disk: percent that is free, and days until it is full.
PERCENT, DAYS = {"warning": 10, "failed": 2}, {"warning": 60, "failed": 7}
# A certificate: days until its end, for one that lives 90 days or more.
ENDS = {"warning": 21, "failed": 7}
LIFE = 90
# Cron looks after the certificates twice a day.
LAST_RUN = 1.5 * DAY
FILES = {"warning": 0.5, "failed": 0.9}
RUNS = {
    "backup": ("backup", "pacs backup"),
    "check": ("check of the backups", "pacs backup check"),
    "rehearsal": ("rehearsal of a restore", "pacs rehearse"),
}


@dataclasses.dataclass
class Row:
    """One line of the screen, and what to do about it."""

    state: str
    area: str
    text: str
    next: str = ""


def judge(seen: Mapping[str, Any]) -> list[Row]:
    rows: list[Row] = []
    areas: list[tuple[str, Callable[[Mapping[str, Any]], Iterator[Row]]]] = [
        # First, because services may have to stay down until that is finished.
        ("release", cut_off),
        ("services", services),
        ("release", release),
        ("doors", doors),
        ("disks", disks),
        ("certificates", certificates),
        ("backups", backups),
        ("orthanc", orthanc),
        ("cron", cron),
    ]
    for name, area in areas:
        part = seen[name]
        if isinstance(part, dict) and "error" in part:
            row = Row("failed", TITLES.get(name, name.capitalize()), part["error"], CANT_ASK.get(name, ""))
            rows += [] if row in rows else [row]
        else:
            rows += area(seen)
    return rows


TITLES = {"disks": "Disk", "backups": "Backup"}
CANT_ASK = {"services": "systemctl status docker; then: systemctl restart docker"}


def worst(rows: list[Row]) -> str:
    return max((row.state for row in rows), key=STATES.index, default="ok")


def level(value: float, limits: Mapping[str, float]) -> str:
    """What a value means that must not fall below its limits."""
    return "failed" if value < limits["failed"] else "warning" if value < limits["warning"] else "ok"


def since(seen: Mapping[str, Any], moment: str) -> float:
    """Seconds from a moment to the one in which the server was looked at."""
    return (datetime.datetime.fromisoformat(seen["time"]) - datetime.datetime.fromisoformat(moment)).total_seconds()


def services(seen: Mapping[str, Any]) -> Iterator[Row]:
    there = {one["service"]: one for one in seen["services"]}
    wanted = seen["release"].get("services") or dict.fromkeys(there)
    well = [name for name, one in there.items() if one["state"] == "running" and "(healthy)" in one["status"]]
    if set(wanted) <= set(well):
        yield Row("ok", "Services", f"all {len(wanted)} run and are healthy")
        return
    if unfinished(seen["release"]):
        down = len(set(wanted) - set(well))
        text = f"{down} of {len(wanted)} don't run, and must not be started by hand before that is finished"
        yield Row("failed", "Services", text, "do first what is said above")
        return
    for name in wanted:
        if name not in there:
            yield Row(
                "failed", "Services", f"{name} has no container", "cd /opt/pacs && docker compose up --detach --wait"
            )
        elif name not in well:
            yield service(there[name])


def service(one: Mapping[str, Any]) -> Row:
    name, status = one["name"], one["status"]
    if one["state"] == "running" and "starting" in status:
        return Row(
            "warning", "Services", f"{one['service']} is starting ({status})", "wait a minute, then: pacs status"
        )
    words = f"{one['service']} is {'not healthy' if one['state'] == 'running' else 'dead'}: {status}"
    if one.get("output"):
        words += f"; {one['output']}"
    logs = f"docker logs --tail 50 {name}"
    if one.get("out_of_memory"):
        return Row(
            "failed",
            "Services",
            f"{words}; it had no memory left",
            f"docker start {name}; then raise pacs_memory_limits",
        )
    todo = "docker restart" if one["state"] == "running" else "docker start"
    return Row("failed", "Services", words, f"{todo} {name}; if that does not help, read: {logs}")


def unfinished(found: Mapping[str, Any]) -> bool:
    """Whether an upgrade or a restore has left the database of one release, or of one archive, beside another's."""
    return bool(found.get("restore")) or found.get("upgrade") not in (None, "done", "back")


def cut_off(seen: Mapping[str, Any]) -> Iterator[Row]:
    found = seen["release"]
    if found["restore"]:
        yield Row(
            "failed",
            "Restore",
            f"the restore of snapshot {found['restore']} was cut off",
            "pacs restore finish; then run site.yml",
        )
    elif unfinished(found):
        yield Row(
            "failed",
            "Upgrade",
            f"an upgrade is not finished (phase: {found['upgrade']})",
            "if no upgrade.yml is at work: pacs upgrade back",
        )


def release(seen: Mapping[str, Any]) -> Iterator[Row]:
    found = seen["release"]
    running = {one["service"]: one["image"] for one in seen["services"]} if isinstance(seen["services"], list) else {}
    other = [name for name, image in found["services"].items() if running.get(name, image) != image]
    if other:
        yield Row("warning", "Release", f"{', '.join(other)} runs another image than the release's", "run site.yml")
    elif found["services"]:
        yield Row("ok", "Release", f"Orthanc {tag(found['services'].get('orthanc', '?'))}")
    else:
        yield Row("warning", "Release", "no run of site.yml has come to its end yet", "run site.yml")


def tag(image: str) -> str:
    """The version in a reference to an image."""
    return image.partition("@")[0].rpartition("/")[2].partition(":")[2] or image


def doors(seen: Mapping[str, Any]) -> Iterator[Row]:
    found = seen["doors"]
    if found["upgrade"]:
        yield Row("failed", "Doors", "an upgrade lets nobody in", "if no upgrade.yml is at work: pacs upgrade back")
    closed = [f"port {port} is closed to scanners" for port in sorted(found["ports"])]
    closed += ["uploads over the web are refused"] if found["uploads"] else []
    if closed:
        seconds = max(found["ports"].values(), default=0)
        yield Row(
            "failed",
            "Doors",
            f"{' and '.join(closed)}, because something is about to restart"
            + (f"; they open by themselves in {span(seconds)}" if seconds else ""),
            "if no site.yml is at work: pacs drain open",
        )
    elif found["drain"]:
        yield Row("warning", "Doors", "a run was killed while they were closed; they are open again", "pacs drain open")
    elif not found["upgrade"]:
        yield Row("ok", "Doors", "open to scanners and uploads")


def disks(seen: Mapping[str, Any]) -> Iterator[Row]:
    aside = seen["release"].get("put_aside") or []
    for disk in seen["disks"]:
        left = disk["days_left"]
        states = [level(disk["percent_free"], PERCENT), "ok" if left is None else level(left, DAYS)]
        state = max(states, key=STATES.index)
        todo = [f"if you don't need them any more, remove {', '.join(aside)}"] if aside else []
        # Not Docker's prune, which removes images that a way back or an order for a certificate needs.
        todo += [f"du -xh --max-depth=2 {disk['paths'][0]} | sort -h | tail, to see what takes it"]
        todo += ["journalctl --vacuum-size=200M", "or a larger disk"]
        text = f"{' and '.join(disk['paths'])}: {disk['words']}"
        yield Row(
            state,
            "Disk",
            text,
            "" if state == "ok" else f"make space: {'; '.join(todo)}. Nothing that is stored is lost",
        )


def certificates(seen: Mapping[str, Any]) -> Iterator[Row]:
    found = seen["certificates"]
    if not found:
        yield Row("failed", "Certificates", "nobody has made any yet", "pacs certificates")
        return
    if not found["certificates"]:
        yield Row("ok", "Certificates", "this site speaks plain HTTP and has none")
    for name, certificate in found["certificates"].items():
        yield certificate_row(seen, name, certificate)
    failure = found["last_failure"]
    if not found["ok"] and failure:
        yield Row("warning", "Certificates", f"the last run failed: {failure['reason']}", "pacs certificates")
    elif found["last_success"] and since(seen, found["last_success"]) > LAST_RUN:
        ago = span(since(seen, found["last_success"]))
        yield Row("warning", "Certificates", f"nobody has looked after them for {ago}", "systemctl status cron")


def certificate_row(seen: Mapping[str, Any], name: str, certificate: Mapping[str, Any]) -> Row:
    left = -since(seen, certificate["not_after"]) / DAY
    life = left + since(seen, certificate["not_before"]) / DAY
    limits = {state: days * min(1, life / LIFE) for state, days in ENDS.items()}
    until = certificate["not_after"][:16].replace("T", " ")
    what = "the site's" if name == "site" else "the archive's, for DICOM" if name == "dicom" else f"of the {name}"
    words = f"{what}: " + (f"expired on {until} UTC" if left < 0 else f"valid until {until} UTC")
    state = level(left, limits)
    if state == "ok":
        return Row("ok", "Certificates", words)
    todo = "pacs certificates; it says what keeps it from renewing"
    if certificate.get("source") == "provided":
        todo = "put the renewed one into the inventory, or on the server where it says, and run site.yml"
    elif name.startswith("modality "):
        todo = f"carry the files in tls/dicom/modalities/{name.removeprefix('modality ')} to the modality"
    return Row(state, "Certificates", words, todo)


def backups(seen: Mapping[str, Any]) -> Iterator[Row]:
    found = seen["backups"]
    if found is None:
        yield Row(
            "warning", "Backup", "this site has none", "set pacs_backup_repository in the inventory and run site.yml"
        )
        return
    for kind, (what, command) in RUNS.items():
        if kind == "backup" or found["schedules"].get(kind) or kind in found:
            yield backup_row(seen, kind, what, command)


def backup_row(seen: Mapping[str, Any], kind: str, what: str, command: str) -> Row:
    found = seen["backups"]
    last = found["ages"].get(kind)
    words = f"the last {what} was {span(last)} ago" if last is not None else f"no {what} yet"
    if kind == "backup" and last is not None:
        number = found["backup"]["studies"]
        words += f", of {number} {'study' if number == 1 else 'studies'}"
    failure = (found.get("failures") or {}).get(kind)
    if failure:
        reason = failure["reason"].splitlines()[0]
        ago = span(since(seen, failure["time"]))
        reason += "" if reason.endswith((".", "?", "!")) else "."
        text = f"the last {what} failed {ago} ago: {reason} Before that, {words}"
        return Row("failed", "Backup", text, f"remove the cause, then: {command}")
    missed = found["missed"].get(kind, 0)
    if missed:
        state = STATES[missed]
        return Row(
            state,
            "Backup",
            f"{words}, and it is overdue",
            f"{command}; what cron's runs said: journalctl -t pacs-backup",
        )
    coming = f"; next: {found['next'][kind]}" if kind in found["next"] else ""
    return Row("ok", "Backup", words + coming)


def orthanc(seen: Mapping[str, Any]) -> Iterator[Row]:
    found = seen["orthanc"]
    if not found:
        return
    used = found["files"] / found["limit"]
    words = f"{found['files']} of {found['limit']} open files"
    if found["sockets"]:
        words += f", {found['sockets']} of them left behind by callers"
    state = "failed" if used > FILES["failed"] else "warning" if used > FILES["warning"] else "ok"
    todo = "when nobody sends: pacs drain close && docker restart pacs-orthanc-1; then: pacs drain open"
    yield Row(state, "Orthanc", words, "" if state == "ok" else todo)


def cron(seen: Mapping[str, Any]) -> Iterator[Row]:
    for complaint in dict.fromkeys(seen["cron"].values()):
        sentence, _semicolon, todo = complaint.partition("; ")
        yield Row("failed", "Cron", sentence, todo.removeprefix("run: ") or "run site.yml")
