# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a check is: the arguments of C(http_expect) and C(dicom_expect), as types."""

from __future__ import annotations

from typing import Any, Required, TypedDict


class Expected(TypedDict, total=False):
    """What the answer to a request must be like."""

    status: list[int]
    or_closed: bool
    or_empty: bool
    headers: dict[str, str]
    contains: list[str]
    not_contains: list[str]
    json: dict[str, str]
    version: dict[str, str]
    links: str
    links_optional: bool
    page: bool
    certificate: dict[str, int]


class Captured(TypedDict, total=False):
    """A value of an answer that later checks use."""

    path: Required[str]
    secret: bool
    missing: str


class HttpCheck(TypedDict, total=False):
    """A request, and what must come of it."""

    id: Required[str]
    area: Required[str]
    promise: Required[str]
    url: Required[str]
    method: str
    headers: dict[str, str]
    body: str
    json: Any
    body_file: str
    login: str
    token: str
    delay: float
    after: list[str]
    attempt: bool
    not_checked: str
    capture: dict[str, Captured]
    expect: Expected


class DicomCheck(TypedDict, total=False):
    """An association, and what must come of it."""

    id: Required[str]
    area: Required[str]
    promise: Required[str]
    calling_aet: Required[str]
    called_aet: Required[str]
    port: Required[int]
    request: str
    source_address: str
    beside_half: bool
    tls: bool
    tls_cert_path: str
    expect: str
    expect_outcomes: list[str]
    expect_reason: str
    not_checked: str
