# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A share's link as mail programs leave it, and as their scanners open it before its reader does."""

from __future__ import annotations

import http.client
import json
import re
import socket
import ssl
import time
from collections import Counter
from typing import NamedTuple

import pytest
from conftest import SERVER, SITE

testinfra_hosts = [f"docker://{SERVER}"]

# {t} is the token. tests/browser/test_mangled_links.py says what the page makes of each.
PAGE = (
    "/shares/open/?token={t}",
    "/shares/open?token={t}",
    "/shares/open%3Ftoken={t}",
    "/shares/open/%3Ftoken%3D{t}",
    "/shares/open/%253Ftoken%253D{t}",
    "/shares/opentoken={t}",
    "/shares/open/{t}",
    "/sharesopen/?token={t}",
    "//shares//open//?token={t}",
    "/Shares/Open/?token={t}",
    "/shares/%C2%ADopen/?token={t}",
    "/shares/op%0D%0Aen/?token={t}",
    "/shares/open/?token={t}&amp%3Bx=1",
    "/shares/open/?token={t}&_method=delete",
    "/shares/open/?utm%5Fsource=x&token={t}",
    "/shares/open/?token=",
    "/shares/open/",
    "/shares/op",
    "/shares/",
    "/sha",
    "/?token={t}",
    "/{t}",
    "/share{t}",
)
# Nothing that has data becomes a page by a token in it.
NO_PAGE = (
    "/shares/studies/{t}",
    "/shares/instances/{t}",
    "/shares/system",
    "/shares/open/../system",
    "/shares/open/%2e%2e/system?token={t}",
    "/orthanc/{t}",
    "/orthanc/studies?token={t}",
)


class Answer(NamedTuple):
    status: int
    headers: http.client.HTTPMessage
    body: bytes


@pytest.fixture(scope="module")
def share(site, studies):
    return site.share(studies[0]["id"], studies[0]["uid"])


def openings(site, share):
    [known] = site.staff("GET", "/shares", params={"id": share["Share"]["id"]}).json()["shares"]
    return known["openings"]


def ask(site, path, method="GET"):
    """As it is written: no library puts the path in order."""
    context = ssl.create_default_context(cafile=str(site.certificate))
    connection = http.client.HTTPSConnection(SITE["pacs_domain"], context=context, timeout=30)
    try:
        connection.request(method, path)
        answer = connection.getresponse()
        return Answer(answer.status, answer.headers, answer.read())
    finally:
        connection.close()


@pytest.mark.parametrize("path", PAGE)
def test_whatever_is_left_of_a_link_leads_to_its_page(site, share, path):
    page = ask(site, "/shares/open/")
    for method in ("GET", "HEAD"):
        answer = ask(site, path.format(t=share["Token"]), method)
        # Of what is too short to be a link the page is a refusal.
        assert answer.status == (200 if "open" in path.lower() or "{t}" in path or "op%0D" in path else 403)
        assert answer.body == (page.body if method == "GET" else b"")
        # As strict as at its own address.
        for name in ("Content-Security-Policy", "Cache-Control", "Referrer-Policy", "X-Robots-Tag", "Content-Type"):
            assert answer.headers.get_all(name) == page.headers.get_all(name)
            assert answer.headers[name]
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    assert page.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("path", NO_PAGE)
def test_nothing_else_becomes_a_page(site, share, path):
    answer = ask(site, path.format(t=share["Token"]))
    assert answer.status in (400, 401, 403, 404)
    assert b"share.js" not in answer.body


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "PATCH"])
def test_a_link_is_only_read(site, share, method):
    answer = ask(site, f"/shares/open/?token={share['Token']}", method)
    assert answer.status in (403, 405)


