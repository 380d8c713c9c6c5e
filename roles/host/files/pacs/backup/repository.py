# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The repository of the backups: restic, and what its messages mean for the operator."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from .. import core
from ..core import Failure, free, mount_point, say, size
from .settings import BackupSite

# Exit status of restic: a file could not be read; there is no such repository.
INCOMPLETE, NO_REPOSITORY = 3, 10
# Less than this on a disk, and it is what was full.
FULL = 64 << 20
NO_SPACE = "no space left on device"
SHOWN_MESSAGES = 10


class Repository:
    """The snapshots of one site."""

    def __init__(self, site: BackupSite, cache: bool = True):
        self.site = site
        self.cache: list[object] = ["--cache-dir", site.work / "cache"] if cache else ["--no-cache"]
        self.local = Path(site.repository) if site.repository.startswith("/") else None

    def command(self, *arguments: object) -> list[object]:
        secrets = self.site.secrets
        command: list[object] = [
            "ionice",
            "--class",
            "best-effort",
            "--classdata",
            "7",
            "restic",
            *self.cache,
            "--json",
        ]
        command += ["--repository-file", secrets / "repository", "--password-file", secrets / "password"]
        if self.site.repository.startswith("sftp:"):
            command += ["-o", f"sftp.args={' '.join(self.ssh_options())}"]
        if (secrets / "ca.pem").exists():
            command += ["--cacert", secrets / "ca.pem"]
        return [*command, *arguments]

    def ssh_options(self) -> list[str]:
        secrets = self.site.secrets
        options = [f"UserKnownHostsFile={secrets}/known_hosts", "GlobalKnownHostsFile=/dev/null"]
        options += ["StrictHostKeyChecking=yes", "BatchMode=yes", "IdentitiesOnly=yes"]
        return ["-i", f"{secrets}/ssh_key", *(word for option in options for word in ("-o", option))]

    def ssh_says(self) -> list[str]:
        """What ssh itself says when it can't log in. restic may end before it has passed that on."""
        options = [*self.ssh_options(), "-o", "ConnectTimeout=20"]
        asked = core.attempt(["ssh", *options, ssh_target(self.site.repository), "-s", "sftp"])
        return asked.stderr.decode(errors="replace").splitlines() if asked.returncode else []

    def attempt(self, *arguments: object) -> subprocess.CompletedProcess[bytes]:
        environment = {**os.environ, "AWS_SHARED_CREDENTIALS_FILE": str(self.site.secrets / "s3_credentials")}
        if self.site.proxy:
            # restic takes it no other way. Only root can read its environment.
            proxy = (self.site.secrets / "proxy").read_text(encoding="utf-8").strip()
            environment |= {"HTTP_PROXY": proxy, "HTTPS_PROXY": proxy, "NO_PROXY": self.site.no_proxy}
        # In JSON it tells of its progress up to 60 times a second, all of which would be kept until it ends.
        environment["RESTIC_PROGRESS_FPS"] = "0.01"
        return core.attempt(self.command(*arguments), env=environment)

    def restic(self, *arguments: object) -> bytes:
        """Run restic; returns what it wrote."""
        result = self.attempt(*arguments)
        if result.returncode:
            raise Failure(self.explain(str(arguments[0]), result))
        return result.stdout

    def explain(self, what: str, result: subprocess.CompletedProcess[bytes]) -> str:
        """Why restic failed, in a sentence and in its own words."""
        said = result.stderr.decode(errors="replace")
        found = messages(said)
        if what == "check":
            found += damage((result.stdout or b"").decode(errors="replace"))
        if "sftp session" in said and "subprocess ssh" not in said:
            found = self.ssh_says() + found
        text = "\n".join(found[:SHOWN_MESSAGES])
        if len(found) > SHOWN_MESSAGES:
            text += f"\nand {len(found) - SHOWN_MESSAGES} more"
        where = f"The repository {self.site.repository}"
        if self.site.proxy:
            where += f", asked through the proxy {self.site.proxy},"
        if NO_SPACE in text.casefold():
            return f"{self.full()}\n{text}"
        if "wrong password or no key found" in text:
            return f"{where} does not open with this password; it was made with another one."
        if not_there(result):
            return f"{where} is not there. Is its disk mounted, is its address right?"
        return f"{where}: {what} failed: {text or f'restic ended with {result.returncode} and said nothing'}"

    def full(self) -> str:
        """Which disk is full, and what to do."""
        disks = self.full_disks() or ["A disk"]
        verb = "is" if len(disks) == 1 else "are"
        return f"{' and '.join(disks)} {verb} full. Make space; the next run goes on by itself."

    def full_disks(self) -> list[str]:
        places = [("the backups", self.local)] if self.local else []
        places += [("the site's data", self.site.data), ("its configuration", self.site.directory)]
        places += [("temporary files", Path(tempfile.gettempdir())), ("the system", Path("/"))]
        disks: dict[Path, str] = {}
        for what, path in places:
            if free(path) < FULL:
                disks.setdefault(mount_point(path), what)
        if not disks and not self.local:
            return [f"The disk of {self.site.repository}"]
        return [f"The disk of {what} ({disk}, {size(free(disk))} free)" for disk, what in disks.items()]

    def open(self) -> str:
        """Make sure that there is a repository; returns its identity.

        A new one is made only for a site's first backup. Where there was one before, its disk may not be mounted,
        and a new one would hide that, and fill the system's disk.
        """
        if self.site.status().get("repository") != self.site.repository:
            self.make()
        result = self.attempt("cat", "config", "--no-lock")
        if result.returncode:
            raise Failure(self.explain("opening it", result))
        self.unlock()
        return str(json.loads(result.stdout)["id"])

    def make(self) -> None:
        """Make a repository unless there is one.

        Not after a look whether there is one: restic would ask a quarter of an hour for a bucket that does not exist.
        """
        if self.local and not self.local.parent.is_dir():
            raise Failure(f"{self.local.parent}, in which the repository is to be, does not exist.")
        result = self.attempt("init")
        if result.returncode == 0:
            say(f"Made the repository {self.site.repository}.")
        # restic's word for one that is there; it touches nothing of it.
        elif b"already" not in result.stderr:
            raise Failure(self.explain("making it", result))

    def unlock(self) -> None:
        """Remove the locks that killed runs of this server left.

        Nobody else on this server is at work now. restic by itself would keep a lock whose process number has another
        process today, as after a power failure, and would send that process a signal to see whether it is there.
        """
        names = self.restic("list", "locks", "--no-lock").decode().split()
        hosts = {json.loads(self.restic("cat", "lock", name, "--no-lock"))["hostname"] for name in names}
        if hosts:
            # Where other servers use the repository too, only what is too old to be theirs is removed.
            self.restic("unlock", *(["--remove-all"] if hosts == {socket.gethostname()} else []))

    def snapshots(self) -> list[dict[str, Any]]:
        """The site's snapshots, oldest first."""
        found = json.loads(self.restic("snapshots", "--no-lock", "--host", self.site.host)) or []
        return sorted(found, key=lambda snapshot: snapshot["time"])

    def find(self, wanted: str) -> Snapshot:
        """A snapshot by its identity, or the newest."""
        found = self.snapshots()
        if not found:
            raise Failure(f"The repository {self.site.repository} has no backup of {self.site.host}.")
        if wanted in ("", "latest"):
            return Snapshot(self, found[-1])
        for snapshot in found:
            if len(wanted) >= 8 and snapshot["id"].startswith(wanted):
                return Snapshot(self, snapshot)
        known = ", ".join(f"{snapshot['short_id']} ({snapshot['time'][:16]})" for snapshot in found[-5:])
        raise Failure(f"There is no backup {wanted} of {self.site.host}. The newest are {known}.")

    def backup(self, paths: Iterable[str], files: int) -> dict[str, Any]:
        """Back up these paths; returns restic's summary. All or nothing: an incomplete snapshot is taken back."""
        # A hard link changes a file's ctime; without this option everything would be read every time.
        options = ["--host", self.site.host, "--ignore-ctime", "--retry-lock", "10m"]
        result = self.attempt("backup", *options, *paths)
        summary: dict[str, Any] = next((m for m in json_lines(result.stdout) if m.get("message_type") == "summary"), {})
        complete = result.returncode == 0 and summary.get("total_files_processed", 0) >= files
        if not complete:
            if summary.get("snapshot_id"):
                self.restic("forget", summary["snapshot_id"])
            if result.returncode == 0:
                raise Failure(f"restic took {summary.get('total_files_processed', 0)} files instead of {files}.")
            raise Failure(self.explain("backup", result))
        return summary

    def forget(self) -> None:
        """Drop old snapshots and what only they hold. The newest three stay, whatever their age.

        Where the site keeps none by their age, the repository takes no orders to drop anything.
        """
        keep = [f"--keep-{period}={number}" for period, number in self.site.keep.items() if number]
        if not keep:
            return
        options = ["--host", self.site.host, "--group-by", "host", "--retry-lock", "10m"]
        self.restic("forget", *options, "--keep-last=3", *keep, "--prune")

    def check(self, percent: int) -> None:
        """Look at everything that describes the backups, and read this share of what they hold."""
        self.unlock()
        self.restic("check", "--retry-lock", "10m", f"--read-data-subset={percent}%")


