# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import socket
import struct
import time

import pytest
from ansible_collections.threedpc.pacs.plugins.module_utils import dicom_association
from ansible_collections.threedpc.pacs.plugins.module_utils.errors import PacsError
from ansible_collections.threedpc.pacs.plugins.modules import dicom_echo
from pynetdicom import evt
from pynetdicom.dimse_primitives import C_ECHO

CT_STORAGE = "1.2.840.10008.5.1.4.1.1.2"
USER = "DICOM UL service-user"
PROVIDER = "DICOM UL service-provider"


@pytest.fixture
def echo(run_module):
    def run(port, **args):
        args = dict(dict(host="127.0.0.1", calling_aet="CT1", called_aet="SERVER", timeout=15), port=port, **args)
        start = time.monotonic()
        result = run_module(dicom_echo, **args)
        result["took"] = time.monotonic() - start
        assert not result.get("changed")
        return result

    return run


def rejecting(result, source, reason):
    """What a server says that rejects the association: an A-ASSOCIATE-RJ PDU."""
    return struct.pack(">BBLBBBB", 3, 0, 4, 0, result, source, reason)


def aborting(source, reason):
    return struct.pack(">BBLBBBB", 7, 0, 4, 0, 0, source, reason)


def answering(data, wait=1):
    def talk(connection, number):
        connection.recv(10000)
        connection.sendall(data)
        # Who closes at once may be faster than who reads.
        time.sleep(wait)

    return talk


def test_accepted(scp, echo):
    for check_mode in (False, True):
        result = echo(scp(), check_mode=check_mode)
        assert not result.get("failed")
        assert (result["outcome"], result["status"], result["reason"]) == ("accepted", "0x0000", None)
        assert 0 < result["round_trip_ms"] <= 1000 * result["took"]
        assert result["association_ms"] > 0


def test_an_answer_waits_for_whoever_asked(scp):
    params = dict(host="127.0.0.1", port=scp(), calling_aet="CT1", called_aet="SERVER", timeout=10)
    with dicom_association.Association(params, [("1.2.840.10008.1.1", None)]) as opened:
        answer = C_ECHO()
        answer.MessageIDBeingRespondedTo, answer.Status = 1, 0x0000
        opened.association.dimse.msg_queue.put((1, answer))
        # Meanwhile pynetdicom's own thread looks for requests of the server.
        time.sleep(0.5)
        assert opened.association.dimse.get_msg(block=True) == (1, answer)


def test_titles_arrive(scp, echo):
    seen = []
    port = scp(handlers=[(evt.EVT_REQUESTED, lambda event: seen.append(event.assoc.requestor.primitive))])
    assert echo(port, calling_aet=" CT 1 ", called_aet="A" * 16)["outcome"] == "accepted"
    assert (seen[0].calling_ae_title.strip(), seen[0].called_ae_title) == ("CT 1", "A" * 16)


def test_association_is_released(scp, echo):
    ends = []
    handlers = [(evt.EVT_RELEASED, lambda event: ends.append("released"))]
    handlers.append((evt.EVT_ABORTED, lambda event: ends.append("aborted")))
    echo(scp(handlers=handlers))
    deadline = time.monotonic() + 5
    while not ends and time.monotonic() < deadline:
        time.sleep(0.02)
    assert ends == ["released"]


@pytest.mark.parametrize(
    "settings, reason, advice",
    [
        (dict(require_called_aet=True), "called-AE-title-not-recognized", "another AE title"),
        (dict(require_calling_aet=["OTHER"]), "calling-AE-title-not-recognized", "does not know the caller"),
    ],
)
def test_rejected_by_a_server(scp, echo, settings, reason, advice):
    result = echo(scp(**settings), called_aet="WRONG")
    assert result["failed"]
    assert (result["outcome"], result["result"], result["source"], result["reason"]) == (
        "rejected",
        "rejected-permanent",
        USER,
        reason,
    )
    assert reason in result["msg"]
    assert advice in result["msg"]
    assert "from CT1 to WRONG at 127.0.0.1 port" in result["msg"]


@pytest.mark.parametrize(
    "pdu, expected",
    [
        ((1, 1, 1), ("rejected-permanent", USER, "no-reason-given")),
        ((1, 1, 2), ("rejected-permanent", USER, "application-context-name-not-supported")),
        ((1, 1, 3), ("rejected-permanent", USER, "calling-AE-title-not-recognized")),
        ((1, 1, 7), ("rejected-permanent", USER, "called-AE-title-not-recognized")),
        ((1, 1, 9), ("rejected-permanent", USER, "reserved (9)")),
        ((1, 2, 2), ("rejected-permanent", PROVIDER + " (ACSE related function)", "protocol-version-not-supported")),
        ((2, 3, 1), ("rejected-transient", PROVIDER + " (Presentation related function)", "temporary-congestion")),
        ((2, 3, 2), ("rejected-transient", PROVIDER + " (Presentation related function)", "local-limit-exceeded")),
        ((3, 9, 1), ("reserved (3)", "reserved (9)", "reserved (1)")),
    ],
)
def test_every_rejection_has_its_name(raw_server, echo, pdu, expected):
    result = echo(raw_server(answering(rejecting(*pdu))))
    assert (result["outcome"], result["result"], result["source"], result["reason"]) == ("rejected",) + expected
    # Not waited for until the time is over.
    assert result["took"] < 15


