# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sends a request for an association with many contexts in small pieces; prints its size and the answer."""

import socket
import sys
import time

from pydicom.uid import AllTransferSyntaxes
from pynetdicom import StoragePresentationContexts
from pynetdicom.pdu import A_ASSOCIATE_RQ
from pynetdicom.pdu_primitives import A_ASSOCIATE, ImplementationClassUIDNotification, MaximumLengthNotification
from pynetdicom.presentation import build_context

calling, called, address, port, number, pause = sys.argv[1:]
request = A_ASSOCIATE()
request.application_context_name = "1.2.840.10008.3.1.1.1"
request.calling_ae_title, request.called_ae_title = calling, called
maximum = MaximumLengthNotification()
maximum.maximum_length_received = 16382
request.user_information = [maximum]
contexts = [build_context(entry.abstract_syntax, AllTransferSyntaxes[:6]) for entry in StoragePresentationContexts]
for place, context in enumerate(contexts[: int(number)]):
    context.context_id = 2 * place + 1
implementation = ImplementationClassUIDNotification()
implementation.implementation_class_uid = "1.2.826.0.1.3680043.9.3811.3.0.2"
request.user_information.append(implementation)
request.presentation_context_definition_list = contexts[: int(number)]
pdu = A_ASSOCIATE_RQ()
pdu.from_primitive(request)
data = pdu.encode()
with socket.create_connection((address, int(port)), timeout=30) as connection:
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for start in range(0, len(data), 997):
        connection.sendall(data[start : start + 997])
        time.sleep(float(pause))
    print(len(data), connection.recv(10).hex())
