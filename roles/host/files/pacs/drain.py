# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keep new associations and uploads away and wait until those in progress are over, so that a restart cuts none."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

from . import doors, sockets
from .compose import compose, process
from .core import Failure, Outcome
from .settings import Site

NGINX = ("nginx", "-c", "/etc/nginx/pacs/nginx.conf")


def wait(busy: Callable[[], set[str]], end: float) -> set[str]:
    """Until nobody was busy twice in a row, or the time is over; returns who still is."""
    quiet = 0
    while quiet < 2:
        still = busy()
        if still and time.monotonic() > end:
            return still
        quiet = 0 if still else quiet + 1
        time.sleep(0.3)
    return set()


def wait_for_associations(end: float) -> set[str]:
    orthanc = process("orthanc")
    still = wait(lambda: sockets.associations(orthanc), end) if orthanc else set()
    return still and (sockets.associations(orthanc, sockets.callers()) or still)


def wait_for_uploads(site: Site, closed: int, end: float) -> set[str]:
    """nginx begins anew with processes for which the door is closed; the old ones end with their last request."""
    nginx = process("nginx")
    # One that can't load what it finds is about to be replaced itself, and ends its requests when it stops.
    if not nginx or not doors.in_nginx(site, *NGINX, "-q", "-t"):
        return set()
    doors.refuse_uploads(site, closed)
    while not doors.refuses_uploads(site) and time.monotonic() < end:
        time.sleep(0.1)
    old = sockets.children(nginx)
    compose(site, "exec", "-T", "nginx", *NGINX, "-s", "reload", what="Reloading nginx")
    return {"a request over the web"} if wait(lambda: old & sockets.children(nginx), end) else set()


def close(site: Site, patience: int, closed: int) -> Outcome:
    """Close the doors and wait. If that fails, nothing is restarted, so nobody has to be kept away any longer."""
    end = time.monotonic() + patience
    try:
        # Without ports as well: the table says to the next run that the doors are closed.
        doors.load(doors.drain_rules(site.drained_ports, closed))
        still = wait_for_associations(end) or wait_for_uploads(site, closed, end)
        if still:
            raise Failure(
                f"After {patience} seconds there still was {', '.join(sorted(still))}. The doors are open again."
            )
    except BaseException:
        reopen(site)
        raise
    return Outcome(changed=True, actions=["closed the doors"])


def reopen(site: Site) -> Outcome:
    was_closed = doors.is_closed(doors.DRAIN)
    doors.remove(doors.DRAIN)
    if process("nginx"):
        doors.accept_uploads(site)
    return Outcome(changed=was_closed, actions=["opened the doors"] if was_closed else [])


def command(site: Site, arguments: argparse.Namespace) -> Outcome:
    if arguments.action == "open":
        return reopen(site)
    return close(site, arguments.patience, arguments.closed)
