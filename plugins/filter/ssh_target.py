# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter that takes apart how somebody types the server that ssh reaches."""

from __future__ import annotations

import ipaddress
import re

TARGET = re.compile(
    r"((?P<user>[A-Za-z_][A-Za-z0-9._-]*)@)?"
    r"(\[(?P<six>[0-9A-Fa-f:.]+)\]|(?P<bare>[0-9A-Fa-f.]*:[0-9A-Fa-f.]*:[0-9A-Fa-f:.]*)|(?P<name>[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?))"
    r"(:(?P<port>[0-9]{1,5}))?",
    re.ASCII,
)


def ssh_target(text):
    """User, host and port of `user@host:port`, where only the host has to be there; empty if it is none."""
    text = re.sub(r"^ssh://", "", text.strip()).removesuffix("/")
    found = TARGET.fullmatch(text)
    if not found:
        return {}
    host, port = found["six"] or found["bare"] or found["name"], int(found["port"] or 0)
    try:
        if found["six"] or found["bare"]:
            host = str(ipaddress.IPv6Address(host))
        elif re.fullmatch(r"[0-9.]+", host):
            host = str(ipaddress.IPv4Address(host))
    except ValueError:
        return {}
    if found["port"] and not 1 <= port <= 65535:
        return {}
    return {"user": found["user"] or "", "host": host, "port": port}


class FilterModule:
    """The filter of what ssh reaches."""

    def filters(self):
        return {"ssh_target": ssh_target}
