# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One DICOM request, what came of it, and whether that was what it should come to."""

from __future__ import annotations

import time
from typing import Any

from ansible_collections.threedpc.pacs.plugins.module_utils.dicom_association import Association
from ansible_collections.threedpc.pacs.plugins.module_utils.dicom_connection import AssociationFailed

try:
    from pydicom.dataset import Dataset
except ImportError:
    # require_pynetdicom tells.
    pass

ABSTRACT_SYNTAXES = {
    "echo": "1.2.840.10008.1.1",
    "find": "1.2.840.10008.5.1.4.1.2.2.1",
    "move": "1.2.840.10008.5.1.4.1.2.2.2",
}
REFUSALS = ["rejected", "context_rejected", "aborted"]
OUTCOMES = REFUSALS + ["connection_refused", "timeout", "unreachable", "closed", "tls_failed", "failed_status"]
# A study that nobody has: below the root of UUIDs, which no device uses with the number 0.
NO_STUDY = "2.25.0"


def _ask(association: Association, kind: str, params: dict[str, Any]) -> tuple[int, float]:
    """The status of the answer and the milliseconds it took."""
    if kind == "echo":
        return association.echo()
    query = Dataset()
    query.QueryRetrieveLevel, query.StudyInstanceUID = "STUDY", NO_STUDY
    start = time.monotonic()
    status = association.last_status(kind, query, ABSTRACT_SYNTAXES[kind], params["calling_aet"])
    return status, (time.monotonic() - start) * 1000


def request(params: dict[str, Any], kind: str = "echo") -> dict[str, Any]:
    """What happened, as the modules return it."""
    answer: dict[str, Any] = dict(result=None, source=None, reason=None, status=None)
    name = "C-" + kind.upper()
    try:
        with Association(params, [(ABSTRACT_SYNTAXES[kind], None)]) as association:
            answer["association_ms"] = round(association.milliseconds, 1)
            status, milliseconds = _ask(association, kind, params)
            answer["status"] = "0x%04X" % status
            answer["round_trip_ms"] = round(milliseconds, 1)
    except AssociationFailed as failure:
        answer.update(failure.details, outcome=failure.outcome, message=failure.message)
        return answer
    if status == 0x0000:
        answer.update(outcome="accepted", message="the %s is answered in %.1f ms" % (name, milliseconds))
    else:
        answer.update(outcome="failed_status", message="the %s is answered with status 0x%04X" % (name, status))
    return answer


def disappointment(answer: dict[str, Any], params: dict[str, Any]) -> str | None:
    """Why the answer is not what was expected, or None."""
    if params["expect"] == "accepted":
        return None if answer["outcome"] == "accepted" else answer["message"]
    if answer["outcome"] == "accepted":
        return "it should be refused, but %s" % answer["message"]
    if answer["outcome"] not in params["expect_outcomes"]:
        return "it should be refused (%s), but the outcome is %s: %s" % (
            ", ".join(params["expect_outcomes"]),
            answer["outcome"],
            answer["message"],
        )
    if params["expect_reason"] and answer["reason"] != params["expect_reason"]:
        return "it should be refused for %s, but the reason is %s: %s" % (
            params["expect_reason"],
            answer["reason"],
            answer["message"],
        )
    return None
