# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""DICOM associations as a requestor, with the exact reason when there is none."""

from __future__ import annotations

import contextlib
import copy
import os
import socket
import ssl
import time
import traceback

from ansible.module_utils.basic import missing_required_lib
from ansible_collections.threedpc.pacs.plugins.module_utils.errors import PacsError

try:
    from pynetdicom import AE, _config, build_context, evt
    from pynetdicom.transport import AssociationSocket

    IMPORT_ERROR = None
except ImportError:
    AE = AssociationSocket = object
    IMPORT_ERROR = traceback.format_exc()

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
MAX_CONTEXTS = 128
# Type of a PDU.
A_ABORT = 0x07


class AssociationFailed(PacsError):
    """There is no association, or no longer one; C(outcome) is one word for why."""

    def __init__(self, outcome, message, **details):
        self.outcome = outcome
        self.details = dict(result=None, source=None, reason=None)
        self.details.update(details)
        super().__init__(message, outcome=outcome, **self.details)


def dicom_argument_spec():
    return dict(
        host=dict(type="str", required=True),
        port=dict(type="int", default=4242),
        calling_aet=dict(type="str", required=True),
        called_aet=dict(type="str", required=True),
        timeout=dict(type="float", default=10.0),
        tls=dict(type="bool", default=False),
        tls_ca_path=dict(type="path"),
        tls_cert_path=dict(type="path"),
        tls_key_path=dict(type="path", no_log=False),
        tls_check_hostname=dict(type="bool", default=True),
        tls_server_name=dict(type="str"),
    )


def require_pynetdicom(module):
    if IMPORT_ERROR:
        module.fail_json(msg=missing_required_lib("pynetdicom"), exception=IMPORT_ERROR)


def check_aet(name, value):
    """An AE title is 1 to 16 characters of ASCII without backslash and control characters (PS3.5, 6.2)."""
    if not 1 <= len(value.strip(" ")) <= 16:
        raise PacsError("%s must have 1 to 16 characters, not %d: %r" % (name, len(value.strip(" ")), value))
    if "\\" in value or not all(" " <= character <= "~" for character in value):
        raise PacsError("%s must be printable ASCII without a backslash: %r" % (name, value))
    return value.strip(" ")


def check_params(params):
    """Everything about the connection that can be known to be wrong without trying it."""
    for name in ("calling_aet", "called_aet"):
        check_aet(name, params[name])
    if not 1 <= params["port"] <= 65535:
        raise PacsError("port must be 1 to 65535, not %d" % params["port"])
    if params["timeout"] <= 0:
        raise PacsError("timeout must be more than 0 seconds, not %s" % params["timeout"])
    if not params["host"].strip():
        raise PacsError("host must not be empty")


def rejection(result, source, reason):
    names = dict(
        result=RESULTS.get(result, "reserved (%s)" % result),
        source=SOURCES.get(source, "reserved (%s)" % source),
        reason=REASONS.get((source, reason), "reserved (%s)" % reason),
    )
    message = "the association is rejected: %(reason)s (%(result)s, by %(source)s)" % names
    if names["reason"] in ADVICE:
        message += "; " + ADVICE[names["reason"]]
    return AssociationFailed("rejected", message, **names)


def abort(source, reason):
    names = dict(
        source=ABORT_SOURCES.get(source, "reserved (%s)" % source),
        reason=ABORT_REASONS.get(reason, "reserved (%s)" % reason) if source == 2 else ABORT_REASONS[0],
    )
    return AssociationFailed("aborted", "the server aborts: %(reason)s (by %(source)s)" % names, **names)


def tls_context(params):
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


def connect(params, context):
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
def half_association(params):
    """A connection with the first bytes of a request for an association (PS3.8, 9.3.2), and no more."""
    connection, _peer = connect(params, tls_context(params))
    try:
        connection.sendall(b"\x01\x00\x00\x00\x10\x00")
        yield
    except OSError as error:
        raise AssociationFailed("closed", "half an association was closed at once: %s" % error) from None
    finally:
        connection.close()


