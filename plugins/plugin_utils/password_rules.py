# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How strong a password must be. zxcvbn knows the common ones and what people make of them, without asking anybody."""

from __future__ import annotations

import functools
import ipaddress
import itertools
import re

try:
    from zxcvbn import zxcvbn
except ImportError:  # The sentence is in weak().
    zxcvbn = None

STAFF_LENGTH = 12
SERVICE_LENGTH = 12
# So many guesses a password must be worth, as powers of ten. Nobody types a signing key, and it guards every link.
STAFF_GUESSES = 8
KEY_GUESSES = 20
# zxcvbn takes no longer ones; what comes behind makes none weaker.
READ = 72
# What people in this trade try first, beside the words of English that zxcvbn knows.
WORDS = [
    "orthanc",
    "pacs",
    "dicom",
    "radiology",
    "radiologie",
    "radiologia",
    "roentgen",
    "hospital",
    "klinik",
    "klinikum",
    "krankenhaus",
    "clinic",
    "spital",
    "hopital",
    "ospedale",
    "imaging",
    "scanner",
    "surgeon",
    "chirurgie",
    "passwort",
    "kennwort",
    "motdepasse",
    "contrasena",
    "willkommen",
    "geheim",
    "sommer",
    "winter",
    "herbst",
    "fruehling",
    "threedpc",
    "3dprinting",
    "3ddruck",
]

MISSING = (
    "it can't be checked, because Python's package zxcvbn is missing on the controller; install the collection's"
    " requirements.txt"
)


def words_of(*texts):
    """What a name or a domain is made of, as somebody who guesses would take it: each run of its words."""
    found = set()
    for text in texts:
        words = list(re.finditer(r"[^\W_]+", text.casefold()))[:8]
        for first, last in itertools.combinations_with_replacement(words, 2):
            run = text.casefold()[first.start() : last.end()]
            found |= {run, re.sub(r"[\W_]+", "", run)}
    return sorted(word for word in found if len(word) > 2)


@functools.lru_cache(maxsize=256)
def _guesses(password, words):
    return zxcvbn(password, user_inputs=[*words, *WORDS])["guesses_log10"]


def guesses(password, words=()):
    """How many guesses a password is worth, as a power of ten."""
    return _guesses(password[:READ], tuple(words))


def weak(password, length, least, words=()):
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


DOCUMENTATION_NAMES = ("example", "test", "invalid", "localhost", "example.com", "example.net", "example.org")
DOCUMENTATION_NETWORKS = [
    ipaddress.ip_network(text)
    for text in ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32", "3fff::/20")
]


def is_documentation(domain):
    """Whether this is a name or an address that no real site has (RFC 2606, 3849, 5737 and 9637)."""
    try:
        address = ipaddress.ip_address(domain)
    except ValueError:
        return any(domain == name or domain.endswith("." + name) for name in DOCUMENTATION_NAMES)
    return any(address in network for network in DOCUMENTATION_NETWORKS)


def texts(value):
    """All texts in a value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for entry in value.values():
            yield from texts(entry)
    elif isinstance(value, list):
        for entry in value:
            yield from texts(entry)


def example_secrets(domain, given):
    """Secrets of the worked examples, which everybody can read, at a site that is no example."""
    if is_documentation(domain):
        return
    for name, value in given.items():
        if any(text.casefold().startswith("example-") for text in texts(value)):
            yield (
                f"{name} is an example's, which everybody can read, and pacs_domain ('{domain}') is no example's;"
                " choose a random one, as new_site.yml does"
            )


def passwords_apart_from(other, variable):
    """A relation: no staff password is made of the site's name or domain."""

    def relation(users, text):
        for user, password in users.items():
            if zxcvbn and guesses(password, words_of(text, user)) < STAFF_GUESSES:
                yield f"pacs_staff_users: the password of '{user}' is made of {other} ({variable}); choose a random one"

    return relation
