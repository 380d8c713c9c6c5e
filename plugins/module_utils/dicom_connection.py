# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A connection to a DICOM server, and the exact reason when there is none, or no association over it."""

from __future__ import annotations

import contextlib
import os
import socket
import ssl
from collections.abc import Iterator
from typing import Any

from ansible_collections.threedpc.pacs.plugins.module_utils.errors import PacsError

# Result, source and reason of an A-ASSOCIATE-RJ as DICOM calls them (PS3.8, 9.3.4).
RESULTS = {1: "rejected-permanent", 2: "rejected-transient"}
SOURCES = {
    1: "DICOM UL service-user",
    2: "DICOM UL service-provider (ACSE related function)",
    3: "DICOM UL service-provider (Presentation related function)",
}
REASONS = {
    (1, 1): "no-reason-given",
    (1, 2): "application-context-name-not-supported",
    (1, 3): "calling-AE-title-not-recognized",
    (1, 7): "called-AE-title-not-recognized",
    (2, 1): "no-reason-given",
    (2, 2): "protocol-version-not-supported",
    (3, 1): "temporary-congestion",
    (3, 2): "local-limit-exceeded",
}
# Source and reason of an A-ABORT (PS3.8, 9.3.8). The reason means something for the second source only.
ABORT_SOURCES = {0: "DICOM UL service-user", 2: "DICOM UL service-provider"}
ABORT_REASONS = {
    0: "reason-not-specified",
    1: "unrecognized-PDU",
    2: "unexpected-PDU",
    4: "unrecognized-PDU-parameter",
    5: "unexpected-PDU-parameter",
    6: "invalid-PDU-parameter-value",
}
ADVICE = {
    "calling-AE-title-not-recognized": "the server does not know the caller, or not at this address",
    "called-AE-title-not-recognized": "the server has another AE title",
}
# The server has proven itself in the TLS handshake, and then does not take the client.
HUNG_UP = "closed-after-handshake"


class AssociationFailed(PacsError):
    """There is no association, or no longer one; C(outcome) is one word for why."""

    def __init__(self, outcome: str, message: str, **details: Any) -> None:
        self.outcome = outcome
        self.details = dict(result=None, source=None, reason=None)
        self.details.update(details)
        super().__init__(message, outcome=outcome, **self.details)


def rejection(result: int, source: int, reason: int) -> AssociationFailed:
    names = dict(
        result=RESULTS.get(result, "reserved (%s)" % result),
        source=SOURCES.get(source, "reserved (%s)" % source),
        reason=REASONS.get((source, reason), "reserved (%s)" % reason),
    )
    message = "the association is rejected: %(reason)s (%(result)s, by %(source)s)" % names
    if names["reason"] in ADVICE:
        message += "; " + ADVICE[names["reason"]]
    return AssociationFailed("rejected", message, **names)


def abort(source: int, reason: int) -> AssociationFailed:
    names = dict(
        source=ABORT_SOURCES.get(source, "reserved (%s)" % source),
        reason=ABORT_REASONS.get(reason, "reserved (%s)" % reason) if source == 2 else ABORT_REASONS[0],
    )
    return AssociationFailed("aborted", "the server aborts: %(reason)s (by %(source)s)" % names, **names)


def tls_context(params: dict[str, Any]) -> ssl.SSLContext | None:
    """The TLS settings of the association, or None where it is plain."""
    if not params.get("tls"):
        return None
    for name in ("tls_ca_path", "tls_cert_path", "tls_key_path"):
        if params.get(name) and not os.path.isfile(params[name]):
            raise PacsError("%s is not a file: %s" % (name, params[name]))
    if bool(params.get("tls_cert_path")) != bool(params.get("tls_key_path")):
        raise PacsError("tls_cert_path and tls_key_path belong together: one of them is missing")
    context = None
    try:
        context = ssl.create_default_context(cafile=params.get("tls_ca_path"))
    except (OSError, ValueError) as error:
        raise PacsError("tls_ca_path can't be read: %s" % error) from None
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.check_hostname = params.get("tls_check_hostname", True)
    if params.get("tls_cert_path"):
        try:
            # A password would be asked for on the terminal; there is nobody to answer.
            context.load_cert_chain(params["tls_cert_path"], params["tls_key_path"], password=lambda: b"")
        except (OSError, ValueError) as error:
            raise PacsError(
                "tls_cert_path and tls_key_path are no certificate and its unencrypted key: %s" % error
            ) from None
    return context


