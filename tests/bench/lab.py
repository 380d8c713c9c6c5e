# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is measured: a site as site.yml makes it, a reference stack and a bare Orthanc, all on one lab server.

The load comes from a container that shares the server's network, so that it reaches every container of the three by
the same path: one bridge, no published port, no firewall. Its programs are written in C (storescu and wrk).
"""

from __future__ import annotations

import json
import os
import re
import resource
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import yaml
from ansible_collections.threedpc.pacs.plugins.module_utils import phantom

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).resolve().parent
CACHE = ROOT / ".cache" / "bench"
sys.path.insert(0, str(ROOT / "tests" / "lab"))

SERVER, ADDRESS = "threedpc-pacs-bench", "10.213.58.10"
LOAD, LOAD_IMAGE = "threedpc-pacs-bench-load", "threedpc-bench/load"
LOGIN = ("bench", "measures-at-night")
BASIC = "Authorization: Basic YmVuY2g6bWVhc3VyZXMtYXQtbmlnaHQ="
SITE = {
    "pacs_staff_users": dict([LOGIN]),
    "pacs_database_password": "bench-database",
    "pacs_auth_service_password": "bench-auth-service",
    "pacs_share_signing_key": "7d0f3ac16be2954893b1e6f2a80c5d47",
}
# nginx with the site's own configuration, which does not ask the gate.
UNGATED = "172.30.42.60"
UPSTREAM = os.environ.get("IMAGES") == "upstream"
IMAGES = ROOT / ".cache" / "lab" / f"images{'-upstream' if UPSTREAM else ''}.yml"
if not UPSTREAM:
    # What docs/performance.md advises for a PostgreSQL plugin as old as Debian's.
    SITE["pacs_index_connections"] = {"orthanc": 1, "orthanc-for-shares": 10}


@dataclass(frozen=True)
class Stack:
    """One of those that are measured, and where it listens inside the server."""

    name: str
    orthanc: str
    web: str
    aet: str
    project: str
    # Where its DICOM listens, if not at Orthanc itself. A caller at HAProxy's own address comes from the containers'
    # gateway, as callers over IPv6 do, and no modality has that.
    front: str = ""

    @property
    def dicom(self):
        return self.front or self.orthanc

    @property
    def api(self):
        return f"http://{self.orthanc}:8042"


STACKS = {
    "site": Stack("site", "172.30.42.11", f"https://{ADDRESS}/orthanc", "BENCH", "/opt/pacs", ADDRESS),
    "reference": Stack("reference", "172.31.58.11", f"http://{ADDRESS}:8090/orthanc", "ORTHANC", "/opt/reference"),
    "bare, TCP_NODELAY": Stack("bare, TCP_NODELAY", "172.31.58.22", "", "ORTHANC", "/opt/reference"),
    "bare": Stack("bare", "172.31.58.21", "", "ORTHANC", "/opt/reference"),
}


def run(*command, check=True, **options):
    """What a command printed; its own words if it failed."""
    done = subprocess.run(command, capture_output=True, text=True, check=False, **options)
    if check and done.returncode:
        sys.exit(f"{' '.join(command)[:200]}: {done.stderr.strip()[-2000:] or done.stdout.strip()[-2000:]}")
    return done.stdout


def server(*command, **options):
    return run("docker", "exec", SERVER, *command, **options)


def load(*command, **options):
    return run("docker", "exec", LOAD, *command, **options)


# What the first site.yml cost, on the fresh server.
FRESH = {}


def play(playbook, *arguments):
    """Run a playbook of the collection, or of a path, and say what it cost the controller and asked of the server."""
    log, notes = CACHE / f"{Path(playbook).stem}.log", CACHE / "tasks.jsonl"
    notes.unlink(missing_ok=True)
    environment = os.environ | {
        "ANSIBLE_CALLBACK_PLUGINS": str(HERE / "callback"),
        "ANSIBLE_CALLBACKS_ENABLED": "plays_callback",
        "BENCH_TASKS": str(notes),
    }
    command = ["ansible-playbook", str(ROOT / "playbooks" / playbook), f"--extra-vars=@{IMAGES}"]
    command += [f"--inventory={HERE / 'inventory'}", f"--extra-vars=@{CACHE / 'site.json'}", *arguments]
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    with log.open("w") as output:
        done = subprocess.run(command, cwd=ROOT, env=environment, stdout=output, stderr=subprocess.STDOUT, check=False)
    seconds, after = time.monotonic() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        sys.exit("".join(log.read_text().splitlines(keepends=True)[-40:]) + f"\n{playbook} failed: {log}")
    noted = [json.loads(line) for line in notes.read_text().splitlines()]
    return {
        "seconds": seconds,
        "cpu": sum(after[:2]) - sum(before[:2]),
        "tasks": sum("done" in note for note in noted),
        "questions": sum("trip" in note for note in noted),
    }


def api(stack, path, method="GET", body=None, base=None):
    """JSON from an Orthanc, asked inside the server."""
    command = ["curl", "--silent", "--show-error", "--fail-with-body", "--insecure", "--request", method]
    command += ["--header", BASIC, (base or stack.api) + path]
    if body is not None:
        command += ["--header", "Content-Type: application/json", "--data", json.dumps(body)]
    answer = load(*command)
    return json.loads(answer) if answer.strip() else None


def until_answered(url, *options, seconds=120):
    """Seconds until an address answers 200."""
    start = time.monotonic()
    arguments = " ".join(f"'{option}'" for option in options)
    asks = f"curl --silent --fail --insecure --max-time 2 --output /dev/null {arguments} '{url}'"
    load("timeout", str(seconds), "sh", "-c", f"until {asks}; do sleep 0.05; done")
    return time.monotonic() - start


# ---- Up and down ----


def up():
    CACHE.mkdir(parents=True, exist_ok=True)
    (CACHE / "site.json").write_text(json.dumps(SITE))
    play(HERE / "server.yml")
    FRESH.update(play("site.yml"))
    reference_up()
    ungated_up()
    load_up()
    for stack in STACKS.values():
        until_answered(f"{stack.api}/system", "--header", BASIC)


def reference_up():
    images = yaml.safe_load(IMAGES.read_text())["pacs_images"]
    server("mkdir", "-p", "/opt/reference")
    for path in (HERE / "reference").iterdir():
        run("docker", "cp", str(path), f"{SERVER}:/opt/reference/{path.name}")
    lines = "".join(f"{name.upper()}_IMAGE={images[name]}\n" for name in ("orthanc", "postgres", "nginx"))
    run("docker", "exec", "--interactive", SERVER, "sh", "-c", "cat > /opt/reference/.env", input=lines)
    server("sh", "-c", "cd /opt/reference && docker compose up --detach --quiet-pull 2>&1")


def ungated_up():
    """The same nginx beside the site's, for the price of the gate alone."""
    image = yaml.safe_load(IMAGES.read_text())["pacs_images"]["nginx"]
    script = f"""set -e
        rm -rf /opt/ungated && cp -r /opt/pacs/config/nginx /opt/ungated
        sed -i '/auth_request .*share-check;/d' /opt/ungated/nginx.conf
        sed -i 's/auth_request_set $share_known_token .*/set $share_known_token $share_token;/' /opt/ungated/nginx.conf
        docker rm --force ungated >/dev/null 2>&1 || true
        docker run --detach --name ungated --network pacs_default --ip {UNGATED} --tmpfs /run \\
          --tmpfs /var/cache/nginx --volume /opt/ungated:/etc/nginx/pacs:ro \\
          --volume /var/lib/pacs/tls/live:/etc/nginx/tls:ro \\
          --entrypoint nginx {image} -c /etc/nginx/pacs/nginx.conf -g 'daemon off;'"""
    server("sh", "-c", script)


