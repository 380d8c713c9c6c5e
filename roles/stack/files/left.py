# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Wait for the Compose of a run that was killed, then say in JSON what earlier runs have left.

    left.py DIRECTORY SECONDS

`doors_closed` is true if the firewall's table is there that keeps callers away while their associations end.
`services` are those that were declared at some time.
"""

from __future__ import annotations

import json
import pathlib
import subprocess
import sys
import time

TABLES = ("/usr/sbin/nft", "list", "tables", "inet")


def answer(*words: str, also: int = 0) -> tuple[int, str]:
    """The status of a command and what it prints; ends with its reason if the status is neither 0 nor the other one."""
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode not in (0, also):
        sys.exit(f"{words[0]}: {done.stderr.strip()}")
    return done.returncode, done.stdout


def compose_runs(directory: str) -> bool:
    """Whether a Compose brings up this project. Two at once take each other's containers away."""
    return answer("pgrep", "--full", f"[c]ompose .*--project-directory {directory} .*up ", also=1)[0] == 0


def left(directory: str) -> dict[str, object]:
    fragments = pathlib.Path(directory, "compose.d").glob("*.json")
    return {
        "doors_closed": "threedpc_pacs_drain" in answer(*TABLES)[1],
        "services": sorted(path.stem for path in fragments if path.stem != "network"),
    }


def main(directory: str, seconds: str) -> None:
    end = time.monotonic() + int(seconds)
    while compose_runs(directory):
        if time.monotonic() > end:
            sys.exit(f"A Compose that a killed run has started is still at work on {directory} after {seconds} s")
        time.sleep(1)
    print(json.dumps(left(directory)))


if __name__ == "__main__":
    main(*sys.argv[1:])
