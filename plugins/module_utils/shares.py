# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ledger of the shares, asked through Orthanc's address as staff."""

from __future__ import annotations

import hashlib
import re
import urllib.parse
from typing import TYPE_CHECKING, Any

from ansible_collections.threedpc.pacs.plugins.module_utils.errors import PacsError

if TYPE_CHECKING:
    from ansible_collections.threedpc.pacs.plugins.module_utils.orthanc_client import OrthancClient

ORTHANC_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{8}){4}\Z")
STUDY_UID = re.compile(r"[0-9]+(\.[0-9]+)+\Z")


def token_digest(link: str) -> str:
    """What the ledger knows of a link: the SHA-256 of its token, so that the token is not sent again."""
    found = urllib.parse.parse_qs(urllib.parse.urlsplit(link).query).get("token") if "?" in link else [link]
    if not found or len(found) != 1 or not re.match(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+){2}\Z", found[0]):
        raise PacsError(
            "link must be a whole share link with its token: https://pacs.example.org/shares/open/?token=..."
        )
    return hashlib.sha256(found[0].encode("ascii")).hexdigest()


def read_ledger(client: OrthancClient, **filters: Any) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """The shares that the filters leave, and what the site allows."""
    query = urllib.parse.urlencode({name: value for name, value in filters.items() if value is not None})
    answer = client.get("/shares" + ("?" + query if query else ""))
    if not isinstance(answer, dict) or not isinstance(answer.get("shares"), list):
        raise PacsError("%s/shares is not the ledger of shares: is this a site with shares?" % client.root)
    return answer["shares"], answer.get("limits") or {}


def find_study(client: OrthancClient, study: str) -> tuple[str, str]:
    """StudyInstanceUID and Orthanc ID of a study that is named by either, if no other study has its UID."""
    if ORTHANC_ID.match(study):
        uid, orthanc_id = client.get("/studies/" + study)["MainDicomTags"]["StudyInstanceUID"], study
    elif STUDY_UID.match(study) and len(study) <= 64:
        uid, orthanc_id = study, None
    else:
        raise PacsError(
            "a study must be named by its StudyInstanceUID or its Orthanc ID, not by %r. A StudyInstanceUID has digits "
            "and dots, at most 64. A study whose UID breaks this rule can't be shared by a link: let Orthanc give it a "
            "new one (Modify) and share that" % study
        )
    found = client.request("POST", "/tools/find", {"Level": "Study", "Query": {"StudyInstanceUID": uid}, "Limit": 2})
    if not isinstance(found, list) or not found:
        raise PacsError("there is no study with the StudyInstanceUID %s" % uid)
    if len(found) > 1:
        raise PacsError(
            "there is more than one study with the StudyInstanceUID %s, of different PatientIDs, and a link would open "
            "both: delete the wrong one, or give one another UID by Modify or Anonymize without keeping its UIDs" % uid
        )
    return uid, orthanc_id or found[0]
