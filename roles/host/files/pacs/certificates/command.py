# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The subcommand: one run, and the file that monitoring reads."""

from __future__ import annotations

import argparse
import contextlib
import datetime
import json

from ..core import Failure, Outcome, lock, write_file
from ..settings import Site
from .pair import read
from .run import Run

# An order that waits for DNS takes minutes.
LOCK_PATIENCE = 600


def command(site: Site, arguments: argparse.Namespace) -> Outcome:
    settings = site.settings("certificates")
    if settings is None:
        raise Failure("This site has no certificates yet. Run site.yml.")
    now = datetime.datetime.now(datetime.timezone.utc)
    run = Run(settings, now, dry=arguments.dry_run, order=arguments.order, new_keys=arguments.new_keys)
    with contextlib.nullcontext() if run.dry else lock(run.folder / "lock", "certificates", LOCK_PATIENCE):
        run.go()
        try:
            record(run)
        except Failure as failure:
            run.problems.append(str(failure))
    return Outcome(
        result=run.certificates,
        changed=bool(run.actions),
        actions=run.actions,
        problems=[f"{problem}." for problem in run.problems],
        # What is in service stays there.
        state="warning" if run.problems else "ok",
        text="" if run.problems else "\n".join(run.actions) or "nothing to do",
    )


def record(run: Run) -> None:
    """Say when all was well last, what failed last and when each certificate ends."""
    if run.dry:
        return
    file = run.folder / "status.json"
    try:
        before = json.loads(read(file) or b"{}")
    except ValueError:
        before = {}
    now = run.now.isoformat(timespec="seconds")
    failure = {"time": now, "reason": "; ".join(run.problems)} if run.problems else before.get("last_failure")
    after = {
        "site": run.settings["site"],
        "source": run.settings["source"],
        "ok": not run.problems,
        "last_success": before.get("last_success") if run.problems else now,
        "last_failure": failure,
        "certificates": run.certificates,
    }
    write_file(file, json.dumps(after, indent=2, ensure_ascii=False) + "\n", 0o444)
