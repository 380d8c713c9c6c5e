# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The parts of the gate of the shares that need no server: tokens, PINs, and what may be asked."""

from __future__ import annotations

import base64
import importlib.util
import json
import pathlib
from datetime import UTC, datetime, timedelta

import jwt
import pytest

GATE = pathlib.Path(__file__).resolve().parents[3] / "roles/gate/files/gate"
KEY = "0123456789abcdef0123456789abcdef"
STUDY = {"DicomUid": "1.2.3", "OrthancId": "-".join(["01234567"] * 5), "Level": "study"}


def load(name):
    spec = importlib.util.spec_from_file_location(f"gate_{name}", GATE / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


asked, tokens = load("asked"), load("tokens")


def make(payload, key=KEY, algorithm="HS256"):
    return jwt.encode(payload, key, algorithm)


@pytest.mark.parametrize("end", ["2026-11-24T03:34:45.687836+00:00", "2026-11-24T05:34:45.687836+02:00"])
def test_a_right_token_is_read(end):
    payload = tokens.Tokens(KEY).read(make({"id": "x", "expiration_date": end}))
    assert tokens.expiry(payload) == datetime(2026, 11, 24, 3, 34, 45, 687836, UTC)


def test_a_token_may_never_end():
    assert tokens.expiry(tokens.Tokens(KEY).read(make({"expiration_date": None}))) is None


def part(entry):
    return base64.urlsafe_b64encode(json.dumps(entry).encode()).rstrip(b"=").decode()


@pytest.mark.parametrize(
    "token",
    [
        "",
        "x",
        "..",
        make({"id": "x"}, KEY + "x"),
        make({"id": "x"}, KEY * 2, "HS512"),
        make({"id": "x"}, KEY, "HS384"),
        f"{part({'alg': 'none'})}.{part({'id': 'x'})}.",
        f"{base64.urlsafe_b64encode(b'[' * 9000).decode()}.e30.x",
        make({"id": "x"})[:-8],
        make({"expiration_date": "2026-11-24T03:34:45"}),
        make({"expiration_date": "tomorrow"}),
        make({"expiration_date": 5}),
        make({"exp": 1}),
    ],
)
def test_a_wrong_token_is_none(token):
    with pytest.raises(tokens.InvalidToken):
        tokens.Tokens(KEY).read(token)


def test_a_token_of_an_earlier_key_is_signed_anew_while_that_key_has_time():
    payload = {"id": "x", "expiration_date": None, "resources": [{"dicom-uid": "1.2"}]}
    old, now = "previous" * 5, datetime.now(UTC)
    previous = [
        {"key": "over" * 9, "until": (now - timedelta(seconds=1)).isoformat()},
        {"key": old, "until": (now + timedelta(hours=1)).isoformat()},
    ]
    known = tokens.Tokens(KEY, previous).known
    assert known(make(payload)) == (payload, make(payload))
    assert known(make(payload, old)) == (payload, make(payload))
    for token in (make(payload, "over" * 9), make(payload, "other" * 9), make(payload, old)[:-4]):
        with pytest.raises(tokens.InvalidToken):
            known(token)


def test_a_pin_is_known_again_and_not_stored():
    stored = tokens.pin_hash("471108")
    assert "471108" not in stored
    assert stored != tokens.pin_hash("471108")
    assert tokens.pin_matches("471108", stored)
    assert not tokens.pin_matches("471109", stored)
    assert not tokens.pin_matches("", stored)


def creation(max_days=90, allow_never=False, **changes):
    body = {"Resources": [STUDY], "ValidityDuration": 60} | changes
    return asked.creation("ohif-viewer-publication", json.dumps(body), max_days, allow_never)


def test_a_share_of_the_web_interface():
    assert creation(Type="x", ID="mine") == ({"1.2.3": STUDY["OrthancId"]}, 60, "", None)


def test_a_share_of_our_module():
    other = STUDY | {"DicomUid": "1.2.4"}
    wanted = creation(Resources=[STUDY, other], Recipient="Dr. Müller", Pin="4711", ValidityDuration=90 * 86400)
    assert wanted == ({"1.2.3": STUDY["OrthancId"], "1.2.4": STUDY["OrthancId"]}, 90 * 86400, "Dr. Müller", "4711")


def test_an_end_is_a_duration():
    end = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    assert 3590 < creation(ValidityDuration=None, ExpirationDate=end)[1] <= 3600


def test_for_ever_is_possible_where_the_site_says_so():
    assert creation(allow_never=True, ValidityDuration=0)[1] == 0
    assert creation(allow_never=True, ValidityDuration=None)[1] == 0


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"ValidityDuration": 0}, "has to end"),
        ({"ValidityDuration": None}, "has to end"),
        ({"ValidityDuration": 90 * 86400 + 1}, "at most 90 days"),
        ({"ValidityDuration": 1.5}, "whole number"),
        ({"ValidityDuration": True}, "whole number"),
        ({"ValidityDuration": -1}, "whole number"),
        ({"ValidityDuration": None, "ExpirationDate": "2999-01-01"}, "with its zone"),
        ({"ValidityDuration": None, "ExpirationDate": 5}, "with its zone"),
        ({"ValidityDuration": None, "ExpirationDate": "2999-01-01T00:00:00Z"}, "at most 90 days"),
        ({"ValidityDuration": None, "ExpirationDate": "2001-01-01T00:00:00Z"}, "has passed"),
        ({"Resources": None}, "at least one study"),
        ({"Resources": {}}, "at least one study"),
        ({"Resources": ["x"]}, "Level 'study'"),
        ({"Resources": [STUDY | {"Level": "patient"}]}, "Level 'study'"),
        ({"Resources": [STUDY | {"DicomUid": "1.2/3"}]}, "StudyInstanceUID"),
        ({"Resources": [STUDY | {"DicomUid": ""}]}, "needs its StudyInstanceUID"),
        ({"Resources": [STUDY | {"DicomUid": "1." + "2" * 64}]}, "StudyInstanceUID has 66 characters"),
        ({"Resources": [STUDY | {"DicomUid": "1.2.ABC"}]}, "others than digits and dots"),
        ({"Resources": [STUDY | {"OrthancId": "../system"}]}, "Orthanc ID"),
        ({"Resources": [STUDY | {"OrthancId": None}]}, "Orthanc ID"),
        ({"Recipient": 5}, "printable"),
        ({"Recipient": "a\nb"}, "printable"),
        ({"Recipient": "x" * 201}, "printable"),
        ({"Pin": 4711}, "4 to 12 digits"),
        ({"Pin": "471"}, "4 to 12 digits"),
        ({"Pin": "４７１１"}, "4 to 12 digits"),
    ],
)
def test_what_is_not_allowed_is_said(changes, words):
    with pytest.raises(asked.Refused, match=words):
        creation(**changes)


