# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Everything that is wrong with a site's inventory and with the command line, in sentences."""

from __future__ import annotations

import pathlib
from typing import Any

from ansible import context
from ansible.errors import AnsibleActionFail, AnsibleError
from ansible.plugins.action import ActionBase

from ..plugin_utils.contract.command_line import command_line_problems, typed
from ..plugin_utils.contract.declared import declared
from ..plugin_utils.contract.site import argument_problems, sentence, site_problems

ROLES = pathlib.Path(__file__).parents[2] / "roles"
ARGUMENTS = {
    "arguments": {"type": "list", "elements": "str", "default": []},
    "inventory": {"type": "bool", "default": True},
}


class ActionModule(ActionBase):
    """Checks what an operator says."""

    _supports_check_mode = True
    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        super().run(tmp, task_vars)
        variables = task_vars or {}
        _validated, told = self.validate_argument_spec(argument_spec=ARGUMENTS)
        host, roles, entry_points = variables["inventory_hostname"], declared(ROLES), told["arguments"]
        texts = context.CLIARGS.get("extra_vars") or ()
        site, unreadable = self._values(variables, {*roles.options, *roles.arguments_of(entry_points)})
        others = [name for name in site.get("pacs_other_variables", ()) if isinstance(name, str)]
        problems = [sentence(problem) for problem in command_line_problems(roles, texts, entry_points, others)]
        if told["inventory"]:
            headline = f"The inventory of {host} is not right yet, and nothing on the server was changed."
            # Not the variables of roles. The collection itself has registered nothing: it checks first.
            names = {*variables["hostvars"][host]} - {name for name, _lost in typed(texts)}
            problems += site_problems(roles, site, host, unreadable, names, entry_points)
        else:
            headline = "What was typed is not right yet, and nothing was changed."
            problems += [sentence(problem) for problem in argument_problems(roles, site, entry_points)]
        if problems:
            raise AnsibleActionFail("\n".join([headline, *problems]))
        return {"changed": False}

    def _values(self, variables: dict[str, Any], names: set[str]) -> tuple[dict[str, Any], dict[str, str]]:
        """Each variable is resolved by itself, so that one that can't be does not hide the others."""
        values, unreadable = {}, {}
        for name in sorted(names & {*variables}):
            try:
                values[name] = self._templar.template(variables[name])
            except (AnsibleError, RecursionError) as error:
                unreadable[name] = str(error)
        return values, unreadable
