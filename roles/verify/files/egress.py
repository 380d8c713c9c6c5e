# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Try whether the containers reach the server itself, and say in JSON what each of them saw.

    egress.py 172.30.42.1

Nobody listens at the server's port 9, so what gets that far is refused at once. Without our rules nobody is asked: a
firewall of somebody else may be silent as well.
"""

from __future__ import annotations

import concurrent.futures
import json
import os
import subprocess
import sys

RULES = ("nft", "list", "chain", "inet", "threedpc_pacs", "containers")
CONTAINERS = (
    "docker",
    "ps",
    "--filter=label=com.docker.compose.project=pacs",
    "--filter=label=com.docker.compose.oneoff=False",
    '--format={{.Label "com.docker.compose.service"}} {{.ID}}',
)
PROCESS = ("docker", "inspect", "--format={{.State.Pid}}")
# Runs in the container's network. The clock starts with the connection, not with the program.
CONNECTION = """
import socket, sys
try:
    socket.create_connection((sys.argv[1], 9), timeout=1)
except TimeoutError:
    print("silent")
except OSError:
    pass
"""


def output(*words: str) -> str:
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout.strip()


def sees(container: str, gateway: str) -> str:
    """What a connection from a container to the server meets."""
    inside = ("nsenter", "--net", "--target", output(*PROCESS, container))
    return output(*inside, sys.executable, "-I", "-c", CONNECTION, gateway) or "answered"


def main(gateway: str) -> None:
    os.environ["PATH"] += ":/usr/sbin"
    output(*RULES)
    found = dict(line.split() for line in output(*CONTAINERS).splitlines())
    with concurrent.futures.ThreadPoolExecutor(max(1, len(found))) as pool:
        seen = pool.map(lambda container: sees(container, gateway), found.values())
        print(json.dumps(dict(zip(found, seen))))


if __name__ == "__main__":
    try:
        main(sys.argv[1])
    except (OSError, subprocess.CalledProcessError) as error:
        sys.exit(f"{error} {getattr(error, 'stderr', '') or ''}".strip())
