# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What mail programs, chats, gateways and PDF viewers do to a link: it works, or its page says what is wrong.

Each way is a function of the link and its token, and what a reader then sees. docs/shares.md has the list in words.
"""

from __future__ import annotations

from urllib.parse import quote, urlsplit

from test_share_page import expect_said

WORKS = "Images shared with you"
BROKEN = "This link is not complete"
NONE = "Open your link again"
PATH = "/shares/open/"


def inside(text, what, at=0.5):
    """What is put into a text, at a part of its length."""
    place = int(len(text) * at)
    return text[:place] + what + text[place:]


def in_token(what, at=0.5):
    return lambda link, token: link.replace(token, inside(token, what, at))


def behind(what):
    return lambda link, token: link + what


def replaced(what, by):
    return lambda link, token: link.replace(what, by)


def escaped(times):
    def escape(link, token):
        rest = link.partition(PATH)[2]
        for _time in range(times):
            rest = quote(rest, safe="")
        return link.partition(PATH)[0] + PATH + rest

    return escape


WAYS = {
    # What stands behind it in a sentence, or around it.
    **{f"{mark} behind it": (behind(mark), WORKS) for mark in ".,;:!)]}>\"'»\u201d…"},
    "an escaped > behind it": (behind("%3E"), WORKS),
    "&gt; behind it": (behind("&gt;"), WORKS),
    "&amp%3B behind it": (behind("&amp%3Bx=1"), WORKS),
    "the next sentence behind it": (behind("%20Please%20open%20it"), WORKS),
    # What is appended to count readers.
    "utm behind it": (behind("&utm_source=mail&utm_medium=email"), WORKS),
    "fbclid behind it": (behind("&fbclid=IwAR0x&gclid=5"), WORKS),
    "utm behind a second ?": (behind("?utm_source=mail"), WORKS),
    "utm before it": (replaced("?token=", "?utm_source=mail&token="), WORKS),
    "an escaped name behind it": (behind("&utm%5Fsource=mail&_method=delete"), WORKS),
    "a fragment behind it": (behind("#:~:text=images"), WORKS),
    # Lines that were broken, with what marks them.
    "a space in it": (in_token("%20"), WORKS),
    "a line break in it": (in_token("%0D%0A"), WORKS),
    "a line break in a quotation": (in_token("%0A%3E%20"), WORKS),
    "a soft line break": (in_token("=%0D%0A"), WORKS),
    "a soft line break, pasted": (in_token("=", 0.51), WORKS),
    "a soft line break in its first letters": (replaced("eyJ", "e=yJ"), WORKS),
    "a line break in its path": (replaced("/open/", "/op%0D%0Aen/"), WORKS),
    "quoted-printable": (lambda link, token: link.replace("?token=", "?token=3D").replace(".", "=2E"), WORKS),
    # What nobody sees, and what looks alike.
    **{
        f"U+{ord(mark):04X} in it": (in_token(quote(mark)), WORKS)
        for mark in "\u00ad\u200b\u200c\u200d\u200e\u2060\ufeff\u00a0\u202f"
    },
    "U+200B in its path": (replaced("/open/", "/%E2%80%8Bopen/"), WORKS),
    "a hyphen of typesetters": (replaced("-", quote("\u2011")), WORKS),
    "two hyphens as a dash": (replaced("--", quote("\u2014")), WORKS),
    "letters as wide as Chinese": (lambda link, token: link.replace(token[-9:], quote(wide(token[-9:]))), WORKS),
    # What was escaped once more.
    "? as %3F": (replaced("?", "%3F"), WORKS),
    "? as %253F": (replaced("?", "%253F"), WORKS),
    "= as %3D": (replaced("=", "%3D"), WORKS),
    "= as =3D": (replaced("?token=", "?token=3D"), WORKS),
    "dots as %2E": (lambda link, token: link.replace(token, token.replace(".", "%2E")), WORKS),
    "dots as &#46;": (lambda link, token: link.replace(token, token.replace(".", "&#46;")), WORKS),
    "dots as &#x2e;": (lambda link, token: link.replace(token, token.replace(".", "&%23x2e;")), WORKS),
    "every letter escaped": (lambda link, token: link.replace(token, "".join(f"%{ord(c):02X}" for c in token)), WORKS),
    "escaped once": (escaped(1), WORKS),
    "escaped twice": (escaped(2), WORKS),
    "escaped three times": (escaped(3), WORKS),
    # The path.
    "a lost slash": (replaced("/open/?", "/open?"), WORKS),
    "a lost ?": (replaced("/open/?", "/open/"), WORKS),
    "a lost slash and ?": (replaced("/open/?", "/open"), WORKS),
    "a lost slash in its middle": (replaced("/shares/open/", "/sharesopen/"), WORKS),
    "doubled slashes": (replaced("/shares/open/", "//shares//open//"), WORKS),
    "upper case": (replaced("/shares/open/", "/Shares/Open/"), WORKS),
    "backslashes": (replaced("/shares/open/", "\\shares\\open\\"), WORKS),
    "the token as a path": (replaced("?token=", ""), WORKS),
    "the token as a fragment": (replaced("?token=", "#"), WORKS),
    "no path": (replaced("/shares/open/", "/"), WORKS),
    "the host in upper case": (replaced("localhost", "LOCALHOST"), WORKS),
    "http": (replaced("https:", "http:"), WORKS),
    # What can't be repaired is not complete, whenever it is tried.
    "no last letter": (lambda link, token: link[:-1], BROKEN),
    "half a token": (lambda link, token: link.replace(token, token[: len(token) // 2]), BROKEN),
    "its first part": (lambda link, token: link.replace(token, token.partition(".")[0]), BROKEN),
    "no token": (lambda link, token: link.replace(token, ""), BROKEN),
    "no token, counted": (lambda link, token: link.replace(f"token={token}", "utm_source=mail"), BROKEN),
    "a token in lower case": (lambda link, token: link.lower(), BROKEN),
    "a lost letter": (lambda link, token: link.replace(token, token[:99] + token[100:]), BROKEN),
    "hidden by dots": (lambda link, token: link.replace(token, f"{token[:20]}…{token[-10:]}"), BROKEN),
    "its path cut": (lambda link, token: link.partition("/open/")[0] + "/op", BROKEN),
    "its path cut early": (lambda link, token: link.partition("/shares/")[0] + "/sha", BROKEN),
    "no query at all": (lambda link, token: link.partition("?")[0], NONE),
}


def wide(text):
    return "".join(chr(ord(letter) + 0xFEE0) for letter in text)


def test_what_becomes_of_a_link_on_its_way(anonymous):
    """One browser, so that no link shows what the one before it opened."""
    page, link, token = anonymous.page, anonymous.site.share, anonymous.site.token
    wrong = []
    for name, (way, seen) in WAYS.items():
        page.goto("about:blank")
        page.goto(way(link, token))
        if seen == NONE:
            # A tab that knows a link has come back to it.
            page.evaluate("sessionStorage.clear()")
            page.goto("about:blank")
            page.goto(way(link, token))
        heading = page.get_by_role("heading").first
        heading.wait_for()
        if heading.inner_text() != seen:
            wrong.append(f"{name}: {heading.inner_text()}")
        assert "eyJ" not in page.url
        assert page.url == f"{anonymous.site.base}{PATH}", name
    assert wrong == []
    # By http too, which leads to https.
    assert {urlsplit(request.url).hostname for request in anonymous.requests} <= {urlsplit(link).hostname, None}


def test_an_ambiguous_link_says_so(phone):
    answer = {"status": 403, "json": {"reason": "ambiguous"}}
    phone.page.route("**/shares/gate/open", lambda route: route.fulfill(**answer))
    phone.page.goto(phone.site.share)
    expect_said(phone.page, "These images are locked for now")
    assert not phone.page.get_by_role("button", name="Try again").count()