def test_no_token_is_in_a_log(site, server, share):
    token = share["Token"]
    for path in (*PAGE, *NO_PAGE):
        ask(site, path.format(t=token))
    # In pieces, and so that its beginning is not seen.
    for piece in (
        token[:60],
        token[1:80],
        token[-40:],
        token.replace("eyJ", "%65%79%4a"),
        token.replace("eyJ", "e%0AyJ"),
    ):
        ask(site, f"/shares/open/{piece}")
        ask(site, f"/shares/open%3Ftoken={piece}")
    time.sleep(1)
    logs = server.compose("logs --no-log-prefix")
    for piece in (token, token[-40:], token[1:30], token.split(".")[1][:30]):
        assert piece not in logs


def test_who_runs_no_script_opens_nothing(site, studies):
    """A scanner of links gets the page, which holds nothing, and is no opening."""
    share = site.share(studies[0]["id"], studies[0]["uid"])
    for method in ("GET", "HEAD", "GET"):
        assert ask(site, f"/shares/open/?token={share['Token']}", method).status == 200
    assert ask(site, "/shares/open/share.js").status == 200
    assert openings(site, share) == []
    assert site.gate("open", share["Token"]).status_code == 200
    assert len(openings(site, share)) == 1


def test_a_scanner_that_opens_a_link_with_a_pin_uses_up_nothing(site, studies):
    share = site.share(studies[0]["id"], studies[0]["uid"], Pin="4711")
    for _time in range(6):
        assert ask(site, f"/shares/open/?token={share['Token']}").status == 200
        assert site.gate("open", share["Token"]).json()["pin_required"] is True
    assert openings(site, share) == []
    wrong = site.gate("pin", share["Token"], json={"pin": "0000"}).json()
    assert wrong == {"reason": "wrong_pin", "tries_left": 4}
    assert site.gate("pin", share["Token"], json={"pin": "4711"}).status_code == 204


@pytest.mark.parametrize("token", ["{t}x", "x{t}", "{h}", "{t}.", "eyJ", "broken", "{u}"])
def test_a_damaged_token_is_never_to_be_tried_again(site, share, token):
    text = token.format(t=share["Token"], h=share["Token"][: len(share["Token"]) // 2], u=share["Token"].upper())
    answer = site.gate("open", text)
    assert (answer.status_code, answer.json()) == (403, {"reason": "invalid"})


def hammer(site, token, count=1000):
    """How often each status came to so many requests that were sent without waiting for an answer."""
    context = ssl.create_default_context(cafile=str(site.certificate))
    asked = f"HEAD /shares/open/share.js HTTP/1.1\r\nHost: {SITE['pacs_domain']}\r\ntoken: {token}\r\n"
    text = f"{asked}\r\n" * (count - 1) + f"{asked}Connection: close\r\n\r\n"
    with socket.create_connection((SITE["pacs_domain"], 443), timeout=60) as plain:
        with context.wrap_socket(plain, server_hostname=SITE["pacs_domain"]) as connection:
            connection.sendall(text.encode())
            said = b"".join(iter(lambda: connection.recv(65536), b""))
    return Counter(re.findall(rb"^HTTP/1.1 (\d+)", said, re.MULTILINE))


def test_one_link_asks_for_a_bounded_number_of_things(site, studies):
    """A program that never stops meets the limit, long after what OHIF asks for in a burst, and no other link does."""
    first, second = (site.share(studies[0]["id"], studies[0]["uid"])["Token"] for _time in range(2))
    assert hammer(site, first) == {b"200": 1000}
    answers = Counter()
    for _time in range(20):
        answers += hammer(site, first)
        if answers[b"429"]:
            break
    assert set(answers) == {b"200", b"429"}
    assert site.request("GET", "/shares/dicom-web/studies", token=second).status_code == 200


def test_the_gate_answers_what_it_can_not_read_in_a_sentence(site):
    for data in ("[" * 20000, '{"id": "\\u0000"}', '{"id": "a", "id": "b"}', '{"id": "\\ud800"}'):
        answer = site.staff("POST", "/shares/revoke", data=data, headers={"Content-Type": "application/json"})
        assert answer.status_code == 422
        assert answer.json()["Message"].endswith(".")
    answer = site.staff("GET", "/shares", params={"study": "\0"})
    assert (answer.status_code, json.loads(answer.text)["Message"][-1]) == (422, ".")
