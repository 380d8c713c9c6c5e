# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a site may say about the auth service and the key that signs share links."""

from __future__ import annotations

from typing import Any

from ..fields.passwords import KEY_GUESSES, SERVICE_LENGTH, STAFF_GUESSES, password_text, weak
from ..fields.text import has_control, moment
from ..fields.types import Problems

SIGNING_KEY_LENGTH = 32


def ascii_password(value: str) -> Problems:
    """What the auth service can compare."""
    problems = list(password_text(value))
    yield from problems
    if not all(" " <= character <= "~" for character in value) and not has_control(value):
        yield (
            "it must be printable ASCII, because the auth service's HTTP basic authentication compares only ASCII;"
            " choose one without accents and symbols beyond ASCII"
        )
    elif not problems:
        yield from weak(value, SERVICE_LENGTH, STAFF_GUESSES)


def signing_key(value: str) -> Problems:
    """What the auth service reads back unchanged and nobody can guess from a link."""
    problems = list(password_text(value))
    yield from problems
    ascii_only = all(" " <= character <= "~" for character in value)
    if not ascii_only and not has_control(value):
        yield "it must be printable ASCII"
    if len(value.encode("utf-8", "replace")) < SIGNING_KEY_LENGTH:
        yield (
            f"it must have at least {SIGNING_KEY_LENGTH} characters, because a guess of it opens every study;"
            " make one with: openssl rand -hex 32"
        )
    if value != value.strip():
        yield "it must not begin or end with white space, which the auth service removes"


def new_signing_key(value: str) -> Problems:
    """One that signs from now on. A weak one of before may still open its links until it is removed."""
    problems = list(signing_key(value))
    yield from problems or weak(value, SIGNING_KEY_LENGTH, KEY_GUESSES)


def shares_need_secrets(pacs_shares_enabled: bool, given: dict[str, Any]) -> Problems:
    for name in ("pacs_auth_service_password", "pacs_share_signing_key"):
        if pacs_shares_enabled and name not in given:
            yield f"{name} isn't set; it is needed when pacs_shares_enabled is true"


RULES = {
    "pacs_auth_service_password": ascii_password,
    "pacs_share_signing_key": new_signing_key,
    "pacs_share_previous_signing_keys.key": signing_key,
    "pacs_share_previous_signing_keys.until": moment,
}
RELATIONS = (shares_need_secrets,)
