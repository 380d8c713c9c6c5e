# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Holds connections that never become an association until its input ends, each kind again after it was closed.

Its command line is JSON: address, port, kinds with their first bytes in hexadecimal, how many of each, and the client's
certificate where they go over TLS. It prints a line when all are open for the first time, and at the end for each kind
the seconds after which the server closed it.
"""

import json
import select
import socket
import ssl
import sys
import time

wanted = json.loads(sys.argv[1])


def begin(first):
    connection = socket.create_connection((wanted["address"], wanted["port"]), timeout=20)
    if wanted["tls"]:
        context = ssl.create_default_context(cafile="/dicom/ca.pem")
        context.check_hostname = False
        context.load_cert_chain("/dicom/cert.pem", "/dicom/key.pem")
        connection = context.wrap_socket(connection)
    connection.sendall(bytes.fromhex(first))
    return connection


closed = {kind: [] for kind in wanted["kinds"]}
held = {
    begin(first): (kind, time.monotonic())
    for kind, first in wanted["kinds"].items()
    for _number in range(wanted["each"])
}
print("held", flush=True)
# Not so often that the address reaches its limit.
again = []
over = False
while not over:
    ended = select.select([sys.stdin, *held], [], [], 0.5)[0]
    over = sys.stdin in ended
    for connection in set(ended) & {*held}:
        kind, since = held.pop(connection)
        try:
            answer = connection.recv(100)
        except OSError:
            answer = b""
        connection.close()
        closed[kind].append((round(time.monotonic() - since, 1), answer.hex()))
        again.append((since + 3, kind))
    for when, kind in [entry for entry in again if entry[0] < time.monotonic()]:
        again.remove((when, kind))
        held[begin(wanted["kinds"][kind])] = (kind, time.monotonic())
print(json.dumps(closed))
