# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The certificate of an ACME server (RFC 8555), ordered with certbot in its container.

certbot keeps the account and answers the challenges. The key, the request and the result are ours: nothing depends on
what an order that failed left behind, and what nginx reads changes only when the new certificate is complete. That is
why `certbot renew` does not do it: it renews what ends, but not for other names, another server or another kind of key,
and up to 4.0, which Debian 13 has, it does not ask the server when.
"""

from __future__ import annotations

import shutil

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from ..core import Failure, write_file
from . import certbot, renewal
from .authority import common_name, new_key
from .pair import Pair, key_pem, read
from .run import Run


class Order:
    """What was ordered last, read once, and what has to be ordered."""

    def __init__(self, run: Run):
        self.run = run
        self.wanted, self.names = run.settings["acme"], run.settings["names"]
        self.file = run.folder / "acme/site.pem"
        self.server_file = self.file.with_suffix(".server")
        self.pair = Pair.read(self.file)
        # From which the certificate came.
        self.server = read(self.server_file).decode(errors="replace").strip()
        self.renewal = renewal.Renewal(run, self.pair) if self.pair.is_whole else None

    @property
    def is_good(self) -> bool:
        """Whether what was ordered is of this ACME server and for these names."""
        return self.pair.is_whole and self.server == self.wanted["server"] and self.pair.covers(self.names)

    @property
    def facts(self) -> dict[str, str]:
        """What the status file says of it besides."""
        return {"renewed_after": self.renewal.due.isoformat()} if self.renewal else {}

    def keep(self) -> Failure | None:
        """Order what is missing or due; returns why that failed."""
        why = self.reason() if self.run.order else ""
        if not why:
            return None
        action = f"ordered a certificate for {', '.join(self.names)}: {why}"
        if not self.run.dry:
            try:
                self.place()
            except Failure as failure:
                return failure
        self.run.actions.append(action)
        return None

    def reason(self) -> str:
        """Why a certificate has to be ordered, empty if it has not."""
        if self.renewal is None:
            return "there was none of an ACME server"
        if self.server != self.wanted["server"]:
            return f"the one there is of {self.server or 'another server'}"
        if set(self.pair.names) != set(self.names):
            return f"the one there is for {', '.join(self.pair.names)}"
        if self.pair.key_type != self.wanted["key_type"]:
            return f"the key of the one there is not of type {self.wanted['key_type']}"
        self.renewal.ask()
        if self.run.now >= self.renewal.due:
            return self.renewal.reason
        return self.run.asked

    def place(self) -> None:
        """Order a certificate; on success it is with its key in one file."""
        folder = self.run.folder / "acme/order"
        ecdsa = self.wanted["key_type"] == "ecdsa"
        key = new_key() if ecdsa else rsa.generate_private_key(65537, 3072)
        csr = request(key, self.names)
        if output := certbot.order(self.run, csr):
            way = f", asked through the proxy {self.wanted['proxy']}," if self.wanted.get("proxy") else ""
            why = certbot.reason(output)
            raise Failure(f"{self.wanted['server']}{way} issued no certificate for {', '.join(self.names)}: {why}")
        new = Pair.join(key_pem(key), read(folder / "fullchain.pem"))
        if not new.is_whole or not new.covers(self.names):
            raise Failure(
                f"{self.wanted['server']} issued something else than a certificate for {', '.join(self.names)}"
            )
        # In this order: a run that dies between them must not pass the certificate before for one of this server.
        write_file(self.file, new.content, 0o400)
        write_file(self.server_file, self.wanted["server"] + "\n", 0o444)
        shutil.rmtree(folder, ignore_errors=True)
        self.pair, self.server = new, self.wanted["server"]
        self.renewal = renewal.Renewal(self.run, new)


def request(key: certbot.Key, names: list[str]) -> bytes:
    """A request for a certificate (CSR)."""
    entries = x509.SubjectAlternativeName([x509.DNSName(name) for name in names])
    builder = x509.CertificateSigningRequestBuilder().subject_name(common_name(names[0]))
    signed = builder.add_extension(entries, critical=False).sign(key, hashes.SHA256())
    return signed.public_bytes(serialization.Encoding.PEM)
