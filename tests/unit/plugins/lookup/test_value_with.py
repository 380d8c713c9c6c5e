# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible.errors import AnsibleError
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar, trust_as_template
from ansible_collections.threedpc.pacs.plugins.lookup import value_with


def value(term, variables, **others):
    variables = {key: trust_as_template(text) for key, text in variables.items()}
    lookup = value_with.LookupModule(loader=DataLoader(), templar=Templar(variables=variables))
    return lookup.run([term], variables, **others)


def test_a_variable_follows_the_ones_that_are_given():
    variables = {"files": "{{ [folder ~ '/a'] }}", "folder": "/etc/{{ name }}", "name": "nobody"}
    assert value("files", variables, name="staff") == [["/etc/staff/a"]]
    assert value("files", variables, name="shares") == [["/etc/shares/a"]]
    assert value("files", variables) == [["/etc/nobody/a"]]


def test_a_variable_that_is_not_there_is_named():
    with pytest.raises(AnsibleError, match="there is no variable files"):
        value("files", {})
