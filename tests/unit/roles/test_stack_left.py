# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The program that says what earlier runs have left, with stand-ins for nft and pgrep."""

from __future__ import annotations

import importlib.util
import json
import pathlib

import pytest

PROGRAM = pathlib.Path(__file__).parents[3] / "roles" / "stack" / "files" / "left.py"


@pytest.fixture
def program(tmp_path, monkeypatch):
    spec = importlib.util.spec_from_file_location("left", PROGRAM)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "TABLES", ("cat", str(tmp_path / "tables")))
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    (tmp_path / "tables").write_text("table inet threedpc_pacs\n")
    (tmp_path / "compose.d").mkdir()
    for name in ("network", "orthanc", "hello"):
        (tmp_path / f"compose.d/{name}.json").write_text("{}")
    pgrep(tmp_path, "exit 1")
    return module


def pgrep(folder, script):
    (folder / "pgrep").write_text(f'#!/bin/sh\necho "$@" > {folder}/asked\n{script}\n')
    (folder / "pgrep").chmod(0o755)


def said(program, folder, capsys, seconds="0"):
    program.main(str(folder), seconds)
    return json.loads(capsys.readouterr().out)


def test_the_declared_services_and_open_doors(program, tmp_path, capsys):
    assert said(program, tmp_path, capsys) == {"doors_closed": False, "services": ["hello", "orthanc"]}
    assert f"--project-directory {tmp_path} .*up " in (tmp_path / "asked").read_text()


def test_closed_doors_are_seen(program, tmp_path, capsys):
    (tmp_path / "tables").write_text("table inet threedpc_pacs\ntable inet threedpc_pacs_drain\n")
    assert said(program, tmp_path, capsys)["doors_closed"] is True


def test_nothing_on_a_fresh_server(program, tmp_path, capsys):
    assert said(program, tmp_path / "not-there", capsys)["services"] == []


def test_the_compose_of_a_killed_run_is_waited_for(program, tmp_path, capsys):
    pgrep(tmp_path, f"[ -e {tmp_path}/over ] && exit 1; touch {tmp_path}/over")
    assert said(program, tmp_path, capsys, "30")["services"]
    assert (tmp_path / "over").exists()


def test_a_compose_that_does_not_end_is_told(program, tmp_path):
    pgrep(tmp_path, "exit 0")
    with pytest.raises(SystemExit, match="still at work on .* after 0 s"):
        program.main(str(tmp_path), "0")


@pytest.mark.parametrize("broken", ["pgrep", "nft"])
def test_what_can_not_be_asked_is_told(program, tmp_path, broken):
    if broken == "pgrep":
        pgrep(tmp_path, "echo no memory >&2; exit 3")
    else:
        (tmp_path / "tables").unlink()
    with pytest.raises(SystemExit, match="no memory" if broken == "pgrep" else "No such file"):
        program.main(str(tmp_path), "0")
