# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pathlib
import select
import socket
import threading

import pytest
from ansible_collections.threedpc.pacs.plugins.modules import dicom_expect
from pynetdicom import evt

ECHO, FIND, MOVE = "1.2.840.10008.1.1", "1.2.840.10008.5.1.4.1.2.2.1", "1.2.840.10008.5.1.4.1.2.2.2"


@pytest.fixture
def expect(run_module):
    def run(*checks, check_mode=False, **options):
        base = dict(id="c", area="DICOM", promise="p", calling_aet="CT1", called_aet="SERVER")
        options = dict(dict(host="127.0.0.1", timeout=15), **options)
        answer = run_module(
            dicom_expect, check_mode=check_mode, checks=[dict(base, **check) for check in checks], **options
        )
        assert not answer.get("failed"), answer
        assert not answer["changed"]
        return answer["results"]

    return run


def statuses(results):
    return [result["status"] for result in results]


def test_every_check_has_a_result_in_its_place(scp, expect, closed_port):
    port = scp(require_called_aet=True)
    results = expect(
        dict(port=port),
        dict(
            id="called", port=port, called_aet="WRONG", expect="refused", expect_reason="called-AE-title-not-recognized"
        ),
        dict(id="down", port=closed_port),
        dict(id="strict?", port=closed_port, expect="refused"),
        dict(id="skipped", port=closed_port, not_checked="because"),
    )
    assert statuses(results) == ["passed", "passed", "failed", "failed", "not checked"]
    assert results[0]["request"] == "C-ECHO from CT1 to SERVER at port %d" % port
    assert results[1]["expected"] == "refused for called-AE-title-not-recognized"
    assert "nothing listens" in results[2]["got"]
    assert "connection_refused" in results[3]["got"]
    assert (results[4]["got"], results[4]["seconds"]) == ("because", 0.0)


def test_an_answer_for_another_reason_is_not_the_expected_one(scp, expect):
    [result] = expect(
        dict(
            port=scp(require_called_aet=True),
            called_aet="WRONG",
            expect="refused",
            expect_reason="calling-AE-title-not-recognized",
        )
    )
    assert result["status"] == "failed"
    assert "called-AE-title-not-recognized" in result["got"]


def test_they_are_made_at_once_and_in_check_mode_too(scp, expect):
    together = threading.Barrier(6)

    def answered_together(event):
        together.wait(15)
        return 0x0000

    port = scp(handlers=[(evt.EVT_C_ECHO, answered_together)])
    assert statuses(expect(*[dict(port=port)] * 6, check_mode=True)) == ["passed"] * 6


def test_what_a_caller_may_not_do(scp, expect):
    asked = []

    def abort(event):
        asked.append(event.identifier.StudyInstanceUID)
        event.assoc.abort()
        yield 0x0000, None

    def answer(event):
        asked.append(event.move_destination)
        yield None, None

    port = scp(contexts=[ECHO, FIND, MOVE], handlers=[(evt.EVT_C_FIND, abort), (evt.EVT_C_MOVE, answer)])
    find, move, moved = expect(
        dict(port=port, request="find", expect="refused", expect_outcomes=["aborted"]),
        dict(port=port, request="move", expect="refused", expect_outcomes=["aborted"]),
        dict(port=port, request="move", expect="refused", expect_outcomes=["failed_status"]),
    )
    assert find["status"] == "passed"
    assert "aborts" in find["got"]
    # An answer that only says that there is no such destination is no refusal.
    assert (move["status"], moved["status"]) == ("failed", "passed")
    assert "failed_status" in move["got"]
    assert sorted(asked) == ["2.25.0", "CT1", "CT1"]


def test_what_is_answered_is_not_refused(scp, expect):
    port = scp(contexts=[FIND], handlers=[(evt.EVT_C_FIND, lambda event: iter([(0x0000, None)]))])
    [result] = expect(dict(port=port, request="find", expect="refused"))
    assert result["status"] == "failed"
    assert "it should be refused, but the C-FIND is answered" in result["got"]


def test_tls(scp, expect, site_ca, other_ca, tmp_path):
    def pem(authority):
        certificate, key = authority.issue("127.0.0.1")
        path = tmp_path / (authority.name + ".pem")
        path.write_bytes(pathlib.Path(key).read_bytes() + pathlib.Path(certificate).read_bytes())
        return str(path)

    port = scp(tls=site_ca.server_context(client_ca=site_ca.path))
    refused = dict(
        port=port,
        tls=True,
        expect="refused",
        expect_outcomes=["tls_failed"],
        expect_reason="closed-after-handshake",
    )
    checks = [
        dict(port=port, tls=True, tls_cert_path=pem(site_ca)),
        refused,
        dict(refused, tls_cert_path=pem(other_ca)),
        dict(refused, tls_cert_path="/nowhere.pem"),
    ]
    results = expect(*checks, tls_ca_path=site_ca.path)
    assert statuses(results) == ["passed", "passed", "passed", "failed"]
    assert results[0]["request"].endswith(" over TLS")
    assert "/nowhere.pem" in results[3]["got"]
    # A server that we do not trust refuses nobody: it has not proven itself.
    assert statuses(expect(*checks, tls_ca_path=other_ca.path)) == ["failed"] * 4


def test_from_another_address_of_this_machine(scp, expect):
    callers = []
    port = scp(handlers=[(evt.EVT_CONN_OPEN, lambda event: callers.append(event.address[0]))])
    results = expect(
        dict(port=port),
        dict(port=port, source_address="127.0.0.9"),
        dict(port=port, source_address="192.0.2.77"),
        dict(port=port, source_address="::1"),
    )
    assert statuses(results) == ["passed", "passed", "failed", "failed"]
    assert sorted(callers) == ["127.0.0.1", "127.0.0.9"]
    assert results[1]["request"] == "C-ECHO from CT1 (127.0.0.9) to SERVER at port %d" % port
    assert "can't be reached from 192.0.2.77" in results[2]["got"]
    assert "does not resolve to an address for ::1" in results[3]["got"]


@pytest.fixture
def one_after_the_other():
    """Stands before a server and, as Orthanc does, takes the next caller when it is through with the last one."""
    listener = socket.create_server(("127.0.0.1", 0))

    def relay(caller, server):
        while True:
            for end in select.select([caller, server], [], [])[0]:
                data = end.recv(1 << 16)
                if not data:
                    return
                (server if end is caller else caller).sendall(data)

    def serve(port):
        while True:
            try:
                caller, _address = listener.accept()
            except OSError:
                return
            with caller, socket.create_connection(("127.0.0.1", port)) as server:
                relay(caller, server)

    def start(port):
        threading.Thread(target=serve, args=(port,), daemon=True).start()
        return listener.getsockname()[1]

    yield start
    listener.close()


def test_half_an_association_holds_up_nobody_or_is_found_out(scp, expect, one_after_the_other):
    port = scp()
    behind = one_after_the_other(port)
    # The others are made first, so that they don't wait for it.
    checks = dict(port=port, beside_half=True), dict(port=behind, beside_half=True), dict(port=behind)
    good, bad, alone = expect(*checks, timeout=3)
    assert [good["status"], bad["status"], alone["status"]] == ["passed", "failed", "passed"]
    assert good["request"].endswith(", beside half an association")
    # It is not held any longer than the check takes.
    assert statuses(expect(dict(port=behind))) == ["passed"]


def test_half_an_association_with_nobody_is_a_failed_check(expect, closed_port):
    [result] = expect(dict(port=closed_port, beside_half=True))
    assert result["status"] == "failed"
    assert "nothing listens" in result["got"]
