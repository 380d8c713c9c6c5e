# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import base64
import json

import pytest
from ansible_collections.threedpc.pacs.plugins.modules import http_expect


def check(name, url, **more):
    return dict(id=name, area="Test", promise=f"{name} is kept", url=url, **more)


@pytest.fixture
def ask(run_module):
    """Run checks and return their results by id."""

    def run(*checks, **args):
        answer = run_module(http_expect, checks=list(checks), timeout=15, **args)
        assert not answer.get("failed"), answer["msg"]
        assert answer["changed"] is False
        return {result["id"]: result for result in answer["results"]}

    return run


JSON = {"Content-Type": "application/json"}
QIDO = [{"00081190": {"vr": "UR", "Value": ["https://pacs.example.org/shares/dicom-web/studies/1.2.3"]}}]


@pytest.mark.parametrize(
    ("status", "body", "headers", "expect", "kept"),
    [
        (200, {}, {}, {}, True),
        (500, {"Message": "it broke"}, {}, {}, False),
        (403, {}, {}, {"status": [401, 403]}, True),
        (200, {}, {}, {"status": [401, 403]}, False),
        (200, [], {}, {"status": [403], "or_empty": True}, True),
        (200, [{"PatientName": "X"}], {}, {"status": [403], "or_empty": True}, False),
        (200, {}, {}, {"status": [403], "or_empty": True}, False),
        (301, {}, {"Location": "https://a/b"}, {"status": [301], "headers": {"location": "^https://a/"}}, True),
        (301, {}, {"Location": "http://evil/"}, {"status": [301], "headers": {"location": "^https://a/"}}, False),
        (301, {}, {}, {"status": [301], "headers": {"location": "^https://a/"}}, False),
        (200, {"a": "needle"}, {}, {"contains": ["needle"]}, True),
        (200, {"a": "hay"}, {}, {"contains": ["needle"]}, False),
        (200, {"a": "hay"}, {}, {"not_contains": ["needle"]}, True),
        (200, {"a": "needle"}, {}, {"not_contains": ["needle"]}, False),
        (200, [{"a": {"b": "yes"}}], {}, {"json": {"0/a/b": "^yes$"}}, True),
        (200, [{"a": {"b": "no"}}], {}, {"json": {"0/a/b": "^yes$"}}, False),
        (200, b"no JSON", {}, {"json": {"0/a/b": "^yes$"}}, False),
        (200, {"Version": "1.24"}, {}, {"version": {"path": "Version", "minimum": "1.9"}}, True),
        (200, {"Version": "1.24.0-lab"}, {}, {"version": {"path": "Version", "minimum": "1.24"}}, True),
        (200, {"Version": "1.24"}, {}, {"version": {"path": "Version", "minimum": "1.24.1"}}, False),
        (200, {"Version": "mainline"}, {}, {"version": {"path": "Version", "minimum": "9"}}, True),
        (200, {"Version": "unknown"}, {}, {"version": {"path": "Version", "minimum": "0.1"}}, False),
        (200, {}, {}, {"version": {"path": "Version"}}, False),
        (200, QIDO, {}, {"links": "https://pacs.example.org/shares/dicom-web/"}, True),
        (200, QIDO, {}, {"links": "https://pacs.example.org/orthanc/dicom-web/"}, False),
        (200, [{"7FE00010": {"BulkDataURI": "http://inside/bulk"}}], {}, {"links": "https://"}, False),
        (200, [], {}, {"links": "https://"}, False),
        (200, [], {}, {"links": "https://", "links_optional": True}, True),
    ],
)
def test_an_answer_is_judged(ask, http_server, status, body, headers, expect, kept):
    server = http_server(lambda *request: (status, body, headers))
    result = ask(check("it", server.url, expect=expect))["it"]
    assert result["status"] == ("passed" if kept else "failed"), result["got"]
    assert result["got"].startswith(f"status {status}")


def test_the_words_of_the_server_are_repeated_but_never_its_data(ask, http_server):
    server = http_server(lambda method, path, body: (500 if path == "/a" else 200, {"Message": "Doe^Jane"}))
    results = ask(check("error", server.url + "/a"), check("data", server.url + "/b", expect={"status": [403]}))
    assert results["error"]["got"] == "status 500 (Doe^Jane)"
    assert results["data"]["got"] == "status 200"


