# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the roles of the collection declare in their argument specs, and whose a name is."""

from __future__ import annotations

import dataclasses
import fnmatch
import pathlib
from collections.abc import Iterable
from typing import Any

from ansible.module_utils.common.yaml import yaml_load

from ..fields.types import Problems, nearest

Options = dict[str, dict[str, Any]]


@dataclasses.dataclass
class Declared:
    """What may be set, and where."""

    roles: list[str]
    # What a site may set: the options of the entry points main.
    options: Options
    # What another entry point takes, by "role.entry_point".
    arguments: dict[str, Options]
    # What follows from the site's variables. Nobody sets it.
    derived: set[str]

    def arguments_of(self, entry_points: Iterable[str]) -> Options:
        """The options of these entry points."""
        return {name: option for entry_point in entry_points for name, option in self.arguments[entry_point].items()}

    def unknown(self, names: Iterable[str], others: Iterable[str] = ()) -> Problems:
        """Sentences on names that begin as a role's do and that no role declares.

        Such beginnings belong to the collection without exception. Otherwise `backup_dir`, which is too far from any
        name to be a typo, would make a site without backups. What something else reads is among the `others`.
        """
        for name in sorted({*names} - {*self.options, *self.arguments_of(self.arguments)}):
            role = next((role for role in self.roles if name.startswith(role + "_")), None)
            if role is None or is_among(name, others):
                continue
            if name in self.derived:
                yield f"{name} is derived from other variables and can't be set; remove it"
                continue
            yield f"{name} is not a variable of this collection" + (
                nearest(name, self.options)
                or f"; names that begin with {role}_ are its own. If something else reads it, choose another name, or"
                " add it to pacs_other_variables"
            )


def is_among(name: str, patterns: Iterable[str]) -> bool:
    """Whether a name is one of these, in which an asterisk matches anything."""
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)


def declared(roles: pathlib.Path) -> Declared:
    """What all roles in this folder declare."""
    found = Declared(roles=[], options={}, arguments={}, derived=set())
    for spec in sorted(roles.glob("*/meta/argument_specs.yml")):
        role = spec.parent.parent
        found.roles.append(role.name)
        for entry_point, entry in yaml_load(spec.read_text(encoding="utf-8"))["argument_specs"].items():
            options = entry.get("options") or {}
            if entry_point == "main":
                found.options |= options
            else:
                found.arguments[f"{role.name}.{entry_point}"] = options
        variables = role / "vars/main.yml"
        if variables.exists():
            # All are names at the beginning of a line, and there are too many to read the values for nothing.
            lines = variables.read_text(encoding="utf-8").splitlines()
            found.derived |= {line.partition(":")[0] for line in lines if line[:1].isalpha()}
    return found
