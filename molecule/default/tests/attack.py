# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Thousands of requests to the shares side, over a few connections that stay open."""

from __future__ import annotations

import base64
import hashlib
import hmac
import http.client
import itertools
import json
import re
import ssl
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS")
CONNECTIONS = 6
# Paths that Orthanc's own description leaves out, and those of its plugins.
MORE_ROUTES = Path(__file__).with_name("routes.txt").read_text().split()
# A right answer to none of these can be anything but one of them.
REFUSALS = {400, 403, 404, 405}
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


class Request(NamedTuple):
    method: str
    path: str
    headers: dict = {}
    body: str | None = None


def routes(description):
    """Every path of Orthanc's own OpenAPI description and of the list beside this file."""
    return sorted({*description["paths"], *MORE_ROUTES})


def filled(route, study):
    """A route about a study that is there."""
    level = re.match(r"/(patients|studies|series|instances)/", route)
    names = {
        "{uid}": study["uid"],
        "{series_uid}": study["series_uid"],
        "{instance_uid}": study["instance_uid"],
        "{name}": "dicom" if "attachments" in route else "LastUpdate",
        "{frame}": "0",
        "{index}": "0",
        "{label}": "stolen",
        "{path}": "0010-0010",
        "{key}": "output",
        "{id}": study[level[1]] if level else study["studies"],
    }
    for name, value in names.items():
        route = route.replace(name, value)
    assert "{" not in route, route
    return route


def methods(path):
    """A path by every method, plain and faked."""
    for method in METHODS:
        body = "{}" if method in ("POST", "PUT", "PATCH") else None
        yield Request(method, path, {}, body)


def faked_methods(path):
    join = "&" if "?" in path else "?"
    for argument in (
        "_method=delete",
        "_method=DELETE",
        "_method=put",
        "%5fmethod=delete",
        "_%6dethod=delete",
        "%5F%6D%65%74%68%6F%64=delete",
        "a=b&_method=post",
        "_Method=delete",
        "_method",
    ):
        yield Request("GET", f"{path}{join}{argument}")
    yield Request("POST", f"{path}{join}_method=get", {}, "{}")


def tricks(path):
    """Ways to write a path that some servers take for another."""
    tail = path.removeprefix("/shares")
    encoded = "".join(f"%{ord(character):02x}" for character in tail.strip("/"))
    yield from (
        f"/shares/{tail}",
        f"//shares{tail}",
        f"/shares//.{tail}",
        f"/shares/ohif/..{tail}",
        f"/shares/ohif/../..{tail}",
        f"/shares/ohif/%2e%2e{tail}",
        f"/shares/ohif/%2e%2e%2f{tail.strip('/')}",
        f"/shares/ohif/..%2f{tail.strip('/')}",
        f"/shares/ohif/%252e%252e{tail}",
        f"/shares/ohif/..;{tail}",
        f"/shares/ohif/..\\{tail.strip('/')}",
        f"/shares/stl/app/..%5c..{tail}",
        f"/shares/stl/app/../..{tail}",
        f"/shares/open/..{tail}",
        f"/shares/open/%2e%2e{tail}",
        f"/shares/dicom-web/studies/../..{tail}",
        f"/shares/dicom-web/../{tail.strip('/')}",
        f"/shares/%2e{tail}",
        f"/shares/.{tail}",
        f"/shares%2f{tail.strip('/')}",
        f"/%73hares{tail}",
        f"/SHARES{tail}",
        f"/shares{tail.upper()}",
        f"/shares/{encoded}",
        f"/shares{tail}.",
        f"/shares{tail}/",
        f"/shares{tail}/.",
        f"/shares{tail}%00",
        f"/shares{tail}%20",
        f"/shares{tail};a=b",
        f"/shares{tail}%3fa",
        f"/shares{tail}#a",
        f"/shares{tail}%23",
        f"/shares{tail.replace('s', '%73')}",
        f"/.share-check{tail}",
        "/.share-check",
        "/shares/.share-check",
        "/check",
        "/shares/check",
        "/shares/gate/check",
        "/shares/gate/../check",
        "/shares/gate/health",
        "/shares/health",
    )


