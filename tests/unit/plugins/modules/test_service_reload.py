# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A service that loads its configuration while it runs, played by a program in Docker's place."""

from __future__ import annotations

import os

import pytest
from ansible_collections.threedpc.pacs.plugins.modules import service_reload

OLD, NEW = "0123456789ab", "ba9876543210"
# What "docker ps" and "docker exec CONTAINER COMMAND" do here.
DOCKER = """#!/bin/sh
case $1 in
  ps) cat {folder}/container ;;
  exec) shift 2; "$@" ;;
esac
"""


@pytest.fixture
def service(run_module, tmp_path, monkeypatch):
    """The result of the module for a service that has a configuration loaded."""
    (tmp_path / "docker").write_text(DOCKER.format(folder=tmp_path))
    (tmp_path / "docker").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    (tmp_path / "container").write_text("c0ffee\n")
    (tmp_path / "file").write_text(f"return 200 {NEW};\n")

    def run(loaded, tell=("sh", "-c", f"echo {NEW} > $0"), **options):
        (tmp_path / "loaded").write_text(f"HTTP/1.0 200 OK\r\n\r\n{loaded}")
        found = run_module(
            service_reload,
            options.pop("check_mode", False),
            service="nginx",
            file=str(tmp_path / "file"),
            ask=["cat", str(tmp_path / "loaded")],
            tell=[*tell, str(tmp_path / "loaded")],
            timeout=0,
            **options,
        )
        return found, (tmp_path / "loaded").read_text()

    return run


def test_one_that_has_it_is_not_told(service):
    found, loaded = service(NEW, tell=["false"])
    assert (found["changed"], found["loaded"]) == (False, NEW) and NEW in loaded


@pytest.mark.parametrize("loaded", [OLD, "", "nonsense", NEW + "00"])
def test_one_that_has_another_is_told(service, loaded):
    found, after = service(loaded)
    assert found["changed"] and after.strip() == NEW


def test_check_mode_tells_nobody(service):
    found, loaded = service(OLD, check_mode=True)
    assert found["changed"] and OLD in loaded


@pytest.mark.parametrize(
    ("tell", "words"),
    [
        (["sh", "-c", "echo no such file >&2; exit 1"], "could not be told to load its configuration: no such file"),
        (["true"], "was told to load its configuration, but still has another one"),
    ],
)
def test_one_that_does_not_load_it(service, tell, words):
    found, _loaded = service(OLD, tell=tell)
    assert found["failed"] and words in found["msg"]


def test_one_that_does_not_run(service, tmp_path):
    (tmp_path / "container").write_text("")
    assert "nginx does not run" in service(OLD)[0]["msg"]


def test_a_file_without_a_digest(service, tmp_path):
    (tmp_path / "file").write_text("return 200 @inputs_digest@;\n")
    assert "has no digest" in service(OLD)[0]["msg"]
    (tmp_path / "file").unlink()
    assert "can't be read" in service(OLD)[0]["msg"]
