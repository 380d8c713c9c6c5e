# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How strong a password must be. zxcvbn knows the common ones and what people make of them, without asking anybody."""

from __future__ import annotations

import functools
import itertools
import re
from collections.abc import Iterable

from .text import has_control
from .types import Problems

try:
    from zxcvbn import zxcvbn
except ImportError:  # The sentence is in weak().
    zxcvbn = None

STAFF_LENGTH = 12
SERVICE_LENGTH = 12
# How many guesses a password must be worth, as powers of ten. Nobody types a signing key, and it guards every link.
STAFF_GUESSES = 8
KEY_GUESSES = 20
# zxcvbn takes no longer ones; what comes behind makes none weaker.
READ = 72
# What people in this trade try first, beside the words of English that zxcvbn knows.
WORDS = [
    "orthanc", "pacs", "dicom", "radiology", "radiologie", "radiologia", "roentgen", "hospital", "klinik", "klinikum",
    "krankenhaus", "clinic", "spital", "hopital", "ospedale", "imaging", "scanner", "surgeon", "chirurgie", "passwort",
    "kennwort", "motdepasse", "contrasena", "willkommen", "geheim", "sommer", "winter", "herbst", "fruehling",
    "threedpc", "3dprinting", "3ddruck",
]  # fmt: skip
MISSING = (
    "it can't be checked, because Python's package zxcvbn is missing on the controller; install the collection's"
    " requirements.txt"
)
PLACEHOLDERS = {
    "admin", "default", "demo", "example", "orthanc", "pacs", "passwd", "password", "passw0rd", "postgres",
    "secret", "test", "todo", "xxxxxxxx", "yourpassword",
}  # fmt: skip
PLACEHOLDER_PARTS = ("changeme", "changethis", "replaceme", "replacethis")


def words_of(*texts: str) -> list[str]:
    """What a name or a domain is made of, as somebody who guesses would take it: each run of its words."""
    found: set[str] = set()
    for text in texts:
        words = list(re.finditer(r"[^\W_]+", text.casefold()))[:8]
        for first, last in itertools.combinations_with_replacement(words, 2):
            run = text.casefold()[first.start() : last.end()]
            found |= {run, re.sub(r"[\W_]+", "", run)}
    return sorted(word for word in found if len(word) > 2)


@functools.lru_cache(maxsize=256)
def _guesses(password: str, words: tuple[str, ...]) -> float:
    return zxcvbn(password, user_inputs=[*words, *WORDS])["guesses_log10"]


def guesses(password: str, words: Iterable[str] = ()) -> float:
    """How many guesses a password is worth, as a power of ten."""
    return _guesses(password[:READ], tuple(words))


def weak(password: str, length: int, least: int, words: Iterable[str] = ()) -> Problems:
    """Why a password is too easy to guess."""
    if len(password) < length:
        yield f"it must have at least {length} characters"
    elif zxcvbn is None:
        yield MISSING
    elif guesses(password, words) < least:
        yield (
            "it is too easy to guess: a common one, a row of keys, a repetition, or a name that everybody knows;"
            " choose a random one, or four words that have nothing to do with each other"
        )


def password_text(value: str) -> Problems:
    """What every password must be."""
    if not value:
        yield "it is empty"
    if has_control(value):
        yield "it must have no line break and no other control character"
    word = re.sub(r"[\W_]", "", value.casefold())
    if word in PLACEHOLDERS or any(part in word for part in PLACEHOLDER_PARTS):
        yield "it is a placeholder that everybody tries first; choose a random one"


def service_password(value: str) -> Problems:
    """What a program tells another one. Nobody types it."""
    problems = list(password_text(value))
    yield from problems or weak(value, SERVICE_LENGTH, STAFF_GUESSES)


def made_of(users: dict[str, str], text: str, what: str) -> Problems:
    """Whose password somebody guesses who knows this text."""
    for user, password in users.items():
        if zxcvbn and guesses(password, words_of(text, user)) < STAFF_GUESSES:
            yield f"pacs_staff_users: the password of '{user}' is made of {what}; choose a random one"