def test_a_request_is_sent_as_it_is_written(ask, http_server):
    server = http_server(lambda *request: (200, {}))
    headers = {"Host": "other.invalid", "X-HTTP-Method-Override": "DELETE"}
    ask(check("it", server.url + "/a//../b?%5fmethod=delete", method="PUT", headers=headers, json={"x": 1}))
    method, path, body, sent = server.requests[0]
    assert (method, path, body) == ("PUT", "/a//../b?%5fmethod=delete", {"x": 1})
    assert sent.get_all("Host") == ["other.invalid"]
    assert sent["X-HTTP-Method-Override"] == "DELETE"
    assert sent["Content-Type"] == "application/json"


@pytest.mark.parametrize("password", ["p$ss\"w'o\\rd#1 ü", "12345678", "$HOME"])
def test_a_login_is_sent_and_not_told(run_module, http_server, password):
    server = http_server(lambda *request: (500, {"Message": f"wrong password {password}"}))
    logins = [{"username": "alice", "password": password}]
    answer = run_module(http_expect, checks=[check("it", server.url, login="alice")], logins=logins)
    sent = base64.b64decode(server.requests[0][3]["Authorization"].partition(" ")[2]).decode()
    assert sent == f"alice:{password}"
    assert password not in json.dumps(answer, ensure_ascii=False)
    assert json.dumps(password)[1:-1] not in json.dumps(answer)


def test_a_file_is_sent(ask, http_server, tmp_path):
    server = http_server(lambda *request: (200, {}))
    (tmp_path / "body").write_text('{"from": "file"}')
    results = ask(
        check("file", server.url, method="POST", body_file=str(tmp_path / "body")),
        check("missing", server.url, method="POST", body_file=str(tmp_path / "none")),
    )
    assert server.requests[0][2] == {"from": "file"}
    assert results["missing"]["status"] == "failed"


def token_server(path, body):
    if path == "/token":
        return 200, {"Token": "very-secret", "Again": "very-secret"}
    if path == "/find":
        return 200, [{"ID": "abc"}]
    return 500, {"Message": f"asked for {path}"}


def test_a_captured_value_is_used_and_a_secret_one_is_hidden(run_module, http_server):
    server = http_server(lambda method, path, body: token_server(path, body))
    checks = [
        check("use", server.url + "/<study>?token=<token>", token="<token>", json={"t": "<token>"}),
        check("token", server.url + "/token", capture={"token": {"path": "Token", "secret": True}}),
        check("find", server.url + "/find", capture={"study": {"path": "0/ID"}}),
    ]
    answer = run_module(http_expect, checks=checks)
    _method, path, body, headers = server.requests[-1]
    assert (path, body) == ("/abc?token=very-secret", {"t": "very-secret"})
    assert headers["Authorization"] == "Bearer very-secret"
    assert "very-secret" not in json.dumps(answer)
    assert answer["results"][0]["got"] == "status 500 (asked for /abc?token=********)"
    assert answer["results"][0]["request"].endswith("/<study>?token=<token>")


def test_what_can_not_be_known_is_not_checked_and_says_why(ask, http_server):
    server = http_server(lambda method, path, body: (200, [{"ID": "abc"}]) if path == "/find" else (500, {}))
    capture = {"first": {"path": "0/ID"}, "second": {"path": "1/ID", "missing": "there is no second study"}}
    results = ask(
        check("find", server.url + "/find", capture=capture),
        check("first", server.url + "/<first>", expect={"status": [500]}),
        check("second", server.url + "/<second>", capture={"third": {"path": "x"}}),
        check("third", server.url + "/<third>"),
        check("broken", server.url + "/broken", capture={"fourth": {"path": "x"}}),
        check("fourth", server.url + "/<fourth>"),
        check("never", server.url + "/never", not_checked="nobody wants to"),
    )
    assert {name: result["status"] for name, result in results.items()} == {
        "find": "passed",
        "first": "passed",
        "second": "not checked",
        "third": "not checked",
        "broken": "failed",
        "fourth": "not checked",
        "never": "not checked",
    }
    assert results["second"]["got"] == results["third"]["got"] == "there is no second study"
    assert results["fourth"]["got"] == "it needs the check broken, which failed"
    assert results["never"]["got"] == "nobody wants to"
    assert sorted(request[1] for request in server.requests) == ["/abc", "/broken", "/find"]


