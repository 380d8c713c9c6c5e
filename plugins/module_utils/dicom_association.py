# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""DICOM associations as a requestor, with the exact reason when there is none."""

from __future__ import annotations

import copy
import socket
import ssl
import time
import traceback
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from ansible.module_utils.basic import missing_required_lib
from ansible_collections.threedpc.pacs.plugins.module_utils.dialed_association import DialedEntity, keep_answers
from ansible_collections.threedpc.pacs.plugins.module_utils.dicom_connection import (
    HUNG_UP,
    AssociationFailed,
    abort,
    check_aet,
    connect,
    rejection,
    tls_context,
)
from ansible_collections.threedpc.pacs.plugins.module_utils.errors import PacsError

try:
    from pynetdicom import _config, build_context, evt

    IMPORT_ERROR: str | None = None
except ImportError:
    IMPORT_ERROR = traceback.format_exc()

if TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule
    from pydicom.dataset import Dataset
    from pynetdicom.association import Association as PynetdicomAssociation

MAX_CONTEXTS = 128
# Type of a PDU.
A_ABORT = 0x07


def dicom_argument_spec() -> dict[str, dict[str, Any]]:
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


def require_pynetdicom(module: AnsibleModule) -> None:
    if IMPORT_ERROR:
        module.fail_json(msg=missing_required_lib("pynetdicom"), exception=IMPORT_ERROR)


def check_params(params: dict[str, Any]) -> None:
    """Everything about the connection that can be known to be wrong without trying it."""
    for name in ("calling_aet", "called_aet"):
        check_aet(name, params[name])
    if not 1 <= params["port"] <= 65535:
        raise PacsError("port must be 1 to 65535, not %d" % params["port"])
    if params["timeout"] <= 0:
        raise PacsError("timeout must be more than 0 seconds, not %s" % params["timeout"])
    if not params["host"].strip():
        raise PacsError("host must not be empty")


class Association:
    """One association for use in a C(with) statement. Entering it connects; leaving it releases."""

    entity: DialedEntity
    association: PynetdicomAssociation
    # What it took to get there.
    milliseconds: float

    def __init__(self, params: dict[str, Any], contexts: Iterable[tuple[str, list[str] | None]]) -> None:
        """C(contexts) are pairs: the abstract syntax, and a list of transfer syntaxes or None for the usual."""
        check_params(params)
        self.params = params
        self.contexts = contexts
        self.pdus: dict[str, Any] = {}

    def __enter__(self) -> Association:
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
        keep_answers(self.association)
        self.milliseconds = (time.monotonic() - start) * 1000
        return self

    def __exit__(self, kind: type | None, value: BaseException | None, trace: Any) -> None:
        if self.association.is_established:
            if kind is None:
                self.association.release()
            else:
                self.association.abort()

    def _remember(self, event: Any) -> None:
        pdu, name = event.pdu, type(event.pdu).__name__
        self.pdus[name] = copy.copy(pdu)
        # pynetdicom stumbles over reserved values (as in its issue 633). It need not know more than that there is no
        # association.
        if name == "A_ASSOCIATE_RJ":
            pdu.result, pdu.source, pdu.reason_diagnostic = 1, 1, 1
        elif name == "A_ABORT_RQ":
            pdu.source, pdu.reason_diagnostic = 0, 0

    def failure(self) -> AssociationFailed:
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

    def _timeout(self) -> AssociationFailed:
        return AssociationFailed("timeout", "no answer within %g s" % self.params["timeout"])

    def _status(self, answer: Dataset) -> Dataset:
        if "Status" not in answer:
            raise self.failure()
        return answer

    def accepts(self, abstract_syntax: str, transfer_syntax: str) -> bool:
        return any(
            context.abstract_syntax == abstract_syntax and transfer_syntax in context.transfer_syntax
            for context in self.association.accepted_contexts
        )

    def _send(self, send: Callable[..., Any], *args: Any) -> Any:
        try:
            return send(*args)
        except RuntimeError:
            # The association ended between two messages.
            raise self.failure() from None

    def echo(self) -> tuple[int, float]:
        """The status of the answer and the milliseconds it took."""
        start = time.monotonic()
        answer = self._status(self._send(self.association.send_c_echo))
        return answer.Status, (time.monotonic() - start) * 1000

    def store(self, path: str) -> Dataset:
        """The answer to a C-STORE of a file: a dataset with C(Status) and perhaps C(ErrorComment)."""
        return self._status(self._send(self.association.send_c_store, path))

    def find(self, query: Dataset, model: str) -> list[Dataset]:
        """The identifiers that match."""
        found = []
        for answer, identifier in self._send(self.association.send_c_find, query, model):
            status = self._status(answer).Status
            if status in (0xFF00, 0xFF01):
                found.append(identifier)
            elif status != 0x0000:
                raise PacsError("the server answers C-FIND with status 0x%04X" % status)
        return found

    def last_status(self, kind: str, query: Dataset, model: str, target: str | None = None) -> int:
        """The status that ends a C-FIND, or a C-MOVE to the AE title C(target)."""
        send: Callable[..., Any] = self.association.send_c_move if kind == "move" else self.association.send_c_find
        status = None
        for answer, _identifier in self._send(send, query, *([target] if kind == "move" else []), model):
            status = self._status(answer).Status
        if status is None:
            raise self.failure()
        return status
