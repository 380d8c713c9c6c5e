# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which secrets of a site are rotated when somebody asks for it, and into what."""

from __future__ import annotations

import datetime
import secrets
import string
from typing import Any

from .fields.types import nearest

ALPHABET = string.ascii_letters + string.digits
# What each is called when it is asked for, where it is in the inventory, and how long a new one is.
SERVICES = {
    "database": ("pacs_database_password", 40),
    "auth_service": ("pacs_auth_service_password", 40),
    "signing_key": ("pacs_share_signing_key", 64),
}
STAFF = "pacs_staff_users"
STAFF_LENGTH = 24
PREVIOUS_KEYS = "pacs_share_previous_signing_keys"
OWN_KEYS = ("acme", "selfsigned")


def plan(wanted: list[str] | str, site: dict[str, Any]) -> dict[str, Any]:
    """What is meant by the names in `wanted`: the secrets' places in the inventory, TLS keys, and what is wrong."""
    names = wanted if isinstance(wanted, list) else [name.strip() for name in wanted.split(",")]
    names = [str(name) for name in names if name]
    has = {"database": site["database"] == "postgresql", "auth_service": site["shares"], "signing_key": site["shares"]}
    tls = site["pacs_tls_source"] in OWN_KEYS or (site["dicom_tls"] and site["pacs_dicom_tls_source"] in OWN_KEYS)
    known = ["all", "staff", *(f"staff:{user}" for user in site["users"]), *SERVICES, "tls"]
    meant: dict[str, dict[str, Any]] = {}
    problems = []
    keys = False
    for name in names:
        if name not in known:
            problems.append(
                f"-e rotate_secrets={name}: there is no such secret, only {', '.join(known)}{nearest(name, known)}"
            )
        elif has.get(name) is False:
            problems.append(f"-e rotate_secrets={name}: this site has none, because it has no {_lacking(name)}")
        elif name == "tls" and not tls:
            problems.append(
                "-e rotate_secrets=tls: this site's keys come from elsewhere; put new ones into the inventory and run"
                " site.yml"
            )
        for user in site["users"]:
            if name in ("all", "staff", f"staff:{user}"):
                meant[f"staff:{user}"] = {"variable": [STAFF, user], "length": STAFF_LENGTH}
        for service, (variable, length) in SERVICES.items():
            if name in ("all", service) and has[service]:
                meant[service] = {"variable": [variable], "length": length}
        keys = keys or (name in ("all", "tls") and tls)
    return {"problems": problems, "tls": keys, "secrets": list(meant.values())}


def _lacking(name: str) -> str:
    return "PostgreSQL" if name == "database" else "shares"


def new_secret(length: int) -> str:
    """Only letters and digits, which nothing on the way takes for anything else."""
    return "".join(secrets.choice(ALPHABET) for _number in range(length))


def previous_keys(
    entries: list[dict[str, str]] | None, old: str, until: datetime.datetime | None, now: datetime.datetime
) -> list[dict[str, str]]:
    """The keys whose links go on: those that had time left, and the old one if it gets some."""
    kept = [entry for entry in entries or [] if until and datetime.datetime.fromisoformat(entry["until"]) > now]
    return kept + ([{"key": old, "until": until.isoformat(timespec="seconds")}] if until else [])
