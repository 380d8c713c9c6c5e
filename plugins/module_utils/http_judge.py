# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compares an answer with what was expected of it. Says what came back, but never repeats a patient's data."""

from __future__ import annotations

import re
import ssl
import time
import urllib.parse
from collections.abc import Iterator, Mapping
from html.parser import HTMLParser
from typing import Any, Literal

from ansible_collections.threedpc.pacs.plugins.module_utils.http_probe import Answer, Probe, ProbeError

# Worst first.
Status = Literal["failed", "warned", "not checked", "passed"]

# What a browser fetches because of a <link>. Others, such as preconnect, name no file.
LINKS = {"stylesheet", "icon", "manifest", "modulepreload", "apple-touch-icon"}
SCRIPT = re.compile(r"^(text|application)/(x-)?(java|ecma)script$")
RETRIEVE_URL = "00081190"
# Days; for shorter ones the limits are proportionally shorter.
USUAL_LIFETIME = 90
DAY = 86400


def describe(expect: Mapping[str, Any]) -> str:
    """What is expected, for the report."""
    said: list[str] = []
    if not expect.get("certificate"):
        said.append("status " + " or ".join(str(status) for status in expect.get("status") or [200]))
    if expect.get("or_closed"):
        said[-1] += ", or no answer at all"
    if expect.get("or_empty"):
        said[-1] += ", or an empty list"
    for name, pattern in (expect.get("headers") or {}).items():
        said.append(f"header {name} like {pattern}")
    said += [f"contains {text}" for text in expect.get("contains") or []]
    said += [f"does not contain {text}" for text in expect.get("not_contains") or []]
    said += [f"{path} like {pattern}" for path, pattern in (expect.get("json") or {}).items()]
    version = expect.get("version")
    if version:
        said.append("version {} or newer".format(version["minimum"]) if version.get("minimum") else "a version")
    if expect.get("links"):
        said.append("every link begins with {}".format(expect["links"]))
    if expect.get("page"):
        said.append("a page whose scripts and styles load")
    if expect.get("certificate"):
        said.append(
            "trusted, names the host, at least {fail_days} days left (a warning below {warn_days})".format(
                **expect["certificate"]
            )
        )
    return "; ".join(said)


def judge(check: Mapping[str, Any], answer: Answer, probe: Probe) -> tuple[Status, str]:
    """Status and a sentence about what came back."""
    expect = check.get("expect") or {}
    if expect.get("certificate"):
        return judge_certificate(answer.certificate, expect["certificate"])
    if answer.status is None:
        return ("passed" if expect.get("or_closed") else "failed"), "the connection was closed without an answer"
    got = f"status {answer.status}"
    if answer.status not in (expect.get("status") or [200]):
        if expect.get("or_empty") and answer.status == 200 and answer.document() == []:
            return "passed", "status 200 with an empty list"
        return "failed", got + server_says(answer)
    problems = list(differences(expect, answer))
    if expect.get("page"):
        got += ", " + answer.mime
        problems += page_problems(check, answer, probe)
    return ("failed", "{}; {}".format(got, "; ".join(problems))) if problems else ("passed", got)


def server_says(answer: Answer) -> str:
    """The server's own words about an error. The body of anything else may be a patient's data."""
    document = answer.document() if (answer.status or 0) >= 400 else None
    if not isinstance(document, dict):
        return ""
    said = [document.get(key) for key in ("Message", "Details")]
    return "".join(f" ({text})" for text in said if isinstance(text, str) and text)[:300]


def differences(expect: Mapping[str, Any], answer: Answer) -> Iterator[str]:
    """What the answer lacks, one sentence each."""
    for name, pattern in (expect.get("headers") or {}).items():
        value = answer.headers.get(name.lower())
        if value is None:
            yield f"no header {name}"
        elif not re.search(pattern, value):
            # A redirect to a viewer carries a token in its query.
            yield "header {} is {}".format(name, value.partition("?")[0])
    for text in expect.get("contains") or []:
        if text not in answer.text:
            yield "does not contain what it should"
    for text in expect.get("not_contains") or []:
        if text in answer.text:
            yield "contains what it must not"
    document = answer.document()
    for path, pattern in (expect.get("json") or {}).items():
        value = at(document, path)
        if not re.search(pattern, "" if value is None else str(value)):
            yield "{} is {}".format(path, "missing" if value is None else str(value).partition("?")[0])
    if expect.get("version"):
        yield from version_problems(document, expect["version"])
    if expect.get("links"):
        yield from link_problems(document, expect["links"], expect.get("links_optional"))


def at(document: Any, path: str) -> Any:
    """The value at a path such as `0/MainDicomTags/PatientID` in a JSON document, or None."""
    for part in path.split("/"):
        if isinstance(document, list) and part.isdigit() and int(part) < len(document):
            document = document[int(part)]
        elif isinstance(document, dict):
            document = document.get(part)
        else:
            return None
    return document


