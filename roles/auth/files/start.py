# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Start the auth service without secrets in its environment block and without tokens in its log.

The image reads its callers' passwords only from an environment variable, and logs whole tokens up
to the level WARNING, with no setting to change either.
"""

import logging
import os

import uvicorn

with open("/run/secrets/USERS", encoding="utf-8") as users:
    os.environ["USERS"] = users.read()
logging.disable(logging.WARNING)
uvicorn.run("app:app", app_dir=os.getcwd(), host="0.0.0.0", port=8000, access_log=False)
