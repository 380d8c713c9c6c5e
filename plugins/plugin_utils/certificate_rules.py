# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is wrong with a certificate and key that a site provides, in sentences.

Used on the controller by the contract of the role tls, and on the server by the program of the role tls, there with
Python 3.10 and cryptography 3.4 or newer.
"""

from __future__ import annotations

import datetime
import ipaddress
import itertools
import re
import warnings
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

try:
    from cryptography import x509
    from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
except ImportError as import_error:
    # The user of these rules says so.
    CRYPTOGRAPHY_ERROR: ImportError | None = import_error
else:
    CRYPTOGRAPHY_ERROR = None

# How sentences call the two; the caller may have other names for them.
CERTIFICATE = "tls_provided_certificate"
PRIVATE_KEY = "tls_provided_private_key"

PEM = re.compile(r"-----BEGIN (?P<label>[A-Z0-9 ]+)-----.*?-----END (?P=label)-----", re.DOTALL)
RSA_BITS = 2048
EC_BITS = 256
# MD2, MD5 and SHA-1 with RSA, the latter also by its old name; SHA-1 with DSA and with ECDSA.
WEAK_SIGNATURES = {
    "1.2.840.113549.1.1.2": "MD2",
    "1.2.840.113549.1.1.4": "MD5",
    "1.2.840.113549.1.1.5": "SHA-1",
    "1.3.14.3.2.29": "SHA-1",
    "1.2.840.10040.4.3": "SHA-1",
    "1.2.840.10045.4.1": "SHA-1",
}
SERVER_PURPOSES = {"1.3.6.1.5.5.7.3.1", "2.5.29.37.0"}


def _blocks(text: str) -> list[tuple[str, str]]:
    """Label and text of each PEM block."""
    return [(found["label"], found.group()) for found in PEM.finditer(text)]


def _read_chain(text: str) -> tuple[list[x509.Certificate], list[str]]:
    """The certificates of a PEM text, or sentences why there are none."""
    blocks = _blocks(text)
    certificates: list[x509.Certificate] = []
    problems: list[str] = []
    if not text.strip():
        problems.append(f"{CERTIFICATE} is empty; it must be the content of a PEM file with the certificate")
    elif not blocks:
        problems.append(
            f"{CERTIFICATE} is not PEM; it must be the content of a file with -----BEGIN CERTIFICATE-----, which"
            " openssl x509 -inform DER makes of a binary one"
        )
    elif not any(label == "CERTIFICATE" for label, block in blocks):
        labels = ", ".join(sorted({label for label, block in blocks}))
        problems.append(
            f"{CERTIFICATE} has no certificate but {labels}; it must begin with -----BEGIN CERTIFICATE-----"
        )
    if blocks and text.count("-----BEGIN ") > len(blocks):
        problems.append(f"{CERTIFICATE} breaks off; each -----BEGIN must have its -----END")
    if any(label.endswith("PRIVATE KEY") for label, block in blocks):
        problems.append(
            f"{CERTIFICATE} holds a private key, and everybody may read that file; the key must be in {PRIVATE_KEY}"
            " alone"
        )
    for number, block in enumerate((block for label, block in blocks if label == "CERTIFICATE"), 1):
        try:
            certificate = x509.load_pem_x509_certificate(block.encode())
            # Parsed when it is asked for.
            certificate.extensions  # noqa: B018  # pylint: disable=pointless-statement
        except (ValueError, UnsupportedAlgorithm, x509.DuplicateExtension, x509.UnsupportedGeneralNameType):
            problems.append(
                f"{CERTIFICATE}: certificate {number} can't be read; it must be the unchanged text from the CA"
            )
        else:
            certificates.append(certificate)
    return certificates, problems


def _read_key(text: str) -> tuple[Any, list[str]]:
    """The private key of a PEM text, or sentences why there is none. They never say anything of its content."""
    if not text.strip():
        return None, [
            f"{PRIVATE_KEY} is empty; it must be the content of a PEM file with the certificate's private key"
        ]
    if "-----BEGIN ENCRYPTED" in text or "Proc-Type: 4,ENCRYPTED" in text:
        problem = (
            f"{PRIVATE_KEY} is encrypted, and nginx could not start by itself; it must be the key without a"
            " passphrase, which openssl pkey makes, in Ansible's vault"
        )
        return None, [problem]
    keys = [block for label, block in _blocks(text) if label.endswith("PRIVATE KEY")]
    if len(keys) > 1:
        return None, [f"{PRIVATE_KEY} holds {len(keys)} keys; it must be the certificate's alone"]
    try:
        # Only the key: an EC key may have its parameters before it.
        key = serialization.load_pem_private_key("".join(keys).encode(), password=None)
    except (TypeError, ValueError, UnsupportedAlgorithm):
        key = None
    if key is None:
        problem = (
            f"{PRIVATE_KEY} can't be read; it must be the content of a PEM file that begins with"
            " -----BEGIN PRIVATE KEY-----"
        )
        return None, [problem]
    return key, []


def _name(certificate: x509.Certificate, number: int) -> str:
    """How a sentence calls a certificate."""
    subject = certificate.subject.rfc4514_string() or "no subject"
    return f"{CERTIFICATE}: certificate {number} ({subject})"


def _public_bytes(key: Any) -> bytes:
    found: bytes = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return found


def _public_key(certificate: x509.Certificate) -> Any:
    """A certificate's key, or None if nobody knows this kind."""
    try:
        return certificate.public_key()
    except (ValueError, UnsupportedAlgorithm):
        return None


