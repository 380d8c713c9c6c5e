"""The certificate of an ACME server (RFC 8555), ordered with certbot in its container.

certbot keeps the account and answers the challenges. The key, the request and the result are ours: nothing depends on
what an order that failed left behind, and what nginx reads changes only when the new certificate is complete.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import urllib.parse
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from . import facts, nginx, store
from .authority import Authority, common_name, new_key
from .errors import Problem
from .sources import install, selfsigned, together

CONTAINER = "pacs-certbot"
CERTBOT = [
    "docker", "compose", "run", "--rm", "-T", f"--name={CONTAINER}", "certbot", "certonly",
    "--config=/run/secrets/certbot", "--csr=/order/request.pem", "--cert-path=/order/certificate.pem",
    "--chain-path=/order/chain.pem", "--fullchain-path=/order/fullchain.pem",
]  # fmt: skip
# Waiting for name servers takes minutes; an ACME server that never answers must not hold the lock for ever.
PATIENCE = 900
ACCOUNT_GONE = re.compile(r"accountDoesNotExist|account[^\n]{0,80}(deactivated|revoked|not valid|not found)", re.I)
# The server asks for another attempt with a fresh nonce; certbot makes one of its own.
TRY_AGAIN = re.compile(r"badNonce|anti-replay nonce", re.I)
ATTEMPTS = 3
# What Python puts before a message.
EXCEPTION = re.compile(r"^(([A-Za-z_]\w*\.)+[A-Z]\w*|[A-Z]\w*(Error|Exception)): ")
NOISE = re.compile(r"^(Ask for help|See the logfile|Saving debug log|Some challenges have failed|Hint:|Container )")


def acme(run, file: Path) -> None:
    """Order what is missing or due; until that succeeds, nginx has what it had, or a placeholder."""
    kept = run.folder / "acme/site.pem"
    problem = None
    if run.order and (why := reason_to_order(run, kept)):
        said = f"ordered a certificate for {', '.join(run.settings['names'])}: {why}"
        if run.dry:
            run.actions.append(said)
            return
        try:
            order(run, kept)
            run.actions.append(said)
        except Problem as failed:
            problem = failed
    if is_good(run, kept):
        content = store.read(kept)
        if content != store.read(file):
            install(run, file, content, "put the certificate of the ACME server in place")
    elif not stands_in(run, file):
        selfsigned(run, file)
    if problem:
        raise problem


def is_good(run, kept: Path) -> bool:
    """Whether what was ordered is of this ACME server and for these names."""
    content = store.read(kept)
    return (
        store.is_pair(content)
        and origin(kept) == run.settings["acme"]["server"]
        and facts.covers(store.chain_of(content)[0], run.settings["names"])
    )


def stands_in(run, file: Path) -> bool:
    """Whether what nginx has can stay until the order succeeds: all but a placeholder for other names."""
    content = store.read(file)
    if not store.is_pair(content):
        return False
    certificate = store.chain_of(content)[0]
    own = Authority(run.folder / "ca", "", 0, run.now)
    return facts.covers(certificate, run.settings["names"]) or not own.issued(certificate)


def origin(kept: Path) -> str:
    """The ACME server from which a certificate came."""
    return store.read(kept.with_suffix(".server")).decode(errors="replace").strip()


def reason_to_order(run, kept: Path) -> str:
    """Why a certificate has to be ordered, empty if it has not."""
    wanted, content = run.settings["acme"], store.read(kept)
    if not store.is_pair(content):
        return "there was none of an ACME server"
    leaf = store.chain_of(content)[0]
    if origin(kept) != wanted["server"]:
        return f"the one there is of {origin(kept) or 'another server'}"
    if set(facts.names(leaf)) != set(run.settings["names"]):
        return f"the one there is for {', '.join(facts.names(leaf))}"
    if key_type(leaf.public_key()) != wanted["key_type"]:
        return f"the key of the one there is not of type {wanted['key_type']}"
    if run.now >= facts.due(leaf):
        return f"the one there ends on {facts.ends(leaf):%Y-%m-%d %H:%M} UTC"
    return run.asked


def key_type(key) -> str:
    if isinstance(key, ec.EllipticCurvePublicKey):
        return "ecdsa"
    return "rsa" if isinstance(key, rsa.RSAPublicKey) else "other"


def order(run, kept: Path) -> None:
    """Order a certificate; on success it lies with its key in one file."""
    wanted, names = run.settings["acme"], run.settings["names"]
    key = new_key() if wanted["key_type"] == "ecdsa" else rsa.generate_private_key(65537, 3072)
    forgotten = False
    for _repeated in range(ATTEMPTS):
        said = attempt(run, key)
        if ACCOUNT_GONE.search(said) and not forgotten:
            forget_account(run)
            forgotten = True
        elif not TRY_AGAIN.search(said):
            break
    if said:
        way = f", asked through the proxy {wanted['proxy']}," if wanted.get("proxy") else ""
        raise Problem(f"{wanted['server']}{way} issued no certificate for {', '.join(names)}: {reason(said)}")
    chain_pem = store.read(run.folder / "acme/order/fullchain.pem")
    content = together(store.key_pem(key), chain_pem)
    if not store.is_pair(content) or not facts.covers(store.chain_of(content)[0], names):
        raise Problem(f"{wanted['server']} issued something else than a certificate for {', '.join(names)}")
    # In this order: a run that dies between them must not pass the certificate before for one of this server.
    store.write(kept, content, 0o400)
    store.write(kept.with_suffix(".server"), wanted["server"].encode() + b"\n", 0o444)
    shutil.rmtree(run.folder / "acme/order", ignore_errors=True)


def attempt(run, key) -> str:
    """Run certbot once; returns what it said if it failed."""
    folder = run.folder / "acme/order"
    shutil.rmtree(folder, ignore_errors=True)
    store.write(folder / "request.pem", request(key, run.settings["names"]), 0o400)
    # One that outlived its run would hold certbot's lock.
    remove_container(run)
    try:
        done = subprocess.run(
            CERTBOT,
            cwd=run.settings["project"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=PATIENCE,
            check=False,
        )
    except subprocess.TimeoutExpired:
        remove_container(run)
        return f"no answer within {PATIENCE // 60} minutes"
    said = done.stdout.decode(errors="replace").strip()
    return (said or f"certbot ended with {done.returncode} and said nothing") if done.returncode else ""


def remove_container(run) -> None:
    if nginx.command(run, ["docker", "ps", "--all", "--quiet", f"--filter=name=^/{CONTAINER}$"]):
        nginx.command(run, ["docker", "rm", "--force", CONTAINER])


def request(key, names: list[str]) -> bytes:
    """A request for a certificate (CSR)."""
    entries = x509.SubjectAlternativeName([x509.DNSName(name) for name in names])
    builder = x509.CertificateSigningRequestBuilder().subject_name(common_name(names[0]))
    signed = builder.add_extension(entries, critical=False).sign(key, hashes.SHA256())
    return signed.public_bytes(serialization.Encoding.PEM)


def forget_account(run) -> None:
    """The next attempt registers a new account: the server does not know this one any more."""
    host = urllib.parse.urlsplit(run.settings["acme"]["server"]).netloc
    shutil.rmtree(run.folder / "acme/state/accounts" / host, ignore_errors=True)
    run.actions.append(f"registered a new account, because {host} does not accept the old one any more")


def reason(said: str) -> str:
    """What the ACME server, or certbot, gave as the reason, in one line."""
    if "No space left on device" in said:
        # Python's logging repeats this over many lines.
        return "No space left on device"
    problems = re.findall(r"^\s*Domain:\s*(\S+)\s*\n\s*Type:\s*\S+\s*\n\s*Detail:\s*(.+)$", said, re.MULTILINE)
    if problems:
        return "; ".join(f"{domain}: {detail.strip()}" for domain, detail in problems).rstrip(".")
    unexpected = said.partition("An unexpected error occurred:\n")[2]
    lines = [line.strip() for line in (unexpected or said).splitlines()]
    lines = [line for line in lines if line and not NOISE.match(line)]
    if not lines:
        return "certbot gave no reason"
    line = EXCEPTION.sub("", lines[0] if unexpected else lines[-1]).rstrip(".")
    # What certbot calls options has other names here.
    return line.replace("--eab-kid", "tls_acme_eab_kid").replace("--eab-hmac-key", "tls_acme_eab_hmac_key")
