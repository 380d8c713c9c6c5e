# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The archive of a backup, running beside the site and shut off from everything.

It is the project of the backup itself, reduced to the database and Orthanc. The two share a network of their own that
has nothing but a loopback: no port, no address, no way out, and no subnet that could be one of the hospital's.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from .. import core
from ..core import RESERVE, Failure, free, memory, say, size
from .database import Database, PostgreSQL, SQLite
from .repository import Snapshot
from .settings import BackupSite

PROJECT = "pacs-rehearsal"
# What Orthanc and PostgreSQL may take beside the site.
ORTHANC_MEMORY, POSTGRES_MEMORY = 1536 << 20, 768 << 20
START_SECONDS = 900
# The site comes first.
CPU_SHARES = 64
# What a service has of the site's network, and of what is beside it. Docker refuses most of it without a network of
# its own.
REACHES_OUT = (
    "ports", "expose", "networks", "links", "dns", "dns_search", "dns_opt", "extra_hosts", "mac_address", "hostname",
    "depends_on", "labels", "logging",
)  # fmt: skip
# The user in the options of a tmpfs.
IDS = re.compile(r"uid=[0-9]+,gid=[0-9]+")

ASK = """
import json, sys, urllib.request
# A backup may be older than the rule that no proxy is in a container's environment.
opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
for path in json.load(sys.stdin):
    try:
        with opener.open("http://127.0.0.1:8042" + path, timeout=300) as answer:
            data = answer.read()
    except OSError as error:
        print(json.dumps([path, str(error)]))
        continue
    if path.endswith("/stl"):
        whole = len(data) == 84 + 50 * int.from_bytes(data[80:84], "little") or data[:5] == b"solid"
        print(json.dumps([path, None if whole else "this is no STL file"]))
    else:
        print(json.dumps([path, json.loads(data)]))
"""


