# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The program that tries whether the containers get out, with stand-ins for nft, docker and nsenter."""

from __future__ import annotations

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
NSENTER = 'echo "$@" >> "$LOG"; [ "$3" = 11 ] && exit 124; exit 1\n'


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
    assert "--net --target 11 timeout 3 bash -c exec 3<> /dev/tcp/172.30.42.1/9" in tried
    assert "--target 22 " in tried


def test_without_our_rules_nobody_is_asked(run, tmp_path):
    done = run(nft="echo 'No such file or directory' >&2; exit 1\n")
    assert done.returncode == 1
    assert "No such file or directory" in done.stderr
    assert not (tmp_path / "log").exists()
