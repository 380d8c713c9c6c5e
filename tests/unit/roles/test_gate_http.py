# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The gate of the shares over HTTP, on a real PostgreSQL: whatever it is asked, it answers in a sentence.

Its OpenAPI description is made here and nowhere else: the gate of a site has none. It lists the routes and methods that
the fuzz goes through. Orthanc and the auth service behind it are stand-ins that take one password.
"""

from __future__ import annotations

import base64
import json
import logging
import os
import pathlib
import re
import shutil
import subprocess
import sys
import time

import jwt
import pytest
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

ROOT = pathlib.Path(__file__).resolve().parents[3]
GATE = ROOT / "roles/gate/files/gate"
KEY = "0123456789abcdef0123456789abcdef"
RIGHT = "Basic " + base64.b64encode(b"anna:a long password").decode()
UID = "1.2.3"
OWN, OTHER = ("-".join([digit * 8] * 5) for digit in "ab")
KIND = "ohif-viewer-publication"
# What Orthanc's plugin for PostgreSQL has, as far as it is asked for.
ORTHANC = """
  CREATE TABLE resources (internalid bigint PRIMARY KEY, resourcetype integer, publicid varchar(64), parentid bigint);
  CREATE TABLE dicomidentifiers (id bigint, taggroup integer, tagelement integer, value text);
  ALTER TABLE resources OWNER TO orthanc; ALTER TABLE dicomidentifiers OWNER TO orthanc;"""
COUNT = 400
SECONDS = 20


# ---- A gate ----


def programs():
    """Where the distribution has PostgreSQL's own programs, which are on no PATH."""
    found = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    own = shutil.which("initdb")
    return found[-1].parent if found else pathlib.Path(own).parent if own else None


@pytest.fixture(scope="module")
def database(tmp_path_factory):
    """A cluster of its own, as the role database makes it: roles, schema, and the question for studies of a UID."""
    subprocess.run(["bash", ROOT / "tests/need.sh", "pg_lsclusters", "postgresql"], check=True)
    binaries, folder = programs(), tmp_path_factory.mktemp("postgres")
    # PostgreSQL does not run as root.
    become = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"] if os.geteuid() == 0 else []
    place = pathlib.Path(subprocess.run(["mktemp", "-d"], check=True, capture_output=True, text=True).stdout.strip())
    if become:
        shutil.chown(place, "postgres", "postgres")

    def run(*command, **options):
        return subprocess.run(
            [*become, *map(str, command)], check=True, capture_output=True, text=True, cwd="/", **options
        ).stdout

    run(binaries / "initdb", "-D", place / "data", "-U", "postgres", "--auth=trust", "--encoding=UTF8", "--no-sync")
    server = subprocess.Popen(
        [
            *become,
            binaries / "postgres",
            "-D",
            place / "data",
            "-k",
            place,
            "-c",
            "listen_addresses=",
            "-c",
            "fsync=off",
        ],
        stderr=(folder / "log").open("w"),
        cwd="/",
    )
    psql = [binaries / "psql", "-h", place, "-U", "postgres", "-v", "ON_ERROR_STOP=1", "-q"]
    for _try in range(600):
        if (
            subprocess.run([*become, *psql, "-c", "SELECT 1"], check=False, capture_output=True, cwd="/").returncode
            == 0
        ):
            break
        time.sleep(0.1)
    run(*psql, "-c", "CREATE ROLE orthanc", "-c", "CREATE ROLE share_gate LOGIN", "-c", "CREATE DATABASE orthanc")
    # In single-user mode a backslash joins lines.
    text = (ROOT / "roles/database/files/start.sh").read_text()
    made = re.search(r"<<'SQL'\n(CREATE OR REPLACE FUNCTION.*?)\nSQL\n", text, re.DOTALL)[1].replace("\\\n", "")
    statements = ["CREATE SCHEMA share_gate AUTHORIZATION share_gate", ORTHANC, *made.splitlines()]
    run(*psql, "-d", "orthanc", input=";\n".join(statements) + ";\n")
    yield lambda statement: run(*psql, "-d", "orthanc", "-At", "-c", statement), place / ".s.PGSQL.5432"
    server.terminate()
    server.wait()
    shutil.rmtree(place)


