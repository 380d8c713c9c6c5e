# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A certificate with its key, read once from the file that holds them, and the PEM texts of both."""

from __future__ import annotations

import dataclasses
import datetime
import ipaddress
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from ..core import Failure
from . import rules

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes

PEM = re.compile(rb"-----BEGIN (?P<label>[A-Z0-9 ]+)-----.*?-----END (?P=label)-----", re.DOTALL)
RENEW_BEFORE = datetime.timedelta(days=30)


@dataclasses.dataclass(frozen=True)
class Pair:
    """What a PEM text holds: perhaps a key, perhaps certificates, and whether the first one belongs to the key."""

    content: bytes
    key: PrivateKeyTypes | None
    chain: Sequence[x509.Certificate]

    @classmethod
    def parse(cls, content: bytes) -> Pair:
        return cls(content, key_of(content), chain_of(content))

    @classmethod
    def read(cls, path: Path) -> Pair:
        return cls.parse(read(path))

    @classmethod
    def join(cls, key_pem: bytes, chain_pem: bytes) -> Pair:
        """Of a key and a chain that were apart."""
        return cls.parse(key_pem.strip() + b"\n" + chain_pem.strip() + b"\n")

    @property
    def is_whole(self) -> bool:
        """Whether there is a key and, as the first one, the certificate that belongs to it."""
        if self.key is None or not self.chain:
            return False
        return public_bytes(self.key.public_key()) == public_bytes(self.leaf.public_key())

    @property
    def leaf(self) -> x509.Certificate:
        return self.chain[0]

    @property
    def names(self) -> list[str]:
        return names(self.leaf)

    @property
    def key_type(self) -> str:
        if isinstance(self.key, ec.EllipticCurvePrivateKey):
            return "ecdsa"
        return "rsa" if isinstance(self.key, rsa.RSAPrivateKey) else "other"

    def covers(self, wanted: Sequence[str]) -> bool:
        """Whether the certificate is for all these names; a wildcard covers one label."""
        present = {name.casefold() for name in self.names}
        return all(
            name.casefold() in present or (not is_address(name) and "*." + name.casefold().partition(".")[2] in present)
            for name in wanted
        )


def names(certificate: x509.Certificate) -> list[str]:
    """The names and addresses for which a certificate is, in its order."""
    try:
        entries = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return []
    return [str(entry.value) for entry in entries if isinstance(entry, (x509.DNSName, x509.IPAddress))]


def begins(certificate: x509.Certificate) -> datetime.datetime:
    return rules.begins(certificate)


def ends(certificate: x509.Certificate) -> datetime.datetime:
    return rules.ends(certificate)


def due(certificate: x509.Certificate) -> datetime.datetime:
    """When to renew: 30 days before the end, but never before two thirds of the lifetime are over."""
    lifetime = ends(certificate) - begins(certificate)
    return ends(certificate) - min(RENEW_BEFORE, lifetime / 3)


def is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def read(path: Path) -> bytes:
    """The content of a file, nothing if there is none."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return b""
    except OSError as error:
        raise Failure(f"{path} can't be read: {error.strerror}") from error


def chain_of(content: bytes) -> list[x509.Certificate]:
    """The certificates of a PEM text in their order; none if one of them can't be read."""
    blocks = [found.group() for found in PEM.finditer(content) if found["label"] == b"CERTIFICATE"]
    try:
        return [x509.load_pem_x509_certificate(block) for block in blocks]
    except ValueError:
        return []


def key_of(content: bytes) -> PrivateKeyTypes | None:
    """The private key of a PEM text, or None."""
    blocks = [found.group() for found in PEM.finditer(content) if found["label"].endswith(b"PRIVATE KEY")]
    try:
        return serialization.load_pem_private_key(blocks[0], password=None) if blocks else None
    except (TypeError, ValueError):
        return None


def pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def der(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.DER)


def key_pem(key: PrivateKeyTypes) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def public_bytes(key: Any) -> bytes:
    found: bytes = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return found
