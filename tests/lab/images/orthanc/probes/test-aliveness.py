#!/usr/bin/env python3
# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ask Orthanc for its last change, as the first registered user: exit 0 if it answers, 1 if not."""

import argparse
import base64
import contextlib
import http.client
import json
import ssl
import sys
import urllib.request


def options():
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("http_scheme", "user", "pwd", "certfile", "keyfile", "keypwd"):
        parser.add_argument(f"--{name}")
    parser.add_argument("--http_port", type=int)
    return parser.parse_args()


def configured():
    """The generated configuration, or nothing if it can't be read."""
    with contextlib.suppress(OSError, ValueError), open("/tmp/orthanc.json", encoding="utf-8") as file:
        return json.load(file)
    return {}


def main():
    given = options()
    config = configured()
    users = config.get("RegisteredUsers", {}) if config.get("AuthenticationEnabled") else {}
    user = given.user or next(iter(users), None)
    password = given.pwd or users.get(user)
    secure = config.get("SslEnabled") or given.certfile
    scheme = "https" if given.certfile else given.http_scheme or ("https" if secure else "http")
    port = given.http_port or config.get("HttpPort", 8042)

    # The probe asks whether Orthanc lives, not who it is.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if given.certfile:
        context.load_cert_chain(given.certfile, given.keyfile, given.keypwd)

    request = urllib.request.Request(f"{scheme}://localhost:{port}/changes?last")
    if user and password:
        credentials = base64.b64encode(f"{user}:{password}".encode()).decode()
        request.add_header("Authorization", f"Basic {credentials}")
    try:
        with urllib.request.urlopen(request, context=context) as answer:
            return 0 if answer.status == 200 else 1
    except (OSError, ValueError, http.client.HTTPException) as error:
        print(error)
        return 1


if __name__ == "__main__":
    sys.exit(main())
