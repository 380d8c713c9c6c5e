# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""certbot in its container: an order, what to do about one that failed, and what its words mean."""

from __future__ import annotations

import re
import shutil
import subprocess
import urllib.parse

from cryptography.hazmat.primitives.asymmetric import ec, rsa

from .. import core
from .run import Run

Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey

CONTAINER = "pacs-certbot"
IN_CONTAINER = ["docker", "compose", "run", "--rm", "-T", f"--name={CONTAINER}", "certbot"]
ORDER = [
    *IN_CONTAINER, "certbot", "certonly", "--config=/run/secrets/certbot", "--csr=/order/request.pem",
    "--cert-path=/order/certificate.pem", "--chain-path=/order/chain.pem", "--fullchain-path=/order/fullchain.pem",
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


def order(run: Run, request: bytes) -> str:
    """Order what a request names; returns what certbot printed if it failed."""
    forgotten, output = False, ""
    for _repeated in range(ATTEMPTS):
        output = attempt(run, request)
        if ACCOUNT_GONE.search(output) and not forgotten:
            forget_account(run)
            forgotten = True
        elif not TRY_AGAIN.search(output):
            break
    return output


def attempt(run: Run, request: bytes) -> str:
    """Run certbot once; returns what it printed if it failed."""
    folder = run.folder / "acme/order"
    shutil.rmtree(folder, ignore_errors=True)
    core.write_file(folder / "request.pem", request, 0o400)
    code, output = in_container(run, ORDER, PATIENCE)
    return (output or f"certbot ended with {code} and said nothing") if code else ""


def in_container(run: Run, command: list[str], patience: int) -> tuple[int, str]:
    """The exit status of a command in certbot's container, and what it printed."""
    # One that outlived its run would hold certbot's lock.
    remove_container()
    try:
        done = core.attempt(command, cwd=run.settings["project"], stderr=subprocess.STDOUT, timeout=patience)
    except subprocess.TimeoutExpired:
        remove_container()
        return 1, f"no answer within {patience // 60} minutes"
    return done.returncode, done.stdout.decode(errors="replace").strip()


def remove_container() -> None:
    if core.run(["docker", "ps", "--all", "--quiet", f"--filter=name=^/{CONTAINER}$"]).strip():
        core.run(["docker", "rm", "--force", CONTAINER])


def forget_account(run: Run) -> None:
    """The next attempt registers a new account: the server does not know this one any more."""
    host = urllib.parse.urlsplit(run.settings["acme"]["server"]).netloc
    shutil.rmtree(run.folder / "acme/state/accounts" / host, ignore_errors=True)
    run.actions.append(f"registered a new account, because {host} does not accept the old one any more")


def reason(output: str) -> str:
    """What the ACME server, or certbot, gave as the reason, in one line."""
    if "No space left on device" in output:
        # Python's logging repeats this over many lines.
        return "No space left on device"
    problems = re.findall(r"^\s*Domain:\s*(\S+)\s*\n\s*Type:\s*\S+\s*\n\s*Detail:\s*(.+)$", output, re.MULTILINE)
    if problems:
        return "; ".join(f"{domain}: {detail.strip()}" for domain, detail in problems).rstrip(".")
    unexpected = output.partition("An unexpected error occurred:\n")[2]
    lines = [line.strip() for line in (unexpected or output).splitlines()]
    lines = [line for line in lines if line and not NOISE.match(line)]
    if not lines:
        return "certbot gave no reason"
    line = EXCEPTION.sub("", lines[0] if unexpected else lines[-1]).rstrip(".")
    # What certbot calls options has other names here.
    return line.replace("--eab-kid", "tls_acme_eab_kid").replace("--eab-hmac-key", "tls_acme_eab_hmac_key")
