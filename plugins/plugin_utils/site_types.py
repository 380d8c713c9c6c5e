# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Values of an inventory against an argument spec, and how a sentence shows them.

Stricter than Ansible's own conversion on purpose: what is checked here is used unconverted later,
so an unquoted 12345678 would reach Orthanc as a number and "false" would count as true.
"""

from __future__ import annotations

import datetime
import difflib
import re
import unicodedata

# Names that begin so are the collection's own, so that a typo is found.
PREFIX = "pacs_"

# So much of a value stands in a sentence.
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

KINDS = (
    (bool, "true or false"),
    (int, "a number"),
    (float, "a number"),
    (str, "text"),
    (dict, "a dictionary"),
    ((list, tuple), "a list"),
    (datetime.date, "a date"),
)


def plain(value):
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


def kind_of(value):
    """What a value is, in words, without the value."""
    return next((words for kind, words in KINDS if isinstance(value, kind)), "empty")


def show(value):
    """A value as a sentence shows it, on one line."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        text = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in value)
        return f"'{text[:SHOWN]}{'...' if len(text) > SHOWN else ''}'"
    if isinstance(value, (int, float, datetime.date)):
        return str(value)[:SHOWN]
    return kind_of(value)


# What an editor, a mail program or a word processor puts where a plain character was meant; their names in Unicode say
# nothing to most people.
SAID = {
    "\ufeff": "a byte order mark",
    "\r": "a carriage return, as Windows ends lines",
    "\u00a0": "a no-break space",
    "\u200b": "a zero-width space",
    "\x00": "a NUL character, as text in UTF-16 has them; save the file as UTF-8",
}


def odd_character(text):
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


def nearest(word, words):
    """A question that proposes the word that was probably meant, or nothing."""
    found = difflib.get_close_matches(str(word), [str(entry) for entry in words], n=1, cutoff=0.7)
    return f", did you mean {found[0]}?" if found else ""


def converted(value, kind):
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


class Checker:
    """Checks values against options and rules and collects what is wrong.

    A rule is found by its path (`pacs_modalities.aet`, `pacs_modalities.sources[]`) and yields for a
    value of the right type what would be right.
    """

    def __init__(self, rules):
        self.rules = rules
        self.found = []

    def report(self, where, value, right, secret):
        """Note a problem; of a secret only its kind is said."""
        shown = "" if secret and right not in WANTED.values() else f" is {kind_of(value) if secret else show(value)}"
        if isinstance(value, str) and "(U+" not in right:
            right += odd_character(value)
        self.found.append(f"{where}{shown}{';' if shown else ':'} {right}")

    def check(self, where, path, value, option, secret=False):
        """The value in the type that the option wants. Whoever calls compares the number of problems."""
        secret = secret or bool(option.get("no_log"))
        try:
            value = converted(value, option.get("type", "str"))
        except ValueError as wanted:
            self.report(where, value, str(wanted), secret)
            return value
        choices = option.get("choices")
        if isinstance(value, list):
            element = {"type": option["elements"], "options": option.get("options")} if "elements" in option else {}
            if choices:
                element["choices"] = choices
            if element:
                value = [
                    self.check(self._place(where, number, entry), path + "[]", entry, element, secret)
                    for number, entry in enumerate(value)
                ]
        elif choices and value not in choices:
            self.report(where, value, f"choose one of {', '.join(choices)}{nearest(value, choices)}", secret)
            return value
        elif isinstance(value, dict) and option.get("options"):
            value = self._dictionary(where, path, value, option["options"], secret)
        elif isinstance(value, dict) and f"{path}.*" in self.rules:
            value = {key: self.check(f"{where}: {key}", f"{path}.*", entry, {}, secret) for key, entry in value.items()}
        for right in self.rules.get(path, lambda _value: ())(value):
            self.report(where, value, right, secret or isinstance(value, (dict, list)))
        return value

    @staticmethod
    def _place(where, number, entry):
        name = entry.get("name") if isinstance(entry, dict) else None
        return f"{where}[{number}]" + (f" ({name})" if isinstance(name, str) and name.isprintable() else "")

    def _dictionary(self, where, path, value, options, secret):
        path = path.removesuffix("[]")
        for key in value:
            if key not in options:
                right = f"there is no such key, only {', '.join(options)}{nearest(key, options)}"
                self.found.append(f"{where} has the key {show(key)}; {right}")
        for key, option in options.items():
            if option.get("required") and value.get(key) is None:
                self.found.append(f"{where} has no {key}; it needs one")
        return value | {
            key: self.check(f"{where}: {key}", f"{path}.{key}", value[key], option, secret)
            for key, option in options.items()
            if key in value and not (option.get("required") and value[key] is None)
        }
