# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a site may say about its verification."""

from __future__ import annotations

import re
from typing import Any

from ..fields.network import machine_address
from ..fields.text import between, local_path, matching, optional, seconds
from ..fields.types import Problems

VERSION = r"[0-9]{1,4}(\.[0-9]{1,6}){0,3}"


def plugins(value: dict[Any, Any]) -> Problems:
    """Plugins and their oldest version."""
    for name, version in value.items():
        if not isinstance(name, str) or not isinstance(version, str):
            yield f"the version of {str(name)[:60]} must be text in quotes"
        elif version and not re.fullmatch(VERSION, version, re.ASCII):
            yield f"the version of {name[:60]} must be like '1.20', or empty"


def warns_before_it_fails(right: dict[str, Any]) -> Problems:
    for limit in ("certificate_{}_days", "space_{}_days", "space_{}_percent"):
        warn, fail = f"verify_{limit.format('warn')}", f"verify_{limit.format('fail')}"
        if warn in right and fail in right and right[warn] < right[fail]:
            yield f"{warn} is {right[warn]}; it must be at least {fail} ({right[fail]}), or the warning never comes"


RULES = {
    "verify_report_dir": local_path,
    "pacs_ca_path": optional(local_path),
    "verify_dicom_certificate": optional(local_path),
    "verify_outside_address": optional(machine_address),
    "verify_required_plugins": plugins,
    "verify_orthanc_version": matching(VERSION, "it must be a version such as '1.12.5'"),
    "verify_certificate_fail_days": between(0, 3650),
    "verify_certificate_warn_days": between(0, 3650),
    "verify_parallel": between(1, 256),
    "verify_timeout": seconds(0.1, 3600),
    "verify_space_fail_days": between(0, 3650),
    "verify_space_warn_days": between(0, 3650),
    "verify_space_fail_percent": between(0, 100),
    "verify_space_warn_percent": between(0, 100),
}
RELATIONS = (warns_before_it_fails,)
