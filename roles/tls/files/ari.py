# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Asks an ACME server when it wants a certificate renewed (RFC 9773), in certbot's container, which has the way to it.

    ari.py DIRECTORY IDENTIFIER

The last line of its output is what the server says, or {} if it says nothing about that.
"""

from __future__ import annotations

import json
import sys

import requests

SECONDS = 30


def main(directory: str, identifier: str) -> None:
    where = requests.get(directory, timeout=SECONDS).json().get("renewalInfo")
    if not where:
        print("{}")
        return
    answer = requests.get(f"{where.rstrip('/')}/{identifier}", timeout=SECONDS)
    answer.raise_for_status()
    print(json.dumps(answer.json() | {"retryAfter": answer.headers.get("Retry-After", "")}))


main(*sys.argv[1:])
