# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Values of an inventory against the options of an argument spec and the rules for them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .types import WANTED, Rule, converted, kind_of, nearest, odd_character, show

Option = dict[str, Any]


class Checker:
    """Checks values against options and rules and collects what is wrong.

    A rule is found by its path (`pacs_modalities.aet`, `pacs_modalities.sources[]`, `pacs_images.*` for each key).
    """

    def __init__(self, rules: Mapping[str, Rule]) -> None:
        self.rules = rules
        self.found: list[str] = []

    def report(self, where: str, value: Any, right: str, secret: bool) -> None:
        """Note a problem; of a secret only its kind is said."""
        shown = "" if secret and right not in WANTED.values() else f" is {kind_of(value) if secret else show(value)}"
        if isinstance(value, str) and "(U+" not in right:
            right += odd_character(value)
        self.found.append(f"{where}{shown}{';' if shown else ':'} {right}")

    def check(self, where: str, path: str, value: Any, option: Option, secret: bool = False) -> Any:
        """The value in the type that the option wants. Callers compare the number of problems."""
        secret = secret or bool(option.get("no_log"))
        try:
            value = converted(value, option.get("type", "str"))
        except ValueError as wanted:
            self.report(where, value, str(wanted), secret)
            return value
        choices = option.get("choices")
        if isinstance(value, list):
            value = self._list(where, path, value, option, secret)
        elif choices and value not in choices:
            self.report(where, value, f"choose one of {', '.join(choices)}{nearest(value, choices)}", secret)
            return value
        elif isinstance(value, dict) and option.get("options"):
            value = self._dictionary(where, path, value, option["options"], secret)
        elif isinstance(value, dict) and f"{path}.*" in self.rules:
            value = {key: self.check(f"{where}: {key}", f"{path}.*", entry, {}, secret) for key, entry in value.items()}
        rule = self.rules.get(path) or self.rules.get(path.rpartition(".")[0] + ".*")
        for right in rule(value) if rule else ():
            self.report(where, value, right, secret or isinstance(value, (dict, list)))
        return value

    def _list(self, where: str, path: str, value: list[Any], option: Option, secret: bool) -> list[Any]:
        element: Option = {}
        if "elements" in option:
            element = {"type": option["elements"], "options": option.get("options")}
        if option.get("choices"):
            element["choices"] = option["choices"]
        if not element:
            return value
        return [
            self.check(self._place(where, number, entry), path + "[]", entry, element, secret)
            for number, entry in enumerate(value)
        ]

    @staticmethod
    def _place(where: str, number: int, entry: Any) -> str:
        name = entry.get("name") if isinstance(entry, dict) else None
        return f"{where}[{number}]" + (f" ({name})" if isinstance(name, str) and name.isprintable() else "")

    def _dictionary(
        self, where: str, path: str, value: dict[Any, Any], options: dict[str, Option], secret: bool
    ) -> dict[Any, Any]:
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
