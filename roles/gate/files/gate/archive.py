# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The staff's Orthanc, asked with the credentials of the gate's caller: only it knows the passwords."""

import base64
import http.client
import json
import threading
import time
from urllib.parse import quote

from asked import Refused
from tokens import digest

TIMEOUT = 20
# For this long a password that was right is not asked about again.
REMEMBERED = 5


class Archive:
    def __init__(self, host, port=8042, clock=time.monotonic):
        self.host, self.port, self.clock = host, port, clock
        self.known = {}
        self.lock = threading.Lock()

    def ask(self, method, path, authorization, body=None):
        """Status, headers and body of Orthanc's answer; OSError if there is none."""
        connection = http.client.HTTPConnection(self.host, self.port, timeout=TIMEOUT)
        headers = {"Authorization": authorization} if authorization else {}
        try:
            data = None if body is None else json.dumps(body).encode()
            connection.request(method, path, data, headers)
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read()
        except http.client.HTTPException as error:
            raise OSError(f"Orthanc's answer is not HTTP: {error}") from error
        finally:
            connection.close()

    def refuses(self, authorization):
        """Orthanc's answer to wrong credentials, or None if they are right."""
        key, now = digest(authorization or ""), self.clock()
        with self.lock:
            self.known = {name: until for name, until in self.known.items() if until > now}
            if key in self.known:
                return None
        answer = self.ask("GET", "/system", authorization)
        if answer[0] != 200:
            return answer
        with self.lock:
            self.known[key] = now + REMEMBERED
        return None

    def study_uid(self, study, authorization):
        """Status of the answer, and the StudyInstanceUID of the study that Orthanc calls so."""
        status, _headers, body = self.ask("GET", f"/studies/{quote(study, safe='')}", authorization)
        return status, json.loads(body)["MainDicomTags"]["StudyInstanceUID"] if status == 200 else None


def user(authorization):
    """The name in credentials that Orthanc has accepted."""
    # Orthanc reads them without their padding as well.
    try:
        text = base64.b64decode((authorization or "").partition(" ")[2] + "==").decode("utf-8", "replace")
    except ValueError:
        raise Refused("The credentials are right, but the name in them can't be read.", 400) from None
    return "".join(character if character.isprintable() else "?" for character in text.partition(":")[0])
