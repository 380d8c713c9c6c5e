# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One value of a file changes, and no other character of it."""

from __future__ import annotations

import pytest
from ansible_collections.threedpc.pacs.plugins.plugin_utils import vault_text

NEW = "new \"value\" \\ 'x' $HOME {{ y }} ✓ # no comment"
TEXT = """\
---
# Users.
pacs_staff_users:
  anna: old   # the head
  'otto': "pa$$\\"word"  # a quoted name
  "eva:b": 'it''s'
flow: {anna: old, otto: [1, 2]}   # flow
plain: old # comment
empty:
folded: >-
  two
  lines

# about the next one
block: |
  text
list:
  - key: a   # first
    until: b
# after the list
last: !unsafe "{{ old }}"
"""
NEXT = {
    ("pacs_staff_users", "anna"): ("anna: old ", "anna: {} "),
    ("pacs_staff_users", "otto"): ("""'otto': "pa$$\\"word" """, "'otto': {} "),
    ("pacs_staff_users", "eva:b"): ("'it''s'", "{}"),
    ("flow", "anna"): ("{anna: old,", "{anna: NEW,"),
    ("plain",): ("plain: old #", "plain: {} #"),
    ("folded",): (">-\n  two\n  lines\n\n#", "{}\n\n#"),
    ("block",): ("|\n  text\n", "{}\n"),
    ("list",): ("list:\n  - key: a   # first\n    until: b\n# after", "list: {}\n# after"),
    ("last",): ('!unsafe "{{ old }}"', "{}"),
}


@pytest.mark.parametrize("path", NEXT, ids="-".join)
def test_nothing_else_changes(path):
    old, new = NEXT[path]
    written = '"new \\"value\\" \\\\ \'x\' $HOME {{ y }} ✓ # no comment"'
    expected = TEXT.replace(old, new.replace("NEW", "{}").replace("{}", written))
    assert expected != TEXT
    after = vault_text.changed(TEXT, path, NEW)
    assert after == expected
    assert vault_text.get(vault_text.load(after), path) == NEW


def test_a_new_variable_comes_last():
    assert vault_text.changed("a: 1 # x\n\n", ["b"], [{"key": "k"}]) == 'a: 1 # x\n\nb: [{"key": "k"}]\n'
    assert vault_text.changed("a: 1", ["b"], []) == "a: 1\n\nb: []\n"


def test_a_value_without_text_is_filled():
    assert vault_text.load(vault_text.changed(TEXT, ["empty"], "x")) == vault_text.load(TEXT) | {"empty": "x"}


@pytest.mark.parametrize(
    "text",
    [
        "a: &x old\nb: *x\n",
        "a: old\na: older\n",
        "a: old\n...\n---\n",
    ],
)
def test_what_would_change_something_else_is_refused(text):
    with pytest.raises(vault_text.CannotEdit) as refused:
        vault_text.changed(text, ["a"], NEW)
    assert "old" not in str(refused.value)


@pytest.mark.parametrize(
    ("text", "path", "sentence"),
    [
        ("a: {b: 1}", ["a", "c"], "has no a: c"),
        ("a: 1", ["b", "c"], "has no b"),
        ("a: 1", ["a", "c"], "has no a: c"),
        ("- a", ["a"], "holds no variables"),
        ("", ["a"], "holds no variables"),
        ("a: 'secret\n", ["a"], "is no YAML"),
    ],
)
def test_the_reason_is_a_sentence_without_a_value(text, path, sentence):
    with pytest.raises(vault_text.CannotEdit, match=sentence) as refused:
        vault_text.get(vault_text.load(text), path)
    assert "secret" not in str(refused.value)
