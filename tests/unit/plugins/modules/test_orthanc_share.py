# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import hashlib
import json
import re
import urllib.parse

import pytest
from ansible_collections.threedpc.pacs.plugins.module_utils.errors import PacsError
from ansible_collections.threedpc.pacs.plugins.module_utils.shares import token_digest
from ansible_collections.threedpc.pacs.plugins.modules import orthanc_share, orthanc_share_info

UID = "1.2.840.1"
ID = "-".join(["01234567"] * 5)
TOKEN = "eyJh.eyJp.c2ln"
LINK = f"https://pacs.example.org/shares/open/?token={TOKEN}"


def share(name, state="active", creator="anna", **more):
    return dict(id=name, state=state, creator=creator, studies=[dict(study_instance_uid=UID, orthanc_id=ID)], **more)


class Gate:
    """Orthanc and the gate of the shares, and what they were asked."""

    def __init__(self, *shares, limits=None, study=True, deaf=False):
        self.shares = {entry["id"]: entry for entry in shares}
        self.tokens = {entry.get("token"): entry["id"] for entry in shares}
        self.limits = limits or {"max_days": 90, "allow_never": False}
        self.study, self.deaf = study, deaf
        self.wrote = []

    def chosen(self, query):
        names = set(self.shares)
        if "id" in query:
            names &= {query["id"]}
        if "token_sha256" in query:
            names &= {name for token, name in self.tokens.items() if token and digest(token) == query["token_sha256"]}
        if "creator" in query:
            names &= {name for name, entry in self.shares.items() if entry["creator"] == query["creator"]}
        if "study" in query:
            names = names if query["study"] in (UID, ID) else set()
        return sorted(names)

    def __call__(self, method, path, body):
        path, _mark, query = path.partition("?")
        if (method, path) == ("GET", "/shares"):
            names = self.chosen(dict(urllib.parse.parse_qsl(query)))
            return 200, {"shares": [dict(self.shares[name]) for name in names], "limits": self.limits}
        if (method, path) == ("POST", "/tools/find"):
            return 200, [ID] if self.study else []
        if (method, path) == ("GET", f"/studies/{ID}"):
            return 200, {"MainDicomTags": {"StudyInstanceUID": UID}}
        self.wrote.append((method, path, body))
        if (method, path) == ("POST", "/shares/revoke"):
            names = self.chosen({} if "all" in body else body)
            names = [name for name in names if self.shares[name]["state"] == "active"]
            for name in names:
                self.shares[name]["state"] = "active" if self.deaf else "revoked"
            return 200, {"revoked": names}
        if (method, path) == ("PUT", "/auth/tokens/ohif-viewer-publication"):
            self.shares["new"] = share("new", recipient=body["Recipient"])
            return 200, {"Token": TOKEN, "Url": LINK, "Share": self.shares["new"]}
        return 404, {"Message": path}


def digest(token):
    return hashlib.sha256(token.encode()).hexdigest()


@pytest.fixture
def ask(run_module, http_server):
    """Run the module against a gate; returns what it says."""

    def call(gate, check_mode=False, module=orthanc_share, **params):
        server = http_server(gate)
        try:
            return run_module(
                module, check_mode, url=server.url, url_username="anna", url_password="s3cret-s3cret", **params
            )
        finally:
            for _method, path, body, _headers in server.requests:
                assert TOKEN not in path + json.dumps(body)

    return call


@pytest.mark.parametrize("study", [UID, ID])
def test_a_share_is_made(ask, study):
    gate = Gate()
    foreseen = ask(gate, check_mode=True, studies=[study], days=7, recipient="Dr. Müller")
    assert gate.wrote == []
    assert (foreseen["changed"], "link" in foreseen) == (True, False)
    made = ask(gate, studies=[study], days=7, recipient="Dr. Müller")
    [(method, path, body)] = gate.wrote
    assert (method, path) == ("PUT", "/auth/tokens/ohif-viewer-publication")
    assert body == {
        "Type": "ohif-viewer-publication",
        "Resources": [{"DicomUid": UID, "OrthancId": ID, "Level": "study"}],
        "ValidityDuration": 7 * 86400,
        "Recipient": "Dr. Müller",
    }
    assert (made["changed"], made["link"], made["share"]["id"]) == (True, LINK, "new")
    assert "pin" not in made
    assert TOKEN not in json.dumps(made["diff"])


def test_a_share_is_made_with_a_pin_that_nobody_chose(ask):
    pins = set()
    for _attempt in range(3):
        gate = Gate()
        made = ask(gate, studies=[UID], days=7, pin=True)
        assert gate.wrote[0][2]["Pin"] == made["pin"]
        assert re.fullmatch("[0-9]{6}", made["pin"])
        pins.add(made["pin"])
    assert len(pins) > 1


def test_a_share_that_never_ends_is_made_where_the_site_allows_it(ask):
    gate = Gate(limits={"max_days": 90, "allow_never": True})
    assert ask(gate, studies=[UID], days=0)["changed"] is True
    assert gate.wrote[0][2]["ValidityDuration"] == 0


