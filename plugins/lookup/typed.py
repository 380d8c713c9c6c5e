# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lookup that says what was typed behind -e and would be lost without a word."""

from __future__ import annotations

import yaml
from ansible import context
from ansible.errors import AnsibleError
from ansible.parsing.splitter import parse_kv
from ansible.plugins.lookup import LookupBase
from ansible_collections.threedpc.pacs.plugins.plugin_utils.site_types import nearest, show

# What Ansible and the roles read; the contract judges the last.
OTHERS = (
    "ansible_", "auth_", "backup_", "database_", "firewall_", "gate_", "host_", "orthanc_", "pacs_", "proxy_", "stack_",
    "tls_", "upgrade_", "verify_",
)  # fmt: skip


def problems(typed, words):
    """Sentences on what stands behind -e: values that are cut at a space, and words that nobody reads."""
    for text in typed:
        if text.startswith("@"):
            # A file may hold what the inventory needs.
            continue
        if text.lstrip().startswith(("{", "[")):
            given = yaml.safe_load(text)
        else:
            # Never the value, which may be a secret.
            name = show(text.partition("=")[0])
            try:
                given = dict(parse_kv(text))
            except AnsibleError:
                yield f'-e {name}: a quote in its value is open; write it as JSON, such as -e \'{{"name": "value"}}\'.'
                continue
            if given.pop("_raw_params", None):
                yield (
                    f"-e {name}: Ansible cuts its value at a space; put quotes around it as well, as in"
                    " -e \"title='A B'\"."
                )
        for name in given if isinstance(given, dict) and words else ():
            if name not in words and not str(name).startswith(OTHERS):
                meant = nearest(name, words) or f"; there are {', '.join(words)}."
                yield f"-e {show(str(name))}: this playbook knows no such word{meant}"


class LookupModule(LookupBase):
    """Says what nobody would read."""

    def run(self, terms, variables=None, **kwargs):
        return list(problems(context.CLIARGS.get("extra_vars") or (), list(terms)))
