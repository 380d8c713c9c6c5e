# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""HTTP calls to the auth service; what it grants is remembered for as long as it says."""

import base64
import json
import threading
import time
import urllib.request

import labkit
import orthanc

TIMEOUT = 10
REMEMBERED = 10000
NOBODY = {"name": "", "permissions": [], "authorized-labels": [], "groups": []}


class Memory:
    """Values that are forgotten after a number of seconds."""

    def __init__(self, clock=time.monotonic):
        self.clock = clock
        self.values = {}
        self.lock = threading.Lock()

    def get(self, key):
        with self.lock:
            value, until = self.values.get(key, (None, 0))
            return value if self.clock() < until else None

    def set(self, key, value, seconds):
        if not seconds:
            return
        with self.lock:
            if len(self.values) >= REMEMBERED:
                self.values.clear()
            self.values[key] = (value, self.clock() + seconds)


def urls(settings):
    """One root names all routes and makes the single settings void."""
    root = labkit.text_setting(settings, "WebServiceRootUrl")
    if root:
        root = root.rstrip("/")
        return {
            "profile": f"{root}/user/get-profile",
            "validation": f"{root}/tokens/validate",
            "creation": f"{root}/tokens/",
            "decoder": f"{root}/tokens/decode",
        }
    return {
        "profile": labkit.text_setting(settings, "WebServiceUserProfileUrl"),
        "validation": labkit.text_setting(settings, "WebServiceTokenValidationUrl")
        or labkit.text_setting(settings, "WebService"),
        "creation": labkit.text_setting(settings, "WebServiceTokenCreationBaseUrl"),
        "decoder": labkit.text_setting(settings, "WebServiceTokenDecoderUrl"),
    }


class AuthService:
    def __init__(self, settings):
        named = urls(settings)
        self.profile_url = named["profile"]
        self.validation_url = named["validation"]
        self.creation_url = named["creation"]
        self.decoder_url = named["decoder"]
        self.identifier = labkit.text_setting(settings, "WebServiceIdentifier") or None
        user = labkit.text_setting(settings, "WebServiceUsername")
        password = labkit.text_setting(settings, "WebServicePassword")
        both = "WebServiceUsername" in settings and "WebServicePassword" in settings
        self.credentials = base64.b64encode(f"{user}:{password}".encode()).decode() if both else None
        self.opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        self.memory = Memory()

    def call(self, method, url, body, headers=None):
        # Sent in chunks and without Content-Length, as the plugin does: a service that reads that one sees nothing.
        chunks = iter([json.dumps(body).encode()])
        request = urllib.request.Request(url, chunks, {"Content-Type": "application/json"}, method=method)
        for name, value in (headers or {}).items():
            request.add_header(name, value)
        if self.credentials:
            request.add_header("Authorization", f"Basic {self.credentials}")
        with self.opener.open(request, timeout=TIMEOUT) as answer:
            return json.load(answer)

    def attempt(self, method, url, body):
        """None if the service can't be reached or refuses."""
        try:
            return self.call(method, url, body)
        except (OSError, ValueError) as error:
            orthanc.LogError(f"authorization: {method} {url}: {error}")
            return None

    def profile(self, key, value):
        """Who the caller is; nobody at all if the service doesn't answer.

        When what is remembered ends, every request that is in flight asks at once.
        """
        known = self.memory.get(("profile", key, value))
        if known is None:
            body = {"server-id": self.identifier}
            if key:
                body |= {"token-key": key, "token-value": value}
            known = self.attempt("POST", self.profile_url, body) or NOBODY
            self.memory.set(("profile", key, value), known, known.get("validity", 0))
        return known

    def grants(self, method, access, labels_of, key=None, value=None):
        remembered = ("grant", method, access.level, access.orthanc_id, key, value)
        granted = self.memory.get(remembered)
        if granted is None:
            answer = self.validate(method, access, labels_of(access), key, value)
            granted = answer["granted"] is True
            self.memory.set(remembered, granted, answer.get("validity", 0))
        return granted

    def validate(self, method, access, labels, key, value):
        body = {"method": method.lower(), "level": access.level, "server-id": self.identifier}
        if access.level == "system":
            body["uri"] = access.orthanc_id
        else:
            body |= {"orthanc-id": access.orthanc_id, "dicom-uid": access.dicom_uid}
        if labels:
            body["labels"] = sorted(labels)
        headers = {}
        if key is not None:
            body |= {"token-key": key, "token-value": value}
            if not (key.lower() == "authorization" and self.credentials):
                headers[key] = value
        return self.call("POST", self.validation_url, body, headers)

    def create_token(self, kind, asked):
        duration = asked.get("ValidityDuration")
        expiration = asked.get("ExpirationDate")
        if duration is None and not expiration:
            # Upstream sends whatever its memory holds then, and the service refuses it.
            return None
        names = {"dicom-uid": "DicomUid", "orthanc-id": "OrthancId", "url": "Url", "level": "Level"}
        resources = [
            {name: item[key] for name, key in names.items() if item.get(key)} for item in asked.get("Resources", [])
        ]
        body = {"type": kind, "resources": resources, "server-id": self.identifier}
        optional = {"id": asked.get("ID"), "expiration-date": expiration, "validity-duration": duration}
        body |= {name: value for name, value in optional.items() if value}
        return self.attempt("PUT", f"{self.creation_url.rstrip('/')}/{kind}", body)

    def decode_token(self, key, value):
        return self.attempt("POST", self.decoder_url, {"token-key": key, "token-value": value})

    def studies_of(self, tokens):
        """The studies that the first token with any was made for."""
        for token in tokens:
            decoded = self.decode_token(*token) or {}
            uids = {item["dicom-uid"] for item in decoded.get("resources", []) if item.get("dicom-uid")}
            if uids:
                return sorted(uids)
        return []
