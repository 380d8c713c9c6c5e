# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tokens as the auth service signs them."""

from __future__ import annotations

from ansible.errors import AnsibleError


def signed_share_token(key: str, uid: str) -> str:
    """A token that opens a study, which need not be there. No ledger knows it."""
    # Here, because only sites with shares need it.
    try:
        import jwt
    except ImportError as error:
        raise AnsibleError(
            "The proof of a site with shares needs the Python package pyjwt: pip install -r requirements.txt brings it."
        ) from error
    resource = {"dicom_uid": uid, "orthanc_id": None, "url": None, "level": "study"}
    payload = {"id": "verify", "resources": [resource], "type": "ohif-viewer-publication", "expiration_date": None}
    return jwt.encode(payload, key, algorithm="HS256")
