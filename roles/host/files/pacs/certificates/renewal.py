# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""When an ACME server suggests to renew a certificate (RFC 9773, ARI), so that a revocation en masse is followed.

The server names a window of time; each certificate has its own moment in it. certbot's container asks, since it has the
way to the server. Where the server suggests nothing or does not answer, the certificate's lifetime decides.
"""

from __future__ import annotations

import base64
import datetime
import hashlib
import json
import re
from typing import Any

from cryptography import x509

from ..core import read_json, say, write_json
from . import certbot
from .pair import Pair, begins, due, ends
from .run import Run

ASK = ["python3", "-I", "/etc/pacs/ari.py"]
PATIENCE = 120
# After how long the server is asked again, whatever it says: within the limits that the RFC proposes.
SOONEST, USUAL, LATEST = 60, 6 * 3600, 86400
MOMENT = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.\d+)?(Z|[+-]\d\d:\d\d)")


class Renewal:
    """What the server suggested for one certificate, as it is remembered in a file."""

    def __init__(self, run: Run, pair: Pair):
        self.run, self.pair = run, pair
        self.file = run.folder / "acme/renewal.json"
        found: dict[str, Any] = read_json(self.file, {})
        self.found = found if found.get("certificate") == identifier(pair.leaf) else {}

    @property
    def due(self) -> datetime.datetime:
        """The moment to renew."""
        own, last = due(self.pair.leaf), ends(self.pair.leaf)
        if "start" not in self.found:
            return own
        start, end = (datetime.datetime.fromisoformat(self.found[name]) for name in ("start", "end"))
        moment = start + (end - start) * share(self.pair.leaf)
        # A server that is wrong about this must not let it end.
        return min(moment, own + (last - own) / 2)

    @property
    def reason(self) -> str:
        """Why it is renewed at that moment."""
        if self.due >= due(self.pair.leaf):
            return f"the one there ends on {ends(self.pair.leaf):%Y-%m-%d %H:%M} UTC"
        where = self.found["explanation"]
        return "its server wants it renewed before it ends" + (f" ({where})" if where else "")

    def ask(self) -> None:
        """Ask the server, unless it was asked lately. That it can't be asked is no reason to do without."""
        again = self.found.get("again")
        if self.run.dry or (again and self.run.now < datetime.datetime.fromisoformat(again)):
            return
        name = identifier(self.pair.leaf)
        if not name:
            return
        server = self.run.settings["acme"]["server"]
        code, output = certbot.in_container(self.run, [*certbot.IN_CONTAINER, *ASK, server, name], PATIENCE)
        try:
            answer = dict(json.loads(output.splitlines()[-1]))
            window = [moment(answer["suggestedWindow"][edge]) for edge in ("start", "end")] if answer else []
        except (IndexError, KeyError, TypeError, ValueError):
            code = code or 1
        if code:
            say(f"{server} did not say when to renew: {output.splitlines()[-1] if output else 'no answer'}")
            return
        wait = str(answer.get("retryAfter") or USUAL)
        seconds = min(max(int(wait) if wait.isdigit() else USUAL, SOONEST), LATEST)
        again = self.run.now + datetime.timedelta(seconds=seconds)
        self.found = {"certificate": name, "again": again.isoformat()}
        # What is as long as the certificate's life says nothing about when in it, as with certificates of an hour and a
        # server that always names two days.
        life = ends(self.pair.leaf) - begins(self.pair.leaf)
        if window and datetime.timedelta() < window[1] - window[0] < life:
            self.found |= {"start": window[0].isoformat(), "end": window[1].isoformat()}
            self.found["explanation"] = answer.get("explanationURL") or ""
        write_json(self.file, self.found)


def moment(text: str) -> datetime.datetime:
    """A moment as RFC 3339 writes it, which Python before 3.11 does not read."""
    found = MOMENT.fullmatch(text)
    if not found:
        raise ValueError(text)
    return datetime.datetime.fromisoformat(found[1] + found[2].replace("Z", "+00:00"))


def identifier(certificate: x509.Certificate) -> str:
    """How the RFC names a certificate; empty if it does not name its issuer's key."""
    try:
        issuer = certificate.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value.key_identifier
    except x509.ExtensionNotFound:
        return ""
    number = certificate.serial_number
    serial = number.to_bytes(number.bit_length() // 8 + 1, "big")
    return ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in (issuer or b"", serial))


def share(certificate: x509.Certificate) -> float:
    """A number from 0 to 1 that is random and this certificate's own: how far into the window it is renewed."""
    digest = hashlib.sha256(str(certificate.serial_number).encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64