class Snapshot:
    """One backup in the repository."""

    def __init__(self, repository: Repository, data: dict[str, Any]):
        self.repository = repository
        self.id: str = data["id"]
        self.short: str = data["short_id"]
        self.time: str = re.sub(r"\.\d+", "", data["time"])
        stage = next((path for path in data["paths"] if path.endswith("/backup/stage")), None)
        if stage is None:
            raise Failure(f"Snapshot {self.short} is no backup of this program.")
        self.stage: str = stage
        self.data = stage.removesuffix("/backup/stage")
        self.directory: str = next(path for path in data["paths"] if not path.startswith(self.data + "/"))

    def manifest(self) -> dict[str, Any]:
        text = self.repository.restic("dump", "--no-lock", self.id, f"{self.stage}/manifest.json")
        found: dict[str, Any] = json.loads(text)
        return found

    def restore(self, path: str, target: Path, include: Iterable[str] = ()) -> None:
        """Bring a directory of the backup, or some of its files, to another place."""
        target.mkdir(parents=True, exist_ok=True)
        patterns = [f"--include={pattern}" for pattern in include]
        self.repository.restic("restore", "--no-lock", f"{self.id}:{path}", "--target", target, *patterns)


def ssh_target(repository: str) -> str:
    """Whom ssh is to call for one of sftp:user@host:/path and sftp://user@host:port//path."""
    found = urlsplit(repository)
    return f"ssh://{found.netloc or found.path.partition(':')[0]}"


def not_there(result: subprocess.CompletedProcess[bytes]) -> bool:
    """Whether there is no repository. Before 0.17 restic had no exit status for it."""
    return result.returncode == NO_REPOSITORY or b"Is there a repository at the following location" in result.stderr


def json_lines(text: bytes | None) -> Iterator[dict[str, Any]]:
    for line in (text or b"").decode(errors="replace").splitlines():
        if line.startswith("{"):
            yield json.loads(line)


def messages(text: str) -> list[str]:
    """What restic complains about, without its own wrapping."""
    found: list[str] = []
    for line in text.splitlines():
        if not line.startswith("{"):
            found.append(line)
            continue
        entry = json.loads(line)
        error = entry.get("error")
        words = entry.get("message") or (error.get("message") if isinstance(error, dict) else error) or line
        found.append(f"{entry['item']}: {words}" if entry.get("item") else words)
    return list(dict.fromkeys(" ".join(words.split()) for words in found if words.strip()))


def damage(text: str) -> list[str]:
    """What restic's check says on its standard output about damage."""
    words = re.compile(r"error|damaged|missing|not found|invalid|mismatch|does not match", re.IGNORECASE)
    return [line for line in text.splitlines() if words.search(line) and not line.startswith("{")]
