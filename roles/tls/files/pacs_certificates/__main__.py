"""The command line: pacs-certificates [--check] [--json] [--no-order] [--new-keys]."""

from __future__ import annotations

import argparse
import contextlib
import datetime
import fcntl
import json
import os
import sys
import time
from pathlib import Path

from . import status
from .errors import Problem
from .run import Run

# An order that waits for DNS takes minutes.
LOCK_PATIENCE = 600


@contextlib.contextmanager
def one_at_a_time(run: Run):
    if run.dry:
        yield
        return
    run.folder.mkdir(mode=0o711, parents=True, exist_ok=True)
    with open(run.folder / "lock", "w", encoding="utf-8") as lock:
        end = time.monotonic() + LOCK_PATIENCE
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > end:
                    raise Problem("another run holds the lock for ten minutes already") from None
                time.sleep(0.5)
        yield


def main() -> int:
    parser = argparse.ArgumentParser(prog="pacs-certificates", description="Keeps the certificates of this PACS.")
    parser.add_argument("--settings", type=Path, required=True, help=argparse.SUPPRESS)
    parser.add_argument("--check", action="store_true", help="say what would be done and do nothing")
    parser.add_argument("--json", action="store_true", help="report as JSON")
    parser.add_argument("--no-order", dest="order", action="store_false", help="ask no ACME server")
    parser.add_argument("--new-keys", action="store_true", help="make new keys, though nothing ends soon")
    arguments = parser.parse_args()
    os.umask(0o022)
    settings = json.loads(arguments.settings.read_text(encoding="utf-8"))
    now = datetime.datetime.now(datetime.timezone.utc)
    run = Run(settings, now, dry=arguments.check, order=arguments.order, new_keys=arguments.new_keys)
    try:
        with one_at_a_time(run):
            run.go()
            status.write(run)
    except Problem as problem:
        run.problems.append(str(problem))
    if arguments.json:
        print(json.dumps({"changed": bool(run.actions), "actions": run.actions, "problems": run.problems}))
    else:
        print("\n".join(run.actions or ["nothing to do"]))
    for problem in run.problems:
        print(f"{settings['site']}: {problem}.", file=sys.stderr)
    return 1 if run.problems else 0


sys.exit(main())