class Attacker:
    """Somebody who knows the address of the site."""

    def __init__(self, host, certificate):
        self.host = host
        self.context = ssl.create_default_context(cafile=str(certificate))

    def run(self, requests, token=None):
        """The statuses, with what was answered, in the order of the requests."""
        requests = list(requests)
        size = -(-len(requests) // CONNECTIONS) or 1
        parts = [requests[start : start + size] for start in range(0, len(requests), size)]
        with ThreadPoolExecutor(CONNECTIONS) as pool:
            return list(itertools.chain.from_iterable(pool.map(lambda part: self.part(part, token), parts)))

    def part(self, requests, token):
        connection = http.client.HTTPSConnection(self.host, context=self.context, timeout=30)
        answers = []
        for request in requests:
            headers = {"Content-Type": "application/json"} | ({"token": token} if token else {}) | request.headers
            for again in (True, False):
                try:
                    connection.request(request.method, request.path, request.body, headers)
                    answer = connection.getresponse()
                    answers.append((request, answer.status, answer.read()))
                    break
                except (http.client.HTTPException, ConnectionError):
                    # nginx closes a connection after a thousand requests, and after what it can't parse.
                    connection.close()
                    if not again:
                        raise
        connection.close()
        return answers


def got_through(answers):
    """What was not refused."""
    return [
        f"{request.method} {request.path} -> {status}" for request, status, _body in answers if status not in REFUSALS
    ]


def part(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unpacked(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def signed(header, payload, key, algorithm="sha256"):
    body = f"{part(json.dumps(header).encode())}.{part(json.dumps(payload).encode())}"
    return f"{body}.{part(hmac.digest(key.encode(), body.encode(), algorithm))}"


def forgeries(token, other, key):
    """Tokens that were made of a right one, by somebody who even knows the key; none of them went through the gate."""
    header, payload, signature = token.split(".")
    claims = json.loads(unpacked(payload))
    stolen = claims | {"resources": [{"dicom_uid": other["uid"], "orthanc_id": other["studies"], "level": "study"}]}
    longer = claims | {"expiration_date": "2999-01-01T00:00:00+00:00"}
    none, capital_none = part(b'{"alg":"none","typ":"JWT"}'), part(b'{"alg":"None"}')
    last = ALPHABET[ALPHABET.index(token[-1]) ^ 1]
    return {
        "no signature": f"{header}.{payload}.",
        "algorithm none": f"{none}.{payload}.",
        "algorithm None with the signature": f"{capital_none}.{payload}.{signature}",
        "algorithm HS512 with the right key": signed({"alg": "HS512"}, claims, key, "sha512"),
        "algorithm HS384 with the right key": signed({"alg": "HS384"}, claims, key, "sha384"),
        "another study": f"{header}.{part(json.dumps(stolen).encode())}.{signature}",
        "another end": f"{header}.{part(json.dumps(longer).encode())}.{signature}",
        "another signature": f"{header}.{payload}.{part(hashlib.sha256(b'').digest())}",
        "another key": signed({"alg": "HS256"}, claims, "x" * 40),
        "another study with the right key": signed({"alg": "HS256"}, stolen, key),
        "never ending with the right key": signed({"alg": "HS256"}, claims | {"expiration_date": None}, key),
        "padded": f"{header}.{payload}.{signature}=",
        "other last bits": token[:-1] + last,
        "upper case": token.upper(),
        "twice": f"{token}.{token}",
        "quoted": quote(f"{token} "),
        "garbage": "garbage",
        "nothing": "..",
    }


# ---- The staff's side ----

# Ways to write a path that some servers take for another: {0} is its first part and {1} the rest, as in /tools/reset.
STAFF_TRICKS = (
    # A backslash for a slash, plain, encoded, twice encoded, and as other alphabets write it.
    "/{0}\\{1}", "/{0}%5C{1}", "/{0}%5c{1}", "/{0}%255C{1}", "/{0}%c1%9c{1}", "/{0}%ef%bc%bc{1}", "/{0}/\\{1}",
    "/{0}\\\\{1}", "\\{0}\\{1}", "%5C{0}%5C{1}", "/\\{0}/{1}", "/{0}/{1}\\", "/{0}/{1}%5c", "/x\\..\\{0}\\{1}",
    "/x%5c..%5c{0}/{1}", "/{0}/x/..%5c{1}", "/{0}/x\\..\\{1}", "/ui/app\\..\\..\\{0}\\{1}", "/./{0}\\.\\{1}",
    # Dots and spaces at the end of a part.
    "/{0}/{1}.", "/{0}/{1}..", "/{0}/{1}...", "/{0}/{1}./", "/{0}./{1}", "/{0}../{1}", "/{0}%2e/{1}",
    "/{0}/{1}%2e", "/{0}/{1}%2E%2e", "/{0}/{1}.%20", "/{0}/{1}%20.", "/{0}/{1}.%00", "/{0}/{1}%20", "/{0}%20/{1}",
    "/{0}/{1}%09", "/{0}/{1}.\\", "/{0}.\\{1}.", "/{0}%20./{1}", "/{0}/{1}::$DATA", "/{0}/{1}%3a%3a$DATA",
    # Parts that lead nowhere, up, or are empty.
    "//{0}/{1}", "/{0}//{1}", "///{0}///{1}", "/./{0}/{1}", "/{0}/./{1}", "/{0}/x/../{1}", "/x/../{0}/{1}",
    "/%2e/{0}/{1}", "/{0}/%2e/{1}", "/{0}/x/%2e%2e/{1}", "/x/%2e%2e/{0}/{1}", "/{0}/x/..%2f{1}",
    "/{0}/x%2f..%2f{1}", "/{0}/.%2e/{1}", "/ui/app/../../{0}/{1}", "/ui/app/%2e%2e/%2e%2e/{0}/{1}",
    "/..;/{0}/{1}", "/x/..;/{0}/{1}", "/{0}/{1}/", "/{0}/{1}//", "/{0}/{1}/.", "/{0}/{1}/x/..", "/{0}/{1}/%2e",
    "/..\\orthanc/{0}/{1}",
    # Slashes and letters in other forms.
    "/{0}%2f{1}", "/{0}%2F{1}", "%2f{0}%2f{1}", "/{0}%252f{1}", "/{0}%c0%af{1}", "/{0}%e0%80%af{1}",
    "/{0}%f0%80%80%af{1}", "/{0}%u002f{1}", "/{0}%u2215{1}", "/{0}%e2%88%95{1}", "/{0}%ef%bc%8f{1}",
    "/{0}\xc0\xaf{1}", "/{0}\xef\xbc\x8f{1}", "/%74ools/{1}", "/{2}", "/{3}", "/{0}/{4}", "/%00{0}/{1}",
    # What ends a path for some.
    "/{0}/{1};", "/{0}/{1};a=b", "/{0};a=b/{1}", "/{0};/{1}", "/{0}/{1}%3b", "/{0}/{1}%00", "/{0}/{1}%00.png",
    "/{0}%00/{1}", "/{0}/{1}%3f", "/{0}/{1}%3fa=b", "/{0}/{1}#", "/{0}/{1}%23", "/{0}/{1}%0a", "/{0}/{1}%0d%0a",
    "/{0}/{1}%0d%0aX:%20y", "/{0}/{1}%7f", "/{0}/{1}%1f", "/{0}%0b/{1}", "/{0}/{1}&", "/{0}/{1}?", "/{0}/{1}?x",
    "/{0}/{1}??", "/{0}/{1}?/../..", "/{0}/{1}\x01", "/{0}/{1}\x7f", "/{0}/{1}\t", "/{0}/{1}\xff", "/{0}/{1}%ff",
    "/{0}/{1}%", "/{0}/{1}%2", "/{0}/{1}%zz",
)  # fmt: skip


def staff_tricks(path, prefix="/orthanc"):
    """A route of Orthanc, plain and in every disguise, behind the staff's prefix, which has disguises of its own."""
    first, _slash, rest = path.strip("/").partition("/")
    encoded = "/".join("".join(f"%{ord(character):02x}" for character in part) for part in (first, rest))
    twice = encoded.replace("%", "%25")
    yield f"{prefix}/{first}/{rest}"
    for trick in STAFF_TRICKS:
        yield prefix + trick.format(first, rest, encoded, twice, rest.upper())
    yield from (
        f"{prefix}\\{first}\\{rest}",
        f"{prefix}.\\{first}/{rest}",
        f"/{prefix}/{first}/{rest}",
        f"{prefix}./{first}/{rest}",
        f"\\{prefix.strip('/')}\\{first}\\{rest}",
        f"/%6frthanc/{first}/{rest}",
        f"/x/..{prefix}/{first}/{rest}",
        f"{prefix.upper()}/{first}/{rest}",
        f"/shares/..{prefix}/{first}/{rest}",
        f"/shares/open/..{prefix}/{first}/{rest}",
        f"/shares/open\\..\\..{prefix}\\{first}\\{rest}",
        f"/shares/open/..%2f..{prefix}%2f{first}%2f{rest}",
        f"/shares/open/..%5c..{prefix}%5c{first}%5c{rest}",
    )


class Anything(http.client.HTTPSConnection):
    """A connection that sends whatever it is told, where the standard one would rather not."""

    def _validate_path(self, url):
        pass

    def _validate_method(self, method):
        pass

    def _encode_request(self, request):
        return request.encode("latin-1")


class StaffAttacker(Attacker):
    """Somebody before the staff's side, with a password or without one."""

    connection = Anything

    def part(self, requests, token):
        answers = []
        connection = self.connection(self.host, context=self.context, timeout=60)
        for request in requests:
            headers = {"Content-Type": "application/json"} | ({"Authorization": token} if token else {})
            for again in (True, False):
                try:
                    connection.request(request.method, request.path, request.body, headers | request.headers)
                    answer = connection.getresponse()
                    body = answer.read()
                    answers.append((request, answer.status, body))
                    if answer.will_close:
                        connection.close()
                    break
                except (http.client.HTTPException, ConnectionError):
                    connection.close()
                    if not again:
                        # It is no request at all, and got no answer.
                        answers.append((request, 400, b""))
        connection.close()
        return answers
