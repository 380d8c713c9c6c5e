# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lookup that reads what the roles declare and what a site sets."""

from __future__ import annotations

import pathlib

import yaml
from ansible.errors import AnsibleError
from ansible.plugins.lookup import LookupBase
from ansible_collections.threedpc.pacs.plugins.plugin_utils.site_types import PREFIX, plain


def declared(role):
    """The options of the role and of those beside it, and what the role derives."""
    options = {}
    for spec in sorted(role.parent.glob("*/meta/argument_specs.yml")):
        options |= yaml.safe_load(spec.read_text(encoding="utf-8"))["argument_specs"]["main"].get("options") or {}
    derived = yaml.safe_load((role / "vars/main.yml").read_text(encoding="utf-8"))
    return options, sorted(derived or {})


class LookupModule(LookupBase):
    """Reads what is declared and what is set."""

    def run(self, terms, variables=None, **kwargs):
        try:
            options, derived = declared(pathlib.Path(terms[0]))
        except (OSError, KeyError, yaml.YAMLError) as error:
            raise AnsibleError(f"the argument specs beside {terms[0]} can't be read: {error}") from error
        # The inventory and the command line, but not the variables of roles.
        set_by_operator = {*variables["hostvars"][variables["inventory_hostname"]]}
        names = {*options} | {name for name in variables if name.startswith(PREFIX)}
        site, unreadable = {}, {}
        for name in sorted((names & {*variables}) - ({*derived} - set_by_operator)):
            try:
                site[name] = plain(self._templar.template(variables[name]))
            except (AnsibleError, RecursionError) as error:
                unreadable[name] = str(error)
        return [{"options": options, "derived": derived, "site": site, "unreadable": unreadable}]
