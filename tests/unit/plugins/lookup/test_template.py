# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import functools

import pytest
from ansible.errors import AnsibleError
from ansible.parsing.dataloader import DataLoader
from ansible.plugins.loader import lookup_loader
from ansible.template import Templar, trust_as_template
from ansible_collections.threedpc.pacs.plugins.lookup import template

PAGE = """\
{% macro line(text) %}
{{ text }};
{% endmacro %}
# {{ name }}
{% for entry in entries %}
  {{ line(entry) }}
{%- endfor %}
{% include 'part.j2' %}
last "\\n" $HOME
"""


@pytest.fixture
def fill(tmp_path):
    (tmp_path / "templates").mkdir()

    def lookup(term, plugin=template.LookupModule, **variables):
        variables = {key: trust_as_template(value) for key, value in variables.items()}
        variables |= {"ansible_search_path": [str(tmp_path)]}
        loader = DataLoader()
        return plugin(loader=loader, templar=Templar(loader=loader, variables=variables)).run([term], variables)

    return lookup


def test_it_says_what_ansibles_own_says(fill, tmp_path):
    (tmp_path / "templates" / "page.j2").write_text(PAGE)
    (tmp_path / "templates" / "part.j2").write_text("part of {{ name }}\n")
    variables = {"name": "{{ first }} ü", "first": "Clinic", "entries": "{{ ['a', first] }}"}
    [text] = fill("page.j2", **variables)
    assert "# Clinic ü\n" in text
    assert text.endswith('part of Clinic ülast "\\n" $HOME\n')
    assert [text] == fill("page.j2", functools.partial(lookup_loader.get, "template"), **variables)
    assert [text] == fill(str(tmp_path / "templates" / "page.j2"), **variables)


def test_a_template_that_is_not_there_is_named(fill):
    with pytest.raises(AnsibleError, match="there is no template nothing.j2"):
        fill("nothing.j2")


def test_a_variable_that_is_not_there_is_named(fill, tmp_path):
    (tmp_path / "templates" / "page.j2").write_text("{{ nobody }}")
    with pytest.raises(AnsibleError, match="'nobody' is undefined"):
        fill("page.j2")