@pytest.mark.parametrize(
    "pdu, expected",
    [
        ((0, 0), (USER, "reason-not-specified")),
        ((0, 2), (USER, "reason-not-specified")),
        ((2, 0), (PROVIDER, "reason-not-specified")),
        ((2, 1), (PROVIDER, "unrecognized-PDU")),
        ((2, 2), (PROVIDER, "unexpected-PDU")),
        ((2, 6), (PROVIDER, "invalid-PDU-parameter-value")),
        ((2, 3), (PROVIDER, "reserved (3)")),
    ],
)
def test_aborted_at_the_association(raw_server, echo, pdu, expected):
    result = echo(raw_server(answering(aborting(*pdu))))
    assert (result["outcome"], result["source"], result["reason"]) == ("aborted",) + expected
    assert result["failed"]


def test_aborted_at_the_echo(scp, echo):
    def abort(event):
        event.assoc.abort()
        return 0x0000

    result = echo(scp(handlers=[(evt.EVT_C_ECHO, abort)]))
    assert (result["outcome"], result["source"]) == ("aborted", USER)


def test_nothing_is_allowed(scp, echo):
    result = echo(scp(contexts=[CT_STORAGE]))
    assert result["outcome"] == "context_rejected"
    assert result["failed"]


def test_status(scp, echo):
    result = echo(scp(handlers=[(evt.EVT_C_ECHO, lambda event: 0x0122)]))
    assert (result["outcome"], result["status"]) == ("failed_status", "0x0122")
    assert "0x0122" in result["msg"]


def test_closed_port(closed_port, echo):
    result = echo(closed_port)
    assert result["outcome"] == "connection_refused"
    assert "nothing listens" in result["msg"]


@pytest.mark.parametrize(
    "talk",
    [
        lambda connection, number: time.sleep(20),
        # A PDU that never ends.
        answering(struct.pack(">BBL", 3, 0, 4), wait=20),
    ],
    ids=["silence", "half an answer"],
)
def test_no_answer(raw_server, echo, talk):
    result = echo(raw_server(talk), timeout=0.5)
    assert result["outcome"] == "timeout"
    assert "0.5 s" in result["msg"]
    assert result["took"] < 20


def test_no_answer_to_the_echo(scp, echo):
    def sleep(event):
        time.sleep(1.5)
        return 0x0000

    result = echo(scp(handlers=[(evt.EVT_C_ECHO, sleep)]), timeout=0.5)
    assert result["outcome"] == "timeout"
    assert result["status"] is None


def test_no_connection(monkeypatch, echo):
    def drop(*args, **kwargs):
        raise TimeoutError("timed out")

    monkeypatch.setattr(socket, "create_connection", drop)
    result = echo(4242)
    assert result["outcome"] == "timeout"
    assert "firewall" in result["msg"]


@pytest.mark.parametrize(
    "error, said",
    [
        (socket.gaierror(-2, "Name or service not known"), "does not resolve"),
        (OSError(113, "No route to host"), "No route to host"),
    ],
)
def test_unreachable(monkeypatch, echo, error, said):
    def fail(*args, **kwargs):
        raise error

    monkeypatch.setattr(socket, "create_connection", fail)
    result = echo(4242)
    assert result["outcome"] == "unreachable"
    assert said in result["msg"]


@pytest.mark.parametrize(
    "talk",
    [lambda connection, number: connection.recv(10000), answering(b"HTTP/1.1 400 Bad Request\r\n\r\n")],
    ids=["hangs up", "speaks HTTP"],
)
def test_no_dicom(raw_server, echo, talk):
    result = echo(raw_server(talk))
    assert result["outcome"] == "closed"
    assert "TLS" in result["msg"]


