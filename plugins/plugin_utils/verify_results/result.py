# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a result is."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Required, TypedDict

from ansible_collections.threedpc.pacs.plugins.module_utils.http_judge import Status

# What a task of Ansible registered.
Answer = Mapping[str, Any]


class Result(TypedDict, total=False):
    """A promise, and whether it is kept."""

    area: Required[str]
    id: Required[str]
    promise: Required[str]
    request: Required[str]
    expected: Required[str]
    got: Required[str]
    status: Required[Status]
    seconds: float


def part_of_status(answer: Answer, name: str) -> tuple[Any, str]:
    """One part of the answer of `pacs status --json`, or None and why there is none."""
    try:
        found = json.loads(answer.get("stdout") or "")["result"][name]
    except (KeyError, TypeError, ValueError):
        return None, last_words(answer, "no answer")
    if isinstance(found, dict) and "error" in found:
        return None, str(found["error"])
    return found, ""


def last_words(answer: Answer, otherwise: str) -> str:
    """The last line of what went wrong."""
    return (str(answer.get("stderr") or answer.get("msg") or "").strip() or otherwise).splitlines()[-1]
