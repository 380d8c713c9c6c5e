# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a site may say about its certificates."""

from __future__ import annotations

import datetime
import ipaddress
import ssl
from typing import Any

from .. import certificate_rules
from ..fields.network import as_address, https_url, is_inside
from ..fields.text import (
    base64_text,
    between,
    certificates_pem,
    e_mail,
    matching,
    one_line,
    pem,
    private_pem,
    server_path,
)
from ..fields.types import Problems

# An X.509 common name has no more room.
COMMON_NAME = 64
PROVIDED, PROVIDED_DICOM = "tls_provided", "tls_dicom_provided"
# Where distributions have the CAs that their users trust, whatever Python was built for.
TRUSTED = ("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem")


def provided_certificate(value: str) -> Problems:
    """A certificate without the key, which must not end up in a file that is no secret."""
    yield from pem("CERTIFICATE")(value)
    if "PRIVATE KEY" in value:
        yield "it must hold only certificates; the key belongs in tls_provided_private_key"


def dns_server(value: str) -> Problems:
    """certbot asks no other name server for the address of this one."""
    if value and as_address(value) is None:
        yield "it must be the IPv4 or IPv6 address of the name server"


def own_ca_can_certify(pacs_domain: str, pacs_shares_domain: str, pacs_tls_source: str) -> Problems:
    for name, value in (("pacs_domain", pacs_domain), ("pacs_shares_domain", pacs_shares_domain)):
        if pacs_tls_source == "selfsigned" and len(value) > COMMON_NAME:
            yield f"{name} is '{value}'; the site's own CA can certify at most {COMMON_NAME} characters"


def provided_needs_files(pacs_tls_source: str, given: dict[str, Any]) -> Problems:
    if pacs_tls_source != "provided":
        return
    certificate, key = "tls_provided_certificate", "tls_provided_private_key"
    for name, other in ((certificate, key), (key, certificate)):
        text, path = name in given, f"{name}_path" in given
        if text and path:
            yield f"{name} and {name}_path are both set; keep one of them"
        elif not text and not path:
            wanted = f"{name}_path" if f"{other}_path" in given else name
            yield f"{wanted} isn't set; it is needed when pacs_tls_source is 'provided'"
        elif path and other in given:
            yield f"{name}_path is set, but {other} is text; both must be of one kind"


def acme_certifies_names(pacs_tls_source: str, pacs_domain: str) -> Problems:
    if pacs_tls_source == "acme" and as_address(pacs_domain) is not None:
        yield f"pacs_domain is '{pacs_domain}'; with pacs_tls_source 'acme' it must be a name, not an address"


def acme_server_comes_in(
    pacs_tls_source: str,
    tls_acme_challenge: str,
    tls_acme_server: str,
    pacs_staff_networks: list[str],
    pacs_staff_networks_guard: str,
) -> Problems:
    if (
        (pacs_tls_source, tls_acme_challenge, pacs_staff_networks_guard) == ("acme", "http-01", "ports")
        and "letsencrypt.org" in tls_acme_server
        and pacs_staff_networks
    ):
        yield (
            "pacs_staff_networks is set, so Let's Encrypt can't reach pacs_http_port; leave the list empty, or set"
            " tls_acme_challenge to 'dns-01'"
        )


def public_names_only(
    pacs_tls_source: str, tls_acme_server: str, pacs_domain: str, pacs_shares_domain: str
) -> Problems:
    if pacs_tls_source != "acme" or "letsencrypt.org" not in tls_acme_server:
        return
    for variable, name in (("pacs_domain", pacs_domain), ("pacs_shares_domain", pacs_shares_domain)):
        if name and ":" not in name and is_inside(name):
            yield (
                f"{variable} is '{name}', a name inside the hospital, for which Let's Encrypt makes no certificate; set"
                " pacs_tls_source to 'selfsigned' or 'provided', or tls_acme_server to the hospital's own"
            )


def provided_certificate_works(
    pacs_tls_source: str, pacs_domain: str, pacs_shares_domain: str, right: dict[str, Any]
) -> Problems:
    """nginx would start with most of these mistakes, and every browser would refuse it."""
    if pacs_tls_source == "provided" and has_both(PROVIDED, right):
        names = [name for name in (pacs_domain, pacs_shares_domain) if name]
        yield from unusable(PROVIDED, right, names, right.get("pacs_ca_path") or "")


def provided_dicom_certificate_works(
    pacs_dicom_tls_enabled: bool, pacs_dicom_tls_source: str, right: dict[str, Any]
) -> Problems:
    if pacs_dicom_tls_enabled and pacs_dicom_tls_source == "provided" and has_both(PROVIDED_DICOM, right):
        yield from unusable(PROVIDED_DICOM, right, [])


def has_both(prefix: str, right: dict[str, Any]) -> bool:
    """Whether the site gives a certificate and its key as text, and no other. What is missing has its own sentence."""
    texts, paths = [
        [right.get(f"{prefix}_{part}{end}") for part in ("certificate", "private_key")] for end in ("", "_path")
    ]
    return all(texts) and not any(paths)


