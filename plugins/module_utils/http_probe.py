# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sends a request exactly as it is written, and reports what comes back, whatever it is.

The client of Orthanc's REST API treats a refusal as an error. Here it is an answer.
"""

from __future__ import annotations

import base64
import http.client
import json
import os
import socket
import ssl
import urllib.parse
from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.threedpc.pacs.plugins.module_utils import proxies
from ansible_collections.threedpc.pacs.plugins.module_utils.errors import PacsError

# An archive may be gigabytes long, and its beginning says enough.
BODY_LIMIT = 4 * 1024 * 1024


class ProbeError(Exception):
    """No answer: the sentence says why."""


class Answer:
    """What came back."""

    def __init__(
        self,
        status: int | None = None,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        certificate: dict[str, Any] | None = None,
    ) -> None:
        # None as status: the server closed the connection without an answer.
        self.status = status
        self.headers = {name.lower(): value for name, value in (headers or {}).items()}
        self.body = body
        self.certificate = certificate

    @property
    def mime(self) -> str:
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    @property
    def text(self) -> str:
        return self.body.decode("utf-8", "replace")

    def document(self) -> Any:
        """The JSON of the body, or None."""
        try:
            return json.loads(self.text)
        except ValueError:
            return None


def explain(error: Exception, timeout: float) -> str | None:
    """A sentence for an error below HTTP, or None if the server closed the connection on purpose."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the certificate is not trusted: {error.verify_message}"
    if isinstance(error, ssl.SSLError):
        return None if "EOF" in str(error) else "TLS failed: %s" % (error.reason or error)
    if isinstance(error, ConnectionRefusedError):
        return "the connection is refused"
    if isinstance(error, socket.gaierror):
        return f"the name does not resolve: {error.strerror}"
    if isinstance(error, (socket.timeout, TimeoutError)):
        return f"no answer within {timeout:g} seconds"
    if isinstance(error, (http.client.RemoteDisconnected, ConnectionError)):
        return None
    if isinstance(error, http.client.BadStatusLine):
        return "the answer is not HTTP"
    return "the connection failed: %s" % (str(error) or type(error).__name__)


class Probe:
    """Asks servers. Proxies, cookies and redirects are not followed, headers are sent as given."""

    def __init__(
        self,
        logins: Sequence[Mapping[str, str]] | None = None,
        ca_path: str | None = None,
        validate_certs: bool = True,
        timeout: float = 20.0,
    ) -> None:
        self.logins = {login.get("name") or login["username"]: login for login in logins or []}
        self.timeout = timeout
        self.validate_certs = validate_certs
        # A server that can't be reached is waited for once, not by every check.
        self.unreachable: dict[tuple[str, str | None, int | None], str] = {}
        if ca_path and not os.path.isfile(ca_path):
            raise PacsError(f"ca_path is not a file: {ca_path}")
        try:
            self.context = ssl.create_default_context(cafile=ca_path or None)
        except ssl.SSLError as error:
            raise PacsError(f"ca_path holds no certificate: {ca_path}: {error}") from error
        if not validate_certs:
            self.context.check_hostname = False
            self.context.verify_mode = ssl.CERT_NONE

    def ask(self, check: Mapping[str, Any]) -> Answer:
        if (check.get("expect") or {}).get("certificate"):
            return Answer(certificate=self.certificate(check["url"]))
        body = self._body(check)
        headers = {"User-Agent": "threedpc.pacs", "Accept": "*/*"}
        if check.get("json") is not None:
            headers["Content-Type"] = "application/json"
        headers.update(self._authorization(check))
        headers.update(check.get("headers") or {})
        return self.send(check.get("method") or "GET", check["url"], headers, body)

    def _authorization(self, check: Mapping[str, Any]) -> dict[str, str]:
        if check.get("token"):
            return {"Authorization": "Bearer " + check["token"]}
        if not check.get("login"):
            return {}
        try:
            login = self.logins[check["login"]]
        except KeyError:
            raise PacsError(
                "The check {} uses the login {}, which is not in logins".format(check["id"], check["login"])
            ) from None
        pair = "{}:{}".format(login["username"], login["password"])
        return {"Authorization": "Basic " + base64.b64encode(pair.encode("utf-8")).decode("ascii")}

    @staticmethod
    def _body(check: Mapping[str, Any]) -> bytes | None:
        if check.get("json") is not None:
            return json.dumps(check["json"]).encode("utf-8")
        if check.get("body_file"):
            try:
                with open(check["body_file"], "rb") as stream:
                    return stream.read()
            except OSError as error:
                raise ProbeError("{} can't be read: {}".format(check["body_file"], error.strerror)) from error
        return check["body"].encode("utf-8") if check.get("body") is not None else None

    def send(
        self, method: str, url: str, headers: Mapping[str, str] | None = None, body: bytes | None = None
    ) -> Answer:
        parts = urllib.parse.urlsplit(url)
        connection = self._connect(parts)
        try:
            target = (parts.path or "/") + ("?" + parts.query if parts.query else "")
            connection.request(method, target, body=body, headers=headers or {})
            response = connection.getresponse()
            data = response.read(BODY_LIMIT)
            return Answer(response.status, dict(response.getheaders()), data)
        except (OSError, http.client.HTTPException) as error:
            reason = explain(error, self.timeout)
            if reason is None:
                return Answer()
            raise ProbeError(reason) from error
        finally:
            connection.close()

    def certificate(self, url: str) -> dict[str, Any] | None:
        """What the server's certificate says, once it was found to be trusted and to name the host."""
        parts = urllib.parse.urlsplit(url)
        if parts.scheme != "https":
            return None
        connection = self._connect(parts)
        try:
            return connection.sock.getpeercert() if isinstance(connection.sock, ssl.SSLSocket) else None
        finally:
            connection.close()

    def _connect(self, parts: urllib.parse.SplitResult) -> http.client.HTTPConnection:
        where = (parts.scheme, parts.hostname, parts.port)
        if where in self.unreachable:
            raise ProbeError(self.unreachable[where])
        host = parts.hostname or ""
        connection: http.client.HTTPConnection
        if parts.scheme == "https":
            connection = http.client.HTTPSConnection(host, parts.port, timeout=self.timeout, context=self.context)
        else:
            connection = http.client.HTTPConnection(host, parts.port, timeout=self.timeout)
        try:
            connection.connect()
        except OSError as error:
            connection.close()
            reason = explain(error, self.timeout) or "the connection was closed at once"
            reason += proxies.unused(f"{parts.scheme}:")
            self.unreachable[where] = reason
            raise ProbeError(reason) from error
        return connection