class Answers:
    """The staff's Orthanc and the auth service behind it."""

    def refuses(self, authorization):
        return None if authorization == RIGHT else (401, {"WWW-Authenticate": "Basic"}, b"")

    def study_uid(self, study, _authorization):
        return (200, UID) if study in (OWN, OTHER) else (404, None)

    def ask(self, _method, _path, _authorization, body=None):
        claims = {"id": body["ID"], "expiration_date": "2999-01-01T00:00:00+00:00"}
        made = {"Token": jwt.encode(claims, KEY, "HS256"), "Url": "https://pacs.example.org/shares/open/"}
        return 200, {}, json.dumps(made).encode()


@pytest.fixture(scope="module")
def gate(database):
    """Clients of a gate, and its application."""
    # The program of the backups has an `archive` too, and another test may have loaded it.
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(GATE))
        for file in GATE.glob("*.py"):
            patch.delitem(sys.modules, file.stem, raising=False)
        import app
        import ledger
        import tokens
    from starlette.testclient import TestClient

    config = {"site": "Ward 7", "https": True, "download": False, "max_days": 90, "allow_never": False}
    books = ledger.Ledger(user="share_gate", database="orthanc", unix_sock=str(database[1]))
    made = app.create_app(app.Gate(config, tokens.Tokens(KEY), books, Answers()))
    yield TestClient(made, raise_server_exceptions=False)
    while not books.idle.empty():
        books.idle.get_nowait().close()


@pytest.fixture
def studies(database):
    """The archive has the one study; returns what changes what it has."""
    ask = database[0]

    def have(*ids):
        ask("TRUNCATE resources, dicomidentifiers")
        for number, name in enumerate(ids):
            ask(f"INSERT INTO resources VALUES ({number}, 1, '{name}', NULL)")
            ask(f"INSERT INTO dicomidentifiers VALUES ({number}, 32, 13, '{UID}')")

    have(OWN)
    return have


def make(gate, orthanc_id=OWN, **more):
    body = {"Resources": [{"DicomUid": UID, "OrthancId": orthanc_id, "Level": "study"}], "ValidityDuration": 600}
    return gate.put(f"/orthanc/auth/tokens/{KIND}", json=body | more, headers={"Authorization": RIGHT})


def opened(gate, token):
    return gate.post("/shares/gate/open", headers={"token": token})


def checked(gate, token):
    return gate.get("/check", headers={"token": token, "x-share-study": UID, "x-share-client": "192.0.2.1"})


# ---- One UID, one study ----


def test_a_link_is_refused_while_its_uid_is_that_of_two_studies_and_heals(gate, studies):
    token = make(gate).json()["Token"]
    assert (opened(gate, token).status_code, checked(gate, token).status_code) == (200, 204)
    studies(OWN, OTHER)
    for answer in (opened(gate, token), checked(gate, token)):
        assert (answer.status_code, answer.json()) == (403, {"reason": "ambiguous"})
    studies(OWN)
    assert (opened(gate, token).status_code, checked(gate, token).status_code) == (200, 204)


def test_a_link_never_opens_the_other_study_alone(gate, studies):
    token = make(gate).json()["Token"]
    studies(OTHER)
    assert opened(gate, token).json() == {"reason": "ambiguous"}
    assert checked(gate, token).status_code == 403


def test_a_link_to_a_study_that_is_gone_is_no_riddle(gate, studies):
    token = make(gate).json()["Token"]
    studies()
    assert opened(gate, token).status_code == 200


@pytest.mark.parametrize("which", [OWN, OTHER])
def test_no_link_is_made_to_either_of_two(gate, studies, which):
    studies(OWN, OTHER)
    answer = make(gate, which)
    assert answer.status_code == 422
    assert UID in answer.json()["Message"]
    assert "Delete the wrong one" in answer.json()["Message"]


def test_no_link_is_made_to_two_at_once(gate, studies):
    both = [{"DicomUid": UID, "OrthancId": name, "Level": "study"} for name in (OWN, OTHER)]
    answer = make(gate, Resources=both)
    assert (answer.status_code, "can't tell them apart" in answer.json()["Message"]) == (422, True)


