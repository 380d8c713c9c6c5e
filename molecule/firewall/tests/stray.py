# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Opens a connection, sends a packet on it that is far out of its window, and prints what becomes of the connection."""

import contextlib
import socket
import struct
import sys
import time

address, port = sys.argv[1], int(sys.argv[2])
listener = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.ntohs(3))
connection = socket.create_connection((address, port), timeout=30)
ours, our_port = connection.getsockname()
time.sleep(0.5)

# The numbers of the connection, from what the server has sent.
listener.setblocking(False)
received = sent = None
with contextlib.suppress(BlockingIOError):
    while True:
        frame = listener.recv(65535)
        # IPv4 without options, and TCP.
        if frame[12:15] == b"\x08\x00\x45" and frame[23] == 6:
            source, target, sequence, acknowledged = struct.unpack("!HHII", frame[34:46])
            if (source, target) == (port, our_port):
                received, sent = (sequence + 1) % 2**32, acknowledged

text = b"stray!"
flags = 5 << 12 | 0x18  # a header of 20 bytes; PSH and ACK
header = struct.pack("!HHIIHHHH", our_port, port, (sent + 50_000_000) % 2**32, received, flags, 500, 0, 0)
pseudo = socket.inet_aton(ours) + socket.inet_aton(address) + struct.pack("!HH", 6, len(header + text))
total = sum(struct.unpack("!19H", pseudo + header + text))
checksum = ~(total % 0xFFFF) & 0xFFFF
packet = header[:16] + struct.pack("!H", checksum) + header[18:] + text
socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_TCP).sendto(packet, (address, 0))

connection.settimeout(3)
try:
    print("closed" if connection.recv(1) == b"" else "answered")
except TimeoutError:
    print("open")
except OSError as error:
    print(error)
