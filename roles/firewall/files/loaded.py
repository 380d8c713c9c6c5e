# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Say whether exactly the rules of a file are loaded, now and at every boot.

    loaded.py UNIT FAMILY TABLE FILE

Exit 0 if they are, 1 with the reason if not. A network namespace of its own shows the rules of the file as the kernel
lists them.
"""

from __future__ import annotations

import subprocess
import sys

NFT = "/usr/sbin/nft"


def answer(*words):
    """What a command prints, None if it fails."""
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    return done.stdout if done.returncode == 0 else None


def reason(unit, family, table, file):
    """Why something is to be loaded, an empty text if nothing is."""
    listed = [NFT, "--stateless", "list", "table", family, table]
    script = '"$1" --file "$2" && shift 2 && exec "$@"'
    wanted = answer("unshare", "--net", "sh", "-c", script, "sh", NFT, file, *listed)
    if wanted is None or answer(*listed) != wanted:
        return "other rules are loaded"
    for word in ("is-active", "is-enabled"):
        if answer("systemctl", word, "--quiet", unit) is None:
            return f"systemctl {word} {unit} says no"
    if (answer("systemctl", "show", "--property=NeedDaemonReload", "--value", unit) or "").strip() != "no":
        return f"systemd knows another unit {unit}"
    return ""


if __name__ == "__main__":
    sys.exit(reason(*sys.argv[1:]) or 0)
