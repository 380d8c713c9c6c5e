# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How many StudyInstanceUIDs name more than one study."""

from __future__ import annotations

from ansible_collections.threedpc.pacs.plugins.plugin_utils.verify_results.result import Answer, Result, last_words

RESULT = Result(
    id="study-uids",
    area="Studies",
    promise="Every StudyInstanceUID is that of one study",
    request="psql, for UIDs that several studies have",
    expected="none",
    got="none",
    status="passed",
)


def results(answer: Answer) -> list[Result]:
    """What is to be known of it, naming nobody: neither a patient nor a study."""
    number = str(answer.get("stdout") or "").strip()
    if answer.get("rc") != 0 or not number.isdigit():
        got = f"the database did not say: {last_words(answer, 'nothing was answered')}"
        return [RESULT | {"status": "failed", "got": got}]
    if number == "0":
        return [RESULT]
    got = (
        f"{number}: links to these studies are refused until each UID is that of one study again;"
        " docs/troubleshooting.md says how to find them"
    )
    return [RESULT | {"status": "warned", "got": got}]
