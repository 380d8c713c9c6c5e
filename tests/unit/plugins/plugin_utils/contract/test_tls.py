# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every mistake with a provided certificate has its sentence, and what is right has none."""

from __future__ import annotations

import datetime
import functools
import ipaddress
import re

import pytest
from ansible_collections.threedpc.pacs.plugins.plugin_utils import certificate_rules
from ansible_collections.threedpc.pacs.plugins.plugin_utils.contract.site import sentence as with_stop
from ansible_collections.threedpc.pacs.plugins.plugin_utils.contract.tls import unusable
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

NOW = datetime.datetime(2026, 6, 1, 12, tzinfo=datetime.UTC)
DAY = datetime.timedelta(days=1)
DOMAIN = "pacs.hospital.example"
EC = functools.partial(ec.generate_private_key, ec.SECP256R1())


class Holder:
    """A certificate with its key, issued by another holder or by itself."""

    def __init__(
        self,
        name,
        issuer=None,
        key=None,
        names=None,
        ca=None,
        begin=NOW - 90 * DAY,
        end=NOW + 90 * DAY,
        purposes=(),
    ):
        self.key = key or EC()
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        issuer = issuer or self
        builder = (
            x509.CertificateBuilder()
            .subject_name(self.name)
            .issuer_name(issuer.name)
            .public_key(self.key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(begin)
            .not_valid_after(end)
        )
        if ca is not None:
            builder = builder.add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        if purposes:
            builder = builder.add_extension(x509.ExtendedKeyUsage(purposes), critical=False)
        unhashed = isinstance(issuer.key, (ed25519.Ed25519PrivateKey, ed448.Ed448PrivateKey))
        self.certificate = builder.sign(issuer.key, None if unhashed else hashes.SHA256())
        self.pem = self.certificate.public_bytes(serialization.Encoding.PEM).decode()

    def key_pem(self, encoding=serialization.PrivateFormat.PKCS8, passphrase=None):
        encryption = serialization.BestAvailableEncryption(passphrase) if passphrase else serialization.NoEncryption()
        return self.key.private_bytes(serialization.Encoding.PEM, encoding, encryption).decode()


def named(*names):
    return [
        x509.IPAddress(ipaddress.ip_address(name)) if re.fullmatch(r"[0-9.]+|.*:.*", name) else x509.DNSName(name)
        for name in names
    ]


ROOT = Holder("Root", ca=True)
MIDDLE = Holder("Middle", ROOT, ca=True)
LEAF = Holder("leaf", MIDDLE, names=named(DOMAIN))


def leaf(**changes):
    return Holder("leaf", changes.pop("issuer", MIDDLE), **({"names": named(DOMAIN)} | changes))


def certificate_problems(chain, key, names, site, now=None, ca_path=None, prefix="tls_provided"):
    names = [names] if isinstance(names, str) else names
    right = {f"{prefix}_certificate": chain, f"{prefix}_private_key": key}
    return [f"{site}: {with_stop(problem)}" for problem in unusable(prefix, right, names, ca_path, now)]


def problems(chain, key, domain=DOMAIN, now=NOW):
    """The sentences, each of which names the site and a variable and says nothing of the key."""
    found = certificate_problems(chain, key, domain, "Hospital", now)
    body = {line for line in str(key).splitlines() if len(line) > 5 and not line.startswith("-----")}
    for sentence in found:
        assert re.match(r"Hospital: tls_provided_(certificate|private_key)\b.*\.$", sentence)
        assert "\n" not in sentence
        assert not any(line in sentence for line in body)
    return found


def only(found, *parts):
    """There is one sentence, with these parts."""
    assert len(found) == 1, found
    for part in parts:
        assert part in found[0]


# What is right.


def test_full_chain():
    assert problems(LEAF.pem + MIDDLE.pem + ROOT.pem, LEAF.key_pem()) == []


def test_chain_without_its_root():
    assert problems(LEAF.pem + MIDDLE.pem, LEAF.key_pem()) == []


def test_leaf_alone_that_somebody_else_issued():
    """The issuer may be a root of the hospital's own that the clients trust."""
    assert problems(LEAF.pem, LEAF.key_pem()) == []


def test_self_signed_certificate():
    alone = Holder("self", names=named(DOMAIN))
    assert problems(alone.pem, alone.key_pem()) == []


def test_texts_between_and_windows_line_ends():
    text = f"Subject: leaf\n{LEAF.pem}\n\nIssuer: Middle\n{MIDDLE.pem}\n".replace("\n", "\r\n")
    assert problems(text, "\n\n" + LEAF.key_pem().replace("\n", "\r\n") + "\n") == []


@pytest.mark.parametrize(
    "key",
    [
        functools.partial(rsa.generate_private_key, 65537, 2048),
        EC,
        functools.partial(ec.generate_private_key, ec.SECP384R1()),
        ed25519.Ed25519PrivateKey.generate,
    ],
    ids=["rsa2048", "p256", "p384", "ed25519"],
)
def test_good_keys(key):
    holder = leaf(key=key())
    assert problems(holder.pem + MIDDLE.pem, holder.key_pem()) == []
    alone = Holder("self", key=holder.key, names=named(DOMAIN))
    assert problems(alone.pem, alone.key_pem()) == []


def test_traditional_key_with_its_parameters_before_it():
    parameters = "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n"
    key = LEAF.key_pem(serialization.PrivateFormat.TraditionalOpenSSL)
    assert "BEGIN EC PRIVATE KEY" in key
    assert problems(LEAF.pem, parameters + key) == []


# 1. and 2. What can't be read.


@pytest.mark.parametrize("chain", ["", "  \n", None])
def test_no_certificate(chain):
    only(problems(chain, LEAF.key_pem()), "tls_provided_certificate is empty", "it must be")


@pytest.mark.parametrize("chain", ["/etc/ssl/fullchain.pem", "0\x82\x03", "-----BEGIN CERTIFICATE-----\nMIIB"])
def test_not_pem(chain):
    only(problems(chain, LEAF.key_pem()), "tls_provided_certificate is not PEM", "it must be")


def test_request_instead_of_a_certificate():
    request = LEAF.pem.replace("CERTIFICATE", "CERTIFICATE REQUEST")
    only(problems(request, LEAF.key_pem()), "has no certificate but CERTIFICATE REQUEST", "it must begin with")


def damaged(pem):
    lines = pem.splitlines()
    lines[3] = lines[3][::-1]
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize("content", ["", "AAAA\n", "no base64!\n"])
def test_certificate_that_is_no_certificate(content):
    text = f"-----BEGIN CERTIFICATE-----\n{content}-----END CERTIFICATE-----\n"
    only(problems(LEAF.pem + text, LEAF.key_pem()), "certificate 2 can't be read", "it must be")


def test_certificate_that_lost_its_end():
    only(problems(LEAF.pem + MIDDLE.pem[:200], LEAF.key_pem()), "breaks off", "-----END")
    found = problems(LEAF.pem[:200] + "\n" + MIDDLE.pem, LEAF.key_pem())
    assert ["breaks off" in found[0], "certificate 1 can't be read" in found[1]] == [True, True]


def test_private_key_among_the_certificates():
    """That file is for everybody, and its content is shown in a diff."""
    only(problems(LEAF.pem + LEAF.key_pem(), LEAF.key_pem()), "holds a private key", "tls_provided_private_key alone")


# 3. The key.


@pytest.mark.parametrize("key", ["", " \n", None])
def test_no_key(key):
    only(problems(LEAF.pem, key), "tls_provided_private_key is empty", "it must be")


def test_key_that_can_not_be_read():
    wrong = "tls_provided_private_key can't be read"
    only(problems(LEAF.pem, "swordfish"), wrong, "it must be")
    only(problems(LEAF.pem, LEAF.pem), wrong)
    only(problems(LEAF.pem, LEAF.key_pem().replace("PRIVATE", "PUBLIC")), wrong)
    only(problems(LEAF.pem, damaged(LEAF.key_pem().replace("\n", "\nAAAA", 1))), wrong)
    only(problems(LEAF.pem, LEAF.key_pem()[:100]), wrong)


@pytest.mark.parametrize(
    "encoding", [serialization.PrivateFormat.PKCS8, serialization.PrivateFormat.TraditionalOpenSSL]
)
def test_encrypted_key(encoding):
    key = LEAF.key_pem(encoding, b"swordfish")
    only(problems(LEAF.pem, key), "tls_provided_private_key is encrypted", "without a passphrase")


def test_two_keys():
    only(problems(LEAF.pem, LEAF.key_pem() + ROOT.key_pem()), "tls_provided_private_key holds 2 keys", "it must be")


def test_key_of_another_certificate():
    only(
        problems(LEAF.pem + MIDDLE.pem, Holder("x").key_pem()),
        "tls_provided_private_key does not belong to tls_provided_certificate",
        "must be of the same request",
    )


def test_key_of_another_kind_than_the_certificate():
    other = Holder("x", key=rsa.generate_private_key(65537, 2048))
    only(problems(LEAF.pem, other.key_pem()), "tls_provided_private_key does not belong")


# 4. The chain.


def test_chain_out_of_order():
    found = problems(LEAF.pem + ROOT.pem + MIDDLE.pem, LEAF.key_pem())
    assert len(found) == 2
    assert "certificate 1 (CN=leaf) was not issued by certificate 2 (CN=Root)" in found[0]
    assert "the next one must be that of its issuer, CN=Middle" in found[0]
    assert "certificate 2 (CN=Root) was not issued by certificate 3 (CN=Middle)" in found[1]


def test_chain_upside_down():
    found = problems(MIDDLE.pem + LEAF.pem, LEAF.key_pem())
    assert "certificate 1 (CN=Middle) was not issued by certificate 2 (CN=leaf)" in found[0]
    assert "tls_provided_private_key belongs to certificate 2" in found[-1]
    assert "the site's own certificate must come first" in found[-1]


def test_chain_with_a_gap():
    only(problems(LEAF.pem + ROOT.pem, LEAF.key_pem()), "was not issued by certificate 2", "its issuer, CN=Middle")


def test_chain_with_the_leaf_twice():
    only(
        problems(LEAF.pem + LEAF.pem + MIDDLE.pem, LEAF.key_pem()),
        "(CN=leaf) was not issued by certificate 2 (CN=leaf)",
    )


def test_chain_with_another_issuer_of_the_same_name():
    impostor = Holder("Middle", ROOT, ca=True)
    only(problems(LEAF.pem + impostor.pem, LEAF.key_pem()), "was not issued by certificate 2 (CN=Middle)")


def test_chain_whose_issuer_is_no_authority():
    plain = Holder("plain", ROOT, ca=False)
    holder = leaf(issuer=plain)
    only(problems(holder.pem + plain.pem, holder.key_pem()), "was not issued by certificate 2 (CN=plain)")


# 5. The domain.


@pytest.mark.parametrize(
    ("names", "domain"),
    [
        (["other.example", DOMAIN], DOMAIN),
        (["PACS.Hospital.Example"], DOMAIN),
        (["*.hospital.example"], DOMAIN),
        (["pacs"], "pacs"),
        (["10.0.0.5"], "10.0.0.5"),
        (["2001:db8::5"], "2001:db8::5"),
        (["2001:0db8:0:0:0:0:0:5"], "2001:db8::5"),
        (["10.0.0.4", DOMAIN], "10.0.0.4"),
    ],
)
def test_domain_in_the_certificate(names, domain):
    holder = leaf(names=named(*names))
    assert problems(holder.pem, holder.key_pem(), domain) == []


@pytest.mark.parametrize(
    ("names", "domain", "wanted"),
    [
        (["other.example"], DOMAIN, "DNS:pacs.hospital.example"),
        (["*.example"], DOMAIN, "DNS:pacs.hospital.example"),
        (["*.hospital.example"], "hospital.example", "DNS:hospital.example"),
        (["*.hospital.example"], "a.pacs.hospital.example", "DNS:a.pacs"),
        (["p*.hospital.example"], DOMAIN, "DNS:pacs"),
        (["*"], "pacs", "DNS:pacs"),
        (["pacs.*.example"], DOMAIN, "DNS:pacs"),
        ([DOMAIN + ".evil.example"], DOMAIN, "DNS:pacs"),
        (["10.0.0.4"], "10.0.0.5", "IP:10.0.0.5"),
        (["pacs.hospital.example"], "10.0.0.5", "IP:10.0.0.5"),
    ],
)
def test_domain_not_in_the_certificate(names, domain, wanted):
    holder = leaf(names=named(*names))
    only(
        problems(holder.pem, holder.key_pem(), domain),
        "certificate 1 (CN=leaf) is for ",
        f"its subjectAltName must have {wanted}",
        "pacs_domain",
        names[0],
    )


def test_address_written_as_a_name():
    holder = leaf(names=[x509.DNSName("10.0.0.5")])
    only(problems(holder.pem, holder.key_pem(), "10.0.0.5"), "is for DNS:10.0.0.5", "must have IP:10.0.0.5")


def complete(chain, ca_path):
    return certificate_problems(chain, LEAF.key_pem(), [DOMAIN], "Hospital", NOW, ca_path)


def test_chain_that_does_not_reach_what_this_machine_trusts(tmp_path):
    trusted = tmp_path / "ca.pem"
    trusted.write_text(f"# {ROOT.pem}not PEM\n{ROOT.pem}")
    assert complete(LEAF.pem + MIDDLE.pem, str(trusted)) == []
    assert complete(LEAF.pem + MIDDLE.pem + ROOT.pem, "") == []
    only(
        complete(LEAF.pem, str(trusted)),
        "certificate 1 (CN=leaf)",
        "append the certificate of CN=Middle",
        "pacs_ca_path",
    )
    only(complete(LEAF.pem + MIDDLE.pem, ""), "certificate 2 (CN=Middle)", "CN=Root", "pacs_ca_path")
    trusted.write_text(Holder("Root", ca=True).pem)
    only(complete(LEAF.pem + MIDDLE.pem, str(trusted)), "certificate 2 (CN=Middle)", "nor trusted by this machine")


def test_every_name_of_the_site_must_be_there():
    found = certificate_problems(LEAF.pem, LEAF.key_pem(), [DOMAIN, "shares.example"], "Hospital", NOW)
    only(found, "must have DNS:shares.example")


def test_sentences_name_the_variables_for_dicom():
    found = certificate_problems(LEAF.pem, "", [], "Hospital", NOW, prefix="tls_dicom_provided")
    only(found, "Hospital: tls_dicom_provided_private_key is empty")


def test_domain_as_common_name_alone():
    """Browsers have not looked at it for years."""
    holder = Holder(DOMAIN, MIDDLE)
    only(problems(holder.pem, holder.key_pem()), "is for nothing; its subjectAltName must have DNS:" + DOMAIN)


def test_purposes():
    for purposes in ([ExtendedKeyUsageOID.SERVER_AUTH], [ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE]):
        holder = leaf(purposes=[ExtendedKeyUsageOID.CLIENT_AUTH, *purposes])
        assert problems(holder.pem, holder.key_pem()) == []
    holder = leaf(purposes=[ExtendedKeyUsageOID.CLIENT_AUTH])
    only(problems(holder.pem, holder.key_pem()), "is not for servers", "must have serverAuth")


# 6. and 7. The dates.


def test_the_clock_moves_over_the_dates():
    holder = leaf(begin=NOW - DAY, end=NOW + DAY)
    second = datetime.timedelta(seconds=1)

    def at(now):
        return problems(holder.pem, holder.key_pem(), now=now)

    only(at(NOW - DAY - second), "(CN=leaf) is not valid before 2026-05-31 12:00 UTC", "it must be", "clock")
    assert at(NOW - DAY) == at(NOW) == at(NOW + DAY) == []
    only(at(NOW + DAY + second), "(CN=leaf) expired on 2026-06-02 12:00 UTC", "it must be a renewed one")


def test_the_time_is_now_if_nobody_says_it():
    now = datetime.datetime.now(datetime.UTC)
    for begin, end, said in ((-2, -1, "expired"), (-1, 1, None), (1, 2, "not valid before")):
        holder = leaf(begin=now + begin * DAY, end=now + end * DAY)
        found = problems(holder.pem, holder.key_pem(), now=None)
        assert [said in sentence for sentence in found] == ([True] if said else [])


def test_dates_of_the_whole_chain():
    old = Holder("Middle", ROOT, key=MIDDLE.key, ca=True, end=NOW - DAY)
    new = Holder("Middle", ROOT, key=MIDDLE.key, ca=True, begin=NOW + DAY)
    only(problems(LEAF.pem + old.pem, LEAF.key_pem()), "certificate 2 (CN=Middle) expired")
    only(problems(LEAF.pem + new.pem, LEAF.key_pem()), "certificate 2 (CN=Middle) is not valid before")


# 8. What is too weak.


@pytest.mark.parametrize(
    ("key", "told"),
    [
        (
            functools.partial(rsa.generate_private_key, 65537, 1024),
            "an RSA key of 1024 bits; it must have at least 2048",
        ),
        (functools.partial(rsa.generate_private_key, 65537, 2040), "an RSA key of 2040 bits"),
        (
            functools.partial(ec.generate_private_key, ec.SECP224R1()),
            "an EC key of 224 bits; it must have at least 256",
        ),
        (functools.partial(dsa.generate_private_key, 2048), "a key of another kind; it must be RSA, EC or Ed25519"),
        (ed448.Ed448PrivateKey.generate, "a key of another kind"),
    ],
    ids=["rsa1024", "rsa2040", "p224", "dsa", "ed448"],
)
def test_weak_key(key, told):
    holder = leaf(key=key())
    only(problems(holder.pem, holder.key_pem()), "certificate 1 (CN=leaf) has " + told)


def test_weak_key_of_an_issuer():
    weak = Holder("weak", ROOT, key=rsa.generate_private_key(65537, 1024), ca=True)
    holder = leaf(issuer=weak)
    only(problems(holder.pem + weak.pem, holder.key_pem()), "certificate 2 (CN=weak) has an RSA key of 1024 bits")


RSA_ROOT = Holder("RSA root", key=rsa.generate_private_key(65537, 2048), ca=True)


def resigned(holder, last_byte):
    """The same certificate with another algorithm named for its signature: nobody makes such ones anymore."""
    sha256_with_rsa = bytes.fromhex("06092a864886f70d01010b")
    content = holder.certificate.public_bytes(serialization.Encoding.DER)
    assert content.count(sha256_with_rsa) == 2
    changed = x509.load_der_x509_certificate(content.replace(sha256_with_rsa, sha256_with_rsa[:-1] + last_byte))
    return changed.public_bytes(serialization.Encoding.PEM).decode()


@pytest.mark.parametrize(("last_byte", "name"), [(b"\x02", "MD2"), (b"\x04", "MD5"), (b"\x05", "SHA-1")])
def test_weak_signature(last_byte, name):
    holder = leaf(issuer=RSA_ROOT)
    only(
        problems(resigned(holder, last_byte), holder.key_pem()),
        f"certificate 1 (CN=leaf) is signed with {name}",
        "it must be signed with SHA-256 or better",
    )


def test_weak_signature_of_a_root_is_nobodys_concern():
    holder = leaf(issuer=RSA_ROOT)
    assert problems(holder.pem + resigned(RSA_ROOT, b"\x05"), holder.key_pem()) == []
    alone = Holder("self", key=RSA_ROOT.key, names=named(DOMAIN))
    only(problems(resigned(alone, b"\x05"), alone.key_pem()), "is signed with SHA-1")


# Several at once.


def test_everything_at_once():
    weak = rsa.generate_private_key(65537, 1024)
    holder = Holder("leaf", RSA_ROOT, key=weak, names=named("other"), end=NOW - DAY)
    found = problems(resigned(holder, b"\x05") + MIDDLE.pem, ROOT.key_pem())
    told = ["was not issued by", "is for DNS:other", "expired", "1024 bits", "SHA-1", "does not belong"]
    assert len(found) == len(told)
    for sentence, part in zip(found, told, strict=True):
        assert part in sentence


def test_certificate_and_key_both_unreadable():
    found = problems("nonsense", "swordfish")
    assert ["is not PEM" in found[0], "private_key can't be read" in found[1]] == [True, True]
    assert len(found) == 2
    assert "swordfish" not in str(found)


def test_controller_without_cryptography(monkeypatch):
    monkeypatch.setattr(certificate_rules, "CRYPTOGRAPHY_ERROR", ImportError("no"))
    only(certificate_problems(LEAF.pem, LEAF.key_pem(), DOMAIN, "Hospital"), "cryptography is missing on the contr")
