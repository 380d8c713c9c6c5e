# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is exchanged with Orthanc's authorization plugin."""

from datetime import datetime
from enum import StrEnum
from typing import Literal

from pydantic import BaseModel, ConfigDict


class TokenType(StrEnum):
    OSIMIS = "osimis-viewer-publication"
    MEDDREAM = "meddream-viewer-publication"
    STONE = "stone-viewer-publication"
    OHIF = "ohif-viewer-publication"
    VOLVIEW = "volview-viewer-publication"
    MEDDREAM_INSTANT = "meddream-instant-link"
    VIEWER_INSTANT = "viewer-instant-link"
    DOWNLOAD_INSTANT = "download-instant-link"
    INVALID = "invalid"


Level = Literal["patient", "study", "series", "instance", "system"]
Permission = Literal[
    "all",
    "view",
    "download",
    "delete",
    "send",
    "modify",
    "anonymize",
    "upload",
    "q-r-remote-modalities",
    "settings",
    "api-view",
    "edit-labels",
    "admin-permissions",
    "audit-logs",
    "worklists",
    "share",
]


def dashed(name):
    return name.replace("_", "-")


class Exchanged(BaseModel):
    """Names have dashes on the wire; a token's payload has underscores."""

    model_config = ConfigDict(alias_generator=dashed, populate_by_name=True)


class Resource(Exchanged):
    dicom_uid: str | None = None
    orthanc_id: str | None = None
    url: str | None = None
    level: Level


class Share(Exchanged):
    """What a token stands for."""

    id: str | None = None
    resources: list[Resource]
    type: TokenType = TokenType.INVALID
    expiration_date: datetime | None = None
    validity_duration: int | None = None


class CreatedToken(Exchanged):
    request: Share
    token: str
    url: str | None = None


class ValidationRequest(Exchanged):
    dicom_uid: str | None = None
    orthanc_id: str | None = None
    token_key: str | None = None
    token_value: str | None = None
    server_id: str | None = None
    level: Level | None
    method: Literal["get", "post", "put", "delete"]
    uri: str | None = None


class Validation(Exchanged):
    granted: bool
    validity: int


class DecoderRequest(Exchanged):
    token_key: str | None = None
    token_value: str | None = None


class DecodedToken(Exchanged):
    token_type: TokenType | None = None
    error_code: Literal["expired", "invalid", "unknown"] | None = None
    redirect_url: str | None = None
    resources: list[Resource] = []


class ProfileRequest(Exchanged):
    token_key: str | None = None
    token_value: str | None = None
    user_id: str | None = None
    server_id: str | None = None


class RolePermissions(Exchanged):
    authorized_labels: list[str] = []
    permissions: list[Permission] = []


class Profile(RolePermissions):
    name: str
    user_id: str | None = None
    validity: int
    groups: list[str] | None = None


class Roles(Exchanged):
    roles: dict[str, RolePermissions]
    available_labels: list[str] = []