def connect(params: dict[str, Any], context: ssl.SSLContext | None) -> tuple[socket.socket, tuple[Any, ...]]:
    """A connected socket, through TLS if asked for, and the address it leads to.

    Every address of the host is tried before giving up.
    """
    host, port, timeout = params["host"], params["port"], params["timeout"]
    where, ours, target = "%s port %d" % (host, port), params.get("source_address"), (host, port)
    try:
        if ours:
            # Only an address of the same family can be reached from there.
            family = socket.AF_INET6 if ":" in ours else socket.AF_INET
            target = socket.getaddrinfo(host, port, family, socket.SOCK_STREAM)[0][4][:2]
        connection = socket.create_connection(target, timeout=timeout, source_address=(ours, 0) if ours else None)
    except socket.gaierror as error:
        way = "the name %s does not resolve%s" % (host, " to an address for %s" % ours if ours else "")
        raise AssociationFailed("unreachable", "%s: %s" % (way, error)) from None
    except ConnectionRefusedError:
        raise AssociationFailed("connection_refused", "nothing listens at %s, or a firewall says so" % where) from None
    except TimeoutError:
        raise AssociationFailed(
            "timeout", "no connection to %s within %g s; a firewall may drop it" % (where, timeout)
        ) from None
    except OSError as error:
        way = "%s can't be reached%s" % (where, " from %s" % ours if ours else "")
        raise AssociationFailed("unreachable", "%s: %s" % (way, error)) from None
    # A message is two small packets: the second would wait for the acknowledgment of the first.
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    try:
        peer = connection.getpeername()
        if context is None:
            return connection, peer
        return context.wrap_socket(connection, server_hostname=params.get("tls_server_name") or host), peer
    except TimeoutError:
        failure = AssociationFailed("timeout", "%s does not answer to TLS within %g s" % (where, timeout))
    except ssl.SSLCertVerificationError as error:
        failure = AssociationFailed(
            "tls_failed", "the certificate of %s is not trusted: %s" % (where, error.verify_message or error)
        )
    except (OSError, ValueError) as error:
        outcome, what = ("tls_failed", "TLS with") if context else ("closed", "the connection to")
        failure = AssociationFailed(outcome, "%s %s failed: %s" % (what, where, error))
    connection.close()
    raise failure


@contextlib.contextmanager
def half_association(params: dict[str, Any]) -> Iterator[None]:
    """A connection with the first bytes of a request for an association (PS3.8, 9.3.2), and no more."""
    connection, _peer = connect(params, tls_context(params))
    try:
        connection.sendall(b"\x01\x00\x00\x00\x10\x00")
        yield
    except OSError as error:
        raise AssociationFailed("closed", "half an association was closed at once: %s" % error) from None
    finally:
        connection.close()


def check_aet(name: str, value: str) -> str:
    """An AE title is 1 to 16 characters of ASCII without backslash and control characters (PS3.5, 6.2)."""
    if not 1 <= len(value.strip(" ")) <= 16:
        raise PacsError("%s must have 1 to 16 characters, not %d: %r" % (name, len(value.strip(" ")), value))
    if "\\" in value or not all(" " <= character <= "~" for character in value):
        raise PacsError("%s must be printable ASCII without a backslash: %r" % (name, value))
    return value.strip(" ")
