# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The program that tries whether the containers get out, with stand-ins for nft, docker and nsenter."""

from __future__ import annotations

import importlib.util
import json
import os
import pathlib
import subprocess
import sys

import pytest

PROGRAM = pathlib.Path(__file__).parents[3] / "roles" / "verify" / "files" / "egress.py"

DOCKER = """\
case "$1 $4" in
  "ps "*) printf 'orthanc aaa\\nnginx bbb\\n' ;;
  "inspect aaa") echo 11 ;;
  "inspect bbb") echo 22 ;;
  *) [ "$3" = aaa ] && echo 11 || echo 22 ;;
esac
"""
# Orthanc's packets are dropped, nginx's are answered.
NSENTER = 'echo "$@" >> "$LOG"; [ "$3" = 11 ] && echo silent; exit 0\n'


@pytest.fixture
def run(tmp_path):
    def start(nft="exit 0\n"):
        for name, script in (("nft", nft), ("docker", DOCKER), ("nsenter", NSENTER)):
            (tmp_path / name).write_text(f"#!/bin/sh\n{script}")
            (tmp_path / name).chmod(0o755)
        path = f"{tmp_path}:{os.environ['PATH']}"
        log = str(tmp_path / "log")
        return subprocess.run(
            [sys.executable, str(PROGRAM), "172.30.42.1"],
            capture_output=True,
            text=True,
            check=False,
            env={"PATH": path, "LOG": log},
        )

    return start


def test_each_container_says_what_it_saw(run, tmp_path):
    done = run()
    assert json.loads(done.stdout) == {"orthanc": "silent", "nginx": "answered"}, done.stderr
    tried = (tmp_path / "log").read_text()
    assert f"--net --target 11 {sys.executable} -I -c" in tried
    assert "--target 22 " in tried
    assert tried.count(" 172.30.42.1\n") == 2


def test_a_connection_that_is_refused_is_an_answer():
    spec = importlib.util.spec_from_file_location("egress", PROGRAM)
    program = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(program)
    said = subprocess.run(
        [sys.executable, "-I", "-c", program.CONNECTION, "127.0.0.1"], capture_output=True, text=True, check=True
    )
    assert said.stdout == ""


def test_without_our_rules_nobody_is_asked(run, tmp_path):
    done = run(nft="echo 'No such file or directory' >&2; exit 1\n")
    assert done.returncode == 1
    assert "No such file or directory" in done.stderr
    assert not (tmp_path / "log").exists()
