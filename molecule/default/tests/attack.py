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
