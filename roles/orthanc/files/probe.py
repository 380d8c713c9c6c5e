"""Ask Orthanc and, through it, its database: exit 0 if it answers.

After PostgreSQL was restarted, each connection that Orthanc holds fails once before it is replaced.
Asking again at once replaces them, so that nobody else meets the failures.
"""

import base64
import json
import sys
import time
import urllib.request

with open("/tmp/orthanc.json", encoding="utf-8") as stream:
    config = json.load(stream)
request = urllib.request.Request("http://127.0.0.1:8042/changes?last")
for user, password in list(config.get("RegisteredUsers", {}).items())[:1]:
    credentials = base64.b64encode(f"{user}:{password}".encode())
    request.add_header("Authorization", "Basic " + credentials.decode())

problem = None
end = time.monotonic() + 4
while time.monotonic() < end:
    try:
        with urllib.request.urlopen(request, timeout=4):
            sys.exit(0)
    except OSError as error:
        problem = error
    time.sleep(0.02)
sys.exit(f"Orthanc does not answer: {problem}")
