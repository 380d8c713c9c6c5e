# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a site may say about its backups."""

from __future__ import annotations

import re
from typing import Any

from ..fields.passwords import password_text, service_password
from ..fields.text import between, certificates_pem, directory, optional, private_pem
from ..fields.types import Problems, Rule
from ..schedules import schedule_problems

REPOSITORY = (
    r"sftp:[A-Za-z0-9._-]+@[A-Za-z0-9._-]+:/\S+|sftp://[A-Za-z0-9._-]+@[A-Za-z0-9._-]+(:[0-9]+)?//\S+"
    r"|rest:https://\S+|s3:https://[^/\s]+/\S+"
)


def pacs_backup_repository(value: str) -> Problems:
    """Where restic keeps backups: a directory, or a server that nobody between can listen to."""
    if value.startswith("/"):
        yield from directory(value)
        return
    found = re.fullmatch(REPOSITORY, value, re.ASCII)
    ports = re.findall(r":([0-9]+)(?=/)", value)
    if value and (not found or not all(1 <= int(number) <= 65535 for number in ports) or not value.isprintable()):
        yield (
            "it must be an absolute directory on another disk of the server, 'sftp:user@host:/directory',"
            " 'rest:https://user:password@host:8000/name' or 's3:https://host/bucket/directory'"
        )


def schedule(minutes: int) -> Rule:
    """A rule for a schedule of cron, with so many minutes between two runs; empty is never."""
    return optional(lambda value: schedule_problems(value, 60 * minutes))


def repository_can_be_opened(pacs_backup_repository: str, given: dict[str, Any]) -> Problems:
    """What each kind of repository can't be opened without."""
    if not pacs_backup_repository:
        return
    needed = {
        "sftp": ["backup_sftp_private_key", "backup_sftp_known_hosts"],
        "s3": ["backup_s3_access_key", "backup_s3_secret_key"],
    }
    for name in ["backup_repository_password"] + needed.get(pacs_backup_repository.partition(":")[0], []):
        if name not in given:
            yield f"{name} isn't set; it is needed for this pacs_backup_repository"


def backups_lie_elsewhere(pacs_backup_repository: str, pacs_dir: str, pacs_data_dir: str) -> Problems:
    for name, path in (("pacs_dir", pacs_dir), ("pacs_data_dir", pacs_data_dir)):
        if pacs_backup_repository == path or pacs_backup_repository.startswith(path + "/"):
            yield (
                f"pacs_backup_repository lies in {name} ('{path}'); it would burn with what it holds, choose another"
                " disk"
            )


RULES = {
    "pacs_backup_repository": pacs_backup_repository,
    "backup_repository_password": optional(service_password),
    "backup_repository_ca": certificates_pem,
    "backup_sftp_private_key": private_pem,
    "backup_s3_access_key": optional(password_text),
    "backup_s3_secret_key": optional(password_text),
    "backup_schedule": schedule(15),
    "backup_check_schedule": schedule(60),
    "backup_rehearsal_schedule": schedule(60),
    "backup_keep_daily": between(0, 3650),
    "backup_keep_weekly": between(0, 520),
    "backup_keep_monthly": between(0, 240),
    "backup_check_percent": between(1, 100),
}
RELATIONS = (repository_can_be_opened, backups_lie_elsewhere)