def unusable(
    prefix: str,
    right: dict[str, Any],
    names: list[str],
    ca_path: str | None = None,
    now: datetime.datetime | None = None,
) -> Problems:
    """What is wrong with a certificate and its key.

    With a `ca_path`, which may be empty, a chain that ends before its root has to end with a certificate for which that
    file or this machine can vouch.
    """
    certificate, key = f"{prefix}_certificate", f"{prefix}_private_key"
    if certificate_rules.CRYPTOGRAPHY_ERROR:
        yield (
            f"{certificate} can't be checked, because Python's package cryptography is missing on the controller;"
            " install the collection's requirements.txt"
        )
        return
    paths = (ssl.get_default_verify_paths().cafile, *TRUSTED, ca_path)
    trusted = () if ca_path is None else [path for path in paths if path]
    moment = now or datetime.datetime.now(datetime.UTC)
    yield from certificate_rules.problems(
        right[certificate] or "", right[key] or "", names, moment, trusted, certificate, key
    )


def challenge_needs_key(pacs_tls_source: str, tls_acme_challenge: str, given: dict[str, Any]) -> Problems:
    for name in ("tls_acme_dns_server", "tls_acme_dns_key_name", "tls_acme_dns_key_secret"):
        if (pacs_tls_source, tls_acme_challenge) == ("acme", "dns-01") and name not in given:
            yield f"{name} isn't set; it is needed when tls_acme_challenge is 'dns-01'"


def name_server_is_outside_containers(tls_acme_dns_server: str, pacs_network: str) -> Problems:
    address = as_address(tls_acme_dns_server)
    if address is not None and address in ipaddress.ip_network(pacs_network):
        yield (
            f"tls_acme_dns_server is '{tls_acme_dns_server}'; pacs_network ('{pacs_network}') holds that address,"
            " choose another one"
        )


def account_binding_is_complete(given: dict[str, Any]) -> Problems:
    kid, key = "tls_acme_eab_kid", "tls_acme_eab_hmac_key"
    if (kid in given) != (key in given):
        there, missing = (kid, key) if kid in given else (key, kid)
        yield f"{missing} isn't set; it is needed with {there}"


def dicom_needs_files(pacs_dicom_tls_enabled: bool, pacs_dicom_tls_source: str, given: dict[str, Any]) -> Problems:
    for name in ("tls_dicom_provided_certificate", "tls_dicom_provided_private_key", "tls_dicom_provided_ca"):
        if pacs_dicom_tls_enabled and pacs_dicom_tls_source == "provided" and name not in given:
            yield f"{name} isn't set; it is needed when pacs_dicom_tls_source is 'provided'"


def ca_outlives_certificate(tls_selfsigned_days: int, tls_selfsigned_ca_days: int) -> Problems:
    if tls_selfsigned_ca_days < tls_selfsigned_days:
        yield (
            f"tls_selfsigned_ca_days is {tls_selfsigned_ca_days}; the CA must last as long as tls_selfsigned_days"
            f" ({tls_selfsigned_days})"
        )


RULES = {
    "tls_provided_certificate": provided_certificate,
    "tls_provided_private_key": private_pem,
    "tls_provided_certificate_path": server_path,
    "tls_provided_private_key_path": server_path,
    "tls_acme_server": https_url,
    "tls_acme_ca": certificates_pem,
    "tls_acme_email": e_mail,
    "tls_acme_eab_kid": one_line,
    "tls_acme_eab_hmac_key": base64_text("it must be base64url as the ACME server gave it"),
    "tls_acme_dns_server": dns_server,
    # Somebody else's server, where nothing of ours can be in the way.
    "tls_acme_dns_port": between(1, 65535),
    "tls_acme_dns_key_name": matching(r"([A-Za-z0-9_.-]+)?", "it must be the name of a TSIG key"),
    "tls_acme_dns_key_secret": base64_text("it must be base64 as the name server gave it"),
    "tls_acme_dns_wait": between(1, 600),
    "tls_dicom_provided_certificate": certificates_pem,
    "tls_dicom_provided_private_key": private_pem,
    "tls_dicom_provided_ca": certificates_pem,
    "tls_dicom_days": between(1, 3650),
    # Apple's systems refuse a longer one of any CA (support.apple.com/103769).
    "tls_selfsigned_days": between(1, 825),
    "tls_selfsigned_ca_days": between(1, 36500),
}
RELATIONS = (
    own_ca_can_certify,
    provided_needs_files,
    provided_certificate_works,
    provided_dicom_certificate_works,
    acme_certifies_names,
    acme_server_comes_in,
    public_names_only,
    challenge_needs_key,
    name_server_is_outside_containers,
    account_binding_is_complete,
    dicom_needs_files,
    ca_outlives_certificate,
)
