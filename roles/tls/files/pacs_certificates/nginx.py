"""What nginx serves, compared with what lies on the disk."""

from __future__ import annotations

import socket
import ssl
import subprocess
import time

from cryptography.hazmat.primitives import serialization

from . import store
from .errors import Problem

RUNNING = [
    "docker", "ps", "--quiet", "--filter=label=com.docker.compose.project=pacs",
    "--filter=label=com.docker.compose.service=nginx",
]  # fmt: skip
RELOAD = [
    "docker", "compose", "exec", "-T", "nginx", "nginx", "-c", "/etc/nginx/pacs/nginx.conf", "-s", "reload",
]  # fmt: skip
# How long nginx may take to start workers with what it has loaded.
PATIENCE = 30


def reload(run) -> None:
    """Let nginx load its files again if it serves something else, or if an earlier run died before it could."""
    if not command(run, RUNNING):
        # It loads its files when it starts.
        if not run.dry:
            run.pending.unlink(missing_ok=True)
        return
    if not (run.pending.exists() or differing(run)):
        return
    if run.dry:
        run.actions.append("reloaded nginx")
        return
    command(run, RELOAD)
    end = time.monotonic() + PATIENCE
    while still := differing(run):
        if time.monotonic() > end:
            raise Problem(f"nginx was reloaded but still serves another certificate than {', '.join(still)}")
        time.sleep(0.2)
    run.pending.unlink(missing_ok=True)
    run.actions.append("reloaded nginx")


def command(run, words: list[str]) -> str:
    """Run a command without a terminal; returns what it prints."""
    done = subprocess.run(
        words, cwd=run.settings["project"], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    if done.returncode:
        said = (done.stderr.strip() or done.stdout.strip() or "nothing was said").splitlines()[-1]
        raise Problem(f"'{' '.join(words[:3])} ... {words[-1]}' failed: {said}")
    return done.stdout.strip()


def differing(run) -> list[str]:
    """The files that hold another certificate than nginx serves behind their port."""
    return [name for name, port in run.settings["ports"].items() if differs(run, name, port)]


def differs(run, name: str, port: int) -> bool:
    chain = store.chain_of(store.read(run.folder / name))
    served = served_certificate(run.settings["nginx"], port, run.settings["server_name"])
    return bool(chain and served) and served != chain[0].public_bytes(serialization.Encoding.DER)


def serves(run, port: int) -> bool:
    return bool(command(run, RUNNING) and served_certificate(run.settings["nginx"], port, run.settings["server_name"]))


def served_certificate(address: str, port: int, name: str) -> bytes:
    """The certificate behind a port, empty if nothing answers there with TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    try:
        with socket.create_connection((address, port), timeout=5) as plain:
            with context.wrap_socket(plain, server_hostname=name or None) as connection:
                return connection.getpeercert(binary_form=True) or b""
    except OSError:
        return b""
