# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter that judges how many StudyInstanceUIDs name more than one study."""

from __future__ import annotations

RESULT = {
    "id": "study-uids",
    "area": "Studies",
    "promise": "Every StudyInstanceUID is that of one study",
    "request": "psql, for UIDs that several studies have",
    "expected": "none",
}


def uid_results(answer):
    """What is to be known of it, naming nobody: neither a patient nor a study."""
    said = (answer.get("stdout") or "").strip()
    if answer.get("rc") != 0 or not said.isdigit():
        last = ((answer.get("stderr") or "").strip() or "nothing was answered").splitlines()[-1]
        return [RESULT | {"status": "failed", "got": f"the database did not say: {last}"}]
    if said == "0":
        return [RESULT | {"status": "passed", "got": "none"}]
    got = (
        f"{said}: links to these studies are refused until each UID is that of one study again;"
        " docs/troubleshooting.md says how to find them"
    )
    return [RESULT | {"status": "warned", "got": got}]


class FilterModule:
    def filters(self):
        return {"uid_results": uid_results}
