# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who still sends is known, and is waited for as long as one may."""

from __future__ import annotations

import argparse
import importlib.util
import os
import pathlib
import socket
import sys
import time

import pytest

FILE = pathlib.Path(__file__).resolve().parents[3] / "roles/stack/files/drain.py"
spec = importlib.util.spec_from_file_location("drain", FILE)
drain = importlib.util.module_from_spec(spec)
spec.loader.exec_module(drain)


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
    assert drain.address(text) == address


def test_a_connection_counts_until_it_is_closed():
    before = drain.associations(os.getpid())
    assert "an association with 127.0.0.77" not in before
    with socket.create_server(("127.0.0.1", 0)) as server:
        with socket.create_connection(server.getsockname(), source_address=("127.0.0.77", 0)) as caller:
            answering, _address = server.accept()
            assert "an association with 127.0.0.77" in drain.associations(os.getpid())
            # The caller is gone, but what it sent may still be read.
            caller.close()
            assert "an association with 127.0.0.77" in drain.associations(os.getpid())
            answering.close()
    assert "an association with 127.0.0.77" not in drain.associations(os.getpid())


def test_a_socket_that_was_left_behind_is_counted_apart():
    # As Orthanc 1.13 does after a connection without an association: all is read, and it is never closed.
    before = drain.left_behind(os.getpid())
    with socket.create_server(("127.0.0.1", 0)) as server:
        caller = socket.create_connection(server.getsockname(), source_address=("127.0.0.78", 0))
        answering, _address = server.accept()
        with answering:
            caller.sendall(b"last words")
            caller.close()
            # Data that nobody has read yet is an association's last image.
            assert "an association with 127.0.0.78" in drain.associations(os.getpid())
            assert answering.recv(100) == b"last words"
            assert answering.recv(100) == b""
            assert "an association with 127.0.0.78" not in drain.associations(os.getpid())
            after = drain.left_behind(os.getpid())
            assert after["sockets"] == before["sockets"] + 1
            assert 0 < after["files"] < after["limit"]
    assert drain.left_behind(os.getpid())["sockets"] == before["sockets"]


def test_behind_haproxy_it_is_the_callers_who_are_named(monkeypatch):
    ours = [("01", drain.DICOM, "09000000", 40000, 0), ("01", 40001, "0100007F", 104, 0)]
    monkeypatch.setattr(drain, "sockets", lambda _pid: ours)
    monkeypatch.setattr(drain, "address", lambda peer: {"09000000": "haproxy", "0100007F": "receiver"}[peer])
    assert drain.associations(1) == {"an association with haproxy", "an association with receiver"}
    named = drain.associations(1, {"10.1.2.3"})
    assert named == {"an association with 10.1.2.3", "an association with receiver"}


def test_waiting_ends_when_nobody_is_busy_twice_in_a_row(monkeypatch):
    monkeypatch.setattr(drain.time, "sleep", lambda _seconds: None)
    states = iter([{"a"}, set(), {"b"}, set(), set()])
    assert drain.wait(lambda: next(states), time.monotonic() + 60) == set()
    assert next(states, "asked to the end") == "asked to the end"


def test_the_doors_are_opened_where_they_could_not_all_be_closed(monkeypatch):
    said = []

    def run(*words, stdin=None, check=True):
        said.append(" ".join(words))
        if words[-1] == "reload":
            sys.exit("no such container")
        return "1"

    monkeypatch.setattr(drain, "run", run)
    monkeypatch.setattr(drain, "process", lambda _service: os.getpid())
    monkeypatch.setattr(drain, "associations", lambda _pid: set())
    with pytest.raises(SystemExit, match="no such container"):
        drain.close(argparse.Namespace(ports="4242", patience=5, closed=60))
    assert said[0] == "nft --file -"
    assert said[-2:] == [
        "nft delete table inet threedpc_pacs_drain",
        "docker compose exec -T nginx rm -f /run/pacs-closed",
    ]


def test_waiting_ends_with_who_is_busy_when_the_time_is_over(monkeypatch):
    monkeypatch.setattr(drain.time, "sleep", lambda _seconds: None)
    assert drain.wait(lambda: {"a"}, time.monotonic() - 1) == {"a"}