class Sandbox:
    """A directory with the restored files, and the Compose project that runs in it."""

    def __init__(self, site: BackupSite, snapshot: Snapshot, name: str):
        self.site = site
        self.snapshot = snapshot
        self.manifest = snapshot.manifest()
        self.root = site.work / name
        self.data = self.root / "data"
        self.directory = self.root / "site"
        self.stage = self.data / "backup/stage"
        self.sqlite: bool = self.manifest["database"] == "sqlite"
        self.compose: list[object] = [
            "docker",
            "compose",
            "--project-name",
            PROJECT,
            "--file",
            self.root / "compose.json",
        ]

    @contextlib.contextmanager
    def open(self) -> Iterator[Sandbox]:
        remove(self.root)
        self.root.mkdir(mode=0o700)
        try:
            yield self
        finally:
            remove(self.root)

    def needs(self, whole: bool = True) -> tuple[int, int]:
        """Bytes of disk and of memory that it takes, or that only its database takes."""
        disk: int = 3 * self.manifest["database_bytes"] + RESERVE + (self.manifest["bytes"] if whole else 0)
        return disk, (0 if self.sqlite else POSTGRES_MEMORY) + (ORTHANC_MEMORY if whole else 0)

    def check_room(self, whole: bool = True) -> None:
        """Refuse what would take from the site what it needs."""
        disk, main_memory = self.needs(whole)
        if free(self.site.work) < disk:
            raise Failure(
                f"The disk of {self.site.work} has {size(free(self.site.work))} left, and restoring snapshot"
                f" {self.snapshot.short} beside the site needs {size(disk)}."
            )
        if memory() < main_memory:
            raise Failure(
                f"The server has {size(memory())} of memory left, and a second archive beside the site needs"
                f" {size(main_memory)}."
            )

    def restore(self, include: Iterable[str] | None = None) -> None:
        """Bring the files of the backup; with patterns, only these below the stage."""
        say(f"Restoring snapshot {self.snapshot.short} of {self.snapshot.time} to {self.root}.")
        if include is None:
            self.snapshot.restore(self.snapshot.data, self.data)
        else:
            self.snapshot.restore(self.snapshot.stage, self.stage, include)
        self.snapshot.restore(self.snapshot.directory, self.directory)

    def prepare(self) -> None:
        """Write the Compose project and put the settings right that name addresses of the site."""
        self.stage.joinpath("storage").mkdir(exist_ok=True)
        (self.data / "postgres").mkdir(mode=0o700, exist_ok=True)
        give(self.data / "postgres", self.site.users["postgres"])
        give_all(self.stage / "storage", self.site.users["orthanc"])
        if self.sqlite:
            index = self.stage / "storage/index"
            # Orthanc will hold it for itself.
            shutil.copyfile(self.stage / "database.sqlite", index)
            give(index, self.site.users["orthanc"])
        definition = core.run(
            ["docker", "compose", "config", "--format", "json"],
            "Reading the backup's Compose project",
            cwd=self.directory,
        )
        project = self.project(json.loads(definition))
        for name, service in project["services"].items():
            for secret in service.get("secrets", []):
                give(project["secrets"][secret["source"]]["file"], self.site.users[name])
        (self.root / "compose.json").write_text(json.dumps(project, indent=2), encoding="utf-8")
        rewrite(self.directory / "config/orthanc/orthanc.json", closed_config)
        rewrite(self.directory / "secrets/orthanc/orthanc.json", local_database)
        if not self.sqlite:
            for name in ("passwd", "group"):
                path = self.directory / "config/postgres" / name
                path.write_text(
                    renumbered(path.read_text(encoding="utf-8"), self.site.users["postgres"]), encoding="utf-8"
                )
            with (self.directory / "config/postgres/pg_hba.conf").open("a", encoding="utf-8") as stream:
                stream.write("\nhost orthanc orthanc 127.0.0.1/32 scram-sha-256\n")

    def project(self, whole: dict[str, Any]) -> dict[str, Any]:
        """The Compose project of the site without all that reaches out of it."""
        limits = (
            {"orthanc": ORTHANC_MEMORY} if self.sqlite else {"postgres": POSTGRES_MEMORY, "orthanc": ORTHANC_MEMORY}
        )
        services: dict[str, Any] = {}
        used: set[str] = set()
        for name, limit in limits.items():
            service = whole["services"][name]
            for key in REACHES_OUT:
                service.pop(key, None)
            user = self.site.users[name]
            service["user"] = f"{user}:{user}"
            service["tmpfs"] = [IDS.sub(f"uid={user},gid={user}", entry) for entry in service.get("tmpfs", [])]
            used |= {secret["source"] for secret in service.get("secrets", [])}
            for mount in service.get("volumes", []):
                mount["source"] = self.moved(mount["source"])
            service.update(
                image=self.site.images[name],
                restart="no",
                cpu_shares=CPU_SHARES,
                mem_limit=str(limit),
                network_mode="service:postgres" if name == "orthanc" and not self.sqlite else "none",
            )
            services[name] = service
        services["orthanc"]["environment"]["AUTHORIZATION_PLUGIN_ENABLED"] = "false"
        secrets = {
            name: {"file": self.moved(entry["file"])} for name, entry in whole["secrets"].items() if name in used
        }
        return {"name": PROJECT, "services": services, "secrets": secrets}

    def moved(self, path: str) -> str:
        """Where a path of the site is in here."""
        if path == f"{self.snapshot.data}/storage":
            return str(self.stage / "storage")
        for old, new in ((self.snapshot.data, self.data), (self.snapshot.directory, self.directory)):
            if path.startswith(old + "/"):
                return str(new) + path.removeprefix(old)
        raise Failure(f"The backup's Compose project uses {path}, which is not in the backup.")

    def load(self) -> None:
        """Start the database and load the dump."""
        if self.sqlite:
            return
        self.up("postgres")
        inside = [*self.compose, "exec", "-T", "postgres"]
        psql = [*inside, "psql", "--no-psqlrc", "--quiet", "--username=postgres", "--dbname=postgres"]
        with (self.stage / "roles.sql").open("rb") as stream:
            # Those that a new cluster has already are refused, which does no harm.
            core.run(psql, "Loading the database's users", stdin=stream)
        core.run([*psql, "--command=DROP DATABASE IF EXISTS orthanc WITH (FORCE)"], "Preparing the database")
        self.pg_restore("--create", "--section=pre-data", "--dbname=postgres")
        for name in self.manifest["extensions"]:
            PostgreSQL(self.compose).execute(f'CREATE EXTENSION IF NOT EXISTS "{name}" SCHEMA public')
        self.pg_restore("--section=data", "--section=post-data", "--dbname=orthanc")

    def pg_restore(self, *options: str) -> None:
        with (self.stage / "database.dump").open("rb") as stream:
            inside = [*self.compose, "exec", "-T", "postgres", "pg_restore", "--username=postgres", "--exit-on-error"]
            core.run([*inside, *options], "Loading the database", stdin=stream)

    def up(self, service: str) -> None:
        self.compose_run("up", "--detach", "--wait", "--wait-timeout", START_SECONDS, "--pull", "never", service)

    def compose_run(self, *arguments: object) -> str:
        try:
            return core.run([*self.compose, *arguments], "The restored archive")
        except Failure as failure:
            logs = core.attempt([*self.compose, "logs", "--no-color", "--no-log-prefix", "--tail", "15"]).stdout
            raise Failure(f"{failure}\n{logs.decode(errors='replace').strip()}") from failure

    def database(self) -> Database:
        return SQLite(self.stage / "database.sqlite") if self.sqlite else PostgreSQL(self.compose)

    def ask(self, *paths: str) -> dict[str, Any]:
        """What Orthanc answers, by path; for a model, None or what is wrong with it."""
        command = [*self.compose, "exec", "-T", "orthanc", "python3", "-I", "-c", ASK]
        answers = core.run(command, "Asking the restored Orthanc", input=json.dumps(paths).encode())
        return dict(json.loads(line) for line in answers.splitlines())

    def stop(self) -> None:
        """End both in order, so that their files can be moved."""
        for service in ["orthanc", *([] if self.sqlite else ["postgres"])]:
            self.compose_run("stop", "--timeout", "120", service)

    def start(self) -> float:
        """From the backup to an Orthanc that answers; returns the seconds that it took."""
        began = time.monotonic()
        self.restore()
        self.prepare()
        say("Loading the database.")
        self.load()
        say("Starting Orthanc.")
        self.up("orthanc")
        return time.monotonic() - began


