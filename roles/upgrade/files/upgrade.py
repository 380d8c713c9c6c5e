# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The steps of an upgrade on the server, and the way back. The result is JSON on standard output.

What is needed to go back lies in replaced-by-upgrade in the directory of the site's data: the directory of the site
(configuration and secrets) and the database as they were, and state.json with the phase in which the upgrade is:

  kept      the site's directory is copied; nothing was stopped
  closed    nobody but whoever verifies the site reaches its ports any more
  stopping  the services are being stopped
  copied    the database is copied, and the new release may start
  returned  the old database is in its place again, and the old release may start
  proven    the new release was proven; the ports are being opened
  done      everybody is let in again; there is no way back by this program any more
  back      the old release runs again

From closed to proven nobody can store anything, so whatever the new release did to the database may be dropped: nothing
in it was acknowledged to anybody. The files of the studies are never touched.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime
import fcntl
import ipaddress
import json
import os
import pathlib
import shutil
import sqlite3
import subprocess
import sys
import time

# The Compose project of the site.
PROJECT = "pacs"
TABLE = "inet threedpc_pacs_upgrade"
# With which the role stack keeps modalities away before a restart; a play that was killed leaves it.
DRAIN = "inet threedpc_pacs_drain"
FINISHED = ("done", "back")
# What stays free for the site beside the copies.
RESERVE = 1 << 30
# The upgrade of a database may write every table anew.
GROWTH = 2
SAID_LINES = 12
# SQLite's index and what it may have beside it.
SQLITE_FILES = ("index", "index-journal", "index-shm", "index-wal")


class Failure(Exception):
    """A sentence for the operator."""


def run(command, what, **options):
    """Run a command; returns what it wrote. Its failure is one of the program."""
    options.setdefault("stdin", subprocess.DEVNULL)
    if "input" in options:
        del options["stdin"]
    done = subprocess.run([str(word) for word in command], capture_output=True, check=False, text=True, **options)
    if done.returncode:
        said = "\n".join((done.stderr + done.stdout).strip().splitlines()[-SAID_LINES:])
        raise Failure(f"{what} failed: {said or f'it ended with {done.returncode}'}")
    return done.stdout


def moment(seconds):
    return datetime.datetime.fromtimestamp(int(seconds), datetime.timezone.utc).isoformat()


def used(path):
    """Bytes that a file or a directory takes. A database that runs removes files meanwhile."""
    total = path.stat().st_size if path.is_file() else 0
    for folder, _folders, files in os.walk(path):
        for name in files:
            with contextlib.suppress(FileNotFoundError):
                total += os.lstat(os.path.join(folder, name)).st_size
    return total


def free(path):
    """Bytes that are free on the disk of a directory, which a dry run may not have made."""
    while not path.exists():
        path = path.parent
    return shutil.disk_usage(path).free


