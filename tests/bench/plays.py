# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the playbooks cost: seconds, CPU-seconds of the controller, tasks, and questions to the server.

Further sites are further names of the one server, in check mode, which asks the same and writes nothing: this machine
can't hold eight whole sites.
"""

from __future__ import annotations

import itertools
import json
import random

import lab
import yaml
from results import Target

NOTHING, SCANNER, PROOF = "site.yml with nothing to do", "one scanner added", "verify.yml"
TARGETS = [
    Target("Play, seconds", NOTHING, None, 25, at_most=True),
    Target("Play, seconds", SCANNER, None, 8, at_most=True),
    Target("Play, seconds", PROOF, None, 15, at_most=True),
    Target("A further site, CPU-seconds of the controller", "site.yml --check", None, 4, at_most=True),
]
SCANNERS = yaml.safe_load((lab.HERE / "inventory/group_vars/all.yml").read_text())["pacs_modalities"]


def scanners(number):
    """So many scanners more than the inventory has, as an argument of ansible-playbook."""
    more = [{"name": f"ct{n}", "aet": f"CT{n}", "address": f"10.213.58.{100 + n}"} for n in range(number)]
    return "--extra-vars=" + json.dumps({"pacs_modalities": SCANNERS + more})


def sites(number):
    """The host of the inventory and further names of it, as an argument of ansible-playbook."""
    hosts = yaml.safe_load((lab.HERE / "inventory/hosts.yml").read_text())["pacs"]["hosts"]
    [(name, facts)] = hosts.items()
    # Names for which cron does its work at the same times; with others there would be something to change.
    others = (other for n in itertools.count(2) if cron(other := f"{name}{n}") == cron(name))
    hosts |= dict.fromkeys(itertools.islice(others, number - 1), facts)
    path = lab.CACHE / f"sites-{number}.yml"
    path.write_text(yaml.safe_dump({"pacs": {"hosts": hosts}}))
    return f"--inventory={path}"


def cron(name):
    """What Ansible's filter random makes of a host's name."""
    return [random.Random(name).randrange(most) for most in (12, 60)]


def measure(take, first, smoke):
    if first:
        yield from told("site.yml on a fresh server", lab.FRESH)
    if smoke:
        yield from told(SCANNER, lab.play("scanners.yml", scanners(1)))
        return
    if first:
        # From here on both plays know the same scanners.
        lab.play("site.yml", scanners(1), "--skip-tags=verify")
    for label, (playbook, *arguments) in take(
        {NOTHING: ("site.yml", scanners(1)), PROOF: ("verify.yml", scanners(1))}.items()
    ):
        yield from told(label, lab.play(playbook, *arguments))
    yield from told(SCANNER, lab.play("scanners.yml", scanners(2)))
    lab.play("scanners.yml", scanners(1))

    if not first:
        return
    runs = {}
    for number in (1, 2, 4, 8):
        runs[number] = lab.play("site.yml", scanners(1), sites(number), "--check", "--skip-tags=verify")
        yield "site.yml --check, seconds for each site", f"{number} at once", runs[number]["seconds"] / number, "s"
    most = max(runs)
    further = (runs[most]["cpu"] - runs[1]["cpu"]) / (most - 1)
    yield "A further site, CPU-seconds of the controller", "site.yml --check", further, "s"


def told(label, run):
    yield "Play, seconds", label, run["seconds"], "s"
    yield "Play, CPU-seconds of the controller", label, run["cpu"], "s"
    yield "Play, tasks", label, run["tasks"], "tasks"
    yield "Play, questions to the server", label, run["questions"], "questions"
