# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What this collection reaches for inside of pynetdicom, and why."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any, cast

try:
    from pynetdicom import AE, evt
    from pynetdicom.transport import AssociationSocket
except ImportError:
    # require_pynetdicom tells.
    AE = AssociationSocket = object  # type: ignore[misc, assignment]

if TYPE_CHECKING:
    from pynetdicom.association import Association as PynetdicomAssociation
    from pynetdicom.transport import T_CONNECT


class DialedSocket(AssociationSocket):
    """A socket for pynetdicom that is connected already.

    pynetdicom connects by itself but logs the reason of a failure instead of handing it out (pydicom/pynetdicom
    issues 108, 769 and 931), and reads without a time limit.
    """

    def __init__(self, association: PynetdicomAssociation, connection: socket.socket) -> None:
        super().__init__(association, client_socket=connection)
        # The base class takes a connected socket for an incoming call. Nothing may be read from it before we have
        # asked for an association: what TLS sends on its own makes it look readable, and reading would block.
        self.event_queue.get(block=False)
        self._is_connected = False
        self._ready.clear()
        self.error: OSError | None = None
        self.ended = False
        self.received = False
        self.last_word = b""

    def connect(self, primitive: T_CONNECT) -> None:
        self._is_connected = True
        primitive.result = "Evt2"
        self.provider_queue.put(primitive)
        self._ready.set()

    def recv(self, nr_bytes: int) -> bytearray:
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

    def send(self, bytestream: bytes) -> None:
        connection = cast(socket.socket, self.socket)
        try:
            connection.sendall(bytestream)
        except OSError as error:
            self.error = self.error or error
            # A server that aborts while we send has said why; pynetdicom would not read it any more.
            try:
                connection.settimeout(0.5)
                self.last_word = connection.recv(10)
            except OSError:
                pass
            self.event_queue.put("Evt17")
        else:
            evt.trigger(self.assoc, evt.EVT_DATA_SENT, {"data": bytestream})


class DialedEntity(AE):
    """An application entity whose association uses a connection that is there already."""

    connection: socket.socket
    dialed: DialedSocket

    def _create_socket(self, assoc: PynetdicomAssociation, address: Any, tls_args: Any) -> DialedSocket:
        self.dialed = DialedSocket(assoc, self.connection)
        return self.dialed


def keep_answers(association: PynetdicomAssociation) -> None:
    """Only who waits for an answer gets it.

    pynetdicom's own thread looks for requests of the other side. On a busy machine it looks a moment too late,
    takes our answer for such a request, and drops it; then we wait in vain and abort. Others see that as "DIMSE
    timeout reached" (pydicom/pynetdicom issues 435 and 842).
    """
    get_msg = association.dimse.get_msg

    def only_waited_for(block: bool = False) -> Any:
        return get_msg(block=True) if block else (None, None)

    association.dimse.get_msg = only_waited_for  # type: ignore[method-assign]
