# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Values of an inventory by their types, and how a sentence shows them.

Stricter than Ansible's own conversion on purpose: what is checked here is used unconverted later, so an unquoted
12345678 would reach Orthanc as a number, and "false" would count as true.
"""

from __future__ import annotations

import datetime
import difflib
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from typing import Any

# What would be right, once for each thing that is wrong.
Problems = Iterator[str]
# Takes a value of the right type. It never repeats a secret.
Rule = Callable[[Any], Iterable[str]]

# Takes the variables that its parameters name, each of which is right by itself. `given` is what the site sets by name,
# with the value if it is a secret; `right` is every variable that is right by itself.
Relation = Callable[..., Iterable[str]]

# How much of a value a sentence shows.
SHOWN = 80

WANTED = {
    "bool": "it must be true or false, without quotes",
    "dict": "it must be a dictionary",
    "float": "it must be a number",
    "int": "it must be a whole number",
    "list": "it must be a list",
    "path": "it must be text in quotes",
    "str": "it must be text in quotes",
}

KINDS: tuple[tuple[type | tuple[type, ...], str], ...] = (
    (bool, "true or false"),
    (int, "a number"),
    (float, "a number"),
    (str, "text"),
    (dict, "a dictionary"),
    ((list, tuple), "a list"),
    (datetime.date, "a date"),
)


def plain(value: Any) -> Any:
    """A copy in plain Python types of what Ansible hands out in tagged subclasses."""
    if isinstance(value, dict):
        return {plain(key): plain(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(entry) for entry in value]
    if value is None or isinstance(value, (bool, datetime.date)):
        return value
    for kind in (int, float):
        if isinstance(value, kind):
            return kind(value)
    # Everything else is text, which a vaulted value becomes here.
    return "".join(str(value))


def kind_of(value: Any) -> str:
    """What a value is, in words, without the value."""
    return next((words for kind, words in KINDS if isinstance(value, kind)), "empty")


def show(value: Any) -> str:
    """A value as a sentence shows it, on one line."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        text = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in value)
        return f"'{text[:SHOWN]}{'...' if len(text) > SHOWN else ''}'"
    if isinstance(value, (int, float, datetime.date)):
        return str(value)[:SHOWN]
    return kind_of(value)


# What an editor, a mail program or a word processor puts where a plain character was meant. Their names in Unicode mean
# nothing to most people.
SAID = {
    "\ufeff": "a byte order mark",
    "\r": "a carriage return, as Windows ends lines",
    "\u00a0": "a no-break space",
    "\u200b": "a zero-width space",
    "\x00": "a NUL character, as text in UTF-16 has them; save the file as UTF-8",
}


def odd_character(text: str) -> str:
    """Words about the first character that looks like another one or like nothing, or an empty text."""
    for number, character in enumerate(text, start=1):
        looks = unicodedata.normalize("NFKC", character)
        kind = unicodedata.category(character)
        if (
            character in SAID
            or kind in ("Cf", "Zl", "Zp", "Pi", "Pf", "Pd", "Zs", "Nd")
            or (looks != character and looks.isascii())
        ):
            if character.isascii() and character not in SAID:
                continue
            name = SAID.get(character) or unicodedata.name(character, "a character without a name").lower()
            return f"; its character {number} is {name} (U+{ord(character):04X})"
    return ""


def nearest(word: Any, words: Iterable[Any]) -> str:
    """A question that proposes the word that was probably meant, or nothing."""
    names = [str(entry) for entry in words]
    # With or without pacs_ before it.
    forms = {name.removeprefix("pacs_"): name for name in names} | {name: name for name in names}
    found = difflib.get_close_matches(str(word), forms, n=1, cutoff=0.7)
    return f", did you mean {forms[found[0]]}?" if found else ""


def converted(value: Any, kind: str) -> Any:
    """The value as the type that an option wants; raises ValueError if it isn't one."""
    if kind == "int":
        # Extra variables and INI inventories hand over text.
        if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 10:
            return int(value)
        fits = isinstance(value, int) and not isinstance(value, bool)
    elif kind == "float":
        if isinstance(value, str) and re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,9})?", value, re.ASCII):
            return float(value)
        fits = isinstance(value, (int, float)) and not isinstance(value, bool)
    else:
        fits = isinstance(value, {"bool": bool, "dict": dict, "list": list}.get(kind, str))
    if not fits:
        raise ValueError(WANTED.get(kind, WANTED["str"]))
    return value
