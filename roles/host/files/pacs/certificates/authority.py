# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A small certificate authority (CA) of the site's own. Its key never leaves the server."""

from __future__ import annotations

import datetime
import ipaddress
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from ..core import write_file
from .pair import RENEW_BEFORE, Pair, ends, is_address, key_pem, pem, public_bytes, read

# Clocks of scanners are not always right.
BACKDATED = datetime.timedelta(hours=1)
PURPOSES = {"server": ExtendedKeyUsageOID.SERVER_AUTH, "client": ExtendedKeyUsageOID.CLIENT_AUTH}
NO_USAGE = dict.fromkeys(
    (
        "digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
        "key_cert_sign", "crl_sign", "encipher_only", "decipher_only",
    ),
    False,
)  # fmt: skip


def new_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


class Authority:
    """The CA whose key and certificate are in one directory as ca.key and ca.crt."""

    key: Any
    certificate: Any

    def __init__(self, folder: Path, subject: str, days: int, now: datetime.datetime):
        self.folder, self.subject, self.days, self.now = folder, subject, days, now
        found = Pair.parse(read(folder / "ca.key") + read(folder / "ca.crt"))
        self.key = found.key
        self.certificate = found.leaf if found.chain else None

    @property
    def is_there(self) -> bool:
        return self.key is not None and self.certificate is not None

    def needs(self, outlive: datetime.timedelta) -> str:
        """What `make` has to do for a CA that outlives what it issues: make, renew, or nothing."""
        if not self.is_there or not self._own():
            return "make"
        if ends(self.certificate) < self.now + outlive + RENEW_BEFORE:
            return "renew"
        return ""

    def _own(self) -> bool:
        return public_bytes(self.key.public_key()) == public_bytes(self.certificate.public_key())

    def make(self) -> None:
        """Make the key, unless there is one, and a certificate for it.

        A renewed certificate has the same name and key, so that what was issued before stays valid under both.
        """
        if self.key is None:
            self.key = new_key()
            write_file(self.folder / "ca.key", key_pem(self.key), 0o400)
        name = self.certificate.subject if self.certificate and self._own() else common_name(self.subject)
        usage = x509.KeyUsage(**NO_USAGE | {"key_cert_sign": True, "crl_sign": True})
        builder = (
            self._builder(name, self.key.public_key(), self.days)
            .issuer_name(name)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(usage, critical=True)
        )
        self.certificate = builder.sign(self.key, hashes.SHA256())
        write_file(self.folder / "ca.crt", pem(self.certificate), 0o444)

    def _builder(self, name: x509.Name, public_key: Any, days: int) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(name)
            .public_key(public_key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(self.now - BACKDATED)
            .not_valid_after(self.now + datetime.timedelta(days=days))
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
        )

    def issue(self, subject: str, names: Sequence[str], purposes: Sequence[str], days: int) -> Pair:
        """A new key and a certificate for it."""
        key = new_key()
        entries = [
            x509.IPAddress(ipaddress.ip_address(name)) if is_address(name) else x509.DNSName(name) for name in names
        ]
        usage = x509.KeyUsage(**NO_USAGE | {"digital_signature": True})
        issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key())
        builder = (
            self._builder(common_name(subject), key.public_key(), days)
            .issuer_name(self.certificate.subject)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(usage, critical=True)
            .add_extension(x509.ExtendedKeyUsage([PURPOSES[purpose] for purpose in purposes]), critical=False)
            .add_extension(x509.SubjectAlternativeName(entries), critical=False)
            .add_extension(issuer, critical=False)
        )
        return Pair.join(key_pem(key), pem(builder.sign(self.key, hashes.SHA256())))

    def issued(self, certificate: x509.Certificate) -> bool:
        """Whether this CA signed a certificate."""
        if not self.is_there or certificate.issuer != self.certificate.subject:
            return False
        algorithm = certificate.signature_hash_algorithm
        try:
            self.key.public_key().verify(certificate.signature, certificate.tbs_certificate_bytes, ec.ECDSA(algorithm))  # type: ignore[arg-type]
        except (AttributeError, InvalidSignature, TypeError, ValueError):
            return False
        return True


def common_name(text: str) -> x509.Name:
    # X.509 has room for 64 characters; what counts is the subject's alternative name.
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text[:64])])
