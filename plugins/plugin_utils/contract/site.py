# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is wrong with what an operator says, in sentences, all at once."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ..fields.checker import Checker
from ..fields.types import Problems, Relation, Rule, plain
from . import auth, backup, database, dicom, firewall, gate, host, orthanc, pacs, proxy, stack, tls, upgrade, verify
from .declared import Declared, Options

ROLES = (auth, backup, database, dicom, firewall, gate, host, orthanc, pacs, proxy, stack, tls, upgrade, verify)
RULES: dict[str, Rule] = {path: rule for role in ROLES for path, rule in role.RULES.items()}
RELATIONS: list[Relation] = [relation for role in ROLES for relation in role.RELATIONS]
# By entry point, what its arguments must be together. It takes all that is right by itself.
ARGUMENTS: dict[str, Callable[[dict[str, Any]], Problems]] = {
    entry_point: rule for role in (gate, orthanc, pacs) for entry_point, rule in role.ARGUMENTS.items()
}

UNDEFINED = re.compile(r"'[A-Za-z_][A-Za-z0-9_]*' is undefined")
# What is given for one run, such as -e verify_send=true, arrives as text.
TYPED = {"true": True, "false": False}


def site_problems(
    declared: Declared,
    site: Mapping[str, Any],
    name: str,
    unreadable: Mapping[str, str] | None = None,
    names: Iterable[str] = (),
    entry_points: Iterable[str] = (),
) -> list[str]:
    """Sentences on what is wrong with a site, an empty list if nothing is.

    `site` has the values by variable, those for the entry points among them, `unreadable` the reasons by variable whose
    value can't be resolved, and `names` all names that the operator has set.
    """
    site, unreadable = plain(dict(site)), unreadable or {}
    checker = Checker(RULES)
    right = _right(checker, declared.options, site, unreadable)
    problems = checker.found
    problems.extend(declared.unknown({*site, *unreadable, *names}, right.get("pacs_other_variables", ())))
    given = dict.fromkeys(unreadable) | {
        variable: value if declared.options.get(variable, {}).get("no_log") else None
        for variable, value in site.items()
        if value not in ("", None)
    }
    facts = right | {"given": given, "right": right}
    for relation in RELATIONS:
        needs = inspect.signature(relation).parameters
        if all(need in facts for need in needs):
            problems.extend(relation(**{need: facts[need] for need in needs}))
    problems.extend(argument_problems(declared, site, entry_points, right))
    return [f"{name}: {sentence(problem)}" for problem in problems]


def argument_problems(
    declared: Declared, values: Mapping[str, Any], entry_points: Iterable[str], right: Mapping[str, Any] | None = None
) -> list[str]:
    """What is wrong with the arguments of these entry points, with what is right of the site; without full stops."""
    checker = Checker(RULES)
    entry_points = [*entry_points]
    arguments = declared.arguments_of(entry_points)
    facts = dict(right or {}) | _right(checker, arguments, plain(dict(values)), {})
    for entry_point in entry_points:
        if entry_point in ARGUMENTS:
            checker.found.extend(ARGUMENTS[entry_point](facts))
    return checker.found


def sentence(problem: str) -> str:
    return problem + ("" if problem.endswith("?") else ".")


def _right(
    checker: Checker, options: Options, values: Mapping[str, Any], unreadable: Mapping[str, str]
) -> dict[str, Any]:
    """The variables that are right by themselves. The checker notes what is wrong with the others."""
    # If nothing is said, the default counts, unless it is an expression of a role that is not there.
    right = {
        option: entry["default"]
        for option, entry in options.items()
        if "default" in entry and "{{" not in str(entry["default"])
    }
    for variable, option in options.items():
        if variable in unreadable:
            right.pop(variable, None)
            checker.found.append(_unreadable(variable, unreadable[variable], bool(option.get("no_log"))))
        elif variable in values:
            before = len(checker.found)
            value = values[variable]
            if option.get("type") == "bool" and not variable.startswith("pacs_") and isinstance(value, str):
                value = TYPED.get(value.lower(), value)
            value = checker.check(variable, variable, value, option)
            right.pop(variable, None)
            if len(checker.found) == before:
                right[variable] = value
        elif option.get("required"):
            checker.found.append(f"{variable} isn't set: {_meaning(option)}")
    return right


def _meaning(option: Mapping[str, Any]) -> str:
    """What a variable is, as its argument spec says in the first paragraph."""
    text: str = option["description"] if isinstance(option["description"], str) else option["description"][0]
    return text[0].lower() + text[1:].removesuffix(".")


def _unreadable(name: str, reason: str, secret: bool) -> str:
    """Why a value can't be read; of a secret only which variable it lacks, because an error may quote it."""
    if secret:
        found = UNDEFINED.search(reason)
        reason = found.group() if found else "look at its quotes, its vault password and '{{' in its text"
    return f"{name} can't be read: {reason}"
