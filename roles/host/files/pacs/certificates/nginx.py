# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What nginx serves, compared with what is on the disk."""

from __future__ import annotations

import socket
import ssl
import time

from .. import core
from ..compose import OURS, of_service
from ..core import Failure
from .pair import chain_of, der, read
from .run import Run

RUNNING = ["docker", "ps", "--quiet", OURS, of_service("nginx")]
RELOAD = [
    "docker", "compose", "exec", "-T", "nginx", "nginx", "-c", "/etc/nginx/pacs/nginx.conf", "-s", "reload",
]  # fmt: skip
# How long nginx may take to start workers with what it has loaded.
PATIENCE = 30


def is_running() -> bool:
    return bool(core.run(RUNNING, "Asking for nginx").strip())


def reload(run: Run) -> None:
    """Let nginx load its files again if it serves something else, or if an earlier run died before it could."""
    if not is_running():
        # It loads its files when it starts.
        if not run.dry:
            run.pending.unlink(missing_ok=True)
        return
    if not (run.pending.exists() or differing(run)):
        return
    if run.dry:
        run.actions.append("reloaded nginx")
        return
    core.run(RELOAD, "Reloading nginx", cwd=run.settings["project"])
    end = time.monotonic() + PATIENCE
    while still := differing(run):
        if time.monotonic() > end:
            raise Failure(f"nginx was reloaded but still serves another certificate than {', '.join(still)}")
        time.sleep(0.2)
    run.pending.unlink(missing_ok=True)
    run.actions.append("reloaded nginx")


def differing(run: Run) -> list[str]:
    """The files that hold another certificate than nginx serves behind their port."""
    return [name for name, port in run.settings["ports"].items() if differs(run, name, port)]


def differs(run: Run, name: str, port: int) -> bool:
    chain = chain_of(read(run.folder / name))
    served = served_certificate(run.settings["nginx"], port, run.settings["server_name"])
    return bool(chain and served) and served != der(chain[0])


def serves(run: Run, port: int) -> bool:
    return is_running() and bool(served_certificate(run.settings["nginx"], port, run.settings["server_name"]))


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
