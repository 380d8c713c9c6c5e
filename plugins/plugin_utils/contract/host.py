# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a site may say about its server."""

from __future__ import annotations

import re

from ..fields.text import directory, matching
from ..fields.types import Problems

PACKAGE = r"[a-z0-9][a-z0-9+.-]+(:[a-z0-9]+)?(=[A-Za-z0-9.+~:-]+)?"
# How many services have a user of their own.
SERVICE_USERS = 7


def first_uid(value: int) -> Problems:
    """The first of the numbers of the services' users. Who has others: systemd's UIDS-GIDS.md."""
    last = value + SERVICE_USERS - 1
    if value < 1000 or last > 2**31 - 2:
        yield f"it must be a whole number from 1000 to {2**31 - 1 - SERVICE_USERS}"
    elif value <= 65535 and last >= 61184:
        yield "systemd gives 61184 to 65519 to services for as long as they run, and 65534 and 65535 are nobody's"


def proxy(value: str) -> Problems:
    """A proxy that programs take by the same URL."""
    user, host = r"[A-Za-z0-9._~%!$&'()*+,;=:-]+", r"\[[0-9A-Fa-f:]+\]|[A-Za-z0-9._-]+"
    found = re.fullmatch(rf"http://({user}@)?({host}):(?P<port>[0-9]{{1,5}})/?", value, re.ASCII)
    if value and not (found and 1 <= int(found["port"]) <= 65535):
        yield (
            "it must be a URL with a port, such as 'http://proxy.hospital.example:3128' or"
            " 'http://user:password@proxy.hospital.example:3128', in which special characters are percent-encoded"
        )


def separate_directories(pacs_dir: str, pacs_data_dir: str) -> Problems:
    one, other = pacs_dir + "/", pacs_data_dir + "/"
    if one.startswith(other) or other.startswith(one):
        yield (
            f"pacs_data_dir is '{pacs_data_dir}'; it must lie outside pacs_dir ('{pacs_dir}') and not hold it, so that"
            " removing the one never removes the other"
        )


RULES = {
    "pacs_dir": directory,
    "pacs_data_dir": directory,
    # Below are people's and programs' users, above the last one that every file system can name.
    "pacs_first_uid": first_uid,
    "pacs_proxy": proxy,
    "pacs_no_proxy[]": matching(r"[A-Za-z0-9.:_-]+", "it must be a host name, a domain or an address"),
    "host_extra_packages[]": matching(PACKAGE, "it must be the name of a package of the distribution, such as 'htop'"),
}
RELATIONS = (separate_directories,)