def test_an_answer_without_the_value_that_it_must_have_fails(ask, http_server):
    server = http_server(lambda *request: (200, {"Token": None}))
    result = ask(check("it", server.url, capture={"token": {"path": "Token"}}))["it"]
    assert (result["status"], result["got"]) == ("failed", "status 200, without Token")


def test_an_answer_that_is_wrong_otherwise_still_gives_its_value(ask, http_server):
    server = http_server(lambda *request: (200, {"ID": "abc"}))
    results = ask(
        check("find", server.url, expect={"contains": ["needle"]}, capture={"study": {"path": "ID"}}),
        check("use", server.url + "/<study>"),
    )
    assert (results["find"]["status"], results["use"]["status"]) == ("failed", "passed")


def test_checks_wait_for_others_and_for_the_time(ask, http_server):
    server = http_server(lambda *request: (200, {}))
    ask(
        check("last", server.url + "/last", after=["first", "late"]),
        check("late", server.url + "/late", after=["first"], delay=0.3),
        check("first", server.url + "/first"),
        parallel=4,
    )
    assert [request[1] for request in server.requests] == ["/first", "/late", "/last"]


def test_an_attempt_is_left_out_in_check_mode(run_module, http_server):
    server = http_server(lambda *request: (403, {}))
    checks = [
        check("try", server.url + "/try", method="DELETE", attempt=True, expect={"status": [403]}),
        check("ask", server.url + "/ask", method="POST", expect={"status": [403]}),
    ]
    results = run_module(http_expect, check_mode=True, checks=checks)["results"]
    assert [result["status"] for result in results] == ["not checked", "passed"]
    assert [request[1] for request in server.requests] == ["/ask"]


@pytest.mark.parametrize(
    ("checks", "message"),
    [
        ([check("a", "http://x/"), check("a", "http://x/")], "Two checks have the id a"),
        ([check("a", "http://x/<nobody>")], "which no check captures"),
        ([check("a", "http://x/", after=["nobody"])], "which does not exist"),
        ([check("a", "http://x/", after=["b"]), check("b", "http://x/", after=["a"])], "wait for each other: a, b"),
        ([check(name, "http://x/", capture={"v": {"path": "v"}}) for name in "ab"], "Two checks capture <v>"),
        ([check("a", "http://127.0.0.1:1/", login="nobody")], "not in logins"),
    ],
)
def test_a_wrong_plan_is_refused(run_module, checks, message):
    answer = run_module(http_expect, checks=checks)
    assert answer["failed"] and message in answer["msg"]


def test_a_closed_connection_may_be_what_is_wanted(ask, raw_server):
    port = raw_server(lambda connection, number: connection.recv(1000))
    url = f"http://127.0.0.1:{port}/"
    results = ask(check("wanted", url, expect={"or_closed": True, "status": [404]}), check("not", url))
    assert results["wanted"]["status"] == "passed"
    assert results["not"]["status"] == "failed"
    assert results["not"]["got"] == "the connection was closed without an answer"


def test_faults_below_http_are_sentences(ask, raw_server, closed_port):

    def talk(connection, number):
        # Who closes with something unread resets the connection, and the answer may be lost.
        connection.recv(10000)
        connection.sendall(b"220 mail.example.org ESMTP\r\n")

    babble = raw_server(talk)
    results = ask(
        check("closed", f"http://127.0.0.1:{closed_port}/"),
        check("babble", f"http://127.0.0.1:{babble}/"),
        check("nowhere", "http://name.invalid/"),
    )
    assert results["closed"]["got"] == "the connection is refused"
    assert results["babble"]["got"] == "the answer is not HTTP"
    assert "does not resolve" in results["nowhere"]["got"]


def test_a_silent_server_is_given_up(run_module, raw_server):
    port = raw_server(lambda connection, number: connection.recv(1000) and connection.recv(1000))
    answer = run_module(http_expect, checks=[check("it", f"http://127.0.0.1:{port}/")], timeout=0.3)
    assert answer["results"][0]["got"] == "no answer within 0.3 seconds"


def test_a_server_that_can_not_be_reached_is_waited_for_once(run_module, monkeypatch):
    tried = []

    def connect(self):
        tried.append(self.host)
        raise TimeoutError

    monkeypatch.setattr("http.client.HTTPConnection.connect", connect)
    checks = [check(str(number), "http://192.0.2.1/") for number in range(5)]
    results = run_module(http_expect, checks=checks, parallel=1)["results"]
    assert len(tried) == 1
    assert {result["got"] for result in results} == {"no answer within 20 seconds"}