def test_the_gate_reads_nothing_else_of_the_archive(database):
    with pytest.raises(subprocess.CalledProcessError, match="exit status 1"):
        database[0]("SET ROLE share_gate; SELECT * FROM dicomidentifiers")
    assert database[0](f"SET ROLE share_gate; SELECT orthanc_id FROM public.studies_named(ARRAY['{UID}'])") is not None


# ---- What can't be read ----

DEEP = "[" * 20000
BODIES = {
    "nested": DEEP,
    "nested and closed": DEEP + "]" * 20000,
    "nested objects": '{"a":' * 9000,
    "twice": '{"id": "a", "id": "b"}',
    "twice in its depth": '{"Resources": [{"DicomUid": "1", "DicomUid": "2"}]}',
    "half a character": '{"id": "\\ud800"}',
    "NUL": '{"id": "\\u0000"}',
    "a number without end": '{"id": ' + "9" * 60000 + "}",
    "not a number": '{"ValidityDuration": NaN}',
    "without end": '{"ValidityDuration": Infinity}',
    "a long exponent": '{"ValidityDuration": 1e999}',
    "UTF-16": '{"all": true}'.encode("utf-16"),
    "not UTF-8": b'{"id": "\xff"}',
    "a mark before it": b"\xef\xbb\xbf{}",
    "nothing": "",
    "null": "null",
    "a word": '"all"',
    "bytes": bytes(range(256)),
}


@pytest.mark.parametrize("name", BODIES)
@pytest.mark.parametrize("method, path", [
    ("PUT", f"/orthanc/auth/tokens/{KIND}"), ("POST", "/orthanc/shares/revoke"), ("POST", "/shares/gate/pin"),
])  # fmt: skip
def test_a_body_that_can_not_be_read_is_refused_in_a_sentence(gate, studies, method, path, name):
    token = make(gate, Pin="4711").json()["Token"]
    headers = {"Authorization": RIGHT, "token": token, "Content-Type": "application/json"}
    answer = gate.request(method, path, content=BODIES[name], headers=headers)
    assert answer.status_code == 422
    assert answer.json()["Message"].endswith(".")


@pytest.mark.parametrize(
    "query", ["study=%00", "study=a&study=b", "id=%ED%A0%80%0A", "active=x", f"id={'9' * 500}", "x=1"]
)
def test_a_query_that_can_not_be_read_is_refused_in_a_sentence(gate, query):
    answer = gate.get(f"/orthanc/shares?{query}", headers={"Authorization": RIGHT})
    assert answer.status_code == 422
    assert answer.json()["Message"].endswith(".")


def test_a_number_may_be_longer_than_python_writes(gate, studies):
    assert "at most 90 days" in make(gate, ValidityDuration=10**4000).json()["Message"]


def test_a_body_longer_than_any_is_refused(gate):
    answer = gate.put(f"/orthanc/auth/tokens/{KIND}", content=b" " * 70000, headers={"Authorization": RIGHT})
    assert (answer.status_code, "longer" in answer.json()["Message"]) == (413, True)


# ---- Fuzz ----


def test_the_gate_of_a_site_describes_itself_to_nobody(gate):
    assert {gate.get(path).status_code for path in ("/openapi.json", "/docs", "/redoc")} == {404}