class Site:
    """Where the things of the site lie, and what an upgrade does with them."""

    def __init__(self, directory, data, database):
        self.directory = pathlib.Path(directory)
        self.data = pathlib.Path(data)
        self.sqlite = database == "sqlite"
        self.work = self.data / "replaced-by-upgrade"
        self.state_file = self.work / "state.json"
        self.kept_site = self.work / "site"
        self.kept_database = self.work / "database"
        self.failed_database = self.work / "failed-database"

    # The journal

    def state(self):
        try:
            return json.loads(self.state_file.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}

    def record(self, **changes):
        """Write the phase down so that it outlives a power loss."""
        state = self.state() | changes
        staged = self.state_file.with_suffix(".staged")
        with staged.open("w", encoding="utf-8") as stream:
            json.dump(state, stream, indent=2)
            stream.flush()
            os.fsync(stream.fileno())
        staged.replace(self.state_file)
        descriptor = os.open(self.work, os.O_RDONLY)
        os.fsync(descriptor)
        os.close(descriptor)
        return state

    @property
    def interrupted(self):
        state = self.state()
        return bool(state) and state["phase"] not in FINISHED

    # The containers

    def containers(self, *options):
        command = ["docker", "ps", "--quiet", "--filter", f"label=com.docker.compose.project={PROJECT}", *options]
        return run(command, "Asking for the containers").split()

    def compose(self, *words, what):
        return run(["docker", "compose", *words], what, cwd=self.directory)

    def stop(self):
        """In the order that Compose knows, and then whatever it does not know any more."""
        self.compose("stop", what="Stopping the services")
        self.stop_containers()

    def stop_containers(self):
        """The database last: whatever waits for it would not end."""
        database = set(self.containers("--filter", "label=com.docker.compose.service=postgres"))
        for some in (set(self.containers()) - database, database):
            if some:
                run(["docker", "stop", "--time", "60", *sorted(some)], "Stopping the services")

    def restart_policy(self, policy):
        """Whether Docker starts the services by itself, at boot and after they ended."""
        found = self.containers("--all")
        if found:
            run(["docker", "update", f"--restart={policy}", *found], "Setting the restart policy")

    def services(self):
        """The image of each service of the release that this server runs."""
        try:
            return json.loads((self.directory / "release.json").read_text(encoding="utf-8"))["services"]
        except FileNotFoundError:
            pass
        # Set up before releases were written down: what is healthy counts.
        line = '{{.Label "com.docker.compose.service"}} {{.Image}}'
        found = run(
            ["docker", "ps", "--filter", f"label=com.docker.compose.project={PROJECT}", "--filter", "health=healthy"]
            + ["--format", line],
            "Asking for the containers",
        )
        return dict(line.split(" ", 1) for line in found.splitlines())

    # The database

    def places(self):
        """What the database consists of: where it is, and where its copy lies."""
        if self.sqlite:
            return [(self.data / "storage" / name, self.kept_database / name) for name in SQLITE_FILES]
        return [(self.data / "postgres", self.kept_database / "postgres")]

    def database_bytes(self):
        return sum(used(place) for place, _copy in self.places())

    def elsewhere(self):
        """What of it lies on another disk than the copy, from which it can't be renamed."""
        there = [place for place, _copy in self.places() if os.path.lexists(place)]
        return [str(place) for place in there if os.lstat(place).st_dev != os.stat(self.data).st_dev]

    def major(self):
        """The version of PostgreSQL whose files lie there."""
        found = sorted(path.parent.name for path in (self.data / "postgres").glob("[0-9]*/PG_VERSION"))
        return int(found[-1]) if found and found[-1].isdigit() else None

    def without_data(self):
        """Whether a release ran here, and no database of either kind is left. Docker makes empty directories."""
        found = [*(self.data / "postgres").glob("[0-9]*/PG_VERSION"), *(self.data / "storage").glob("index")]
        return (self.directory / "release.json").exists() and not found

    def schema(self):
        """The version of the tables and the plugin's revision of it, or None if nobody can say."""
        query = "SELECT property, value FROM GlobalProperties WHERE property IN (1, 4)"
        try:
            if self.sqlite:
                connection = sqlite3.connect(f"file:{self.data}/storage/index?mode=ro", uri=True)
                rows = [(str(number), value) for number, value in connection.execute(query)]
                connection.close()
            else:
                psql = ["psql", "--no-psqlrc", "--username=postgres", "--dbname=orthanc", "--tuples-only", "--no-align"]
                command = ["exec", "-T", "postgres", *psql, f"--command={query}"]
                rows = [line.split("|", 1) for line in self.compose(*command, what="Asking the database").splitlines()]
        except (Failure, OSError, sqlite3.Error):
            return None
        found = dict(row for row in rows if len(row) == 2)
        return ".".join(found[number] for number in ("1", "4") if number in found) or None

    # The doors

    def closed(self, table=TABLE):
        known = subprocess.run(["nft", "list", "table", *table.split()], capture_output=True, check=False)
        return known.returncode == 0

    def open(self):
        for table in (DRAIN, TABLE):
            if self.closed(table):
                run(["nft", "delete", "table", *table.split()], "Opening the ports")

    def close(self, ports, addresses, network):
        run(["nft", "--file", "-"], "Closing the ports", input=rules(ports, addresses, network))


