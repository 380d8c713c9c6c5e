# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates of a hospital that has authorities of its own."""

import datetime

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

NOW = datetime.datetime.now(datetime.UTC)
DAY = datetime.timedelta(days=1)


def key_usage(ca):
    others = ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement", "crl_sign")
    unused = dict.fromkeys((*others, "encipher_only", "decipher_only"), False)
    return x509.KeyUsage(digital_signature=not ca, key_cert_sign=ca, **unused)


class Holder:
    """A certificate with its key, issued by another holder or by itself."""

    def __init__(self, name, maker=None, names=(), begin=NOW - DAY, end=NOW + 90 * DAY, key=None):
        self.key = key or ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        maker = maker or self
        builder = (
            x509.CertificateBuilder()
            .subject_name(self.name)
            .issuer_name(maker.name)
            .public_key(self.key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(begin)
            .not_valid_after(end)
            .add_extension(x509.BasicConstraints(ca=not names, path_length=None), critical=True)
            # Without these Python 3.13 and newer trust no CA.
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(self.key.public_key()), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(maker.key.public_key()), critical=False)
            .add_extension(key_usage(ca=not names), critical=True)
        )
        if names:
            entries = x509.SubjectAlternativeName([x509.DNSName(entry) for entry in names])
            builder = builder.add_extension(entries, critical=False)
        self.pem = builder.sign(maker.key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()

    def secret(self, passphrase=b""):
        encryption = serialization.BestAvailableEncryption(passphrase) if passphrase else serialization.NoEncryption()
        pem = self.key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption)
        return pem.decode()
