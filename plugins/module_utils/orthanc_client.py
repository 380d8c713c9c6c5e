# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One client for Orthanc's REST API."""

from __future__ import annotations

import http.client
import json
import os
import re
import socket
import ssl
import time
import urllib.error
import urllib.parse
from collections.abc import Callable
from typing import Any, BinaryIO

from ansible.module_utils.urls import ConnectionError as UrlsConnectionError
from ansible.module_utils.urls import SSLValidationError, basic_auth_header, open_url
from ansible_collections.threedpc.pacs.plugins.module_utils import proxies
from ansible_collections.threedpc.pacs.plugins.module_utils.errors import PacsError

# An answer of Orthanc that is longer than this is no error message.
MESSAGE_LENGTH = 300

# Bytes in a second that a file is sent and stored at, at the least.
SLOWEST = 2_000_000

ADVICE = {
    400: "Orthanc did not understand the request",
    401: "check url_username and url_password",
    403: "the user is known but lacks the permission, or a proxy in front of Orthanc refuses the path",
    404: "check the path prefix in the URL, such as /orthanc, and that the plugin which serves it is loaded",
    405: "this instance does not allow the method; a read-only instance removes those that write",
    500: "look in the log of Orthanc",
    502: "the proxy answers but Orthanc behind it does not; look whether Orthanc runs",
    503: "the proxy answers but Orthanc behind it does not; look whether Orthanc runs",
    504: "the proxy answers but Orthanc behind it took too long",
}


def orthanc_argument_spec() -> dict[str, dict[str, Any]]:
    return dict(
        url=dict(type="str", required=True),
        url_username=dict(type="str"),
        url_password=dict(type="str", no_log=True),
        ca_path=dict(type="path"),
        validate_certs=dict(type="bool", default=True),
        timeout=dict(type="float", default=10.0),
        retries=dict(type="int", default=2),
    )


def public_url(url: str) -> str:
    """The URL without what may be secret: user information and query."""
    parts = urllib.parse.urlsplit(url)
    return urllib.parse.urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def check_url(url: str) -> str:
    """The root of the API, without a slash at its end, or an error that says what is wrong with it."""
    try:
        parts = urllib.parse.urlsplit(url)
        # Reading it is what checks it.
        port = parts.port
    except ValueError as error:
        raise PacsError("url is not a URL: %s" % error) from None
    if "@" in parts.netloc:
        raise PacsError("url of %s holds a user name: give url_username and url_password instead" % parts.hostname)
    if parts.scheme not in ("http", "https") or not parts.hostname or port == 0:
        raise PacsError("url must look like https://pacs.example.org/orthanc, not like %r" % public_url(url))
    if parts.query or parts.fragment:
        raise PacsError("url must end with the path of the API, without a query or fragment: %s" % public_url(url))
    return url.rstrip("/")


def server_message(body: bytes) -> str:
    """What the server itself says, from Orthanc's JSON or from whatever a proxy answers."""
    text = body.decode("utf-8", "replace").strip()
    try:
        answer = json.loads(text)
    except ValueError:
        answer = None
    if isinstance(answer, dict):
        said = []
        for key in ("Message", "Details", "OrthancError"):
            if isinstance(answer.get(key), str) and answer[key] and answer[key] not in said:
                said.append(answer[key])
        if said:
            return ": ".join(said)
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", text)).strip()[:MESSAGE_LENGTH]


def connection_advice(error: BaseException) -> tuple[str, bool]:
    """A sentence for an error below HTTP, and whether trying again may help."""
    reason = error
    while isinstance(inner := getattr(reason, "reason", None), BaseException):
        reason = inner
    if isinstance(reason, (ssl.SSLCertVerificationError, SSLValidationError)):
        return "the certificate is not trusted (%s): give ca_path if the site has its own CA" % reason, False
    if isinstance(reason, ssl.SSLError):
        return "TLS failed (%s): does this port speak HTTPS?" % reason, False
    if isinstance(reason, socket.gaierror):
        return "the name does not resolve (%s)" % reason, True
    if isinstance(reason, ConnectionRefusedError):
        return "the connection is refused: is the server up and the port right?", True
    if isinstance(reason, (socket.timeout, TimeoutError)):
        return "no answer in time: is the server reachable, is a firewall in between?", True
    if isinstance(reason, http.client.BadStatusLine) and not isinstance(reason, ConnectionResetError):
        return "the answer is not HTTP: does this port speak HTTPS, or something else?", False
    return "the connection failed (%s)" % (str(reason) or type(reason).__name__), True


