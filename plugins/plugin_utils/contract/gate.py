# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a site may say about its staff and their share links."""

from __future__ import annotations

from typing import Any

from ..fields.network import as_address, domain
from ..fields.passwords import STAFF_GUESSES, STAFF_LENGTH, made_of, password_text, weak, words_of
from ..fields.text import between, has_control, has_invisible, optional
from ..fields.types import Problems


def shares_domain(value: str) -> Problems:
    """A host name of its own for the shares."""
    problems = list(domain(value))
    if problems:
        yield from problems
    elif as_address(value) is not None:
        yield "it must be a host name, because one address can't tell shares from staff; leave it empty without one"


def staff_users(value: dict[Any, Any]) -> Problems:
    """User names that basic authentication can carry, and their passwords."""
    if not value:
        yield "it must name at least one user and the password"
    for name, password in value.items():
        if not isinstance(name, str):
            yield f"the user name {name} must be text in quotes"
            continue
        # What is behind a colon may be a password that slipped in.
        told = "".join(c for c in name.partition(":")[0] if c.isprintable())
        if not name.strip():
            yield "a user name is empty"
        if ":" in name:
            yield f"the user name that begins with '{told}' has a colon, which ends a name in HTTP basic authentication"
        if has_control(name):
            yield f"the user name '{told}' must have no line break and no other control character"
        elif name.strip() and (has_invisible(name) or name != name.strip()):
            yield f"the user name '{told}' must have no invisible character and no space at either end"
        if not isinstance(password, str):
            yield f"the password of '{told}' must be text in quotes"
            continue
        for right in password_text(password):
            yield f"the password of '{told}': {right}"
            break
        else:
            if password.casefold() == name.casefold():
                yield f"the password of '{told}' is the user name"
                continue
            for right in weak(password, STAFF_LENGTH, STAFF_GUESSES, words_of(name)):
                yield f"the password of '{told}': {right}"


def no_password_is_made_of_the_name(pacs_staff_users: dict[str, str], pacs_site: str) -> Problems:
    yield from made_of(pacs_staff_users, pacs_site, "the site's name (pacs_site)")


def no_password_is_made_of_the_domain(pacs_staff_users: dict[str, str], pacs_domain: str) -> Problems:
    yield from made_of(pacs_staff_users, pacs_domain, "the domain (pacs_domain)")


def shares_need_postgresql(pacs_database: str, pacs_shares_enabled: bool) -> Problems:
    if pacs_database == "sqlite" and pacs_shares_enabled:
        yield (
            "pacs_database is 'sqlite'; shares need 'postgresql', because SQLite serves only one Orthanc and shares are"
            " a second one (or set pacs_shares_enabled to false)"
        )


def shares_domain_is_another(pacs_shares_domain: str, pacs_domain: str) -> Problems:
    if pacs_shares_domain and pacs_shares_domain == pacs_domain:
        yield (
            f"pacs_shares_domain is '{pacs_shares_domain}'; that is pacs_domain already, choose another or leave it"
            " empty"
        )


def share_days_fit(pacs_share_days: int, pacs_share_max_days: int) -> Problems:
    if pacs_share_days > pacs_share_max_days:
        yield f"pacs_share_days is {pacs_share_days}; it must be at most pacs_share_max_days ({pacs_share_max_days})"


def share_arguments(right: dict[str, Any]) -> Problems:
    """What share.yml can't begin with."""
    action, users = right.get("share_action", "make"), right.get("pacs_staff_users", {})
    if not right.get("pacs_shares_enabled", True):
        yield "pacs_shares_enabled is false, so this site has no shares"
    if action == "make" and not right.get("share_study"):
        yield "-e share_study=... is missing: the StudyInstanceUID or Orthanc's identifier of the study to share"
    if "share_user" in right and right["share_user"] not in users:
        yield f"share_user is '{right['share_user']}', which is none of pacs_staff_users"


RULES = {
    "pacs_staff_users": staff_users,
    "pacs_shares_domain": optional(shares_domain),
    "pacs_share_days": between(1, 3650),
    "pacs_share_max_days": between(1, 3650),
    "share_days": between(0, 3650),
}
RELATIONS = (
    no_password_is_made_of_the_domain,
    no_password_is_made_of_the_name,
    shares_need_postgresql,
    shares_domain_is_another,
    share_days_fit,
)
ARGUMENTS = {"gate.share": share_arguments}
