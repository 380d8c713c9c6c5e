# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The doors of the site: tables of nftables that keep callers away for a while, and nginx's refusal of uploads.

There are two reasons to close them. A drain drops the packets that would begin an association: the caller's TCP tries
again by itself, and where the restart is short the association is late and nothing more. An upgrade refuses everybody
but the machine that verifies the new release. Both are gone after a reboot.
"""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Iterable

from .compose import compose
from .core import attempt, run
from .settings import Site

DRAIN = "threedpc_pacs_drain"
UPGRADE = "threedpc_pacs_upgrade"
# nginx answers 503 to whatever would change something while this file is there.
CLOSED_FILE = "/run/pacs-closed"
# The file removes itself, unless a later one has taken its place.
CLOSE = "echo $$ > {file}; sleep {seconds}; [ $(cat {file}) != $$ ] || rm -f {file}"


def drain_rules(ports: Iterable[int], seconds: int) -> str:
    """The table that keeps new associations away. It forgets its ports by itself, the table stays."""
    elements = ", ".join(f"{port} timeout {seconds}s" for port in ports)
    return f"""\
table inet {DRAIN}
delete table inet {DRAIN}
table inet {DRAIN} {{
    set closed {{
        type inet_service
        flags timeout
        {f"elements = {{ {elements} }}" if elements else ""}
    }}
    chain prerouting {{
        type filter hook prerouting priority mangle; policy accept;
        fib daddr type local tcp dport @closed ct state new drop
    }}
}}
"""


def upgrade_rules(ports: Iterable[int], addresses: Iterable[str], network: str) -> str:
    """The table that lets nobody in but the machine that verifies."""
    let_in = "".join(
        f"        {'ip6' if ipaddress.ip_address(address).version == 6 else 'ip'} saddr {address} accept\n"
        for address in addresses
    )
    # Before the site's own table, which goes on to judge those who are let in here.
    return f"""\
table inet {UPGRADE}
delete table inet {UPGRADE}
table inet {UPGRADE} {{
    chain prerouting {{
        type filter hook prerouting priority mangle - 1; policy accept;
        ct state established,related accept
        iif lo accept
        ip saddr {network} accept
{let_in}        fib daddr type local tcp dport {{ {", ".join(map(str, ports))} }} reject with tcp reset
    }}
}}
"""


def load(rules: str) -> None:
    """Replace a table in one go."""
    run(["nft", "--file", "-"], "Closing the ports", input=rules.encode())


def is_closed(table: str) -> bool:
    return attempt(["nft", "list", "table", "inet", table]).returncode == 0


def remove(table: str) -> None:
    if is_closed(table):
        run(["nft", "delete", "table", "inet", table], "Opening the ports")


def remaining() -> dict[int, int]:
    """The ports that a drain keeps closed, and for how many seconds yet."""
    done = attempt(["nft", "--json", "list", "set", "inet", DRAIN, "closed"])
    if done.returncode:
        return {}
    found = [entry["set"] for entry in json.loads(done.stdout)["nftables"] if "set" in entry]
    elements = [entry["elem"] for entry in (found[0].get("elem") or []) if isinstance(entry, dict)] if found else []
    return {int(element["val"]): int(element.get("expires", 0)) for element in elements}


def refuse_uploads(site: Site, seconds: int) -> None:
    words = CLOSE.format(file=CLOSED_FILE, seconds=seconds)
    compose(site, "exec", "-T", "--detach", "nginx", "sh", "-c", words, what="Closing nginx to uploads")


def refuses_uploads(site: Site) -> bool:
    return in_nginx(site, "test", "-s", CLOSED_FILE)


def accept_uploads(site: Site) -> None:
    in_nginx(site, "rm", "-f", CLOSED_FILE)


def in_nginx(site: Site, *words: str) -> bool:
    """Whether a command succeeds in nginx's container."""
    return attempt(["docker", "compose", "exec", "-T", "nginx", *words], cwd=site.directory).returncode == 0