class OrthancClient:
    """Asks Orthanc, and turns whatever goes wrong into one sentence."""

    def __init__(self, params: dict[str, Any], sleep: Callable[[float], None] = time.sleep) -> None:
        self.root = check_url(params["url"])
        self.username = params.get("url_username")
        self.password = params.get("url_password")
        self.ca_path = params.get("ca_path")
        self.validate_certs = params.get("validate_certs", True)
        self.timeout = params.get("timeout", 10.0)
        self.retries = params.get("retries", 2)
        self.sleep = sleep
        if (self.username is None) != (self.password is None):
            raise PacsError("url_username and url_password belong together: one of them is missing")
        if self.username is not None and ":" in self.username:
            raise PacsError("url_username must not hold a colon: basic authentication can't carry it")
        if self.ca_path and not os.path.isfile(self.ca_path):
            raise PacsError("ca_path is not a file: %s" % self.ca_path)
        if self.timeout <= 0:
            raise PacsError("timeout must be more than 0 seconds, not %s" % self.timeout)
        if self.retries < 0:
            raise PacsError("retries must be 0 or more, not %s" % self.retries)

    def get(self, path: str) -> Any:
        return self.request("GET", path)

    def request(self, method: str, path: str, data: Any = None) -> Any:
        """The decoded JSON of the answer, or None if it is empty."""
        url = self.root + path
        body = self._open(method, url, None if data is None else json.dumps(data).encode("utf-8"))
        return self._decoded(method, url, body)

    def _decoded(self, method: str, url: str, body: bytes) -> Any:
        if not body.strip():
            return None
        try:
            return json.loads(body.decode("utf-8"))
        except ValueError:
            raise self._error(
                method, url, "the answer is not JSON: does the URL lead to Orthanc's REST API?", server_message(body)
            ) from None

    def post_file(self, path: str, name: str) -> Any:
        """Send a file as it is, without having all of it in memory; the decoded JSON of the answer."""
        url = self.root + path
        size = os.path.getsize(name)
        # Large instances keep Orthanc busy for seconds before it answers.
        timeout = self.timeout + size / SLOWEST
        with open(name, "rb") as stream:
            headers = {"Content-Type": "application/dicom", "Content-Length": str(size)}
            body = self._open("POST", url, stream, headers, timeout)
        return self._decoded("POST", url, body)

    def _open(
        self,
        method: str,
        url: str,
        data: bytes | BinaryIO | None,
        headers: dict[str, str] | None = None,
        timeout: float | None = None,
    ) -> bytes:
        attempt = 0
        while True:
            if data is not None and not isinstance(data, bytes):
                data.seek(0)
            try:
                return self._open_once(method, url, data, headers, timeout)
            except urllib.error.HTTPError as error:
                raise self._http_error(method, url, error) from None
            except (OSError, http.client.HTTPException, UrlsConnectionError) as error:
                advice, again = connection_advice(error)
                if not again or attempt >= self.retries:
                    tried = "" if attempt == 0 else " (tried %d times)" % (attempt + 1)
                    raise self._error(method, url, advice + tried + proxies.unused(url)) from None
            attempt += 1
            self.sleep(min(2 ** (attempt - 1), 5))

    def _open_once(
        self, method: str, url: str, data: bytes | BinaryIO | None, extra: dict[str, str] | None, timeout: float | None
    ) -> bytes:
        headers = {"Accept": "application/json"}
        if data is not None:
            headers["Content-Type"] = "application/json"
        headers.update(extra or {})
        if self.username is not None:
            headers["Authorization"] = basic_auth_header(self.username, self.password)
        # Redirects are not followed: the credentials would go wherever the answer points.
        response = open_url(
            url,
            method=method,
            data=data,
            headers=headers,
            timeout=timeout or self.timeout,
            # Without TLS there is nothing to check, and reading the machine's CAs takes longer than the request.
            validate_certs=self.validate_certs and not url.lower().startswith("http:"),
            ca_path=self.ca_path,
            follow_redirects="none",
            use_netrc=False,
            # The site is reached directly, as by DICOM: a proxy would get the password, or has no way to it.
            use_proxy=False,
            http_agent="threedpc.pacs",
        )
        with response:
            return response.read()

    def _http_error(self, method: str, url: str, error: urllib.error.HTTPError) -> PacsError:
        try:
            body = error.read()
        except (OSError, http.client.HTTPException, AttributeError):
            body = b""
        if 300 <= error.code < 400:
            target = self._scrub(public_url(error.headers.get("Location", "nowhere")))
            advice = "it redirects to %s: use that as url" % target
        else:
            advice = ADVICE.get(error.code, "")
        return self._error(method, url, advice, server_message(body), error.code)

    def _scrub(self, text: str) -> str:
        """A server may echo what it was sent."""
        if self.password:
            header = basic_auth_header(self.username, self.password).decode()
            for secret in (self.password, header.rpartition(" ")[2]):
                text = text.replace(secret, "********")
        return text

    def _error(self, method: str, url: str, advice: str, said: str = "", status: int | None = None) -> PacsError:
        said = self._scrub(said)
        message = "%s %s" % (method, public_url(url))
        if status is not None:
            message += " answers %d" % status
        for part in (said, advice):
            if part:
                message += (": " if part is said else "; " if said else ": ") + part
        return PacsError(message, status=status, method=method, url=public_url(url), server_message=said)
