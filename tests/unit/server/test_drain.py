# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who still sends is known, and is waited for as long as one may."""

from __future__ import annotations

import os
import socket
import sys
import time
import types

import pytest
from pacs import compose, core, doors, drain, sockets


@pytest.mark.skipif(sys.byteorder != "little", reason="written as a little-endian machine writes it")
@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("0100007F", "127.0.0.1"),
        ("0000000000000000FFFF00000B2A1EAC", "172.30.42.11"),
        ("B80D01200000000000000000DEAD0000", "2001:db8::adde"),
    ],
)
def test_addresses_are_read_as_the_kernel_writes_them(text, address):
    assert sockets.address(text) == address


def test_a_connection_counts_until_it_is_closed():
    before = sockets.associations(os.getpid())
    assert "an association with 127.0.0.77" not in before
    with socket.create_server(("127.0.0.1", 0)) as server:
        with socket.create_connection(server.getsockname(), source_address=("127.0.0.77", 0)) as caller:
            answering, _address = server.accept()
            assert "an association with 127.0.0.77" in sockets.associations(os.getpid())
            # The caller is gone, but what it sent may still be read.
            caller.close()
            assert "an association with 127.0.0.77" in sockets.associations(os.getpid())
            answering.close()
    assert "an association with 127.0.0.77" not in sockets.associations(os.getpid())


def test_a_socket_that_was_left_behind_is_counted_apart(monkeypatch):
    # Other tests have theirs in this process.
    every = sockets.connections
    monkeypatch.setattr(
        sockets, "connections", lambda pid: [one for one in every(pid) if sockets.address(one[2]) == "127.0.0.78"]
    )
    # As Orthanc 1.13 does after a connection without an association: all is read, and it is never closed.
    assert sockets.open_files(os.getpid())["sockets"] == 0
    with socket.create_server(("127.0.0.1", 0)) as server:
        caller = socket.create_connection(server.getsockname(), source_address=("127.0.0.78", 0))
        answering, _address = server.accept()
        with answering:
            caller.sendall(b"last words")
            caller.close()
            # Data that nobody has read yet is an association's last image.
            assert "an association with 127.0.0.78" in sockets.associations(os.getpid())
            assert answering.recv(100) == b"last words"
            assert answering.recv(100) == b""
            assert "an association with 127.0.0.78" not in sockets.associations(os.getpid())
            after = sockets.open_files(os.getpid())
            assert after["sockets"] == 1
            assert 0 < after["files"] < after["limit"]
    assert sockets.open_files(os.getpid())["sockets"] == 0


def test_behind_haproxy_it_is_the_callers_who_are_named(monkeypatch):
    ours = [("01", sockets.DICOM, "09000000", 40000, 0), ("01", 40001, "0100007F", 104, 0)]
    monkeypatch.setattr(sockets, "connections", lambda _pid: ours)
    monkeypatch.setattr(sockets, "address", lambda peer: {"09000000": "haproxy", "0100007F": "receiver"}[peer])
    assert sockets.associations(1) == {"an association with haproxy", "an association with receiver"}
    named = sockets.associations(1, {"10.1.2.3"})
    assert named == {"an association with 10.1.2.3", "an association with receiver"}


def test_waiting_ends_when_nobody_is_busy_twice_in_a_row(monkeypatch):
    monkeypatch.setattr(drain.time, "sleep", lambda _seconds: None)
    states = iter([{"a"}, set(), {"b"}, set(), set()])
    assert drain.wait(lambda: next(states), time.monotonic() + 60) == set()
    assert next(states, "asked to the end") == "asked to the end"


def test_the_doors_are_opened_where_they_could_not_all_be_closed(site, monkeypatch):
    said = []

    def run(words, **options):
        said.append(" ".join(words))
        failed = words[-1] == "reload"
        return types.SimpleNamespace(returncode=int(failed), stdout=b"1", stderr=b"no such container" * failed)

    monkeypatch.setattr(core.subprocess, "run", run)
    monkeypatch.setattr(drain, "process", lambda _service: os.getpid())
    monkeypatch.setattr(sockets, "associations", lambda _pid: set())
    with pytest.raises(core.Failure, match="no such container"):
        drain.close(site, 5, 60)
    assert said[0] == "nft --file -"
    assert said[-2:] == [
        "nft delete table inet threedpc_pacs_drain",
        "docker compose exec -T nginx rm -f /run/pacs-closed",
    ]


def test_who_still_sends_is_named_and_the_doors_are_open_again(site, monkeypatch):
    said = []
    monkeypatch.setattr(doors, "load", said.append)
    monkeypatch.setattr(doors, "is_closed", lambda _table: True)
    monkeypatch.setattr(compose, "containers", lambda *_options: [])
    monkeypatch.setattr(core, "run", lambda *_words, **_options: "")
    monkeypatch.setattr(doors, "remove", said.append)
    monkeypatch.setattr(drain, "process", lambda service: os.getpid() if service == "orthanc" else 0)
    monkeypatch.setattr(sockets, "associations", lambda *_pid: {"an association with 10.1.2.3"})
    monkeypatch.setattr(sockets, "callers", set)
    with pytest.raises(core.Failure, match=r"^After 0 seconds there still was an association with 10.1.2.3. The doors"):
        drain.close(site, 0, 60)
    assert "elements = { 4242 timeout 60s }" in said[0] and said[1:] == [doors.DRAIN]


def test_what_a_drain_keeps_closed_is_read_with_the_time_that_it_takes_yet(monkeypatch):
    elements = [{"elem": {"val": 4242, "timeout": 1200, "expires": 312}}]
    answer = {"nftables": [{"metainfo": {}}, {"set": {"name": "closed", "elem": elements}}]}
    done = types.SimpleNamespace(returncode=0, stdout=core.json.dumps(answer).encode())
    monkeypatch.setattr(doors, "attempt", lambda _words: done)
    assert doors.remaining() == {4242: 312}


def test_waiting_ends_with_who_is_busy_when_the_time_is_over(monkeypatch):
    monkeypatch.setattr(drain.time, "sleep", lambda _seconds: None)
    assert drain.wait(lambda: {"a"}, time.monotonic() - 1) == {"a"}