@pytest.mark.parametrize("check_mode", [True, False])
@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"studies": [UID]}, "days is missing"),
        ({"studies": [UID], "days": -1}, "0 or more"),
        ({"studies": [UID], "days": 91}, "at most 90 days"),
        ({"studies": [UID], "days": 0}, "has to end"),
        ({"studies": ["CT of the head"], "days": 1}, "StudyInstanceUID or its Orthanc ID"),
        ({"studies": [UID], "days": 1, "recipient": "x" * 201}, "200 printable"),
        ({"studies": [UID], "days": 1, "recipient": "a\nb"}, "200 printable"),
        ({"studies": [], "days": 1}, "needs studies"),
        ({"days": 1}, "needs studies"),
        ({"studies": [UID], "days": 1, "id": "x"}, "for state absent"),
        ({"state": "absent"}, "exactly one of"),
        ({"state": "absent", "id": "x", "all": True}, "exactly one of"),
        ({"state": "absent", "all": False}, "exactly one of"),
        ({"state": "absent", "all": True, "studies": [UID]}, "study revokes"),
        ({"state": "absent", "link": "https://pacs.example.org/shares/open/"}, "whole share link"),
        ({"state": "absent", "link": "https://pacs.example.org/shares/open/?token=abc"}, "whole share link"),
        ({"state": "absent", "id": "unknown"}, "no such share"),
        ({"state": "absent", "link": LINK}, "no such share"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_is_written(ask, check_mode, params, words):
    gate = Gate(share("a"))
    result = ask(gate, check_mode, **params)
    assert result["failed"] is True
    assert words in result["msg"]
    assert gate.wrote == []


def test_a_study_that_is_not_there_is_not_shared(ask):
    result = ask(Gate(study=False), studies=[UID], days=1)
    assert "no study with the StudyInstanceUID" in result["msg"]


@pytest.mark.parametrize(
    ("params", "revoked"),
    [
        ({"id": "a"}, ["a"]),
        ({"link": LINK}, ["a"]),
        ({"link": TOKEN}, ["a"]),
        ({"creator": "bert"}, ["b"]),
        ({"creator": "nobody"}, []),
        ({"study": UID}, ["a", "b"]),
        ({"study": "1.2.3"}, []),
        ({"all": True}, ["a", "b"]),
        ({"id": "old"}, []),
    ],
)
def test_shares_are_revoked_once(ask, params, revoked):
    def shares():
        return share("a", token=TOKEN), share("b", creator="bert"), share("old", state="expired")

    gate = Gate(*shares())
    foreseen = ask(gate, check_mode=True, state="absent", **params)
    assert gate.wrote == []
    done = ask(gate, state="absent", **params)
    for result in (foreseen, done):
        assert [entry["id"] for entry in result["revoked"]] == revoked
        assert result["changed"] is bool(revoked)
    assert foreseen["diff"] == done["diff"]
    wrote = list(gate.wrote)
    again = ask(gate, state="absent", **params)
    assert (again["changed"], again["revoked"], gate.wrote) == (False, [], wrote)


def test_a_share_that_stays_open_is_no_success(ask):
    result = ask(Gate(share("a"), deaf=True), state="absent", id="a")
    assert "still not revoked: a" in result["msg"]


@pytest.mark.parametrize("answer", [(404, {"Message": "Unknown"}), (200, {}), (200, [1]), (503, {"Message": "down"})])
def test_no_gate_is_an_error(ask, answer):
    for module, params in ((orthanc_share, {"state": "absent", "all": True}), (orthanc_share_info, {})):
        result = ask(lambda *_request: answer, module=module, **params)
        assert result["failed"] is True
        assert "/shares" in result["msg"]


def test_the_sentence_of_the_gate_is_passed_on(ask):
    class Strict(Gate):
        def __call__(self, method, path, body):
            if method == "PUT":
                return 422, {"Message": "Not on a Sunday."}
            return super().__call__(method, path, body)

    assert "Not on a Sunday." in ask(Strict(), studies=[UID], days=1)["msg"]


def test_the_ledger_is_read(ask):
    gate = Gate(share("a", token=TOKEN), share("b", creator="bert"))
    known = ask(gate, module=orthanc_share_info)
    assert [entry["id"] for entry in known["shares"]] == ["a", "b"]
    assert known["limits"] == gate.limits
    assert [entry["id"] for entry in ask(gate, module=orthanc_share_info, creator="bert")["shares"]] == ["b"]
    assert [entry["id"] for entry in ask(gate, module=orthanc_share_info, link=LINK)["shares"]] == ["a"]
    assert known["changed"] is False
    assert gate.wrote == []


@pytest.mark.parametrize("link", ["", "x", "a.b", "a.b.c.d", "https://x/?token=", "https://x/?token=a.b.c&token=a.b.c"])
def test_half_a_link_is_refused(link):
    with pytest.raises(PacsError):
        token_digest(link)