def give(path: Path | str, user: int) -> None:
    os.chown(path, user, user)


def give_all(directory: Path, user: int) -> None:
    """Give a directory to a user of this server; on the server of the backup it may have had another number."""
    if os.stat(directory).st_uid == user:
        return
    for folder, _folders, files in os.walk(directory):
        give(folder, user)
        for name in files:
            give(os.path.join(folder, name), user)


def renumbered(accounts: str, user: int) -> str:
    """The accounts that PostgreSQL knows, in which its own has this number."""
    numbers = re.compile(r"^postgres:x:[0-9]+(:[0-9]+)?", re.MULTILINE)
    return numbers.sub(lambda found: f"postgres:x:{user}" + (f":{user}" if found[1] else ""), accounts)


def remove(root: Path) -> None:
    """Remove the containers and the files, of this run or of one that was killed."""
    # Of an interrupted run, which may have lost its file, only the name is known.
    found = ["docker", "ps", "--all", "--quiet", "--filter", f"label=com.docker.compose.project={PROJECT}"]
    containers = core.run(found).split()
    if containers:
        core.run(["docker", "rm", "--force", "--volumes", *containers], "Removing the rehearsal")
    if root.exists():
        shutil.rmtree(root)


def rewrite(path: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """Change a configuration of Orthanc in place, so that its owner and mode stay."""
    config = json.loads(path.read_text(encoding="utf-8"))
    change(config)
    # Orthanc's image substitutes variables after a dollar.
    path.write_text(json.dumps(config).replace("$", "\\u0024"), encoding="utf-8")


def closed_config(config: dict[str, Any]) -> None:
    """Without DICOM, without login: nobody can reach it."""
    config.update(AuthenticationEnabled=False, DicomServerEnabled=False, DicomModalitiesInDatabase=False)
    config.pop("Authorization", None)
    if "PostgreSQL" in config:
        config["PostgreSQL"]["IndexConnectionsCount"] = 5


def local_database(config: dict[str, Any]) -> None:
    config.pop("Authorization", None)
    if "PostgreSQL" in config:
        uri = config["PostgreSQL"]["ConnectionUri"]
        config["PostgreSQL"]["ConnectionUri"] = re.sub(r"@[^@/]*/", "@127.0.0.1:5432/", uri, count=1)
