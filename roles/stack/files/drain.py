# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keep new associations and uploads away and wait until those in progress are over, so that a restart cuts none.

    drain.py close --ports 4242,2762 --patience 600 --closed 1200
    drain.py open
    drain.py count

Packets that would begin an association are dropped, not refused: the caller's TCP tries again by itself, and where the
restart is short its association is late and nothing more. nginx answers 503 to whatever would change something. If
nobody comes back to open, both doors open by themselves after --closed seconds.

count says in JSON which sockets Orthanc has left behind, and how near it comes to its limit of open files.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

TABLE = "inet threedpc_pacs_drain"
RULES = """\
table {table}
delete table {table}
table {table} {{
    set closed {{
        type inet_service
        flags timeout
        {elements}
    }}
    chain prerouting {{
        type filter hook prerouting priority mangle; policy accept;
        fib daddr type local tcp dport @closed ct state new drop
    }}
}}
"""
# The file removes itself, unless a later one has taken its place.
CLOSE = "echo $$ > /run/pacs-closed; sleep {closed}; [ $(cat /run/pacs-closed) != $$ ] || rm -f /run/pacs-closed"
NGINX = ("nginx", "-c", "/etc/nginx/pacs/nginx.conf")
# The ports at which Orthanc speaks HTTP and DICOM, and those of its own services.
HTTP, DICOM = 8042, 4242
SERVICES = (5432, 8000)
# Where callers come in: at HAProxy, and at nginx with TLS.
DOORS = (("haproxy", 4242), ("nginx", 2762))
# The caller is connected, or has gone and left something to be read.
ESTABLISHED, CLOSE_WAIT = "01", "08"


