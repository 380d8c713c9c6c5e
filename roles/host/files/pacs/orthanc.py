# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The site's own Orthanc, asked as the first of the staff."""

from __future__ import annotations

import base64
import urllib.error
import urllib.request

from .core import Failure, read_json
from .settings import Site

# Asks the site itself, with a password, so never through a proxy.
OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class Orthanc:
    """A client with a password."""

    def __init__(self, site: Site):
        self.url = site.orthanc_url
        config = read_json(site.directory / "secrets/orthanc/orthanc.json")
        user, password = next(iter(config["RegisteredUsers"].items()))
        # The filter orthanc_json writes it so, because Orthanc substitutes variables.
        credentials = f"{user}:{password}".replace("${PACS_DOLLAR:-$}", "$")
        self.authorization = "Basic " + base64.b64encode(credentials.encode()).decode()

    def ask(self, method: str, path: str, body: bytes | None = b"") -> bytes:
        request = urllib.request.Request(self.url + path, data=body, method=method)
        request.add_header("Authorization", self.authorization)
        # Orthanc keeps the identity that the pixel data has, whatever it holds.
        request.add_header("Content-Type", "application/dicom" if path == "/instances" else "text/plain")
        try:
            with OPENER.open(request, timeout=600) as answer:
                found: bytes = answer.read()
                return found
        except urllib.error.HTTPError as error:
            raise Failure(f"Orthanc refused {method} {path}: {error.read().decode(errors='replace')[:200]}") from error
        except OSError as error:
            raise Failure(f"Orthanc does not answer {method} {path}: {error}") from error