def version_numbers(text: object) -> list[int]:
    """The numbers that a version begins with: (1, 24) of `1.24-lab`; nothing of `mainline`."""
    found = re.match(r"\d+(\.\d+)*", str(text))
    numbers = [int(number) for number in found.group().split(".")] if found else []
    while numbers and numbers[-1] == 0:
        numbers.pop()
    return numbers


def version_problems(document: Any, spec: Mapping[str, Any]) -> list[str]:
    value = at(document, spec["path"])
    if value is None:
        return ["it is not installed"]
    minimum = spec.get("minimum")
    if not minimum or value == "mainline" or version_numbers(value) >= version_numbers(minimum):
        return []
    return [f"version {value} is too old"]


def links(document: Any) -> Iterator[str]:
    """Every link that a DICOMweb answer gives its reader."""
    if isinstance(document, list):
        for entry in document:
            yield from links(entry)
    elif isinstance(document, dict):
        for key, entry in document.items():
            if key == "BulkDataURI" and isinstance(entry, str):
                yield entry
            elif key == RETRIEVE_URL and isinstance(entry, dict):
                for link in entry.get("Value") or []:
                    yield str(link)
            else:
                yield from links(entry)


def link_problems(document: Any, prefix: str, optional: bool | None) -> list[str]:
    found = list(links(document))
    wrong = sorted({origin(link) for link in found if not link.startswith(prefix)})
    if wrong:
        return ["links go to {}".format(", ".join(wrong))]
    return [] if found or optional else ["it has no links"]


def origin(link: str) -> str:
    """The part of a link that the configuration decides: no identifier of a study."""
    parts = urllib.parse.urlsplit(link)
    return "{}://{}{}".format(parts.scheme, parts.netloc, parts.path.partition("/studies")[0])


class Assets(HTMLParser):
    """Collects what a browser fetches to show a page."""

    def __init__(self) -> None:
        super().__init__()
        self.base = ""
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "base" and given.get("href"):
            self.base = given["href"]
        elif tag == "script" and given.get("src"):
            self.found.append(given["src"])
        elif tag == "link" and given.get("href") and LINKS & set(given.get("rel", "").lower().split()):
            self.found.append(given["href"])


def page_problems(check: Mapping[str, Any], answer: Answer, probe: Probe) -> list[str]:
    if answer.mime != "text/html":
        return ["it is no HTML page"]
    assets = Assets()
    assets.feed(answer.text)
    base = urllib.parse.urljoin(check["url"], assets.base)
    here = urllib.parse.urlsplit(check["url"])
    problems = []
    for asset in sorted(set(assets.found)):
        full = urllib.parse.urljoin(base, asset)
        parts = urllib.parse.urlsplit(full)
        if (parts.scheme, parts.netloc) == (here.scheme, here.netloc):
            problem = asset_problem(check, full, parts.path, probe)
            if problem:
                problems.append(f"{parts.path}: {problem}")
    return problems


def asset_problem(check: Mapping[str, Any], url: str, path: str, probe: Probe) -> str | None:
    try:
        # As a browser does: with the login of the page, if it has one.
        answer = probe.ask({"id": check["id"], "login": check.get("login"), "url": urllib.parse.urldefrag(url)[0]})
    except ProbeError as error:
        return str(error)
    if answer.status != 200:
        return "no answer" if answer.status is None else f"status {answer.status}"
    if not answer.body:
        return "it is empty"
    if path.endswith((".js", ".mjs")) and not SCRIPT.match(answer.mime):
        return "a script of type %s, which browsers refuse" % (answer.mime or "unknown")
    if path.endswith(".css") and answer.mime != "text/css":
        return "a style of type %s, which browsers refuse" % (answer.mime or "unknown")
    return None


def judge_certificate(
    certificate: Mapping[str, Any] | None, spec: Mapping[str, int], now: float | None = None
) -> tuple[Status, str]:
    if not certificate:
        return (
            "not checked",
            "nothing is known of the certificate: validate_certs is off, or the site speaks plain HTTP",
        )
    since, until = (ssl.cert_time_to_seconds(certificate[name]) for name in ("notBefore", "notAfter"))
    left = (until - (time.time() if now is None else now)) / DAY
    got = "{} days left, until {}".format(int(left // 1), time.strftime("%Y-%m-%d", time.gmtime(until)))
    return judge_days(left, (until - since) / DAY, spec), got


def judge_days(left: float, lifetime: float, spec: Mapping[str, int]) -> Status:
    """What is little for a certificate of three months is all of one that lasts for days."""
    share = min(1, lifetime / USUAL_LIFETIME)
    if left < spec["fail_days"] * share:
        return "failed"
    return "warned" if left < spec["warn_days"] * share else "passed"
