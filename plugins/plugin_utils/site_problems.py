# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is wrong with a site's variables, in sentences."""

from __future__ import annotations

import re

from ansible_collections.threedpc.pacs.plugins.plugin_utils.site_relations import RELATIONS
from ansible_collections.threedpc.pacs.plugins.plugin_utils.site_rules import RULES
from ansible_collections.threedpc.pacs.plugins.plugin_utils.site_types import PREFIX, Checker, nearest, plain

UNDEFINED = re.compile(r"'[A-Za-z_][A-Za-z0-9_]*' is undefined")


def _unreadable(name, reason, secret):
    """Why a value can't be read; of a secret only which variable it lacks, because an error may quote it."""
    if secret:
        found = UNDEFINED.search(reason)
        reason = found.group() if found else "look at its quotes, its vault password and '{{' in its text"
    return f"{name} can't be read: {reason}"


def _unknown(name, options, derived):
    if name in derived:
        return f"{name} is derived from other variables and can't be set; remove it"
    return f"{name} is not a variable of this collection" + (
        nearest(name, options) or f"; names that begin with {PREFIX} are its own, choose another name"
    )


def site_problems(contract, name):
    """Sentences on what is wrong with a site's variables, an empty list if nothing is.

    The contract has the keys `site` (values by variable) and `options` (of the argument specs), and may have
    `unreadable` (reasons by variable whose value can't be resolved) and `derived` (what nobody sets).
    """
    contract = plain(contract)
    site, options = contract["site"], contract["options"]
    unreadable, derived = contract.get("unreadable", {}), contract.get("derived", [])
    checker = Checker(RULES)
    # Where a site says nothing, the default counts, unless it is an expression of a role that is not there.
    right = {
        option: entry["default"]
        for option, entry in options.items()
        if "default" in entry and "{{" not in str(entry["default"])
    }
    for variable, option in options.items():
        if variable in unreadable:
            right.pop(variable, None)
            secret = bool(option.get("no_log"))
            checker.found.append(_unreadable(variable, unreadable[variable], secret))
        elif variable in site:
            before = len(checker.found)
            value = site[variable]
            if option.get("type") == "bool" and not variable.startswith(PREFIX) and isinstance(value, str):
                # What is given for one run, such as -e verify_send=true, arrives as text.
                value = {"true": True, "false": False}.get(value.lower(), value)
            value = checker.check(variable, variable, value, option)
            right.pop(variable, None)
            if len(checker.found) == before:
                right[variable] = value
        elif option.get("required"):
            checker.found.append(f"{variable} isn't set; the site needs it")
    for variable in sorted({*site, *unreadable} - {*options}):
        if variable.startswith(PREFIX):
            checker.found.append(_unknown(variable, options, derived))
    given = dict.fromkeys(unreadable) | {
        variable: value if options.get(variable, {}).get("no_log") else None
        for variable, value in site.items()
        if value not in ("", None)
    }
    facts = right | {"given": given}
    for relation, needs in RELATIONS:
        if all(need in facts for need in needs):
            checker.found.extend(relation(*(facts[need] for need in needs)))
    return [f"{name}: {problem}{'' if problem.endswith('?') else '.'}" for problem in checker.found]