class DialedSocket(AssociationSocket):
    """A socket for pynetdicom that is connected already.

    pynetdicom connects by itself but logs the reason of a failure instead of handing it out,
    and reads without a time limit.
    """

    def __init__(self, association, connection):
        super().__init__(association, client_socket=connection)
        # The base class takes a connected socket for an incoming call. Nothing may be read from it before we have
        # asked for an association: what TLS sends on its own makes it look readable, and reading would block.
        self.event_queue.get(block=False)
        self._is_connected = False
        self._ready.clear()
        self.error = None
        self.ended = False
        self.received = False
        self.last_word = b""

    def connect(self, primitive):
        self._is_connected = True
        primitive.result = "Evt2"
        self.provider_queue.put(primitive)
        self._ready.set()

    def recv(self, nr_bytes):
        # A server that sends an answer in two small packets waits for the acknowledgment of the first,
        # which the kernel would hold back for 40 ms.
        if self.socket and hasattr(socket, "TCP_QUICKACK"):
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
        try:
            data = super().recv(nr_bytes)
        except OSError as error:
            self.error = self.error or error
            raise
        self.received = self.received or bool(data)
        self.ended = self.ended or len(data) < nr_bytes
        return data

    def send(self, bytestream):
        try:
            self.socket.sendall(bytestream)
        except OSError as error:
            self.error = self.error or error
            # A server that aborts while we send has said why; pynetdicom would not read it any more.
            try:
                self.socket.settimeout(0.5)
                self.last_word = self.socket.recv(10)
            except OSError:
                pass
            self.event_queue.put("Evt17")
        else:
            evt.trigger(self.assoc, evt.EVT_DATA_SENT, {"data": bytestream})


class DialedEntity(AE):
    """An application entity whose association uses a connection that stands."""

    connection = None
    dialed = None

    def _create_socket(self, assoc, address, tls_args):
        self.dialed = DialedSocket(assoc, self.connection)
        return self.dialed


