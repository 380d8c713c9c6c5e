# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the containers of a site, and the users of its server, get to."""

from __future__ import annotations

import json
import shlex

# What one sees of a door: open, silent, or why not. `dns` asks the resolver at an address for a name.
ASK = """
import concurrent.futures, json, socket, sys
def ask(door):
    host, port, name = door
    try:
        if name:
            query = b"\\x12\\x34\\x01\\0\\0\\x01" + bytes(6)
            query += b"".join(bytes([len(part)]) + part.encode() for part in name.split(".")) + b"\\0\\0\\x01\\0\\x01"
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
                asking.settimeout(9)
                asking.sendto(query, (host, port))
                return "answer %d" % (asking.recv(2000)[3] & 15)
        with socket.create_connection((host, port), timeout=4):
            return "open"
    except OSError as error:
        return "silent" if isinstance(error, TimeoutError) else str(error)
with concurrent.futures.ThreadPoolExecutor(32) as pool:
    print(json.dumps(list(pool.map(ask, json.loads(sys.argv[1])))))
"""
# A machine somewhere: each of its addresses answers at this port, and what it is asked as a name server is noted.
BEYOND = """
import socket, socketserver, threading
class Noted(socketserver.BaseRequestHandler):
    def handle(self):
        with open("/tmp/asked", "ab") as file:
            file.write(self.request[0] + b"\\n")
threading.Thread(target=socketserver.UDPServer(("", 53), Noted).serve_forever).start()
listening = socket.create_server(("", 8000))
while True:
    listening.accept()[0].close()
"""


def _doors(doors):
    return shlex.quote(json.dumps([[*door, None][:3] for door in doors]))


def from_container(run, service, doors):
    """What a container sees, in its own network; `run` runs a command in the server's shell."""
    inside = f"nsenter --net --target $(docker inspect --format '{{{{.State.Pid}}}}' {service})"
    return json.loads(run(f"{inside} python3 -c {shlex.quote(ASK)} {_doors(doors)}"))


def from_user(run, user, doors):
    """What the programs of a user of the server see."""
    become = f"setpriv --reuid={user} --regid={user} --clear-groups"
    return json.loads(run(f"{become} python3 -c {shlex.quote(ASK)} {_doors(doors)}"))


def containers(run):
    """The names of the site's own containers."""
    names = "docker ps --filter label=com.docker.compose.project=pacs --format '{{.Names}}'"
    return sorted(run(names).split())
