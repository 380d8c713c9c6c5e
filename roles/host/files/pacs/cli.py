# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The command line: reads it, runs the subcommand, prints what came of it, and says so by the exit status."""

from __future__ import annotations

import argparse
import dataclasses
import importlib
import json
import os
import signal
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

from . import manual
from .core import Busy, Failure, Outcome, say
from .settings import Site

STATES = {"ok": 0, "warning": 1, "failed": 2}
USAGE, BUSY = 64, 75
# All that this program and what it runs know of the environment: no other Compose project, no proxy.
ENVIRONMENT = {
    "HOME": "/root",
    "LANG": "C.UTF-8",
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
}


class Parser(argparse.ArgumentParser):
    """A parser whose help is laid out as a manual page."""

    def __init__(self, *arguments: Any, sections: Sequence[tuple[str, str]] = (), **options: Any):
        options |= {"formatter_class": argparse.RawDescriptionHelpFormatter, "add_help": False}
        super().__init__(*arguments, **options)
        self.sections = sections
        self.summary = ""
        self.options = self.add_argument_group("OPTIONS")
        self.options.add_argument("-h", "--help", action="help", help="print this page")

    def format_help(self) -> str:
        formatter = self._get_formatter()
        for group in self._action_groups:
            formatter.start_section(group.title if group is not self._positionals else "ARGUMENTS")
            formatter.add_arguments(group._group_actions)
            formatter.end_section()
        synopsis = self.format_usage().removeprefix("usage: ")
        page = f"NAME\n{indent(f'{self.prog} - {self.summary}')}\n\nSYNOPSIS\n{indent(synopsis)}\n\n"
        page += f"DESCRIPTION\n{indent(self.description or '')}\n\n"
        page += formatter.format_help().replace(":\n", "\n").strip() + "\n"
        return page + "".join(f"\n{title}\n{indent(text)}\n" for title, text in self.sections)

    def error(self, message: str) -> NoReturn:
        self.exit(USAGE, f"{self.prog}: {message}. Read {self.prog} --help.\n")


def indent(text: str) -> str:
    return "\n".join(f"  {line}".rstrip() for line in text.strip().splitlines())


@dataclasses.dataclass
class Command:
    """A subcommand: its module has a function `command`."""

    summary: str
    description: str
    module: str
    arguments: Callable[[Parser], None]
    sections: Sequence[tuple[str, str]] = ()
    function: str = "command"


def backup_arguments(parser: Parser) -> None:
    parser.add_argument("action", nargs="?", choices=["now", "check", "list", "status"], default="now")
    dry_run(parser)
    parser.options.add_argument(
        "--percent", type=int, default=0, help="with check: how much of the backups is read (what the site says)"
    )


def rehearse_arguments(parser: Parser) -> None:
    dry_run(parser)
    snapshot(parser)


def restore_arguments(parser: Parser) -> None:
    parser.add_argument("action", nargs="?", choices=["archive", "study", "finish"], default="archive")
    parser.add_argument("study", nargs="?", metavar="STUDY", help="StudyInstanceUID or Orthanc's identifier")
    dry_run(parser)
    snapshot(parser)
    parser.options.add_argument(
        "--over", default="", metavar="SITE", help="the site's name, if the archive that is there is to be put aside"
    )


def snapshot(parser: Parser) -> None:
    parser.options.add_argument(
        "--snapshot", default="latest", metavar="ID", help="another backup than the newest, from pacs backup list"
    )


def drain_arguments(parser: Parser) -> None:
    parser.add_argument("action", choices=["close", "open"])
    parser.options.add_argument("--patience", type=int, default=600, metavar="SECONDS", help="how long to wait (600)")
    parser.options.add_argument(
        "--closed", type=int, default=1200, metavar="SECONDS", help="when the doors open by themselves (1200)"
    )


def space_arguments(parser: Parser) -> None:
    parser.add_argument("action", nargs="?", choices=["show", "record"], default="show")


def certificates_arguments(parser: Parser) -> None:
    dry_run(parser)
    parser.options.add_argument(
        "--no-order", dest="order", action="store_false", help="ask no ACME server; do only what asks nobody"
    )
    parser.options.add_argument("--new-keys", action="store_true", help="make new keys, though nothing ends soon")


def upgrade_arguments(parser: Parser) -> None:
    parser.add_argument("action", choices=["back", "look", "keep", "close", "stop", "proven"])
    parser.options.add_argument(
        "--wait", type=int, default=900, metavar="SECONDS", help="with back: until every service is healthy (900)"
    )
    parser.options.add_argument(
        "--to", type=json.loads, default={}, metavar="JSON", help="with keep: the images of the new release"
    )
    parser.options.add_argument(
        "--let-in", action="append", default=[], metavar="ADDRESS", help="with close: who may verify the new release"
    )


def dry_run(parser: Parser) -> None:
    parser.options.add_argument("--dry-run", action="store_true", help="say what would be done, and change nothing")