def page_server(path, broken):
    if path == "/viewer/":
        page = b"""<!doctype html><base href="/viewer/app/"><script src="a.js?v=1"></script>
            <link rel="stylesheet" href="a.css"><link rel="icon" href="/icon.png">
            <link rel="preconnect" href="https://elsewhere.invalid"><script src="https://elsewhere.invalid/b.js"></script>"""
        return 200, page, {"Content-Type": "text/html; charset=utf-8"}
    answers = {
        "/viewer/app/a.js?v=1": (200, b"1", {"Content-Type": "application/javascript"}),
        "/viewer/app/a.css": (200, b"1", {"Content-Type": "text/css"}),
        "/icon.png": (200, b"1", {"Content-Type": "image/png"}),
    }
    return dict(answers, **broken).get(path, (404, b""))


@pytest.mark.parametrize(
    ("broken", "problem"),
    [
        ({}, None),
        ({"/viewer/app/a.js?v=1": (404, b"")}, "/viewer/app/a.js: status 404"),
        ({"/viewer/app/a.css": (200, b"", {"Content-Type": "text/css"})}, "/viewer/app/a.css: it is empty"),
        ({"/viewer/app/a.js?v=1": (200, b"1", {"Content-Type": "text/plain"})}, "a script of type text/plain"),
        ({"/viewer/app/a.css": (200, b"1", {})}, "a style of type unknown"),
    ],
)
def test_a_page_needs_its_scripts_and_styles(ask, http_server, broken, problem):
    server = http_server(lambda method, path, body: page_server(path, broken))
    result = ask(check("it", server.url + "/viewer/", expect={"page": True}))["it"]
    assert result["status"] == ("failed" if problem else "passed")
    assert (problem or "text/html") in result["got"]


def test_a_page_is_more_than_an_answer(ask, http_server):
    server = http_server(lambda *request: (200, b"<p>text</p>", {"Content-Type": "text/plain"}))
    assert ask(check("it", server.url, expect={"page": True}))["it"]["status"] == "failed"


CERTIFICATE = {"certificate": {"fail_days": 7, "warn_days": 21}}


def tls_check(server, **days):
    return check("it", server.url, expect={"certificate": dict({"fail_days": 0, "warn_days": 0}, **days)})


@pytest.mark.parametrize(
    # It lasts for an hour or two, and the limits are meant for 90 days.
    ("days", "status"),
    [({"warn_days": 21, "fail_days": 7}, "passed"), ({"warn_days": 91}, "warned"), ({"fail_days": 91}, "failed")],
)
def test_the_days_of_a_certificate_are_counted(ask, http_server, site_ca, days, status):
    server = http_server(lambda *request: (200, {}), tls=site_ca.server_context())
    result = ask(tls_check(server, **days), ca_path=site_ca.path)["it"]
    assert result["status"] == status
    assert result["got"].startswith("0 days left, until 20")


def test_a_certificate_of_another_ca_or_name_is_not_trusted(ask, http_server, site_ca, other_ca):
    server = http_server(lambda *request: (200, {}), tls=site_ca.server_context("pacs.example.org"))
    for path, reason in [(other_ca.path, "signed certificate"), (site_ca.path, "IP address mismatch")]:
        result = ask(tls_check(server), ca_path=path)["it"]
        assert result["status"] == "failed"
        assert "not trusted" in result["got"] or reason in result["got"]
    result = ask(tls_check(server), validate_certs=False)["it"]
    assert result["status"] == "not checked"
    assert ask(check("it", server.url), validate_certs=False)["it"]["status"] == "passed"


def test_a_ca_that_is_not_there_is_an_error(run_module, tmp_path):
    answer = run_module(http_expect, checks=[check("it", "https://127.0.0.1:1/")], ca_path=str(tmp_path / "none"))
    assert answer["failed"] and "ca_path is not a file" in answer["msg"]
    (tmp_path / "empty").write_text("not PEM")
    answer = run_module(http_expect, checks=[check("it", "https://127.0.0.1:1/")], ca_path=str(tmp_path / "empty"))
    assert answer["failed"] and "ca_path holds no certificate" in answer["msg"]
