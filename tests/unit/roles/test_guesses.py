# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The staff's gate: guessing passwords at full speed, from one address and from many, and who gets in meanwhile."""

from __future__ import annotations

import asyncio
import base64
import json
import pathlib
import sys

import pytest

GATE = pathlib.Path(__file__).resolve().parents[3] / "roles/gate/files/staff"
sys.path.insert(0, str(GATE))
import guesses  # noqa: E402
import staff  # noqa: E402

sys.path.remove(str(GATE))

USERS = {"anna": "correct horse", "bert": "battery:staple ü"}


class Clock:
    now = 1000.0

    def __call__(self):
        return self.now


class Archive:
    """Orthanc, as far as a password goes."""

    def __init__(self):
        self.asked, self.status = [], None

    def ask(self, authorization):
        self.asked.append(authorization)
        if self.status:
            if self.status == "gone":
                raise OSError("refused")
            return self.status
        right = {basic(*user) for user in USERS.items()}
        return 200 if authorization in right else 401


def basic(name, password):
    return "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def archive():
    return Archive()


@pytest.fixture
def gate(archive, clock):
    return staff.Staff(archive, clock=clock)


def ask(gate, name, password, address="10.0.0.1"):
    answer = asyncio.run(gate.check(basic(name, password), address))
    return answer.status_code


def seen(gate, header, address="10.0.0.1"):
    """All that the answer tells but the seconds that are left."""
    answer = asyncio.run(gate.check(header, address))
    return answer.status_code, sorted(answer.headers), answer.body


def test_the_right_password_gets_in_and_a_wrong_one_does_not(gate):
    assert ask(gate, "anna", USERS["anna"]) == 204
    assert ask(gate, "bert", USERS["bert"]) == 204
    assert ask(gate, "anna", "wrong") == 401
    assert ask(gate, "nobody", USERS["anna"]) == 401


@pytest.mark.parametrize(
    "header",
    [None, "", "Basic", "Basic ", "Bearer x", "basic " + basic("anna", USERS["anna"])[6:],
     "Basic  " + basic("anna", USERS["anna"])[6:], basic("anna", USERS["anna"]) + " ", "Basic YQ", "Basic YW5uYQ==",
     "Basic YW5uYTpiYX==", basic("", "x"), "Basic ????", "Basic =", "Basic " + "A" * 5],
)  # fmt: skip
def test_what_is_no_name_with_a_password_is_refused_unasked_and_is_no_guess(gate, archive, header):
    for _time in range(200):
        assert asyncio.run(gate.check(header, "10.0.0.1")).status_code == 401
    assert archive.asked == []
    assert ask(gate, "anna", USERS["anna"]) == 204


def test_from_one_address_no_answer_tells_right_from_wrong_after_the_limit(gate, archive, clock):
    answers = [ask(gate, "anna", f"guess {number}") for number in range(1100)]
    assert answers.count(401) == guesses.PAIR
    assert set(answers[guesses.PAIR :]) == {403}
    asked = len(archive.asked)
    right, wrong = seen(gate, basic("anna", USERS["anna"])), seen(gate, basic("anna", "wrong"))
    assert right == wrong
    assert right[0] == 403
    # Orthanc is not asked, so that no time tells it either.
    assert len(archive.asked) == asked
    # Nor later, until the window is over.
    clock.now += guesses.WINDOW - 1
    assert ask(gate, "anna", USERS["anna"]) == 403
    clock.now += 2
    assert ask(gate, "anna", USERS["anna"]) == 204


def test_one_address_is_closed_for_all_names_that_are_not_known_there(gate):
    answers = [ask(gate, f"name{number}", "12345678") for number in range(100)]
    assert answers.count(401) == guesses.ADDRESS
    assert ask(gate, "anna", USERS["anna"]) == 403
    assert ask(gate, "anna", USERS["anna"], "10.0.0.2") == 204


@pytest.mark.parametrize("address", ["not known (IPv6, or the server itself)", ""])
def test_where_the_address_is_not_known_no_guesser_locks_out_other_names(gate, address):
    answers = [ask(gate, f"name{number}", "12345678", address) for number in range(1000)]
    answers += [ask(gate, "bert", f"guess {number}", address) for number in range(1000)]
    assert answers.count(401) == 1000 + guesses.NAME
    assert ask(gate, "bert", USERS["bert"], address) == 403
    for _time in range(50):
        assert ask(gate, "anna", USERS["anna"], address) == 204


def test_a_login_from_an_address_that_is_not_known_vouches_for_nobody_there(gate):
    address = "not known (IPv6, or the server itself)"
    answers = []
    for number in range(300):
        ask(gate, "anna", USERS["anna"], address)
        answers.append(ask(gate, "anna", f"guess {number}", address))
    assert answers.count(401) == guesses.NAME
    assert ask(gate, "anna", USERS["anna"], address) == 403


def test_guesses_from_an_address_that_is_not_known_do_not_hold_up_who_was_in_elsewhere(gate):
    assert ask(gate, "anna", USERS["anna"], "10.0.0.1") == 204
    for number in range(1000):
        ask(gate, "anna", f"guess {number}", "")
    assert ask(gate, "anna", USERS["anna"], "10.0.0.1") == 204


def test_the_right_password_in_between_gives_no_more_guesses(gate):
    """Somebody with a password of his own tries a colleague's, from where both work."""
    assert ask(gate, "anna", USERS["anna"]) == 204
    answers = []
    for number in range(100):
        answers.append(ask(gate, "anna", f"guess {number}"))
        ask(gate, "bert", USERS["bert"])
    assert answers.count(401) == guesses.PAIR
    assert ask(gate, "anna", USERS["anna"]) == 403
    # Bert goes on, and so does Anna elsewhere.
    assert ask(gate, "bert", USERS["bert"]) == 204
    assert ask(gate, "anna", USERS["anna"], "10.0.0.2") == 204


