# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Start the gate of the shares in the image of the auth service, which has everything but a driver for PostgreSQL."""

import sys

sys.path[:0] = ["/etc/pacs", "/etc/pacs/driver.zip"]

import uvicorn  # noqa: E402

uvicorn.run(
    "app:app",
    host="0.0.0.0",
    port=8000,
    # It would repeat paths that nginx has logged already.
    access_log=False,
    log_level="warning",
    server_header=False,
    # Longer than nginx keeps an idle connection (60 s), so that nginx never uses one that is being closed.
    timeout_keep_alive=75,
)
