# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who talks to the site's containers, read from the kernel's tables, and how many files Orthanc has open."""

from __future__ import annotations

import contextlib
import os
import socket
import sys
from collections.abc import Iterable
from pathlib import Path

from .compose import process

# The ports at which Orthanc speaks HTTP and DICOM, and those of its own services.
HTTP, DICOM = 8042, 4242
SERVICES = (5432, 8000)
# Where callers come in: at HAProxy, and at nginx with TLS.
DOORS = (("haproxy", 4242), ("nginx", 2762))
# The caller is connected, or has gone and left something to be read.
ESTABLISHED, CLOSE_WAIT = "01", "08"

# State, port here, address and port there, and bytes that wait to be read.
Connection = tuple[str, int, str, int, int]


def address(text: str) -> str:
    """An address as /proc writes it: words of 32 bits in the byte order of the machine."""
    step = -1 if sys.byteorder == "little" else 1
    raw = b"".join(bytes.fromhex(text[at : at + 8])[::step] for at in range(0, len(text), 8))
    if raw.startswith(bytes(10) + b"\xff\xff"):
        raw = raw[12:]
    return socket.inet_ntop(socket.AF_INET if len(raw) == 4 else socket.AF_INET6, raw)


def connections(pid: int) -> list[Connection]:
    """The TCP sockets of a container."""
    found: list[Connection] = []
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


def is_left_behind(state: str, waiting: int) -> bool:
    """Whether the caller has gone and all is read, the end of the connection too, which counts as one byte.

    Nobody loses anything by the end of such a socket. Orthanc 1.13 keeps those of connections without an association.
    """
    return state == CLOSE_WAIT and not waiting


def associations(pid: int, callers: Iterable[str] = ()) -> set[str]:
    """Whom Orthanc talks to besides HTTP and its own services. Behind HAProxy it is the callers at the doors."""
    peers: set[str] = set()
    for state, here, peer, port, waiting in connections(pid):
        if state not in (ESTABLISHED, CLOSE_WAIT) or is_left_behind(state, waiting):
            continue
        if HTTP not in (here, port) and port not in SERVICES:
            peers |= set(callers if here == DICOM and callers else [address(peer)])
    return {f"an association with {peer}" for peer in peers}


def callers() -> set[str]:
    """Who is connected at the doors in front of Orthanc, where there are any."""
    return {
        address(peer)
        for service, door in DOORS
        if (pid := process(service))
        for state, here, peer, _port, _waiting in connections(pid)
        if here == door and state == ESTABLISHED
    }


def open_files(pid: int) -> dict[str, int]:
    """How many sockets Orthanc has left behind, and how many files it has open of how many that it may."""
    # The main process may have started Orthanc as another one.
    files, busiest = max((len(os.listdir(f"/proc/{one}/fd")), one) for one in {str(pid), *children(pid)})
    limits = Path(f"/proc/{busiest}/limits").read_text(encoding="ascii").splitlines()
    return {
        "sockets": sum(is_left_behind(state, waiting) for state, _here, _peer, _port, waiting in connections(pid)),
        "files": files,
        "limit": next(int(line.split()[3]) for line in limits if line.startswith("Max open files")),
    }


def children(pid: int) -> set[str]:
    found = set()
    for entry in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            if int(entry.read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()[1]) == pid:
                found.add(entry.parent.name)
    return found
