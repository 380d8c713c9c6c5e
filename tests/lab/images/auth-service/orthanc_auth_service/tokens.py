# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Share tokens: signed, expiring, and never revoked one by one."""

import logging
from datetime import UTC, datetime
from urllib.parse import urljoin

import jwt
from models import DecodedToken, Share, TokenType
from settings import required, setting

log = logging.getLogger(__name__)

# What the path of each viewer is below its public root.
VIEWERS = {
    TokenType.OHIF: "viewer?StudyInstanceUIDs={uids}&token={token}",
    TokenType.STONE: "stone-webviewer/index.html?study={uids}&selectedStudies={uids}&token={token}",
    TokenType.OSIMIS: "osimis-viewer/app/index.html?pickableStudyIds={ids}&selectedStudyIds={ids}&token={token}",
    TokenType.VOLVIEW: "volview/index.html?names=[archive.zip]&urls={archives}&token={token}",
}
OHIF_JSON = "viewer?url=../studies/{ids}/ohif-dicom-json&token={token}"
WITHOUT_URL = {TokenType.VIEWER_INSTANT, TokenType.DOWNLOAD_INSTANT}


class Disabled(Exception):
    """The service isn't configured for this type of token."""


class Tokens:
    def __init__(self):
        self.key = required("SECRET_KEY")
        self.orthanc_root = setting("PUBLIC_ORTHANC_ROOT")
        self.ohif_root = setting("PUBLIC_OHIF_ROOT")
        configured = self.orthanc_root is not None or self.ohif_root is not None
        # Without a public root, upstream reads neither of these.
        self.server_id = setting("SERVER_ID") if configured else None
        self.landing_root = setting("PUBLIC_LANDING_ROOT") if configured else None
        self.json_source = setting("OHIF_DATA_SOURCE") == "dicom-json"

    def create(self, share):
        """The token and its link; None as the link if the resources lack the identifiers it needs."""
        known = share.type in VIEWERS or share.type in WITHOUT_URL
        if not known or (share.type in VIEWERS and self.root(share.type) is None):
            raise Disabled(f"'{share.type}' are disabled")
        payload = share.model_dump(mode="python")
        expiration = payload["expiration_date"]
        payload["expiration_date"] = expiration.isoformat() if expiration else None
        token = jwt.encode(payload, self.key, algorithm="HS256")
        log.info("token: %s", token)
        return token, self.url(share, token)

    def root(self, kind):
        return self.ohif_root if kind == TokenType.OHIF else self.orthanc_root

    def read(self, token):
        return Share(**jwt.decode(token, self.key, algorithms=["HS256"]))

    def url(self, share, token, landing=True):
        if share.type in WITHOUT_URL:
            return None
        path = OHIF_JSON if share.type == TokenType.OHIF and self.json_source else VIEWERS[share.type]
        uids = [resource.dicom_uid for resource in share.resources]
        ids = [resource.orthanc_id for resource in share.resources]
        if None in (uids if "{uids}" in path else ids):
            log.error("Identifiers are missing for a link of type %s", share.type)
            return None
        if landing and self.landing_root is not None:
            return urljoin(self.landing_root, f"?token={token}")
        archives = ",".join(f"../studies/{identifier}/archive" for identifier in ids)
        names = {"uids": ",".join(filter(None, uids)), "ids": ",".join(filter(None, ids)), "archives": archives}
        return urljoin(self.root(share.type), path.format(token=token, **names))

    @staticmethod
    def expired(share):
        # The local clock is taken for UTC, as upstream does: a TZ other than UTC shifts every expiry.
        now = datetime.now().replace(tzinfo=UTC)
        return share.expiration_date is not None and now >= share.expiration_date

    def grants(self, token, asked):
        """The method is not looked at: who may read a study may do anything to it here."""
        if not asked.dicom_uid and not asked.orthanc_id:
            return False
        try:
            share = self.read(token)
        except (jwt.InvalidTokenError, TypeError, ValueError):
            log.warning("Token Validation: failed to decode token")
            return False
        granted = False
        for wanted, name in ((asked.dicom_uid, "dicom_uid"), (asked.orthanc_id, "orthanc_id")):
            named = [getattr(resource, name) for resource in share.resources]
            if wanted and None not in named:
                if wanted not in named:
                    return False
                granted = True
        if self.server_id and asked.server_id != self.server_id:
            log.warning("Token Validation: invalid server_id")
            return False
        return granted and not self.expired(share)

    def decode(self, token):
        log.info("Decode token: %s", token)
        token = token.removeprefix("Bearer ")
        decoded = DecodedToken()
        try:
            share = self.read(token)
            decoded.token_type = share.type
            if self.expired(share):
                decoded.error_code = "expired"
            elif share.type not in VIEWERS:
                # No viewer to go to.
                decoded.error_code = "unknown"
            else:
                log.warning("redirecting to viewer: %s", token)
                decoded.redirect_url = self.url(share, token, landing=False)
                decoded.resources = share.resources
        except jwt.InvalidTokenError:
            decoded.error_code = "invalid"
        except (TypeError, ValueError):
            # An expiration date without a time zone ends here: it can't be compared.
            log.exception("decode token")
            decoded.error_code = "unknown"
        return decoded
