# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lookup that works out a variable for one of several."""

from __future__ import annotations

from ansible.errors import AnsibleError
from ansible.plugins.lookup import LookupBase


class LookupModule(LookupBase):
    """Works out variables with other values for those that they are made of."""

    def run(self, terms, variables=None, **kwargs):
        # Not a copy in depth, which is what the template lookup spends most of its time on.
        templar = self._templar.copy_with_new_env(available_variables={**variables, **kwargs})
        for term in terms:
            if term not in variables:
                raise AnsibleError(f"there is no variable {term}")
        return [templar.template(variables[term]) for term in terms]
