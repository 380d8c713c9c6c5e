# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Start the gate of the staff in the image of the auth service, which has all that it needs."""

import json
import logging
import sys
from pathlib import Path

sys.path.insert(0, "/etc/pacs")

import uvicorn
from staff import Archive, Staff, create_app

logging.basicConfig(level=logging.INFO, format="%(message)s")
config = json.loads(Path("/etc/pacs/gate.json").read_text(encoding="utf-8"))
uvicorn.run(
    create_app(Staff(Archive(config["archive"]))),
    host="0.0.0.0",
    port=8000,
    # It would repeat what nginx has logged already.
    access_log=False,
    log_level="warning",
    server_header=False,
    # Longer than nginx keeps an idle connection (60 s), so that nginx never uses one that is being closed.
    timeout_keep_alive=75,
)
