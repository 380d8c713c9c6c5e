# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules for numbers, names, files and other texts that several roles ask for."""

from __future__ import annotations

import datetime
import re
import unicodedata
from typing import Any

from .types import Problems, Rule

DIRECTORY = re.compile(r"(/[A-Za-z0-9_-][A-Za-z0-9._-]*)+")
# Directories of the system, and those in which only other directories belong.
SYSTEM = ("bin", "boot", "dev", "etc", "lib", "lib32", "lib64", "proc", "run", "sbin", "sys", "tmp", "usr", "var/run")
SHARED = ("home", "media", "mnt", "opt", "root", "srv", "var", "var/lib")
NGINX_SECONDS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400, "": 1}
E_MAIL = (
    r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*@"
    r"([A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z][A-Za-z0-9-]{0,61}[A-Za-z0-9]"
)


def has_control(text: str) -> bool:
    """Whether a text has a control character, a line break among them, or is no valid Unicode."""
    return any(unicodedata.category(character) in ("Cc", "Cs") for character in text)


def has_invisible(text: str) -> bool:
    """Whether a text has a character that nobody sees and nobody types."""
    return any(unicodedata.category(character) == "Cf" for character in text)


def optional(rule: Rule) -> Rule:
    """A rule that lets an empty text pass."""
    return lambda value: rule(value) if value else ()


def between(low: int, high: int) -> Rule:
    """A rule for a number."""

    def rule(value: int) -> Problems:
        if not low <= value <= high:
            yield f"it must be a whole number from {low} to {high}"

    return rule


def seconds(low: float, high: float) -> Rule:
    """A rule for a time in seconds, which no infinity and no not-a-number is."""

    def rule(value: float) -> Problems:
        if not low <= value <= high:
            yield f"it must be a number of seconds from {low} to {high}"

    return rule


def nginx_time(least: int, most: int) -> Rule:
    """A rule for a time in nginx's syntax, in seconds."""

    def rule(value: str) -> Problems:
        found = re.fullmatch(r"([0-9]{1,9})(ms|s|m|h|d|)", value, re.ASCII)
        if not found:
            yield "it must be a time as nginx writes it, such as '300s'"
        elif not least <= int(found[1]) * NGINX_SECONDS[found[2]] <= most:
            yield f"it must be from {least}s to {most}s; nginx gives up at once after 0"

    return rule


def moment(value: str) -> Problems:
    """A time that means the same wherever it is read."""
    try:
        zone = datetime.datetime.fromisoformat(value).tzinfo
    except ValueError:
        zone = None
    if zone is None:
        yield "it must be a time with its zone, such as '2026-12-24T18:00:00+00:00'"


def matching(pattern: str, right: str) -> Rule:
    """A rule for text of one form."""

    def rule(value: str) -> Problems:
        if not re.fullmatch(pattern, value, re.ASCII):
            yield right

    return rule


def printable(limit: int) -> Rule:
    """A rule for a name that people read."""

    def rule(value: str) -> Problems:
        if not value.strip() or len(value) > limit or has_control(value):
            yield f"it must have 1 to {limit} characters and no line breaks"

    return rule


def one_line(value: str) -> Problems:
    """What goes into a line of a program's settings."""
    if has_control(value) or value != value.strip():
        yield "it must be one line without spaces at either end"


def e_mail(value: str) -> Problems:
    """An address to which a certificate authority can write; Let's Encrypt refuses others."""
    if value and (len(value) > 254 or not re.fullmatch(E_MAIL, value, re.ASCII)):
        yield "it must be an e-mail address, such as 'it@hospital.example'"


def directory(value: str) -> Problems:
    """A directory on the server that is the collection's own."""
    # Longer ones fail in sockets and in what others put below.
    if not DIRECTORY.fullmatch(value) or len(value) > 200:
        yield (
            "it must be an absolute path of letters, digits, dots, dashes and underscores, without '..' and without a"
            " slash at the end"
        )
        return
    path = value[1:]
    if path in SHARED or any(path == system or path.startswith(system + "/") for system in SYSTEM):
        yield "it must be a directory of its own outside the system's directories, such as '/srv/pacs'"


def local_path(value: str) -> Problems:
    """A path on the controller."""
    if not value.strip() or has_control(value) or has_invisible(value) or len(value) > 4095:
        yield "it must be a path on the controller"


def server_path(value: str) -> Problems:
    """A file on the server, or none."""
    if value and (not value.startswith("/") or value.endswith("/") or any(local_path(value))):
        yield "it must be an absolute path on the server, such as '/etc/ssl/private/pacs.key'"


def base64_text(right: str) -> Rule:
    """A rule for a key in base64 or base64url, with or without the equals signs at its end."""

    def rule(value: str) -> Problems:
        text = value.rstrip("=")
        alphabet = r"[A-Za-z0-9_-]*" if "base64url" in right else r"[A-Za-z0-9+/]*"
        if not re.fullmatch(alphabet, text, re.ASCII) or len(value) - len(text) > 2:
            yield right

    return rule


def pem(label: str) -> Rule:
    """A rule for a certificate or a key, which may be missing here."""

    def rule(value: str) -> Problems:
        # Lines may end as Windows ends them: OpenSSL reads them, and what can't gets them without.
        if value and not re.search(rf"^-----BEGIN [A-Z ]*{label}-----[ \t]*\r?$", value, re.MULTILINE):
            yield f"it must be the content of a PEM file with a line '-----BEGIN {label}-----'"

    return rule


def private_pem(value: str) -> Problems:
    """A key that a service can read without asking anybody."""
    yield from pem("PRIVATE KEY")(value)
    if "ENCRYPTED" in value:
        yield "the key must not be encrypted, because nobody is there to type its password; vault the variable"


def certificates_pem(value: str) -> Problems:
    """Certificates, in a file that everybody on the server may read."""
    yield from pem("CERTIFICATE")(value)
    if "PRIVATE KEY" in value:
        yield "it must hold only certificates, no private key"


def texts(value: Any) -> Problems:
    """All texts in a value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for entry in value.values():
            yield from texts(entry)
    elif isinstance(value, list):
        for entry in value:
            yield from texts(entry)
