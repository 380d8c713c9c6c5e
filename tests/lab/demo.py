# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Make, prove and remove the demo: a hospital server in a container, from this checkout."""

from __future__ import annotations

import json
import os
import secrets
import socket
import subprocess
import sys
import time
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
LAB = ROOT / "tests" / "lab"
VARS = ROOT / "inventories" / "demo" / "group_vars" / "all" / "lab.yml"
# DEMO_NAME lets the demos of several checkouts run side by side.
CONTAINER = os.environ.get("DEMO_NAME", "threedpc-pacs-demo")
START = time.monotonic()


def say(text: str) -> None:
    print(f"\n[{time.monotonic() - START:5.0f} s] {text}", flush=True)


def run(*command: str) -> None:
    if subprocess.run(command, cwd=ROOT, check=False).returncode:
        say(f"This step failed: {' '.join(command)}")
        print("The lines above say why. `make demo` may be run again at any time; `make demo-down` removes everything.")
        sys.exit(1)


def play(playbook: str, *arguments: str) -> None:
    run("ansible-playbook", playbook, "--inventory", "inventories/demo", *arguments)


def docker(*arguments: str) -> str:
    return subprocess.run(["docker", *arguments], capture_output=True, text=True, check=True).stdout.strip()


def free_port(*wanted: int) -> int:
    """The first of these ports of 127.0.0.1 that nobody uses, or any."""
    for port in (*wanted, 0):
        with socket.socket() as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                listener.bind(("127.0.0.1", port))
                return listener.getsockname()[1]
            except OSError:
                continue
    sys.exit(f"None of the ports {', '.join(map(str, wanted))} of 127.0.0.1 is free for the demo.")


def settings() -> dict:
    """Ports and passwords of this demo: those of the last time while its container is there."""
    if VARS.exists() and CONTAINER in docker("ps", "--all", "--format", "{{.Names}}").split():
        return yaml.safe_load(VARS.read_text())
    return {
        "pacs_http_port": free_port(80, 8080, 18080, 28080, 30080, 31080),
        "pacs_https_port": free_port(443, 8443, 18443, 28443, 30443, 31443),
        "pacs_dicom_port": free_port(4242, 14242, 24242, 30242, 31242),
        "pacs_staff_users": {"demo": secrets.token_urlsafe(16)},
        "pacs_database_password": secrets.token_urlsafe(24),
        "pacs_auth_service_password": secrets.token_urlsafe(24),
        "pacs_share_signing_key": secrets.token_hex(32),
    }


def write(site: dict) -> None:
    VARS.touch(mode=0o600)
    VARS.write_text(f"---\n{json.dumps(site, indent=2)}\n")


def up() -> None:
    suffix = "-upstream" if os.environ.get("IMAGES") == "upstream" else ""
    images = yaml.safe_load((ROOT / ".cache" / "lab" / f"images{suffix}.yml").read_text())
    site = settings() | images
    site["lab_server_name"] = CONTAINER
    site["lab_server_ports"] = [
        f"127.0.0.1:{site[port]}:{site[port]}" for port in ("pacs_http_port", "pacs_https_port", "pacs_dicom_port")
    ]
    write(site)

    say("Starting the hospital server, a container with its own Docker Engine")
    play("tests/lab/demo_server.yml")
    # What comes in by a published port of this machine comes, for the server, from here.
    gateway = "{{.NetworkSettings.Networks.bridge.Gateway}}"
    site["lab_scanner_address"] = docker("inspect", "--format", gateway, CONTAINER)
    write(site)
    say("site.yml: making the server what inventories/demo says")
    # A demo that is still there may have been made with images that were built anew since.
    play("playbooks/site.yml", "--extra-vars", '{"site_may_change_images": true}')
    say("A scanner sends a study, a model is attached, a link is made")
    play("tests/lab/demo_study.yml")
    say("verify.yml: is every promise kept?")
    play("playbooks/verify.yml", "--extra-vars", "verify_send=true")
    env = dict(line.split("=", 1) for line in (ROOT / ".cache" / "demo.env").read_text().splitlines())
    user, password = env["STAFF"].strip("'").split(":", 1)
    say(f"""The demo is up.

  Staff       {env["BASE"].strip("'")}/
              user {user}, password {password}
  Share link  {env["SHARE"].strip("'")}
  Report      inventories/demo/.local/demo/verify.html
  CA          inventories/demo/.local/demo/ca.crt (import it in a browser, or accept its warning)

  For scripts: .cache/demo.env    Remove everything: make demo-down
""")


def down() -> None:
    say("Removing the demo")
    play("tests/lab/demo_server.yml", "--extra-vars", "lab_server_state=absent")
    VARS.unlink(missing_ok=True)
    (ROOT / ".cache" / "demo.env").unlink(missing_ok=True)


if __name__ == "__main__":
    {"up": up, "down": down}[sys.argv[1]]()