def test_from_many_addresses_a_name_has_so_many_guesses_and_its_owner_goes_on(gate):
    assert ask(gate, "anna", USERS["anna"], "10.0.0.1") == 204
    answers = [ask(gate, "anna", f"guess {number}", f"10.9.{number // 250}.{number % 250}") for number in range(1000)]
    assert answers.count(401) == guesses.NAME
    # From a new address the right one is not told from a wrong one.
    assert ask(gate, "anna", USERS["anna"], "10.8.0.1") == 403
    # From where she was today she gets in, and others from everywhere.
    assert ask(gate, "anna", USERS["anna"], "10.0.0.1") == 204
    assert ask(gate, "bert", USERS["bert"], "10.8.0.1") == 204


def test_what_is_locked_ends_by_itself_although_somebody_goes_on_guessing(gate, clock):
    for second in range(guesses.WINDOW + 15):
        ask(gate, "anna", f"guess {second}")
        clock.now += 1
        if second == guesses.WINDOW - 20:
            assert ask(gate, "anna", USERS["anna"]) == 403
    guessed = [ask(gate, "anna", f"again {second}") for second in range(3)]
    assert 401 in guessed


@pytest.mark.parametrize(
    "first, second, same",
    [
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", True),
        ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
        ("::ffff:10.0.0.1", "10.0.0.1", True),
        ("10.0.0.1", "10.0.0.2", False),
        ("fe80::1%eth0", "fe80::1", True),
    ],
)
def test_whose_address_it_is(first, second, same):
    assert (guesses.network(first) == guesses.network(second)) is same


def test_the_same_wrong_password_is_one_guess(gate):
    """A program with an old password asks every second, and a browser sixteen times at once."""

    async def at_once():
        return await asyncio.gather(*(gate.check(basic("anna", "old"), "10.0.0.1") for _number in range(40)))

    assert {answer.status_code for answer in asyncio.run(at_once())} == {401}
    for _time in range(100):
        assert ask(gate, "anna", "old") == 401
    assert ask(gate, "anna", USERS["anna"]) == 204


def test_a_password_that_was_wrong_and_becomes_right_gets_in_at_once(gate):
    assert ask(gate, "anna", "new one") == 401
    USERS["anna"], before = "new one", USERS["anna"]
    try:
        assert ask(gate, "anna", "new one") == 204
    finally:
        USERS["anna"] = before


def test_many_requests_at_once_with_the_right_password_are_one_question(gate, archive):
    async def at_once():
        return await asyncio.gather(*(gate.check(basic("anna", USERS["anna"]), "10.0.0.1") for _number in range(60)))

    assert {answer.status_code for answer in asyncio.run(at_once())} == {204}
    assert len(archive.asked) == 1


def test_guesses_at_once_are_counted_before_they_are_answered(gate):
    async def at_once():
        return await asyncio.gather(
            *(gate.check(basic("anna", f"guess {number}"), "10.0.0.1") for number in range(500))
        )

    answers = [answer.status_code for answer in asyncio.run(at_once())]
    assert answers.count(401) == guesses.PAIR


@pytest.mark.parametrize("status", ["gone", 500, 503])
def test_while_orthanc_does_not_answer_nobody_gets_in_and_nothing_is_counted(gate, archive, status):
    archive.status = status
    for number in range(50):
        assert ask(gate, "anna", f"guess {number}") == 503
    archive.status = None
    assert ask(gate, "anna", USERS["anna"]) == 204


def test_a_flood_of_names_and_addresses_takes_no_more_memory_and_frees_nobody(clock, monkeypatch):
    monkeypatch.setattr(guesses, "PLACES", 64)
    monkeypatch.setattr(guesses, "MOST_WRONG", 50)
    known = guesses.Guesses(clock)
    for number in range(20000):
        _wait, _why, begun = known.begin(f"name{number}", f"10.{number // 250}.0.{number % 250}", "x")
        if begun:
            known.was_wrong(begun)
    counts = (known.pairs, known.addresses, known.names)
    assert all(len(count.places) <= 64 for count in counts)
    assert len(known.wrong) <= 50
    assert known.pending == {}
    assert known.begin("anna", "10.255.0.1", "x")[0] > 0


def test_refused_and_locked_logins_leave_a_line_with_name_and_address_and_never_the_password(gate, caplog):
    for number in range(guesses.PAIR + 5):
        ask(gate, 'an"na\n\x1b[0m', f"secret-{number}")
    lines = [json.loads(record.getMessage()) for record in caplog.records if record.name == "staff-gate"]
    assert [line["event"] for line in lines] == ["login refused"] * guesses.PAIR + ["login locked"] * 5
    assert {(line["user"], line["address"]) for line in lines} == {('an"na\n\x1b[0m', "10.0.0.1")}
    assert all("\n" not in record.getMessage() for record in caplog.records)
    assert "secret-" not in caplog.text
    assert basic("x", "secret-")[6:20] not in caplog.text


def test_a_flood_leaves_so_many_lines_a_minute(gate, clock, caplog):
    quiet = [
        "x-staff-quiet" in asyncio.run(gate.check(basic("anna", f"guess {number}"), "10.0.0.1")).headers
        for number in range(1000)
    ]
    assert quiet.count(False) == staff.LINES
    assert len(caplog.records) <= 2 * staff.LINES
    clock.now += 60
    assert "x-staff-quiet" not in asyncio.run(gate.check(basic("anna", "x"), "10.0.0.1")).headers