NAMES = st.sampled_from(
    ["Resources", "DicomUid", "OrthancId", "Level", "ValidityDuration", "ExpirationDate", "Recipient", "Pin", "pin",
     "id", "token_sha256", "study", "creator", "all", "active", "", "\x00", "\ud800"]
)  # fmt: skip
LEAVES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.integers(min_value=10**30), st.floats(), st.text(max_size=50),
    st.sampled_from([UID, OWN, OTHER, "study", "\x00", "\ud800", "2999-01-01T00:00:00Z", "0001-01-01T00:00:00+23:59"]),
)  # fmt: skip
VALUES = st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=5))
STUDY = st.fixed_dictionaries(
    {},
    optional={
        "DicomUid": LEAVES | st.just(UID),
        "OrthancId": LEAVES | st.just(OWN),
        "Level": st.just("study") | LEAVES,
    },
)
WISHES = st.fixed_dictionaries(
    {"Resources": st.lists(STUDY, max_size=3) | VALUES},
    optional=dict.fromkeys(("ValidityDuration", "ExpirationDate", "Recipient", "Pin"), LEAVES),
)
BYTES = st.one_of(
    st.binary(max_size=300),
    st.one_of(VALUES, WISHES, st.dictionaries(NAMES, LEAVES, max_size=1)).map(lambda value: json.dumps(value).encode()),
    st.sampled_from([body if isinstance(body, bytes) else body.encode() for body in BODIES.values()]),
)
# As h11 and nginx let a header through: Latin-1 without control characters.
HEADER = st.text(st.characters(min_codepoint=32, max_codepoint=255, exclude_characters="\x7f"), max_size=80).map(
    str.strip
)


@pytest.fixture(scope="module")
def operations(gate):
    """The paths and methods of the description, each path by all of its methods and by those that it does not have."""
    paths = gate.app.openapi()["paths"]
    assert {"/check", "/shares/gate/open", "/shares/gate/pin", "/orthanc/shares", "/orthanc/shares/revoke"} <= set(
        paths
    )
    known = [(method.upper(), path) for path, methods in paths.items() for method in methods]
    return known * 4 + [(method, path) for path in paths for method in ("GET", "HEAD", "PATCH", "DELETE", "OPTIONS")]


@pytest.fixture(scope="module")
def known_tokens(gate, database):
    database[0](f"TRUNCATE resources, dicomidentifiers; INSERT INTO resources VALUES (1, 1, '{OWN}', NULL);"
                f"INSERT INTO dicomidentifiers VALUES (1, 32, 13, '{UID}')")  # fmt: skip
    return [make(gate).json()["Token"], make(gate, Pin="4711").json()["Token"]]


def test_whatever_is_asked_is_answered_in_a_sentence(gate, operations, known_tokens, caplog):
    answered = []

    @seed(20261128)
    @settings(max_examples=COUNT, deadline=SECONDS * 1000, database=None, suppress_health_check=list(HealthCheck))
    @given(data=st.data())
    def ask(data):
        method, path = data.draw(st.sampled_from(operations))
        kind = data.draw(st.sampled_from([KIND, "x/y", "%00", "..%2f..", "%ff", "a" * 3000]))
        query = data.draw(st.lists(st.tuples(NAMES, HEADER), max_size=3))
        if any("\ud800" in name for name, _value in query):
            query = []
        headers = {
            "authorization": data.draw(st.sampled_from([RIGHT, RIGHT, RIGHT, "Basic x", "Bearer x"]) | HEADER),
            "token": data.draw(st.sampled_from([*known_tokens, *known_tokens, "x.y.z"]) | HEADER),
            "content-type": data.draw(
                st.sampled_from(["application/json", "text/plain", "application/json; x"]) | HEADER
            ),
            "cookie": data.draw(HEADER),
            "x-share-client": "192.0.2.1",
            "x-share-study": data.draw(st.sampled_from([UID, ""]) | HEADER),
            "x-share-orthanc-id": data.draw(st.sampled_from([OWN, ""]) | HEADER),
            "x-share-arguments": data.draw(HEADER),
        }
        answer = gate.request(
            method,
            path.replace("{kind}", kind),
            params=query,
            content=data.draw(BYTES),
            headers=[(name.encode(), value.encode("latin-1")) for name, value in headers.items()],
        )
        answered.append(answer.status_code)
        assert answer.status_code < 500, (method, path, answer.text)
        assert "Traceback" not in answer.text
        if answer.status_code >= 400 and answer.status_code != 401 and method != "HEAD":
            said = answer.json()
            assert said.get("reason") or said["Message"].endswith("."), said

    with caplog.at_level(logging.ERROR):
        ask()
    assert [record for record in caplog.records if record.exc_info] == []
    # It came past the doors as well.
    assert len(answered) >= COUNT
    assert {200, 204, 403, 405, 422} <= set(answered)
