# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What all parts of the program share: the site, how a command is run, and the one error type."""

from __future__ import annotations

import contextlib
import datetime
import fcntl
import json
import os
import pathlib
import subprocess
import sys
import time

# The Compose project of the site.
PROJECT = "pacs"
# So many lines of what a command said stand in a message.
SAID_LINES = 12
# How long a run waits for another one to end.
LOCK_SECONDS = 900
# What this program leaves to the site, whatever happens.
RESERVE = 1 << 30


class Failure(Exception):
    """A sentence for the operator."""


def say(text):
    """Tell whoever watches, or the journal."""
    print(text, file=sys.stderr, flush=True)


def now():
    return datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0)


def size(number):
    """A number of bytes as people say it."""
    for unit in ("bytes", "kB", "MB", "GB"):
        if number < 1000:
            return f"{number:.0f} {unit}" if unit == "bytes" else f"{number:.1f} {unit}"
        number /= 1000
    return f"{number:.1f} TB"


def mount_point(path):
    path = pathlib.Path(path)
    while not (path.exists() and path.is_mount()) and path != path.parent:
        path = path.parent
    return path


def free(path):
    """Bytes that may still be written on the disk of a path."""
    found = os.statvfs(mount_point(path))
    return found.f_bavail * found.f_frsize


def memory():
    """Bytes of memory that nobody uses."""
    for line in pathlib.Path("/proc/meminfo").read_text(encoding="ascii").splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    return 0


class Site:
    """What the playbook wrote down about the site, and where things lie."""

    def __init__(self, directory):
        self.directory = pathlib.Path(directory)
        config = json.loads((self.directory / "config/backup/backup.json").read_text(encoding="utf-8"))
        self.name = config["site"]
        self.host = config["host"]
        self.database = config["database"]
        self.images = config["images"]
        # The numbers of the users as whom Orthanc and PostgreSQL run on this server.
        self.users = {name: int(number) for name, number in config["users"].items()}
        self.keep = config["keep"]
        self.schedules = config["schedules"]
        self.read_percent = config["read_percent"]
        self.repository = config["repository"]
        self.orthanc_url = config["orthanc_url"]
        # By which the repository is reached, if it is; without its password.
        self.proxy = config["proxy"]
        self.no_proxy = config["no_proxy"]
        self.data = pathlib.Path(config["data_dir"])
        self.secrets = self.directory / "secrets/backup"
        self.storage = self.data / "storage"
        self.work = self.data / "backup"
        self.stage = self.work / "stage"
        self.status_file = self.work / "status.json"
        # What a restore moves, while it does.
        self.moves_file = self.work / "moves.json"
        # What an upgrade needs to go back.
        self.upgrade = self.data / "replaced-by-upgrade"

    def status(self):
        try:
            return json.loads(self.status_file.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}

    def record(self, kind, result=None, reason=None):
        """Write down how a backup, a check, a rehearsal or a restore went. Everybody on the server may read it."""
        status = self.status() | {"site": self.name}
        failures = status.setdefault("failures", {})
        if reason is None:
            status[kind] = result
            # It was there.
            status["repository"] = self.repository
            failures.pop(kind, None)
        else:
            failures[kind] = {"time": now().isoformat(), "reason": reason}
        write_down(self.status_file, status)


def write_down(path, value):
    """Replace a file at once, so that it outlives a power loss. Everybody on the server may read it."""
    staged = path.with_suffix(".staged")
    with staged.open("w", encoding="utf-8") as stream:
        json.dump(value, stream, indent=2)
        stream.flush()
        os.fsync(stream.fileno())
    staged.chmod(0o644)
    staged.replace(path)
    sync(path.parent)


def sync(directory):
    """What was renamed and removed in a directory outlives a power loss."""
    descriptor = os.open(directory, os.O_RDONLY)
    os.fsync(descriptor)
    os.close(descriptor)


class Commands:
    """Runs commands, which inherit the lock: it is held as long as one of them lives."""

    lock = ()

    @classmethod
    def run(cls, command, what="", stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, **options):
        """Run a command; returns what it wrote. Its failure is one of the program."""
        result = cls.attempt(command, stdin=stdin, stdout=stdout, **options)
        if result.returncode:
            raise Failure(f"{what or ' '.join(map(str, command[:4]))} failed: {said(result)}")
        return result.stdout

    @classmethod
    def attempt(cls, command, stdout=subprocess.PIPE, **options):
        if "input" not in options:
            options.setdefault("stdin", subprocess.DEVNULL)
        elif options.get("stdin") == subprocess.DEVNULL:
            del options["stdin"]
        return subprocess.run(
            [str(word) for word in command],
            stdout=stdout,
            stderr=subprocess.PIPE,
            check=False,
            pass_fds=cls.lock,
            **options,
        )


def said(result):
    """The end of what a command wrote to its standard error."""
    lines = result.stderr.decode(errors="replace").strip().splitlines()
    return "\n".join(lines[-SAID_LINES:]) or f"it ended with {result.returncode} and said nothing"


@contextlib.contextmanager
def alone(site, what):
    """Be the only one of these programs that is at work, its children included."""
    site.work.mkdir(mode=0o755, parents=True, exist_ok=True)
    with (site.work / "lock").open("a+", encoding="utf-8") as stream:
        end, told = time.monotonic() + LOCK_SECONDS, False
        while True:
            try:
                fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                stream.seek(0)
                other = stream.read().strip()
                if time.monotonic() > end:
                    raise Failure(f"Another run is still at work: {other}.") from None
                if not told:
                    say(f"Waiting for another run to end: {other}.")
                told = True
                time.sleep(1)
        stream.truncate(0)
        stream.write(f"{what} since {now().isoformat()}, process {os.getpid()}")
        stream.flush()
        Commands.lock = (stream.fileno(),)
        try:
            yield
        finally:
            Commands.lock = ()
