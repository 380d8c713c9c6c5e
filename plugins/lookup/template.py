# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lookup that fills templates without a copy of all variables."""

from __future__ import annotations

import os

from ansible.errors import AnsibleError
from ansible.plugins.lookup import LookupBase
from ansible.template import trust_as_template


class LookupModule(LookupBase):
    """Fills templates with the variables of the host."""

    def run(self, terms, variables=None, **kwargs):
        texts = []
        for term in terms:
            path = self.find_file_in_search_path(variables, "templates", term)
            if not path:
                raise AnsibleError(f"there is no template {term}")
            templar = self._templar.copy_with_new_env(searchpath=[os.path.dirname(path)], available_variables=variables)
            text = self._loader.get_text_file_contents(path)
            # As ansible.builtin.template does.
            texts.append(
                templar.template(trust_as_template(text), escape_backslashes=False, overrides={"trim_blocks": True})
            )
        return texts
