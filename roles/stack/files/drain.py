# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keep new associations and uploads away and wait until those in progress are over, so that a restart cuts none.

    drain.py close --ports 4242,2762 --patience 600 --closed 1200
    drain.py open

Packets that would begin an association are dropped, not refused: the caller's TCP tries again by itself, and where the
restart is short its association is late and nothing more. nginx answers 503 to whatever would change something. If
nobody comes back to open, both doors open by themselves after --closed seconds.
"""

from __future__ import annotations

import argparse
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
# The port at which Orthanc speaks HTTP, and those of its own services.
HTTP = 8042
SERVICES = (5432, 8000)
# ESTABLISHED and CLOSE_WAIT, in which the last data may still be read.
OPEN_STATES = ("01", "08")


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


def associations(pid):
    """Whom Orthanc talks to besides HTTP and its own services."""
    peers = set()
    for table in ("tcp", "tcp6"):
        try:
            lines = Path(f"/proc/{pid}/net/{table}").read_text(encoding="ascii").splitlines()[1:]
        except FileNotFoundError:
            continue
        for line in lines:
            local, remote, state = line.split()[1:4]
            (peer, port), here = remote.split(":"), int(local.partition(":")[2], 16)
            if state in OPEN_STATES and HTTP not in (here, int(port, 16)) and int(port, 16) not in SERVICES:
                peers.add(f"an association with {address(peer)}")
    return peers


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
    return wait(lambda: associations(orthanc), end) if orthanc else set()


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


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("verb", choices=["close", "open"])
    parser.add_argument("--project", default="/opt/pacs")
    parser.add_argument("--ports", default="")
    parser.add_argument("--patience", type=int, default=600)
    parser.add_argument("--closed", type=int, default=1200)
    arguments = parser.parse_args()
    os.chdir(arguments.project)
    os.environ["PATH"] += ":/usr/sbin:/sbin"
    {"close": close, "open": reopen}[arguments.verb](arguments)


if __name__ == "__main__":
    main()
