# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Secrets and files of the service."""

import json
import logging
import os
import re
import sys
from pathlib import Path

from models import Profile, Roles

log = logging.getLogger(__name__)
SECRETS = Path("/run/secrets")


def setting(name):
    """A secret's file wins over the environment; None if there is neither."""
    path = SECRETS / name
    if path.is_file():
        return path.read_text().strip()
    return os.environ.get(name)


def required(name):
    value = setting(name)
    if value is None:
        log.error("Secret '%s' is not defined, can not start without it", name)
        sys.exit(-1)
    return value


def with_comments(path):
    """JSON with // and /* */ between its values."""
    parts = re.compile(r'"(?:\\.|[^"\\])*"|//[^\n]*|/\*.*?\*/', re.DOTALL)
    text = parts.sub(lambda found: " " if found[0].startswith("/") else found[0], Path(path).read_text())
    return json.loads(text)


def users():
    """Who may call the service: from the environment only, unlike everything else."""
    known = json.loads(os.environ.get("USERS", "null"))
    if not known:
        log.error("USERS env var is not defined, can not start without it")
        sys.exit(-1)
    return known


def roles():
    path = os.environ.get("PERMISSIONS_FILE_PATH", "/orthanc_auth_service/permissions.json")
    try:
        return Roles.model_validate(with_comments(path))
    except Exception:
        log.exception("Unable to get roles and permissions from %s, exiting", path)
        sys.exit(-1)


def anonymous_profile():
    path = os.environ.get("ANONYMOUS_PROFILE_FILE_PATH", "/orthanc_auth_service/anonymous-profile.json")
    try:
        return Profile.model_validate(with_comments(path))
    except Exception:
        log.exception("Unable to get the anonymous profile from %s: anonymous users may do nothing", path)
        return Profile(name="Anonymous", validity=60, groups=[])