def begins(certificate: x509.Certificate) -> datetime.datetime:
    # cryptography 42 has these names, with a time zone.
    if hasattr(certificate, "not_valid_before_utc"):
        return certificate.not_valid_before_utc
    return certificate.not_valid_before.replace(tzinfo=datetime.timezone.utc)


def ends(certificate: x509.Certificate) -> datetime.datetime:
    if hasattr(certificate, "not_valid_after_utc"):
        return certificate.not_valid_after_utc
    return certificate.not_valid_after.replace(tzinfo=datetime.timezone.utc)


def _extension(certificate: x509.Certificate, kind: Any) -> Any:
    try:
        return certificate.extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None


def _key_matches(chain: Sequence[x509.Certificate], key: Any) -> Iterator[str]:
    wanted = _public_bytes(key.public_key())
    holders = [
        number
        for number, certificate in enumerate(chain, 1)
        if (public := _public_key(certificate)) is not None and _public_bytes(public) == wanted
    ]
    if 1 in holders:
        return
    if holders:
        yield (
            f"{CERTIFICATE}: {PRIVATE_KEY} belongs to certificate {holders[0]}; the site's own certificate must come"
            " first, then the one that issued it"
        )
    else:
        yield f"{PRIVATE_KEY} does not belong to {CERTIFICATE}; both must be of the same request"


