# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether cron runs what it was told, and by which clock."""

from __future__ import annotations

import datetime
import pathlib
import re
import subprocess

CRON_FILE = pathlib.Path("/etc/cron.d/threedpc-pacs-backup")
ZONES = "/zoneinfo/"
# What cron writes into the journal when it does not take a file: a bad line, a wrong owner, wrong rights, an odd end.
# Debian's cron 3.0pl1 writes `Error: bad hour; while reading FILE`; cronie `(root) BAD FILE MODE (FILE)` and the like.
REFUSED = re.compile(r"\berror\b|ignored|\bwrong\b|\binsecure\b|\bbad\b", re.IGNORECASE)


def clock():
    """The server's time and the name of its time zone, in which cron reads schedules."""
    target = str(pathlib.Path("/etc/localtime").resolve())
    zone = target.partition(ZONES)[2] if ZONES in target else None
    return {"now": datetime.datetime.now().astimezone().isoformat(), "zone": zone}


def said(*command):
    """What a command says, nothing if the server does not have it."""
    try:
        return subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=30, check=False).stdout
    except (OSError, subprocess.TimeoutExpired):
        return ""


def complaint(path=CRON_FILE):
    """Why cron does not run the schedules, or an empty text."""
    try:
        changed = path.stat()
    except FileNotFoundError:
        return f"{path} is missing, so cron runs nothing; run site.yml"
    states = said("systemctl", "is-active", "cron", "crond").split()
    if states and "active" not in states:
        return "cron does not run on the server, so no schedule is alive; run: systemctl enable --now cron"
    since = f"--since=@{int(max(changed.st_mtime, changed.st_ctime))}"
    lines = said("journalctl", "--quiet", "--output=cat", since, "--identifier=cron", "--identifier=crond").splitlines()
    refused = [line for line in lines if path.name in line and REFUSED.search(line)]
    return f"cron ignores {path}: {refused[-1]}" if refused else ""
