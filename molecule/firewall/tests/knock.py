# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tries to get through without a pause until its input ends; prints how often it tried and when it got through."""

import errno
import json
import select
import socket
import sys
import time

address, port = sys.argv[1], int(sys.argv[2])
family = socket.AF_INET6 if ":" in address else socket.AF_INET
tries, through, waiting = 0, [], []
while not select.select([sys.stdin], [], [], 0)[0]:
    knock = socket.socket(family)
    knock.setblocking(False)
    started = knock.connect_ex((address, port))
    if started in (0, errno.EINPROGRESS):
        waiting.append((time.monotonic(), knock))
        tries += 1
    else:
        knock.close()
    answered = select.select([], [entry for since, entry in waiting], [], 0.02)[1]
    through += [time.time() for entry in answered if entry.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0]
    old = [entry for since, entry in waiting if entry in answered or time.monotonic() - since > 2]
    waiting = [(since, entry) for since, entry in waiting if entry not in old]
    for entry in old:
        entry.close()
print(json.dumps({"tries": tries, "through": through}))