def rules(ports, addresses, network):
    """The table that lets nobody in but the machine that verifies. It is gone after a reboot, as the services are."""
    let_in = "".join(
        f"    {'ip6' if ipaddress.ip_address(address).version == 6 else 'ip'} saddr {address} accept\n"
        for address in addresses
    )
    return (
        f"table {TABLE}\ndelete table {TABLE}\n"
        f"table {TABLE} {{\n  chain prerouting {{\n"
        # Before the site's own table, which goes on to judge whoever is let in here.
        "    type filter hook prerouting priority mangle - 1; policy accept;\n"
        "    ct state established,related accept\n    iif lo accept\n"
        f"    ip saddr {network} accept\n{let_in}"
        f"    fib daddr type local tcp dport {{ {', '.join(map(str, ports))} }} reject with tcp reset\n"
        "  }\n}\n"
    )


def mirror(source, target):
    """Make a directory what another is, in place: directories that containers have mounted stay the same ones."""
    wanted = {entry.name: entry for entry in os.scandir(source)}
    for entry in list(os.scandir(target)):
        kept = wanted.get(entry.name)
        if kept is None or kept.is_dir(follow_symlinks=False) != entry.is_dir(follow_symlinks=False):
            shutil.rmtree(entry.path) if entry.is_dir(follow_symlinks=False) else os.unlink(entry.path)
    for name, entry in wanted.items():
        there = os.path.join(target, name)
        if entry.is_dir(follow_symlinks=False):
            os.makedirs(there, exist_ok=True)
            mirror(entry.path, there)
            same_owner(entry.path, there)
        elif not same_file(entry.path, there):
            staged = f"{there}.staged"
            if os.path.lexists(staged):
                os.unlink(staged)
            shutil.copy2(entry.path, staged, follow_symlinks=False)
            same_owner(entry.path, staged)
            os.replace(staged, there)


def same_owner(source, target):
    found = os.lstat(source)
    os.chown(target, found.st_uid, found.st_gid, follow_symlinks=False)
    if not os.path.islink(target):
        os.chmod(target, found.st_mode & 0o7777)


def same_file(one, other):
    if not os.path.lexists(other) or os.path.islink(one) or os.path.islink(other):
        return False
    first, second = os.stat(one), os.stat(other)
    facts = [(found.st_size, found.st_mode, found.st_uid, found.st_gid) for found in (first, second)]
    return facts[0] == facts[1] and pathlib.Path(one).read_bytes() == pathlib.Path(other).read_bytes()


# The steps


@contextlib.contextmanager
def alone(site):
    """A step of a play that was killed may still be at work; the next one waits for its end."""
    site.work.mkdir(mode=0o700, exist_ok=True)
    with (site.work / "lock").open("w", encoding="utf-8") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield


def look(site, _arguments):
    """What is there, without a change."""
    state = site.state()
    return {
        "services": site.services(),
        "postgres": None if site.sqlite else site.major(),
        "schema": site.schema(),
        "interrupted": state if site.interrupted else None,
        "closed": site.closed(),
        "needs": GROWTH * site.database_bytes() + used(site.directory) + RESERVE,
        "free": free(site.data),
        "elsewhere": site.elsewhere(),
        "without_data": site.without_data(),
    }


def keep(site, arguments):
    """Copy what configures the site. A copy of an earlier upgrade makes room for it."""
    if site.interrupted:
        raise Failure("An earlier upgrade was interrupted and is neither done nor taken back.")
    site.work.mkdir(mode=0o700, exist_ok=True)
    site.state_file.unlink(missing_ok=True)
    for old in (site.kept_site, site.kept_database, site.failed_database):
        if old.exists():
            shutil.rmtree(old)
    run(["cp", "--archive", site.directory, site.kept_site], "Copying the configuration")
    os.sync()
    return site.record(phase="kept", began=moment(time.time()), schema=site.schema(), to=arguments.to)


def close(site, arguments):
    """From here on nobody stores anything."""
    state = site.record(phase="closed", closed=time.time())
    site.close(arguments.port, arguments.let_in, arguments.network)
    return state


def stop(site, _arguments):
    """Stop everything and copy the database; then make the new containers, which Docker may not start by itself."""
    site.record(phase="stopping")
    site.stop()
    site.kept_database.mkdir(mode=0o700, exist_ok=True)
    there = [(place, copy) for place, copy in site.places() if place.exists()]
    for place, copy in there:
        # The directory of the database may be a link to another disk; a copy of the link would be no copy.
        run(["cp", "--archive", "-H", "--reflink=auto", place, copy], "Copying the database")
    os.sync()
    state = site.record(phase="copied", copied=[place.name for place, _copy in there])
    # After a power loss a release that nobody has proven must not begin to accept studies.
    site.compose("up", "--no-start", "--pull", "never", "--remove-orphans", what="Making the new containers")
    site.restart_policy("no")
    return state