def status_arguments(_parser: Parser) -> None:
    """It has none of its own."""


COMMANDS = {
    "status": Command(
        "how the site is, and what to do next",
        manual.STATUS,
        "status.command",
        status_arguments,
        [("EXAMPLES", manual.STATUS_EXAMPLES)],
    ),
    "backup": Command(
        "back up the archive, and look after the backups",
        manual.BACKUP,
        "backup.command",
        backup_arguments,
        [("EXAMPLES", manual.BACKUP_EXAMPLES), ("FILES", manual.BACKUP_FILES)],
    ),
    "restore": Command(
        "restore the archive or one study from a backup",
        manual.RESTORE,
        "backup.command",
        restore_arguments,
        [("EXAMPLES", manual.RESTORE_EXAMPLES)],
        "restore_command",
    ),
    "rehearse": Command(
        "prove that a backup can be restored",
        manual.REHEARSE,
        "backup.command",
        rehearse_arguments,
        [("EXAMPLES", manual.REHEARSE_EXAMPLES)],
        "rehearse_command",
    ),
    "certificates": Command(
        "make and renew the certificates",
        manual.CERTIFICATES,
        "certificates.command",
        certificates_arguments,
        [("EXAMPLES", manual.CERTIFICATES_EXAMPLES), ("FILES", manual.CERTIFICATES_FILES)],
    ),
    "upgrade": Command(
        "go back from an upgrade that was interrupted",
        manual.UPGRADE,
        "upgrade.command",
        upgrade_arguments,
        [("EXAMPLES", manual.UPGRADE_EXAMPLES), ("FILES", manual.UPGRADE_FILES)],
    ),
    "drain": Command(
        "keep callers away before a restart",
        manual.DRAIN,
        "drain",
        drain_arguments,
        [("EXAMPLES", manual.DRAIN_EXAMPLES)],
    ),
    "space": Command(
        "how full the disks are, and when they will be full",
        manual.SPACE,
        "space",
        space_arguments,
        [("FILES", manual.SPACE_FILES)],
    ),
}


def parser() -> Parser:
    """The parser of the whole command line."""
    found = Parser(
        prog="pacs",
        description=manual.PROGRAM,
        sections=[("EXIT STATUS", manual.EXIT), ("MACHINE-READABLE OUTPUT", manual.JSON)],
    )
    found.summary = "looks after the PACS on this server"
    commands = found.add_subparsers(dest="command", required=True, title="SUBCOMMANDS", metavar="SUBCOMMAND")
    for name, command in COMMANDS.items():
        sections = [*command.sections, ("EXIT STATUS", manual.EXIT)]
        sub = commands.add_parser(name, help=command.summary, description=command.description, sections=sections)
        sub.summary = command.summary
        command.arguments(sub)
        sub.options.add_argument("--json", action="store_true", help="print the result as JSON")
    return found


def stopped(number: int, _frame: FrameType | None) -> NoReturn:
    raise Failure(f"It was stopped by {signal.Signals(number).name}.")


def main(directory: Path, words: Sequence[str]) -> int:
    """Run what the words say on the site of a directory; returns the exit status."""
    found = parser()
    arguments = found.parse_args(words)
    if arguments.command == "restore" and (arguments.action == "study") != bool(arguments.study):
        found.error("restore takes a STUDY after the word study, and only then")
    os.environ.clear()
    os.environ.update(ENVIRONMENT)
    # Compose would take a project that happens to be where the administrator is for the site.
    os.chdir("/")
    os.umask(0o022)
    signal.signal(signal.SIGTERM, stopped)
    name, status, outcome = "this server", None, Outcome()
    try:
        if os.geteuid():
            raise Failure("Only root may do this.")
        site = Site(directory)
        name = site.name
        wanted = COMMANDS[arguments.command]
        # Only what is needed: most of them do without cryptography.
        module = importlib.import_module(f".{wanted.module}", __package__)
        outcome = getattr(module, wanted.function)(site, arguments)
    except (Failure, OSError, subprocess.SubprocessError, KeyboardInterrupt) as error:
        outcome = Outcome(state="failed", problems=[str(error) or "It was interrupted."])
        status = BUSY if isinstance(error, Busy) else None
    show(arguments, name, outcome)
    return STATES[outcome.state] if status is None else status


def show(arguments: argparse.Namespace, site: str, outcome: Outcome) -> None:
    """The result on standard output, what is wrong on standard error."""
    if arguments.json:
        answer = {"command": arguments.command, "site": site} | dataclasses.asdict(outcome)
        del answer["text"]
        print(json.dumps(answer, ensure_ascii=False))
    elif outcome.text or outcome.actions:
        print(outcome.text or "\n".join(outcome.actions))
    elif outcome.result:
        print("\n".join(f"{key.replace('_', ' ')}: {value}" for key, value in outcome.result.items()))
    for problem in outcome.problems if arguments.json or not outcome.text else []:
        say(f"{site}: {arguments.command}: {problem}")
