# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The command line: its manual, its exit status, its one shape of results, and what it takes from outside."""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import sys
import types

import pytest
from pacs import cli, core

FILES = pathlib.Path(cli.__file__).resolve().parents[1]


@pytest.fixture
def pacs(site, monkeypatch):
    """The program as root runs it, whose subcommand does what the test says."""

    def call(*words, does=core.Outcome):
        module = types.SimpleNamespace(command=lambda _site, _arguments: does())
        monkeypatch.setattr(cli.importlib, "import_module", lambda *_name: module)
        return cli.main(site.directory, words)

    monkeypatch.setattr(cli.os, "geteuid", lambda: 0)
    monkeypatch.setattr(cli.signal, "signal", lambda *_arguments: None)
    monkeypatch.setattr(cli.os, "umask", lambda _mask: None)
    monkeypatch.setattr(cli.os, "environ", dict(os.environ))
    monkeypatch.chdir(site.data)
    return call


def raises(error):
    def does():
        raise error

    return does


@pytest.mark.parametrize(
    ("does", "status", "words"),
    [
        (lambda: core.Outcome(text="all is well"), 0, ""),
        (lambda: core.Outcome(state="warning", problems=["It ends soon."]), 1, "Ward 7: space: It ends soon.\n"),
        (raises(core.Failure("It broke.")), 2, "Ward 7: space: It broke.\n"),
        (raises(OSError(28, "No space left on device")), 2, "No space left on device\n"),
        (raises(subprocess.TimeoutExpired(["docker"], 5)), 2, "timed out after 5 seconds\n"),
        (raises(KeyboardInterrupt()), 2, "It was interrupted.\n"),
        (raises(core.Busy("Another run is at work.")), 75, "Another run is at work.\n"),
    ],
)
def test_the_exit_status_says_how_it_went(pacs, capsys, does, status, words):
    assert pacs("space", does=does) == status
    assert capsys.readouterr().err.endswith(words)


def test_json_has_one_shape_in_success_and_failure(pacs, capsys):
    keys = ["command", "site", "result", "changed", "actions", "problems", "state"]
    pacs("space", "--json", does=lambda: core.Outcome(result={"disks": []}, actions=["looked"], text="for people"))
    answer = json.loads(capsys.readouterr().out)
    assert list(answer) == keys
    assert (answer["command"], answer["site"], answer["result"]) == ("space", "Ward 7", {"disks": []})
    pacs("space", "--json", does=raises(core.Failure("It broke.")))
    answer = json.loads(capsys.readouterr().out)
    assert list(answer) == keys
    assert (answer["state"], answer["changed"], answer["problems"]) == ("failed", False, ["It broke."])


def test_it_takes_nothing_from_where_it_is_typed(pacs, monkeypatch):
    for name in ("COMPOSE_FILE", "COMPOSE_PROJECT_NAME", "DOCKER_HOST", "HTTPS_PROXY", "PATH"):
        cli.os.environ[name] = "/planted"
    found = {}
    pacs("space", does=lambda: found.update(cli.os.environ, where=os.getcwd()) or core.Outcome())
    assert found == cli.ENVIRONMENT | {"where": "/"}


def test_only_root_may_use_it(pacs, monkeypatch, capsys):
    monkeypatch.setattr(cli.os, "geteuid", lambda: 1000)
    assert pacs("space", does=lambda: pytest.fail("it ran")) == 2
    assert "Only root may do this." in capsys.readouterr().err


def test_a_server_that_is_not_set_up_is_a_sentence(pacs, site, capsys):
    (site.config / "site.json").unlink()
    assert pacs("space") == 2
    assert "this server is not set up. Run site.yml." in capsys.readouterr().err


@pytest.mark.parametrize("words", [[], ["nonsense"], ["space", "--nonsense"], ["drain"]])
def test_a_wrong_command_line_is_none_of_the_states_of_a_site(words, capsys):
    with pytest.raises(SystemExit) as ended:
        cli.parser().parse_args(words)
    assert ended.value.code == 64
    assert "--help.\n" in capsys.readouterr().err


@pytest.mark.parametrize("name", [None, *cli.COMMANDS])
def test_the_help_reads_like_a_manual_page(name, capsys):
    with pytest.raises(SystemExit):
        cli.parser().parse_args([*([name] if name else []), "--help"])
    page = capsys.readouterr().out
    assert page.startswith(f"NAME\n  pacs {name or '-'}")
    titles = [line for line in page.splitlines() if line and not line.startswith(" ")]
    assert titles[:3] == ["NAME", "SYNOPSIS", "DESCRIPTION"] and "OPTIONS" in titles and "EXIT STATUS" in titles
    assert all(len(line) <= 84 for line in page.splitlines()), page


def test_every_subcommand_has_its_module():
    for name, command in cli.COMMANDS.items():
        assert (FILES / "pacs" / (command.module.replace(".", "/") + ".py")).is_file(), name


def test_the_completion_knows_the_subcommands_and_their_options():
    text = (FILES / "pacs.bash").read_text()
    for name, sub in cli.parser()._subparsers._group_actions[0].choices.items():
        words = [word for action in sub._actions for word in (action.option_strings or action.choices or [])]
        line = next(line for line in text.splitlines() if line.strip().startswith(f"{name})"))
        assert set(words) - {"-h"} == set(line.split('"')[1].split()), name
    names = next(line for line in text.splitlines() if line.strip().startswith("local subcommands="))
    assert names.split('"')[1].split() == list(cli.COMMANDS)


def test_the_command_itself_imports_nothing_of_the_directory_where_it_is_typed(tmp_path, site):
    template = (FILES.parent / "templates/pacs.j2").read_text()
    text = template.replace("{{ (pacs_dir ~ '/lib') | to_json }}", repr(str(FILES)))
    text = text.replace("{{ pacs_dir | to_json }}", repr(str(site.directory)))
    command = tmp_path / "command"
    command.write_text(text.replace("#!/usr/bin/python3 -I", f"#!{sys.executable} -I"))
    command.chmod(0o755)
    place = tmp_path / "place"
    place.mkdir()
    for name in ("json", "argparse", "pacs", "sitecustomize"):
        (place / f"{name}.py").write_text("raise SystemExit('planted')")
    done = subprocess.run(
        [command, "space", "--help"], cwd=place, env={"PYTHONPATH": str(place)}, capture_output=True, check=False
    )
    assert done.stdout.startswith(b"NAME"), done.stderr
