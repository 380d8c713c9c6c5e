# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether the archive's list of modalities is the inventory's."""

from __future__ import annotations

from ansible_collections.threedpc.pacs.plugins.plugin_utils.verify_results.result import Answer, Result

RESULT = Result(
    id="modalities",
    area="DICOM",
    promise="The archive knows the modalities of the inventory and no others",
    request="GET /modalities",
    expected="no drift",
    got="no drift",
    status="passed",
)

# What `orthanc_modality` would do, and what that says about the server.
DRIFT = {"added": "the server lacks", "updated": "the server has other settings of", "removed": "nobody listed"}


def results(answer: Answer) -> list[Result]:
    """From the answer of `orthanc_modality` in check mode."""
    drift = [f"{word} {', '.join(answer[key])}" for key, word in DRIFT.items() if answer.get(key)]
    if answer.get("msg"):
        return [RESULT | {"status": "failed", "got": answer["msg"]}]
    if drift:
        return [RESULT | {"status": "failed", "got": "; ".join(drift) + ". site.yml puts it right."}]
    return [RESULT]
