# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What people type behind -e is read as it was meant, or said before anything happens."""

from __future__ import annotations

import pathlib

import pytest
from ansible.template import trust_as_template
from ansible_collections.threedpc.pacs.plugins.plugin_utils.contract.command_line import command_line_problems
from ansible_collections.threedpc.pacs.plugins.plugin_utils.contract.declared import declared

ROLES = declared(pathlib.Path(__file__).resolve().parents[5] / "roles")


def problems(texts, *entry_points, others=()):
    # As Ansible hands them on.
    return command_line_problems(ROLES, map(trust_as_template, texts), entry_points, others)


@pytest.mark.parametrize(
    "text",
    [
        "share_study=2026-0815",
        "share_days=7 share_study=1.2.3",
        "share_recipient='Left mandible'",
        'share_recipient="Left mandible"',
        '{"share_recipient": "Left mandible"}',
        "@anything",
        "pacs_http_port=8080",
        "verify_send=true",
        "ansible_user=root",
        "share_study='A\"B'",
    ],
)
def test_what_is_clear_is_taken(text):
    assert problems([text], "gate.share") == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("share_recipient=Left mandible", "cuts its value at a space"),
        ("share_recipient=Dr. Example", "cuts its value at a space"),
        ("share_study=1.2.3 7", "cuts its value at a space"),
        ("share_recipent=x", "did you mean share_recipient?"),
        ("recipient=x", "did you mean share_recipient?"),
        ('{"share_recipent": "x"}', "did you mean share_recipient?"),
        ("expires=7", "only share_action, share_study, share_days,"),
        ("backup_repositry=x", "did you mean pacs_backup_repository?"),
        ("pacs_base_url=x", "is derived from other variables and can't be set"),
        ("restore_snapshot=1a2b", "another playbook reads it, this one does not"),
        ("share_recipient='Left mandible", "a quote in its value is open"),
    ],
)
def test_what_would_be_lost_is_said(text, words):
    (sentence,) = problems(["share_study=1", text], "gate.share")
    assert words in sentence


@pytest.mark.parametrize("text", ["restor_snapshot=1a2b", "restore_snaphot=1a2b", '{"restor_snapshot": "1a2b"}'])
def test_another_backup_than_the_newest_is_not_mistyped(text):
    (sentence,) = problems([text], "backup.restore", "backup.study")
    assert sentence.endswith("did you mean restore_snapshot?")


def test_a_playbook_without_arguments_takes_what_an_inventory_has():
    assert problems(["pacs_domain=x verify_parallel=1"]) == []
    (sentence,) = problems(["ward=7"])
    assert "only those of an inventory. If your inventory reads it, add it to pacs_other_variables" in sentence
    assert problems(["ward=7"], others=["ward"]) == problems(["ward=7"], others=["w*"]) == []


def test_a_secret_is_not_repeated():
    for text in ("pacs_database_password=hide hide", "pacs_database_password='hide", "x=hide hide"):
        (sentence,) = problems([text])
        assert "hide" not in sentence
