# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What people type behind -e is read as it was meant, or said before anything happens."""

from __future__ import annotations

import pytest
from ansible_collections.threedpc.pacs.plugins.lookup.typed import problems

WORDS = ["days", "recipient", "study", "title"]


@pytest.mark.parametrize(
    "text",
    [
        "study=2026-0815",
        "days=7 study=1.2.3",
        "title='Left mandible'",
        'title="Left mandible"',
        '{"title": "Left mandible"}',
        "@anything",
        "pacs_http_port=8080",
        "verify_send=true",
        "ansible_user=root",
        "study='A\"B'",
    ],
)
def test_what_is_clear_is_taken(text):
    assert not list(problems([text], WORDS))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("title=Left mandible", "cuts its value at a space"),
        ("recipient=Dr. Example", "cuts its value at a space"),
        ("study=1.2.3 7", "cuts its value at a space"),
        ("recipent=x", "did you mean recipient?"),
        ('{"recipent": "x"}', "did you mean recipient?"),
        ("expires=7", "there are days, recipient, study, title."),
        ("title='Left mandible", "a quote in its value is open"),
    ],
)
def test_what_would_be_lost_is_said(text, words):
    (sentence,) = problems(["study=1", text], WORDS)
    assert words in sentence


def test_without_words_only_what_is_cut_is_said():
    assert list(problems(["anything=1", "restore_over='Ward 7'"], [])) == []
    assert len(list(problems(["restore_over=Ward 7"], []))) == 1


def test_a_secret_is_not_repeated():
    for text in ("pacs_database_password=hide hide", "pacs_database_password='hide", "x=hide hide"):
        (sentence,) = problems([text], [])
        assert "hide" not in sentence
