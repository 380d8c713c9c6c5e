#!/usr/bin/env python
# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the plays cost: tasks, round trips, seconds and CPU-seconds of the controller.

Starts servers of its own in the lab, makes one a site, and plays on it: again with nothing to do, with one scanner
added, and verify.yml alone. Then site.yml for 1, 2, 4 and 8 sites. A machine can't hold eight whole sites, so the
hosts beyond the kept servers are further names of them, in check mode, which asks the same and writes nothing.

    plays.py [--servers N] [--repeat N] [--hosts 1,2,4,8] [--keep]

Needs the lab's images (make lab). Prints a table, and writes .cache/bench/plays.json.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / ".cache/bench/plays"
NAME, NETWORK = "threedpc-pacs-plays", "10.213.61"
IMAGES = ROOT / ".cache/lab/images.yml"


class Failed(Exception):
    """A play failed: the sentence says which and where its output is."""


def site(number, server, scanners=1):
    """The inventory of one site, which lies on one of the servers."""
    scanner = {"aet": "CT{}", "address": f"{NETWORK}.1", "name": "ct{}"}
    return {
        "ansible_connection": "community.docker.docker",
        "ansible_host": f"{NAME}{server}",
        "ansible_python_interpreter": "/usr/bin/python3",
        "lab_server_name": f"{NAME}{server}",
        "lab_server_network": NAME,
        "lab_server_subnet": f"{NETWORK}.0/24",
        "lab_server_address": f"{NETWORK}.{10 + server}",
        "pacs_site": f"Site {number}",
        "pacs_domain": f"{NETWORK}.{10 + server}",
        "pacs_modalities": [{key: text.format(n + 1) for key, text in scanner.items()} for n in range(scanners)],
        "pacs_verify_address": f"{NETWORK}.1",
        "pacs_staff_users": {"anna": "bench anna 1"},
        "pacs_database_password": "bench database 2",
        "pacs_auth_service_password": "bench service 3",
        "pacs_share_signing_key": "bench bench bench bench bench bench 4",
        "pacs_local_dir": str(FOLDER / f"local{number}"),
        "tls_source": "selfsigned",
    }


def inventory(hosts, servers, scanners=1):
    """Write an inventory in which several hosts may be names of one server."""
    # Hosts on one server are the same site, or each would want to change it.
    made = {f"site{n + 1}": site(n % servers + 1, n % servers + 1, scanners) for n in range(hosts)}
    path = FOLDER / f"hosts{hosts}-{scanners}.yml"
    path.write_text(yaml.safe_dump({"pacs": {"hosts": made}}), encoding="utf-8")
    return path


def server_cpu(servers):
    """CPU-seconds that the servers have used, or None where the control groups don't tell."""
    total = 0.0
    for number in range(1, servers + 1):
        command = ["docker", "inspect", "--format", "{{.Id}}", f"{NAME}{number}"]
        identity = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
        one = Path(f"/sys/fs/cgroup/cpuacct/docker/{identity}/cpuacct.usage")
        two = Path(f"/sys/fs/cgroup/system.slice/docker-{identity}.scope/cpu.stat")
        if one.exists():
            total += int(one.read_text(encoding="ascii")) / 1e9
        elif two.exists():
            total += int(two.read_text(encoding="ascii").split()[1]) / 1e6
        else:
            return None
    return total


def play(label, playbook, hosts, *options, servers=1):
    """Run a playbook and measure it."""
    tasks = FOLDER / "tasks.jsonl"
    tasks.unlink(missing_ok=True)
    environment = os.environ | {
        "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
        "ANSIBLE_HOME": str(ROOT / ".cache/ansible"),
        "ANSIBLE_CALLBACK_PLUGINS": str(ROOT / "tests/bench"),
        "ANSIBLE_CALLBACKS_ENABLED": "plays_callback",
        "BENCH_TASKS": str(tasks),
    }
    log = FOLDER / f"{label.replace(' ', '-').replace(',', '')}.log"
    command = ["ansible-playbook", f"--inventory={hosts}", f"--extra-vars=@{IMAGES}", *options, str(ROOT / playbook)]
    before, used, began = resource.getrusage(resource.RUSAGE_CHILDREN), server_cpu(servers), time.monotonic()
    with log.open("w", encoding="utf-8") as stream:
        done = subprocess.run(command, cwd=ROOT, env=environment, stdout=stream, stderr=stream, check=False)
    seconds, after = time.monotonic() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        raise Failed(f"{label}: {playbook} failed; its output is {log}")
    notes = [json.loads(line) for line in tasks.read_text(encoding="utf-8").splitlines()]
    spent = server_cpu(servers)
    return {
        "what": label,
        "load": round(os.getloadavg()[0], 1),
        "seconds": round(seconds, 1),
        "controller_cpu": round(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, 1),
        "server_cpu": None if used is None else round(spent - used, 1),
        "tasks": sum("done" in note for note in notes),
        "round_trips": sum("trip" in note for note in notes),
        "slowest": sorted(
            ({"task": note["done"], "seconds": round(note["wall"], 2)} for note in notes if "done" in note),
            key=lambda entry: -entry["seconds"],
        )[:5],
    }