def load_up():
    import build

    image = build.base_reference(build.STABLE)
    run("docker", "build", "--quiet", f"--tag={LOAD_IMAGE}", f"--build-arg=BASE={image}", str(HERE / "load"))
    run("docker", "rm", "--force", LOAD, check=False)
    folder = CACHE / "load"
    folder.mkdir(exist_ok=True)
    shutil.copy(HERE / "load" / "frames.lua", folder)
    command = ["docker", "run", "--detach", f"--name={LOAD}", f"--network=container:{SERVER}"]
    run(*command, f"--volume={folder}:/load", LOAD_IMAGE)


def down():
    run("docker", "rm", "--force", LOAD, check=False)
    play(HERE / "server.yml", "--extra-vars=lab_server_state=absent")


# ---- What is sent ----


class Study:
    """A CT study in files that the load container reads, dealt to as many folders as there are associations."""

    def __init__(self, name, slices, associations=(1,)):
        self.folder, self.slices = f"{name}-{slices}", slices
        self.study = phantom.Phantom(
            slices=slices, rows=512, columns=512, pixel_spacing=0.45, slice_thickness=min(50, 200 / slices),
            patient_id=name.upper(), patient_name=f"Bench^{name.title()}",
        )  # fmt: skip
        self.uid = self.study.study_instance_uid
        files = list(self.study.files())
        self.bytes = sum(len(content) for _file, content in files)
        for count in associations:
            for index, (file, content) in enumerate(files):
                folder = CACHE / "load" / self.folder / str(count) / str(index % count)
                folder.mkdir(parents=True, exist_ok=True)
                if not (folder / file).exists():
                    (folder / file).write_bytes(content)

    def send(self, stack, associations=1):
        """Seconds until every instance is stored, by so many storescu at once."""
        folder = f"/load/{self.folder}/{associations}"
        script = f"""failed=0; jobs=''
            for folder in {folder}/*; do
              TCP_NODELAY=1 storescu --required --aetitle SCANNER --call {stack.aet} --scan-directories \\
                {stack.dicom} 4242 $folder & jobs="$jobs $!"
            done
            for job in $jobs; do wait $job || failed=1; done
            exit $failed"""
        start = time.monotonic()
        load("sh", "-c", script)
        return time.monotonic() - start

    def found(self, stack):
        """Its Orthanc ID, or None."""
        answer = api(stack, "/tools/find", "POST", {"Level": "Study", "Query": {"StudyInstanceUID": self.uid}})
        return answer[0] if answer else None

    def stored(self, stack):
        identifier = self.found(stack)
        return api(stack, f"/studies/{identifier}/statistics")["CountInstances"] if identifier else 0

    def remove(self, stack):
        identifier = self.found(stack)
        if identifier:
            api(stack, f"/studies/{identifier}", "DELETE")

    def frames(self):
        """The paths of its frames below a DICOMweb root."""
        return [
            f"/studies/{self.uid}/series/{self.study.series_instance_uid}/instances/{uid}/frames/1"
            for uid in self.study.sop_instance_uids
        ]


# ---- Memory ----


def memory(stack):
    """Of each container of a stack MiB and percent of its limit, as `docker stats` counts them: without the cache of
    files."""
    names = server("sh", "-c", f"cd {stack.project} && docker compose ps --quiet | xargs docker stats --no-stream "
                   "--format '{{.Name}} {{.MemUsage}} {{.MemPerc}}'")  # fmt: skip
    units = {"B": 2**-20, "KiB": 2**-10, "MiB": 1, "GiB": 2**10}
    found = {}
    for name, number, unit, percent in re.findall(r"^(\S+) ([\d.]+)([KMG]?i?B) / \S+ ([\d.]+)%", names, re.MULTILINE):
        found[re.sub(r"^(pacs|reference)-|-1$", "", name)] = float(number) * units[unit], float(percent)
    return found


def peak(container, forget=False):
    """MiB that a container's main process had at the most since the last forgetting."""
    pid = server("docker", "inspect", "--format", "{{.State.Pid}}", container).strip()
    if forget:
        server("sh", "-c", f"echo 5 > /proc/{pid}/clear_refs")
    return int(re.search(r"VmHWM:\s+(\d+)", server("cat", f"/proc/{pid}/status"))[1]) / 1024