def run(*words, stdin=None, check=True):
    """What a command prints; None if it fails and may."""
    done = subprocess.run(words, input=stdin, capture_output=True, text=True, check=False)
    if check and done.returncode:
        sys.exit(f"'{' '.join(words[:4])} ...' failed: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout.strip() if done.returncode == 0 else None


def process(service):
    """The main process of a service's container, 0 if it does not run."""
    name = run("docker", "compose", "ps", "--quiet", service, check=False)
    return int((name and run("docker", "inspect", "--format", "{{.State.Pid}}", name, check=False)) or 0)


def in_nginx(*words, check=True):
    return run("docker", "compose", "exec", "-T", "nginx", *words, check=check)


def address(text):
    """An address as /proc writes it: words of 32 bits in the byte order of the machine."""
    raw = b"".join(
        bytes.fromhex(text[at : at + 8])[:: -1 if sys.byteorder == "little" else 1] for at in range(0, len(text), 8)
    )
    if raw.startswith(bytes(10) + b"\xff\xff"):
        raw = raw[12:]
    return socket.inet_ntop(socket.AF_INET if len(raw) == 4 else socket.AF_INET6, raw)


def sockets(pid):
    """The TCP sockets of a container: state, port here, address and port there, and bytes that wait to be read."""
    found = []
    for table in ("tcp", "tcp6"):
        try:
            lines = Path(f"/proc/{pid}/net/{table}").read_text(encoding="ascii").splitlines()[1:]
        except FileNotFoundError:
            continue
        for line in lines:
            local, remote, state, queues = line.split()[1:5]
            (peer, port), here = remote.split(":"), int(local.partition(":")[2], 16)
            found.append((state, here, peer, int(port, 16), int(queues.partition(":")[2], 16)))
    return found


def is_left_behind(state, waiting):
    """Whether the caller has gone and all is read, the end of the connection too, which counts as one byte.

    Nobody loses anything by the end of such a socket. Orthanc 1.13 keeps those of connections without an association.
    """
    return state == CLOSE_WAIT and not waiting


def associations(pid, callers=()):
    """Whom Orthanc talks to besides HTTP and its own services. Behind HAProxy it is the callers at the doors."""
    peers = set()
    for state, here, peer, port, waiting in sockets(pid):
        if state not in (ESTABLISHED, CLOSE_WAIT) or is_left_behind(state, waiting):
            continue
        if HTTP not in (here, port) and port not in SERVICES:
            peers |= set(callers if here == DICOM and callers else [address(peer)])
    return {f"an association with {peer}" for peer in peers}


def callers():
    """Who is connected at the doors in front of Orthanc, where there are any."""
    return {
        address(peer)
        for service, door in DOORS
        if (pid := process(service))
        for state, here, peer, _port, _waiting in sockets(pid)
        if here == door and state == ESTABLISHED
    }


def left_behind(pid):
    """How many sockets Orthanc has left behind, and how many files it has open of how many that it may."""
    # The main process may have started Orthanc as another one.
    files, busiest = max((len(os.listdir(f"/proc/{one}/fd")), one) for one in {str(pid), *children(pid)})
    limits = Path(f"/proc/{busiest}/limits").read_text(encoding="ascii").splitlines()
    return {
        "sockets": sum(is_left_behind(state, waiting) for state, _here, _peer, _port, waiting in sockets(pid)),
        "files": files,
        "limit": next(int(line.split()[3]) for line in limits if line.startswith("Max open files")),
    }


def children(pid):
    found = set()
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            if int(entry.read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()[1]) == pid:
                found.add(entry.parent.name)
        except (FileNotFoundError, ProcessLookupError):
            continue
    return found


def wait(busy, end):
    """Until nobody was busy twice in a row, or the time is over; returns who still is."""
    quiet = 0
    while quiet < 2:
        still = busy()
        if still and time.monotonic() > end:
            return still
        quiet = 0 if still else quiet + 1
        time.sleep(0.3)
    return set()


def no_association(end):
    orthanc = process("orthanc")
    still = wait(lambda: associations(orthanc), end) if orthanc else set()
    return still and (associations(orthanc, callers()) or still)


def no_request(closed, end):
    """nginx begins anew with processes for which the door is closed; the old ones end with their last request."""
    nginx = process("nginx")
    # One that can't load what it finds is about to be replaced itself, and ends its requests when it stops.
    if not nginx or in_nginx(*NGINX, "-q", "-t", check=False) is None:
        return set()
    run("docker", "compose", "exec", "-T", "--detach", "nginx", "sh", "-c", CLOSE.format(closed=closed))
    while in_nginx("test", "-s", "/run/pacs-closed", check=False) is None and time.monotonic() < end:
        time.sleep(0.1)
    old = children(nginx)
    in_nginx(*NGINX, "-s", "reload")
    return {"a request over the web"} if wait(lambda: old & children(nginx), end) else set()


def close(arguments):
    try:
        keep_away(arguments)
    except BaseException:
        # Nothing is restarted then, so nobody has to be kept away until the time is over.
        reopen()
        raise


def keep_away(arguments):
    end = time.monotonic() + arguments.patience
    ports = ", ".join(f"{port} timeout {arguments.closed}s" for port in arguments.ports.split(",") if port)
    # Without ports as well: the table tells the next run that the doors are closed.
    run("nft", "--file", "-", stdin=RULES.format(table=TABLE, elements=f"elements = {{ {ports} }}" if ports else ""))
    still = no_association(end) or no_request(arguments.closed, end)
    if still:
        sys.exit(f"after {arguments.patience} seconds there still was {', '.join(sorted(still))}")


def reopen(_arguments=None):
    run("nft", "delete", "table", *TABLE.split(), check=False)
    if process("nginx"):
        in_nginx("rm", "-f", "/run/pacs-closed", check=False)


def count(_arguments):
    orthanc = process("orthanc")
    print(json.dumps(left_behind(orthanc) if orthanc else {}))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("verb", choices=["close", "open", "count"])
    parser.add_argument("--project", default="/opt/pacs")
    parser.add_argument("--ports", default="")
    parser.add_argument("--patience", type=int, default=600)
    parser.add_argument("--closed", type=int, default=1200)
    arguments = parser.parse_args()
    os.chdir(arguments.project)
    os.environ["PATH"] += ":/usr/sbin:/sbin"
    {"close": close, "open": reopen, "count": count}[arguments.verb](arguments)


if __name__ == "__main__":
    main()
