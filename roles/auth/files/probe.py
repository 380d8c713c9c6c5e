# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ask the service in this container, through no proxy: probe.py PATH SECONDS; exit 0 if the answer is good."""

import http.client
import sys

connection = http.client.HTTPConnection("127.0.0.1", 8000, timeout=float(sys.argv[2]))
connection.request("GET", sys.argv[1])
status = connection.getresponse().status
sys.exit(None if status in range(200, 300) else f"The service answers {status}.")