class TestTls:
    def test_accepted(self, scp, echo, site_ca):
        port = scp(tls=site_ca.server_context())
        assert echo(port, tls=True, tls_ca_path=site_ca.path)["outcome"] == "accepted"

    def test_client_certificate(self, scp, echo, site_ca):
        port = scp(tls=site_ca.server_context(client_ca=site_ca.path))
        cert, key = site_ca.issue("client")
        result = echo(port, tls=True, tls_ca_path=site_ca.path, tls_cert_path=cert, tls_key_path=key)
        assert result["outcome"] == "accepted"

    def test_client_certificate_is_missing(self, scp, echo, site_ca):
        port = scp(tls=site_ca.server_context(client_ca=site_ca.path))
        result = echo(port, tls=True, tls_ca_path=site_ca.path)
        assert result["outcome"] == "tls_failed"
        assert "client certificate" in result["msg"]

    def test_client_certificate_of_another_ca(self, scp, echo, site_ca, other_ca):
        port = scp(tls=site_ca.server_context(client_ca=site_ca.path))
        cert, key = other_ca.issue("client")
        result = echo(port, tls=True, tls_ca_path=site_ca.path, tls_cert_path=cert, tls_key_path=key)
        assert result["outcome"] == "tls_failed"

    def test_server_of_another_ca(self, scp, echo, site_ca, other_ca):
        result = echo(scp(tls=other_ca.server_context()), tls=True, tls_ca_path=site_ca.path)
        assert result["outcome"] == "tls_failed"
        assert "not trusted" in result["msg"]

    def test_names(self, scp, echo, site_ca):
        port = scp(tls=site_ca.server_context("pacs.example.org"))
        common = dict(tls=True, tls_ca_path=site_ca.path)
        assert echo(port, **common)["outcome"] == "tls_failed"
        assert echo(port, tls_server_name="pacs.example.org", **common)["outcome"] == "accepted"
        assert echo(port, tls_check_hostname=False, **common)["outcome"] == "accepted"

    def test_plain_server(self, scp, echo, site_ca):
        assert echo(scp(), tls=True, tls_ca_path=site_ca.path)["outcome"] in ("tls_failed", "timeout")

    def test_plain_client(self, scp, echo, site_ca):
        assert echo(scp(tls=site_ca.server_context()))["outcome"] == "closed"

    @pytest.mark.parametrize(
        "args, said",
        [
            (dict(tls_ca_path="/does/not/exist"), "tls_ca_path is not a file"),
            (dict(tls_cert_path=__file__), "belong together"),
            (dict(tls_key_path=__file__), "belong together"),
            (dict(tls_ca_path=__file__), "tls_ca_path can't be read"),
            (dict(tls_cert_path=__file__, tls_key_path=__file__), "no certificate"),
        ],
    )
    def test_wrong_files(self, closed_port, echo, args, said):
        result = echo(closed_port, tls=True, **args)
        assert said in result["msg"]
        assert "outcome" not in result


@pytest.mark.parametrize(
    "settings, args, said",
    [
        # What is expected.
        (dict(require_called_aet=True), dict(), None),
        (dict(require_called_aet=True), dict(expect_reason="called-AE-title-not-recognized"), None),
        (dict(require_calling_aet=["X"]), dict(expect_outcomes=["rejected"]), None),
        # What is not.
        (dict(), dict(), "it should be refused, but the C-ECHO is answered"),
        (
            dict(require_calling_aet=["X"]),
            dict(expect_reason="called-AE-title-not-recognized"),
            "the reason is calling-AE",
        ),
        (dict(require_calling_aet=["X"]), dict(expect_outcomes=["timeout"]), "the outcome is rejected"),
    ],
)
def test_expected_refusal(scp, echo, settings, args, said):
    result = echo(scp(**settings), called_aet="WRONG", expect="refused", **args)
    assert bool(result.get("failed")) is bool(said)
    assert (said or "") in result.get("msg", "")
    assert result["outcome"] in ("accepted", "rejected")


def test_a_server_that_is_down_does_not_pass_for_a_strict_one(closed_port, echo):
    result = echo(closed_port, expect="refused")
    assert result["failed"]
    assert "the outcome is connection_refused" in result["msg"]
    assert not echo(closed_port, expect="refused", expect_outcomes=["connection_refused"]).get("failed")


@pytest.mark.parametrize(
    "args, said",
    [
        (dict(calling_aet=""), "calling_aet must have 1 to 16"),
        (dict(calling_aet="   "), "calling_aet must have 1 to 16"),
        (dict(called_aet="A" * 17), "called_aet must have 1 to 16 characters, not 17"),
        (dict(called_aet="A\\B"), "backslash"),
        (dict(called_aet="Ä"), "ASCII"),
        (dict(called_aet="A\nB"), "ASCII"),
        (dict(port=70000), "port must be"),
        (dict(port=0), "port must be"),
        (dict(timeout=0), "timeout must be"),
        (dict(host=" "), "host must not"),
    ],
)
def test_wrong_params(args, said):
    params = dict(host="h", port=4242, calling_aet="A", called_aet="B", timeout=1.0)
    dicom_association.check_params(params)
    with pytest.raises(PacsError, match=said):
        dicom_association.check_params(dict(params, **args))


def test_pynetdicom_is_missing(monkeypatch, echo):
    monkeypatch.setattr(dicom_association, "IMPORT_ERROR", "Traceback: no module")
    result = echo(4242)
    assert "pynetdicom" in result["msg"]
    assert "on " in result["msg"]
