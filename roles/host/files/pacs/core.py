# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What every subcommand uses: one error type, and one way to run a command, to replace a file, and to lock."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import fcntl
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

# How many of a command's last lines a message quotes.
QUOTED_LINES = 12
# What stays free for the site, whatever this program copies.
RESERVE = 1 << 30


class Failure(Exception):
    """A sentence for the operator: what happened, why, and what to do."""


class Busy(Failure):
    """Another run holds the lock."""


@dataclasses.dataclass
class Outcome:
    """What a subcommand did and found; `--json` prints all of it."""

    result: Any = dataclasses.field(default_factory=dict)
    changed: bool = False
    actions: list[str] = dataclasses.field(default_factory=list)
    problems: list[str] = dataclasses.field(default_factory=list)
    # ok, warning or failed.
    state: str = "ok"
    # For people; without it they get the result.
    text: str = ""


def say(text: str) -> None:
    """Report progress to a terminal or the journal."""
    print(text, file=sys.stderr, flush=True)


# Commands

_inherited: list[int] = []


def attempt(command: Iterable[object], **options: Any) -> subprocess.CompletedProcess[bytes]:
    """Run a command, which may fail. It reads nothing unless it is given something."""
    if "input" not in options:
        options.setdefault("stdin", subprocess.DEVNULL)
    options.setdefault("stdout", subprocess.PIPE)
    options.setdefault("stderr", subprocess.PIPE)
    words = [str(word) for word in command]
    return subprocess.run(words, check=False, pass_fds=tuple(_inherited), **options)


def run(command: Iterable[object], what: str = "", **options: Any) -> str:
    """Run a command; returns what it wrote. Its failure is ours."""
    words = [str(word) for word in command]
    done = attempt(words, **options)
    if done.returncode:
        raise Failure(f"{what or ' '.join(words[:4])} failed: {last_words(done)}")
    return (done.stdout or b"").decode(errors="replace")


def last_words(done: subprocess.CompletedProcess[bytes]) -> str:
    """The end of what a command wrote."""
    written = (done.stderr or b"").strip() or (done.stdout or b"").strip()
    lines = written.decode(errors="replace").splitlines()
    return "\n".join(lines[-QUOTED_LINES:]) or f"it ended with {done.returncode} and said nothing"


# Files


def write_file(path: Path, content: bytes | str, mode: int) -> None:
    """Replace a file at once: a reader finds the old one or the new one, also after a power failure."""
    data = content.encode() if isinstance(content, str) else content
    # Always the same name: what a run that was killed left there, perhaps a key, is gone after the next.
    staged = path.with_name(f".{path.name}.new")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        staged.unlink(missing_ok=True)
        with open(staged, "xb", opener=lambda name, flags: os.open(name, flags, 0o600)) as stream:
            stream.write(data)
            stream.flush()
            os.fchmod(stream.fileno(), mode)
            os.fsync(stream.fileno())
        os.replace(staged, path)
        sync(path.parent)
    except OSError as error:
        with contextlib.suppress(OSError):
            staged.unlink(missing_ok=True)
        raise Failure(f"{path} can't be written: {error.strerror}") from error


def write_json(path: Path, value: Any, mode: int = 0o644) -> None:
    write_file(path, json.dumps(value, indent=2, ensure_ascii=False) + "\n", mode)


def read_json(path: Path, default: Any = None) -> Any:
    """The value in a file, or the default if there is no such file."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return default
    except (OSError, ValueError) as error:
        raise Failure(f"{path} can't be read: {error}") from error


def sync(directory: Path) -> None:
    """Make what was renamed and removed in a directory outlive a power failure."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def lock(path: Path, what: str, patience: float, inherit: bool = False) -> Iterator[None]:
    """Be the only run at work. With `inherit`, the lock is held as long as a command lives that was started here."""
    path.parent.mkdir(mode=0o711, parents=True, exist_ok=True)
    with path.open("a+", encoding="utf-8") as stream:
        end, reported = time.monotonic() + patience, False
        while True:
            try:
                fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                stream.seek(0)
                other = stream.read().strip() or "one that did not leave its name"
                if time.monotonic() > end:
                    raise Busy(f"Another run is still at work: {other}. Try again when it has ended.") from None
                if not reported:
                    say(f"Waiting for another run to end: {other}.")
                reported = True
                time.sleep(0.5)
        stream.truncate(0)
        stream.write(f"{what} since {now().isoformat()}, process {os.getpid()}")
        stream.flush()
        if inherit:
            _inherited.append(stream.fileno())
        try:
            yield
        finally:
            if inherit:
                _inherited.remove(stream.fileno())


# Time, room


def now() -> datetime.datetime:
    return datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0)


def age(moment: datetime.datetime | None) -> int | None:
    """Seconds since then."""
    return None if moment is None else max(0, int((now() - moment).total_seconds()))


def mount_point(path: Path | str) -> Path:
    path = Path(path)
    while not (path.exists() and path.is_mount()) and path != path.parent:
        path = path.parent
    return path


def free(path: Path | str) -> int:
    """Bytes that may still be written on the disk of a path, which need not exist yet."""
    found = os.statvfs(mount_point(path))
    return found.f_bavail * found.f_frsize


def used(path: Path) -> int:
    """Bytes that a file or a directory takes. A database that runs removes files meanwhile."""
    total = path.stat().st_size if path.is_file() else 0
    for folder, _folders, files in os.walk(path):
        for name in files:
            with contextlib.suppress(FileNotFoundError):
                total += os.lstat(os.path.join(folder, name)).st_size
    return total


def memory() -> int:
    """Bytes of memory that nobody uses."""
    for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    return 0


def size(number: float) -> str:
    """A number of bytes as people say it."""
    for unit in ("bytes", "kB", "MB", "GB"):
        if number < 1000:
            return f"{number:.0f} {unit}" if unit == "bytes" else f"{number:.1f} {unit}"
        number /= 1000
    return f"{number:.1f} TB"


def span(seconds: float) -> str:
    """A length of time as people say it."""
    for name, length in (("days", 86400), ("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * length:
            return f"{seconds // length:.0f} {name}"
    return f"{seconds:.0f} seconds"
