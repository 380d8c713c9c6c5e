"""The file that a site's monitoring reads."""

from __future__ import annotations

import json

from . import store


def write(run) -> None:
    """Say when all was well last, what failed last and when each certificate ends."""
    if run.dry:
        return
    file = run.folder / "status.json"
    try:
        before = json.loads(store.read(file) or b"{}")
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
    store.write(file, (json.dumps(after, indent=2, ensure_ascii=False) + "\n").encode(), 0o444)