@pytest.mark.parametrize(("kind", "body"), [("x/y", "{}"), ("", "{}"), ("ohif", "[]"), ("ohif", "{"), ("../x", "{}")])
def test_what_is_no_request_is_refused(kind, body):
    with pytest.raises(asked.Refused):
        asked.creation(kind, body, 90, False)


@pytest.mark.parametrize(
    ("arguments", "uids"),
    [
        ("", set()),
        ("limit=5&includefield=00081030", set()),
        ("StudyInstanceUID=1.2.3", {"1.2.3"}),
        ("studyinstanceuid=1.2.3", {"1.2.3"}),
        ("0020000D=1.2.3&0020000d=1.2.4", {"1.2.3", "1.2.4"}),
        ("StudyInstanceUID=1.2.3,1.2.4", {"1.2.3", "1.2.4"}),
        ("StudyInstanceUID=1.2.3%5C1.2.4", {"1.2.3", "1.2.4"}),
        ("StudyInstanceUID=1.2.3%2C1.2.4", {"1.2.3", "1.2.4"}),
        ("StudyInstanceUID=*", {"*"}),
        ("StudyInstanceUID=", {""}),
        ("limit=1&StudyInstanceUID=%31.2.3", {"1.2.3"}),
        ("0020,000d=1.2.3", {"1.2.3"}),
        ("0020-000D=1.2.3", {"1.2.3"}),
        ("20,d=1.2.3", {"1.2.3"}),
        ("PatientID=7&00100020=7&&ModalitiesInStudy=CT", set()),
    ],
)
def test_the_studies_of_a_search_are_found(arguments, uids):
    assert asked.searched_studies(arguments) == uids
