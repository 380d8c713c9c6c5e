# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether Orthanc will run out of open files."""

from __future__ import annotations

from ansible_collections.threedpc.pacs.plugins.plugin_utils.verify_results.result import Answer, Result, part_of_status

RESULT = Result(
    id="open-files",
    area="Server",
    promise="Orthanc has open files left",
    request="pacs status",
    expected="at most half of its limit",
    got="",
    status="not checked",
)


def results(answer: Answer) -> list[Result]:
    """Orthanc 1.13 keeps the socket of each connection that ends without an association until it restarts."""
    found, reason = part_of_status(answer, "orthanc")
    if reason:
        return [RESULT | {"status": "failed", "got": reason}]
    if not found:
        return [RESULT | {"status": "not checked", "got": "Orthanc does not run"}]
    used = found["files"] / found["limit"]
    got = "{files} of {limit} open files, {sockets} of them sockets that Orthanc has left behind".format(**found)
    many = used > 0.5 or found["sockets"] > found["limit"] / 10
    if many:
        got += "; restart Orthanc when nobody sends: docker compose restart orthanc"
    return [RESULT | {"status": "failed" if used > 0.9 else "warned" if many else "passed", "got": got}]
