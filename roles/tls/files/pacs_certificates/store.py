"""Files that hold certificates and keys: replaced at once or not at all."""

from __future__ import annotations

import contextlib
import os
import re
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import serialization

from .errors import Problem

PEM = re.compile(rb"-----BEGIN (?P<label>[A-Z0-9 ]+)-----.*?-----END (?P=label)-----", re.DOTALL)


def write(path: Path, content: bytes, mode: int) -> None:
    """Replace a file so that whoever opens it sees the old one or the new one, also after a power failure."""
    # Always the same name: what a run that was killed left there, perhaps a key, is gone after the next.
    staged = path.with_name(f".{path.name}.new")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        staged.unlink(missing_ok=True)
        with open(staged, "xb", opener=lambda name, flags: os.open(name, flags, 0o600)) as stream:
            stream.write(content)
            stream.flush()
            os.fchmod(stream.fileno(), mode)
            os.fsync(stream.fileno())
        os.replace(staged, path)
    except OSError as error:
        with contextlib.suppress(OSError):
            staged.unlink(missing_ok=True)
        raise Problem(f"{path} can't be written: {error.strerror}") from error


def read(path: Path) -> bytes:
    """The content of a file, nothing if there is none."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return b""
    except OSError as error:
        raise Problem(f"{path} can't be read: {error.strerror}") from error


def chain_of(content: bytes) -> list[x509.Certificate]:
    """The certificates of a PEM text in their order; none if one of them can't be read."""
    blocks = [found.group() for found in PEM.finditer(content) if found["label"] == b"CERTIFICATE"]
    try:
        return [x509.load_pem_x509_certificate(block) for block in blocks]
    except ValueError:
        return []


def key_of(content: bytes):
    """The private key of a PEM text, or None."""
    blocks = [found.group() for found in PEM.finditer(content) if found["label"].endswith(b"PRIVATE KEY")]
    try:
        return serialization.load_pem_private_key(blocks[0], password=None) if blocks else None
    except (TypeError, ValueError):
        return None


def pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def key_pem(key) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def public_bytes(key) -> bytes:
    return key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def is_pair(content: bytes) -> bool:
    """Whether a PEM text holds a key and, as the first one, the certificate that belongs to it."""
    key, chain = key_of(content), chain_of(content)
    return bool(key and chain) and public_bytes(key.public_key()) == public_bytes(chain[0].public_key())
