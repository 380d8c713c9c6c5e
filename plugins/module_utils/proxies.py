# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The proxy that a machine names in its environment, and that no client of the site uses.

A site is asked directly, as DICOM and SSH do. A proxy would be handed the staff's password, and Python
takes no network in no_proxy, so what asks the address of a container would go through it.
"""

from __future__ import annotations

import urllib.parse
import urllib.request


def unused(url: str) -> str:
    """What to say beside a failed connection: that a proxy is named and was not used. Empty without one."""
    scheme = urllib.parse.urlsplit(url).scheme.lower()
    found = urllib.request.getproxies_environment()
    proxy = found.get(scheme) or found.get("all")
    if not proxy:
        return ""
    # It may hold a password.
    place = proxy.rpartition("//")[2].rpartition("@")[2].rstrip("/")
    name = f"{scheme}_proxy" if found.get(scheme) else "all_proxy"
    return f"; it was asked directly and not through the proxy {place} that {name} names"