def finish(site, _arguments):
    """The new release was proven."""
    before = site.state()
    state = site.record(phase="proven", ended=time.time(), schema_now=site.schema())
    open_again(site)
    site.record(phase="done")
    return {
        "seconds_without_service": round(state["ended"] - before["closed"]),
        "schema_before": before["schema"],
        "schema": state["schema_now"],
    }


def open_again(site):
    site.restart_policy("unless-stopped")
    site.open()


def back(site, arguments):
    """Make everything what it was before the upgrade, from whatever phase it is in; may be repeated."""
    state = site.state()
    phase = state.get("phase", "done")
    if phase in (*FINISHED, "proven"):
        open_again(site)
        # Without this, a power loss would have left services that Docker never starts by itself again.
        if phase == "proven":
            site.record(phase="done")
        return {"was": phase, "seconds_without_service": 0}
    stopped = phase in ("stopping", "copied", "returned")
    if stopped:
        found = site.containers("--all")
        if found:
            site.stop_containers()
            # By force, because of a play that was killed a Compose may live on, which starts them again meanwhile.
            run(["docker", "rm", "--force", *found], "Removing the new release")
    if phase == "copied":
        swap(site, state["copied"])
        os.sync()
        # The old release stores into it from now on, so whoever tries again must not put any of it aside.
        site.record(phase="returned")
    mirror(site.kept_site, site.directory)
    same_owner(site.kept_site, site.directory)
    os.sync()
    if stopped:
        wait = ["--detach", "--wait", "--wait-timeout", str(arguments.wait), "--pull", "never", "--remove-orphans"]
        try:
            site.compose("up", *wait, what="Starting the old release")
        finally:
            # Whatever runs now has the old database, so it may be used.
            open_again(site)
    else:
        open_again(site)
    ended = time.time()
    site.record(phase="back", ended=ended)
    return {"was": phase, "seconds_without_service": round(ended - state["closed"]) if stopped else 0}


def swap(site, copied):
    """Put the copy of the database in its place. All of it are renames; a copy that is gone has been moved already."""
    site.failed_database.mkdir(mode=0o700, exist_ok=True)
    for place, copy in site.places():
        if place.exists() and (copy.exists() or place.name not in copied):
            aside = site.failed_database / place.name
            if os.path.lexists(aside):
                shutil.rmtree(aside) if aside.is_dir() and not aside.is_symlink() else aside.unlink()
            place.rename(aside)
        if copy.exists():
            copy.rename(place)


STEPS = {"look": look, "keep": keep, "close": close, "stop": stop, "finish": finish, "back": back}


def parse(words):
    parser = argparse.ArgumentParser(prog="pacs-upgrade", description=__doc__.splitlines()[0])
    parser.add_argument("--directory", required=True, help="the directory of the site's configuration")
    parser.add_argument("--data", required=True, help="the directory of the site's data")
    parser.add_argument("--database", default="postgresql", choices=("postgresql", "sqlite"))
    steps = parser.add_subparsers(dest="step", required=True)
    for name, step in STEPS.items():
        sub = steps.add_parser(name, help=step.__doc__)
        if name == "keep":
            sub.add_argument("--to", type=json.loads, default={}, help="the images of the new release")
        if name == "close":
            sub.add_argument("--port", type=int, action="append", required=True)
            sub.add_argument("--let-in", action="append", default=[])
            sub.add_argument("--network", required=True, help="the network of the containers")
        if name == "back":
            sub.add_argument("--wait", type=int, default=900, help="seconds until every service must be healthy")
    return parser.parse_args(words)


def main(words):
    arguments = parse(words)
    site = Site(arguments.directory, arguments.data, arguments.database)
    try:
        with alone(site) if arguments.step != "look" else contextlib.nullcontext():
            print(json.dumps(STEPS[arguments.step](site, arguments)))
    except (Failure, OSError, shutil.Error) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
