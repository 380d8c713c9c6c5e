# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The gate of the staff: nginx asks it before it lets a request through to Orthanc.

Only Orthanc knows the passwords, and checks each request again. What is decided here is whether a password may be
tried at all, so that nobody tries a thousand a second. See guesses.py for the limits.
"""

import asyncio
import base64
import binascii
import http.client
import json
import logging
import re
import time
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor

from fastapi import FastAPI, Request
from fastapi.responses import Response
from guesses import Guesses, remember

log = logging.getLogger("staff-gate")

# It needs a password, and neither the database nor a file.
ASKED = "/tools/now"
TIMEOUT = 20
# For this long a right password is not asked about again.
REMEMBERED, MOST_REMEMBERED = 5, 1024
# More at once would only wait in Orthanc.
AT_ONCE = 8
# Orthanc's own words, so that browsers keep what they remember of a site.
REALM = 'Basic realm="Orthanc Secure Area"'
# The one way to write it that browsers and programs have; what Orthanc might read in another way does not reach it.
CREDENTIALS = re.compile(r"Basic ([A-Za-z0-9+/]+={0,2})")
# Refused requests have so many lines in the logs a minute, and no more, so that they wash nothing else away.
LINES = 60


class Unavailable(Exception):
    """Orthanc does not say whether a password is right."""


def credentials(header):
    """Name and password; None for what is no Basic."""
    found = CREDENTIALS.fullmatch(header or "")
    try:
        raw = base64.b64decode(found[1], validate=True) if found else b""
    except binascii.Error:
        return None
    if not found or base64.b64encode(raw).decode() != found[1]:
        return None
    name, colon, password = raw.decode("utf-8", "surrogateescape").partition(":")
    return (name, password) if colon and name else None


class Archive:
    """The staff's Orthanc."""

    def __init__(self, host, port=8042):
        self.host, self.port = host, port

    def ask(self, authorization):
        """The status of its answer to these credentials; OSError if there is none."""
        connection = http.client.HTTPConnection(self.host, self.port, timeout=TIMEOUT)
        try:
            connection.request("GET", ASKED, headers={"Authorization": authorization})
            answer = connection.getresponse()
            answer.read()
            return answer.status
        except http.client.HTTPException as error:
            raise OSError(f"Orthanc's answer is not HTTP: {error}") from error
        finally:
            connection.close()


class Lines:
    """Whether one more line of a kind may be written in this minute."""

    def __init__(self, most=LINES, clock=time.monotonic):
        self.most, self.clock, self.minute, self.written = most, clock, 0, 0

    def more(self):
        minute = int(self.clock() // 60)
        if minute != self.minute:
            self.minute, self.written = minute, 0
        self.written += 1
        return self.written <= self.most


class Staff:
    def __init__(self, archive, guesses=None, clock=time.monotonic):
        self.archive, self.clock = archive, clock
        self.guesses = guesses or Guesses(clock)
        self.known, self.asking = OrderedDict(), {}
        self.threads = ThreadPoolExecutor(AT_ONCE, "staff")
        # Answers in nginx's log, and lines of our own for each kind.
        self.nginx_lines, self.own_lines = Lines(clock=clock), {}

    def quiet(self):
        """What has nginx write no line for a refusal when there were many."""
        return {} if self.nginx_lines.more() else {"X-Staff-Quiet": "1"}

    def say(self, event, name, address, **more):
        if self.own_lines.setdefault(event, Lines(clock=self.clock)).more():
            # Never the password, and of the name only as much as a name has: some type the password there.
            told = {"event": event, "user": name.encode("utf-8", "replace").decode()[:64], "address": address, **more}
            log.warning(json.dumps(told))

    def unknown(self):
        return Response(status_code=401, headers={"WWW-Authenticate": REALM} | self.quiet())

    async def check(self, header, address):
        """204: let it through to Orthanc. 401: no or a wrong password. 403: too many wrong ones, wait so long."""
        given = credentials(header)
        if given is None:
            return self.unknown()
        name, password = given
        wait, why, begun = self.guesses.begin(name, address, password)
        if wait:
            self.say("login locked", name, address, limit=why, seconds=wait)
            return Response(status_code=403, headers={"X-Staff-Wait": str(wait)} | self.quiet())
        try:
            right = await self.is_right(self.guesses.digest(name, password), header)
        except BaseException as error:
            self.guesses.not_known(begun)
            if not isinstance(error, Unavailable):
                raise
            log.error("Orthanc can't be asked about a password: %s", error)
            return Response(status_code=503)
        if right:
            self.guesses.right(begun)
            return Response(status_code=204)
        if self.guesses.was_wrong(begun):
            self.say("login refused", name, address)
        return self.unknown()

    async def is_right(self, key, authorization):
        """Whether Orthanc takes it. Those who ask the same at the same time share one answer."""
        now = self.clock()
        if self.known.get(key, 0) > now:
            return True
        asking = self.asking.get(key)
        if asking is None:
            asking = asyncio.ensure_future(self.ask(key, authorization))
            self.asking[key] = asking
            asking.add_done_callback(lambda _done: self.asking.pop(key, None))
        return await asyncio.shield(asking)

    async def ask(self, key, authorization):
        loop = asyncio.get_running_loop()
        try:
            status = await loop.run_in_executor(self.threads, self.archive.ask, authorization)
        except OSError as error:
            raise Unavailable(type(error).__name__) from error
        if status not in (200, 401, 403):
            raise Unavailable(f"it answers {status}")
        if status == 200:
            remember(self.known, key, self.clock() + REMEMBERED, MOST_REMEMBERED)
        else:
            self.known.pop(key, None)
        return status == 200


def create_app(staff):
    app = FastAPI(title="staff-gate", docs_url=None, redoc_url=None, openapi_url=None)

    @app.get("/check")
    async def check(request: Request):
        return await staff.check(request.headers.get("authorization"), request.headers.get("x-client", ""))

    @app.get("/health")
    async def health():
        return Response(status_code=204)

    return app