def lab(verb, hosts):
    """Start the servers, or remove them."""
    book = [
        {
            "hosts": "pacs",
            "gather_facts": False,
            # One after the other: they share a network, which the first one makes and the last one removes.
            "serial": 1,
            "tasks": [
                {
                    "ansible.builtin.include_tasks": {
                        "file": str(ROOT / f"tests/lab/tasks/server_{verb}.yml"),
                        "apply": {"delegate_to": "localhost"},
                    }
                }
            ],
        }
    ]
    path = FOLDER / f"{verb}.yml"
    path.write_text(yaml.safe_dump(book), encoding="utf-8")
    command = ["ansible-playbook", f"--inventory={hosts}", f"--extra-vars=@{IMAGES}", str(path)]
    environment = os.environ | {"ANSIBLE_CONFIG": str(ROOT / "ansible.cfg")}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Failed(f"The servers: {done.stdout[-2000:]}")


def middle(runs):
    """One row of several runs of the same: medians, and least and most seconds."""
    row = dict(runs[0])
    for name in ("load", "seconds", "controller_cpu", "server_cpu"):
        if row[name] is not None:
            row[name] = round(statistics.median(run[name] for run in runs), 1)
    return row | {"least": min(run["seconds"] for run in runs), "most": max(run["seconds"] for run in runs)}


def measure(options):
    one, rows = inventory(1, 1), []
    rows.append(middle([play("site.yml on a fresh server", "playbooks/site.yml", one)]))
    again = {"site.yml with nothing to do": [], "one scanner added": [], "verify.yml": []}
    for turn in range(options.repeat):
        # In turn, so that a busy moment of the machine meets all of them.
        hosts = inventory(1, 1, scanners=turn + 1)
        again["site.yml with nothing to do"].append(play("site.yml with nothing to do", "playbooks/site.yml", hosts))
        more = inventory(1, 1, scanners=turn + 2)
        again["one scanner added"].append(play("one scanner added", "playbooks/scanners.yml", more))
        again["verify.yml"].append(play("verify.yml", "playbooks/verify.yml", more))
    rows += [middle(runs) for runs in again.values()]
    scanners = options.repeat + 1
    if options.servers > 1:
        play("the other servers", "playbooks/site.yml", inventory(options.servers, options.servers, scanners))
    for hosts in options.hosts:
        label = f"site.yml --check, {hosts} sites" if hosts > 1 else "site.yml --check, 1 site"
        servers = min(options.servers, hosts)
        listed = inventory(hosts, servers, scanners)
        run = play(label, "playbooks/site.yml", listed, "--check", "--skip-tags=verify", servers=servers)
        rows.append(middle([run]) | {"sites": hosts})
    return rows


def further_site(rows):
    """CPU-seconds of the controller and seconds for each site beyond the first, by the widest run."""
    by_sites = {row["sites"]: row for row in rows if "sites" in row}
    if len(by_sites) < 2:
        return None
    least, most = min(by_sites), max(by_sites)
    return {
        "controller_cpu": round(
            (by_sites[most]["controller_cpu"] - by_sites[least]["controller_cpu"]) / (most - least), 2
        ),
        "seconds_per_site": {sites: round(row["seconds"] / sites, 1) for sites, row in sorted(by_sites.items())},
    }


def table(result):
    """The result in Markdown."""
    lines = [
        f"Measured on {result['machine']}. Medians of {result['repeat']} runs where there are several.",
        "",
        "| What | Tasks | Round trips | Seconds (least to most) | CPU-s controller | CPU-s servers | Load |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in result["rows"]:
        lines.append(
            f"| {row['what']} | {row['tasks']} | {row['round_trips']} | {row['seconds']} ({row['least']} to"
            f" {row['most']}) | {row['controller_cpu']} | {row['server_cpu']} | {row['load']} |"
        )
    if result["further_site"]:
        each = ", ".join(f"{sites}: {seconds}" for sites, seconds in result["further_site"]["seconds_per_site"].items())
        lines += [
            "",
            f"A further site costs {result['further_site']['controller_cpu']} CPU-seconds of the controller. Seconds"
            f" for each site by the number of sites: {each}. Sites beyond {result['servers']} are further names of the"
            " same servers, and these runs are in check mode without verify.yml.",
        ]
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--servers", type=int, default=1, help="whole sites that this machine holds (default: 1)")
    parser.add_argument("--repeat", type=int, default=3, help="runs with nothing to do (default: 3)")
    parser.add_argument("--hosts", default="1,2,4,8", help="numbers of sites (default: 1,2,4,8)")
    parser.add_argument("--keep", action="store_true", help="leave the servers")
    options = parser.parse_args()
    options.hosts = [int(number) for number in options.hosts.split(",") if number]
    FOLDER.mkdir(parents=True, exist_ok=True)
    servers = inventory(options.servers, options.servers)
    try:
        lab("up", servers)
        rows = measure(options)
    except Failed as failed:
        sys.exit(str(failed))
    finally:
        if not options.keep:
            lab("down", inventory(options.servers, options.servers))
    result = {
        "machine": f"{platform.node()}, {os.cpu_count()} CPUs, {platform.platform()}",
        "repeat": options.repeat,
        "servers": options.servers,
        "rows": rows,
        "further_site": further_site(rows),
    }
    (FOLDER.parent / "plays.json").write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    print(table(result))


if __name__ == "__main__":
    main()
