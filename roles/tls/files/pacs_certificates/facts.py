"""What a certificate says about itself."""

from __future__ import annotations

import datetime
import ipaddress

from cryptography import x509

from .certificate_rules import begins, ends

RENEW_BEFORE = datetime.timedelta(days=30)


def due(certificate: x509.Certificate) -> datetime.datetime:
    """When to renew: 30 days before the end, but never before two thirds of the lifetime are over."""
    lifetime = ends(certificate) - begins(certificate)
    return ends(certificate) - min(RENEW_BEFORE, lifetime / 3)


def names(certificate: x509.Certificate) -> list[str]:
    """The names and addresses for which a certificate is, in its order."""
    try:
        entries = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return []
    return [str(entry.value) for entry in entries if isinstance(entry, (x509.DNSName, x509.IPAddress))]


def covers(certificate: x509.Certificate, wanted: list[str]) -> bool:
    """Whether a certificate is for all these names; a wildcard stands for one label."""
    present = {name.casefold() for name in names(certificate)}
    return all(
        name.casefold() in present or (not is_address(name) and "*." + name.casefold().partition(".")[2] in present)
        for name in wanted
    )


def is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def serial(certificate: x509.Certificate) -> str:
    return f"{certificate.serial_number:x}"
