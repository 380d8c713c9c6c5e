# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Start the gate of the shares in the image of the auth service, which has everything but a driver for PostgreSQL."""

import json
import logging
import sys
from pathlib import Path

sys.path[:0] = ["/etc/pacs", "/etc/pacs/driver.zip"]

import uvicorn  # noqa: E402
from app import Gate, create_app  # noqa: E402
from archive import Archive  # noqa: E402
from ledger import Ledger  # noqa: E402
from tokens import Tokens  # noqa: E402


def secret(name):
    return (Path("/run/secrets") / name).read_text(encoding="utf-8")


logging.basicConfig(level=logging.INFO, format="%(message)s")
config = json.loads(Path("/etc/pacs/gate.json").read_text(encoding="utf-8"))
gate = Gate(
    config,
    # Stripped as the auth service strips it, which signs with it.
    Tokens(secret("SECRET_KEY").strip(), json.loads(secret("previous_keys"))),
    Ledger(password=secret("database_password"), **config["database"]),
    Archive(config["archive"]),
)
uvicorn.run(
    create_app(gate),
    host="0.0.0.0",
    port=8000,
    # It would repeat paths that nginx has logged already.
    access_log=False,
    log_level="warning",
    server_header=False,
    # Longer than nginx keeps an idle connection (60 s), so that nginx never uses one that is being closed.
    timeout_keep_alive=75,
)
