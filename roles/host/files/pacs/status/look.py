# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the server shows of the site's state, as plain data. Each part by itself: what can't be asked says why."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from .. import core, doors, schedule, sockets, space
from ..backup import command as backups
from ..backup.settings import BackupSite
from ..compose import OURS, SERVICES, process
from ..core import Failure, read_json
from ..settings import Site

CRON_FILES = ("pacs-certificates", "pacs-backup", "pacs-space")
PUBLISHED = re.compile(r":(\d+)(?:-(\d+))?->")
# How much of the output of a health check is shown.
SHOWN = 200


def look(site: Site) -> dict[str, Any]:
    parts: dict[str, Callable[[Site], Any]] = {
        "services": services,
        "disks": disks,
        "certificates": certificates,
        "backups": backup_status,
        "doors": closed_doors,
        "release": release,
        "orthanc": orthanc,
        "cron": cron,
    }
    seen: dict[str, Any] = {"time": core.now().isoformat()}
    for name, part in parts.items():
        try:
            seen[name] = part(site)
        except (Failure, OSError, ValueError, KeyError, subprocess.SubprocessError) as error:
            seen[name] = {"error": str(error)}
    return seen


def services(site: Site) -> list[dict[str, Any]]:
    """The containers of the services; why one that is not well ended or failed its health check."""
    line = "{{json .}}"
    listed = core.run(["docker", "ps", "--all", "--no-trunc", OURS, SERVICES, "--format", line], "Asking Docker")
    found = []
    for entry in map(json.loads, listed.splitlines()):
        labels = dict(label.partition("=")[::2] for label in entry["Labels"].split(","))
        one = {
            "service": labels["com.docker.compose.service"],
            "name": entry["Names"],
            "image": entry["Image"],
            "state": entry["State"],
            "status": entry["Status"],
            "published": published(entry["Ports"]),
        }
        if entry["State"] != "running" or "(healthy)" not in entry["Status"]:
            one |= why(entry["ID"])
        found.append(one)
    return found


def published(ports: str) -> list[int]:
    """The ports of the server in `0.0.0.0:443->443/tcp, [::]:443->443/tcp, 8042/tcp`, of which one may be a range."""
    found: set[int] = set()
    for first, last in PUBLISHED.findall(ports):
        found.update(range(int(first), int(last or first) + 1))
    return sorted(found)


def why(container: str) -> dict[str, Any]:
    """What Docker knows of a container that is not well."""
    done = core.attempt(["docker", "inspect", "--format", "{{json .State}}", container])
    state = json.loads(done.stdout) if done.returncode == 0 else {}
    checks = (state.get("Health") or {}).get("Log") or [{}]
    output = " ".join((checks[-1].get("Output") or state.get("Error") or "").split())
    return {"out_of_memory": bool(state.get("OOMKilled")), "output": output[-SHOWN:]}


def disks(site: Site) -> list[dict[str, Any]]:
    return [disk.as_json() for disk in space.look(site)]


def certificates(site: Site) -> dict[str, Any] | None:
    found: dict[str, Any] | None = read_json(site.data / "tls/status.json")
    return found


def backup_status(site: Site) -> dict[str, Any] | None:
    """How the backups went, None if the site has no place for them."""
    if site.settings("backup") is None:
        return None
    with_backups = BackupSite(site.directory)
    found = backups.status(with_backups)
    coming = {kind: schedule.next_run(text) for kind, text in with_backups.schedules.items() if text}
    missed = {kind: overdue(found, kind, text) for kind, text in with_backups.schedules.items() if text}
    return found | {"next": {kind: str(moment)[:16] for kind, moment in coming.items() if moment}, "missed": missed}


def overdue(found: Mapping[str, Any], kind: str, text: str) -> int:
    last = found.get(kind, {})
    took = last.get("restore_seconds", last.get("seconds", 0))
    return schedule.missed(text, found["ages"].get(kind, found["ages"]["configured"]), took)


def closed_doors(site: Site) -> dict[str, Any]:
    return {
        "drain": doors.is_closed(doors.DRAIN),
        "ports": doors.remaining(),
        "uploads": bool(process("nginx")) and doors.refuses_uploads(site),
        "upgrade": doors.is_closed(doors.UPGRADE),
    }


def release(site: Site) -> dict[str, Any]:
    """Which images were brought up last, and whether something that replaces them was cut off."""
    state = read_json(site.upgrade / "state.json", {})
    return {
        "services": read_json(site.release_file, {}).get("services", {}),
        "upgrade": state.get("phase"),
        "restore": read_json(site.moves_file, {}).get("plan", {}).get("snapshot"),
        "put_aside": sorted(str(path) for path in site.data.glob("replaced-2*")),
    }


def orthanc(site: Site) -> dict[str, int]:
    """Its open files, nothing if it does not run."""
    pid = process("orthanc")
    return sockets.open_files(pid) if pid else {}


def cron(site: Site) -> dict[str, str]:
    """What is wrong with the schedules, by file."""
    wanted = [name for name in CRON_FILES if name != "pacs-backup" or site.settings("backup")]
    found = {name: schedule.complaint(Path("/etc/cron.d") / name) for name in wanted}
    return {name: complaint for name, complaint in found.items() if complaint}