class Association:
    """One association for use in a C(with) statement. Entering it connects; leaving it releases."""

    def __init__(self, params, contexts):
        """C(contexts) are pairs: the abstract syntax, and a list of transfer syntaxes or None for the usual."""
        check_params(params)
        self.params = params
        self.contexts = contexts
        self.entity = self.association = None
        self.pdus = {}
        self.milliseconds = None

    def __enter__(self):
        context = tls_context(self.params)
        start = time.monotonic()
        connection, peer = connect(self.params, context)
        # pynetdicom's own logging stumbles over reserved values.
        _config.LOG_HANDLER_LEVEL = "none"
        entity = self.entity = DialedEntity(ae_title=check_aet("calling_aet", self.params["calling_aet"]))
        entity.connection = connection
        entity.acse_timeout = entity.dimse_timeout = entity.network_timeout = self.params["timeout"]
        self.association = entity.associate(
            # The scope of a link-local IPv6 address must not get lost.
            (peer[0], peer[2], peer[3]) if len(peer) == 4 else peer[0],
            self.params["port"],
            contexts=[build_context(*context) for context in self.contexts],
            ae_title=check_aet("called_aet", self.params["called_aet"]),
            evt_handlers=[(evt.EVT_PDU_RECV, self._remember)],
        )
        if not self.association.is_established:
            connection.close()
            raise self.failure()
        self._keep_answers()
        self.milliseconds = (time.monotonic() - start) * 1000
        return self

    def __exit__(self, kind, value, trace):
        if self.association.is_established:
            if kind is None:
                self.association.release()
            else:
                self.association.abort()

    def _keep_answers(self):
        """Only who waits for an answer gets it.

        pynetdicom's own thread looks for requests of the other side. On a busy machine it looks a moment too late,
        takes our answer for such a request, and drops it; then we wait in vain and abort.
        """
        get_msg = self.association.dimse.get_msg
        self.association.dimse.get_msg = lambda block=False: get_msg(block=True) if block else (None, None)

    def _remember(self, event):
        pdu, name = event.pdu, type(event.pdu).__name__
        self.pdus[name] = copy.copy(pdu)
        # pynetdicom stumbles over reserved values. It need not know more than that there is no association.
        if name == "A_ASSOCIATE_RJ":
            pdu.result, pdu.source, pdu.reason_diagnostic = 1, 1, 1
        elif name == "A_ABORT_RQ":
            pdu.source, pdu.reason_diagnostic = 0, 0

    def failure(self):
        """Why there is no association, from what the server sent and how the connection ended."""
        dialed = self.entity.dialed
        if "A_ASSOCIATE_RJ" in self.pdus:
            pdu = self.pdus["A_ASSOCIATE_RJ"]
            return rejection(pdu.result, pdu.source, pdu.reason_diagnostic)
        if "A_ABORT_RQ" in self.pdus:
            pdu = self.pdus["A_ABORT_RQ"]
            return abort(pdu.source, pdu.reason_diagnostic)
        if len(dialed.last_word) == 10 and dialed.last_word[0] == A_ABORT:
            return abort(dialed.last_word[8], dialed.last_word[9])
        if isinstance(dialed.error, ssl.SSLError):
            return AssociationFailed(
                "tls_failed",
                "the server ends TLS: %s; does it want a client certificate?" % dialed.error,
                reason=HUNG_UP,
            )
        if isinstance(dialed.error, (socket.timeout, TimeoutError)):
            return self._timeout()
        if dialed.error or dialed.ended:
            if self.params.get("tls") and not self.pdus:
                return AssociationFailed(
                    "tls_failed",
                    "the server hangs up right after the TLS handshake; does it want a client certificate?",
                    reason=HUNG_UP,
                )
            if self.pdus:
                return AssociationFailed("closed", "the server closes the connection in the middle of the association")
            return AssociationFailed(
                "closed", "the server closes the connection without a word of DICOM; does it want TLS?"
            )
        if "A_ASSOCIATE_AC" in self.pdus and not self.association.accepted_contexts:
            return AssociationFailed(
                "context_rejected", "the association is accepted, but none of what was asked for is allowed in it"
            )
        if dialed.received and not self.pdus:
            return AssociationFailed("closed", "the answer is not DICOM; is the port right, does the server want TLS?")
        return self._timeout()

    def _timeout(self):
        return AssociationFailed("timeout", "no answer within %g s" % self.params["timeout"])

    def _status(self, answer):
        if "Status" not in answer:
            raise self.failure()
        return answer

    def accepts(self, abstract_syntax, transfer_syntax):
        return any(
            context.abstract_syntax == abstract_syntax and transfer_syntax in context.transfer_syntax
            for context in self.association.accepted_contexts
        )

    def _send(self, send, *args):
        try:
            return send(*args)
        except RuntimeError:
            # The association ended between two messages.
            raise self.failure() from None

    def echo(self):
        """The status of the answer and the milliseconds it took."""
        start = time.monotonic()
        answer = self._status(self._send(self.association.send_c_echo))
        return answer.Status, (time.monotonic() - start) * 1000

    def store(self, path):
        """The answer to a C-STORE of a file: a dataset with C(Status) and perhaps C(ErrorComment)."""
        return self._status(self._send(self.association.send_c_store, path))

    def find(self, query, model):
        """The identifiers that match."""
        found = []
        for answer, identifier in self._send(self.association.send_c_find, query, model):
            status = self._status(answer).Status
            if status in (0xFF00, 0xFF01):
                found.append(identifier)
            elif status != 0x0000:
                raise PacsError("the server answers C-FIND with status 0x%04X" % status)
        return found

    def last_status(self, kind, query, model, target=None):
        """The status that ends a C-FIND, or a C-MOVE to the AE title C(target)."""
        send = {"find": self.association.send_c_find, "move": self.association.send_c_move}[kind]
        status = None
        for answer, _identifier in self._send(send, query, *([target] if kind == "move" else []), model):
            status = self._status(answer).Status
        return status
