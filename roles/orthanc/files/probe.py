# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ask Orthanc and, through it, its database: exit 0 if it answers.

After PostgreSQL was restarted, each connection that Orthanc holds fails once before it is replaced. The first good
answer proves one of them, and Orthanc takes them in turn: so it is asked again at once until as many answers in a row
are good as there are connections, and nobody else meets the failures.
"""

import base64
import http.client
import json
import sys
import time

# Shorter than the health check's own limit.
PATIENCE = 4


def ask(connection, headers):
    """None if the answer is good, or what was wrong."""
    try:
        connection.request("GET", "/changes?last", headers=headers)
        answer = connection.getresponse()
        answer.read()
    except (OSError, http.client.HTTPException) as error:
        connection.close()
        return str(error) or type(error).__name__
    return None if answer.status == 200 else f"status {answer.status}"


def judge(question, connections, patience=PATIENCE, clock=time.monotonic, sleep=time.sleep):
    """None if Orthanc answers, or what was wrong last.

    Where nothing fails, a server that is busy need not answer everything within the time.
    """
    good, failed, problem = 0, False, "no answer in time"
    end = clock() + patience
    while good < connections and clock() < end:
        problem = question()
        if problem:
            good, failed = 0, True
            sleep(0.02)
        else:
            good += 1
    if good >= connections or (good and not failed):
        return None
    return problem or f"{good} good answers in a row, not yet {connections}"


def main():
    with open("/tmp/orthanc.json", encoding="utf-8") as stream:
        config = json.load(stream)
    headers = {}
    for user, password in list(config.get("RegisteredUsers", {}).items())[:1]:
        # The filter orthanc_json writes it so, because Orthanc substitutes variables.
        credentials = f"{user}:{password}".replace("${PACS_DOLLAR:-$}", "$")
        credentials = base64.b64encode(credentials.encode())
        headers["Authorization"] = "Basic " + credentials.decode()
    # 50 is the plugin's default. SQLite has no connection that could be lost.
    connections = config["PostgreSQL"].get("IndexConnectionsCount", 50) if "PostgreSQL" in config else 1
    connection = http.client.HTTPConnection("127.0.0.1", 8042, timeout=PATIENCE)
    problem = judge(lambda: ask(connection, headers), connections)
    sys.exit(f"Orthanc does not answer: {problem}" if problem else 0)


if __name__ == "__main__":
    main()
