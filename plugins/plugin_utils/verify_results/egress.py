# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether the containers reach anything outside their own network."""

from __future__ import annotations

import json
from collections.abc import Sequence

from ansible_collections.threedpc.pacs.plugins.plugin_utils.verify_results.result import Answer, Result

RESULT = Result(
    id="egress",
    area="Server",
    promise="The containers reach what the site lists and nothing else",
    request="a connection from each container to the server itself",
    expected="no answer",
    got="no answer",
    status="passed",
)


def results(answer: Answer, services: Sequence[str], firewall_enabled: bool) -> list[Result]:
    """From what each container saw of the server itself, as `egress.py` says it."""
    if not firewall_enabled:
        got = "pacs_firewall_enabled is false, so they reach whatever this server reaches"
        return [RESULT | {"status": "warned", "got": got}]
    try:
        seen = json.loads(answer.get("stdout") or "{}")
    except ValueError:
        seen = {}
    out = [service for service in services if seen.get(service) != "silent"]
    if not out:
        return [RESULT]
    got = f"{', '.join(out)}: it gets out, or could not be tried. site.yml puts it right."
    return [RESULT | {"status": "failed", "got": got}]