def _issued_by(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    constraints = _extension(issuer, x509.BasicConstraints)
    if constraints is not None and not constraints.ca:
        return False
    try:
        certificate.verify_directly_issued_by(issuer)
    except (AttributeError, UnsupportedAlgorithm):
        # Before version 40 nothing can be checked here, and a signature too old for this is reported as such: the
        # names must do.
        return certificate.issuer == issuer.subject
    except (InvalidSignature, TypeError, ValueError):
        return False
    return True


def _order(chain: Sequence[x509.Certificate]) -> Iterator[str]:
    for number, (certificate, issuer) in enumerate(itertools.pairwise(chain), 1):
        if not _issued_by(certificate, issuer):
            yield (
                f"{_name(certificate, number)} was not issued by certificate {number + 1}"
                f" ({issuer.subject.rfc4514_string()}); the next one must be that of its issuer,"
                f" {certificate.issuer.rfc4514_string()}"
            )


def _covers(pattern: str, domain: str) -> bool:
    """Whether a DNS name of a certificate, whose first label may be a wildcard, is for this domain."""
    pattern = pattern.casefold()
    if pattern.startswith("*."):
        label, dot, rest = domain.partition(".")
        return bool(label and dot) and rest == pattern[2:]
    return pattern == domain


def _domain(leaf: x509.Certificate, domain: str) -> Iterator[str]:
    names = _extension(leaf, x509.SubjectAlternativeName)
    dns = names.get_values_for_type(x509.DNSName) if names is not None else []
    addresses = names.get_values_for_type(x509.IPAddress) if names is not None else []
    try:
        kind, found = "IP", ipaddress.ip_address(domain) in addresses
    except ValueError:
        kind, found = "DNS", any(_covers(pattern, domain.casefold()) for pattern in dns)
    if not found:
        listed = ", ".join([f"DNS:{entry}" for entry in dns] + [f"IP:{entry}" for entry in addresses]) or "nothing"
        yield (
            f"{_name(leaf, 1)} is for {listed}; its subjectAltName must have {kind}:{domain}, what users type"
            " (pacs_domain)"
        )


def _purpose(leaf: x509.Certificate) -> Iterator[str]:
    purposes = _extension(leaf, x509.ExtendedKeyUsage)
    if purposes is not None and not SERVER_PURPOSES & {purpose.dotted_string for purpose in purposes}:
        yield f"{_name(leaf, 1)} is not for servers; its extendedKeyUsage must have serverAuth"


def _dates(certificate: x509.Certificate, number: int, now: datetime.datetime) -> Iterator[str]:
    begin, end = begins(certificate), ends(certificate)
    if now > end:
        yield f"{_name(certificate, number)} expired on {end:%Y-%m-%d %H:%M} UTC; it must be a renewed one"
    if now < begin:
        yield (
            f"{_name(certificate, number)} is not valid before {begin:%Y-%m-%d %H:%M} UTC; it must be one that is"
            f" valid now ({now:%Y-%m-%d %H:%M} UTC; is the clock of this machine right?)"
        )


def _strength(certificate: x509.Certificate, number: int, last: bool) -> Iterator[str]:
    name, key = _name(certificate, number), _public_key(certificate)
    if isinstance(key, rsa.RSAPublicKey):
        if key.key_size < RSA_BITS:
            yield f"{name} has an RSA key of {key.key_size} bits; it must have at least {RSA_BITS}"
    elif isinstance(key, ec.EllipticCurvePublicKey):
        if key.key_size < EC_BITS:
            yield f"{name} has an EC key of {key.key_size} bits; it must have at least {EC_BITS}"
    elif not isinstance(key, ed25519.Ed25519PublicKey):
        yield f"{name} has a key of another kind; it must be RSA, EC or Ed25519"
    # Nobody relies on the signature of a root: who trusts it has it already.
    root = last and number > 1 and certificate.issuer == certificate.subject
    weak = WEAK_SIGNATURES.get(certificate.signature_algorithm_oid.dotted_string)
    if weak and not root:
        yield f"{name} is signed with {weak}, which can be forged; it must be signed with SHA-256 or better"


def _complete(chain: Sequence[x509.Certificate], anchors: Iterable[x509.Certificate]) -> Iterator[str]:
    last = chain[-1]
    if last.issuer == last.subject or any(_issued_by(last, anchor) for anchor in anchors):
        return
    issuer = last.issuer.rfc4514_string()
    yield (
        f"{_name(last, len(chain))} was issued by {issuer}, which is neither in the chain nor trusted by this machine;"
        f" append the certificate of {issuer} if it is an intermediate one, or name the file with the CA's certificate"
        " in pacs_ca_path"
    )


def _anchors(chain: Sequence[x509.Certificate], paths: Iterable[str]) -> Iterator[x509.Certificate]:
    """Of the certificates that this machine trusts, those that have the name of the chain's last issuer."""
    wanted = chain[-1].issuer
    for path in paths:
        try:
            with open(path, encoding="utf-8", errors="replace") as stream:
                text = stream.read()
        except OSError:
            continue
        for label, block in _blocks(text):
            certificate = _quietly(block) if label == "CERTIFICATE" else None
            if certificate is not None and certificate.subject == wanted:
                yield certificate


def _quietly(block: str) -> x509.Certificate | None:
    """A certificate of somebody else's list, in which some are old and odd."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return x509.load_pem_x509_certificate(block.encode())
        except ValueError:
            return None


def problems(
    certificate_pem_chain: str,
    private_key_pem: str,
    names: Iterable[str],
    now: datetime.datetime,
    trusted: Sequence[str] = (),
    certificate: str = CERTIFICATE,
    private_key: str = PRIVATE_KEY,
) -> list[str]:
    """Sentences without a full stop on what is wrong with a provided certificate, an empty list if nothing is.

    A chain may end before the root if that is in one of the files of those whom this machine trusts.
    """
    chain, found = _read_chain(certificate_pem_chain)
    key, key_found = _read_key(private_key_pem)
    # What is said of the chain as a whole would mislead if a part of it could not be read.
    if chain and not found:
        found.extend(_order(chain))
        if not found and trusted:
            found.extend(_complete(chain, _anchors(chain, trusted)))
        for name in names:
            found.extend(_domain(chain[0], name))
        found.extend(_purpose(chain[0]))
        for number, one in enumerate(chain, 1):
            found.extend(_dates(one, number, now))
            found.extend(_strength(one, number, last=number == len(chain)))
        if key:
            key_found.extend(_key_matches(chain, key))
    return [
        problem.replace(CERTIFICATE, certificate).replace(PRIVATE_KEY, private_key) for problem in found + key_found
    ]
