# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""WADO-RS frames of 0.5 MB: direct, through nginx over TLS, through the gate with a token, and without the gate."""

from __future__ import annotations

import functools
import json

from lab import ADDRESS, BASIC, CACHE, STACKS, UNGATED, Study, api, load
from results import Target

NGINX, SHARES = "172.30.42.10", "172.30.42.12"
DIRECT, STAFF = "direct to Orthanc", "staff: nginx and TLS"
SHARED, GATE, NO_GATE = "direct to Orthanc for shares", "share: nginx, TLS and gate", "share: nginx and TLS, no gate"
CONNECTIONS = (1, 16, 20)
TARGETS = [
    Target("Frames, 1 connection", STAFF, DIRECT, 0.8),
    Target("Frames, 16 connections", STAFF, DIRECT, 0.7),
    *(Target(f"Frames, {count} connection{'s' * (count > 1)}", GATE, STAFF, 0.85) for count in (1, 16)),
    Target("Frames, 20 connections", GATE, NO_GATE, 0.9),
]


@functools.cache
def prepared(slices):
    """A study in both archives and a link to it; for each way, where to ask and with which header."""
    study = Study("frames", slices)
    for name in ("site", "reference"):
        stack = STACKS[name]
        if study.stored(stack) != slices:
            study.send(stack)
    site = STACKS["site"]
    body = {
        "Type": "ohif-viewer-publication",
        "Resources": [{"DicomUid": study.uid, "OrthancId": study.found(site), "Level": "study"}],
        "ValidityDuration": 86400,
    }
    token = api(site, "/auth/tokens/ohif-viewer-publication", "PUT", body, base=f"https://{ADDRESS}/orthanc")["Token"]
    bearer = f"Authorization: Bearer {token}"
    ways = {
        DIRECT: (f"http://{site.orthanc}:8042/dicom-web", BASIC),
        STAFF: (f"https://{NGINX}/orthanc/dicom-web", BASIC),
        SHARED: (f"http://{SHARES}:8042/dicom-web", bearer),
        GATE: (f"https://{NGINX}/shares/dicom-web", bearer),
        NO_GATE: (f"https://{UNGATED}/shares/dicom-web", bearer),
        "reference: direct": (f"http://{STACKS['reference'].orthanc}:8042/dicom-web", BASIC),
        "reference: plain nginx": ("http://172.31.58.10/orthanc/dicom-web", BASIC),
    }
    for index, (url, _header) in enumerate(ways.values()):
        root = "/" + url.split("/", 3)[3]
        (CACHE / "load" / f"paths-{index}").write_text("".join(f"{root}{path}\n" for path in study.frames()))
    return {name: (url, header, f"/load/paths-{index}") for index, (name, (url, header)) in enumerate(ways.items())}


def ask(url, header, paths, connections, seconds):
    """What wrk says after so many seconds; after more where a busy machine answered nothing in that time."""
    command = ["wrk", "--threads", "1", "--connections", str(connections), "--timeout", "20s"]
    command += ["--script", "/load/frames.lua", "--header", header, "--header", f"Host: {ADDRESS}"]
    for duration in (seconds, 5 * seconds, 20 * seconds):
        output = load(*command, "--duration", f"{duration}s", url, "--", paths)
        result = json.loads(output.split("RESULT ")[1])
        if result["refused"] or result["broken"]:
            raise RuntimeError(f"{url}: {result}")
        if result["requests"]:
            return result
    raise RuntimeError(f"{url} answered nothing in {duration} s")


def measure(take, first, smoke):
    ways = prepared(8 if smoke else 100)
    for connections in (1, 20) if smoke else CONNECTIONS:
        # At 20 the price of the gate is asked for, and nothing else.
        compared = {name: ways[name] for name in (GATE, NO_GATE)} if connections == 20 else ways
        for name, (url, header, paths) in take(compared.items()):
            if first:
                ask(url, header, paths, connections, 1)
            result = ask(url, header, paths, connections, 1 if smoke else 2)
            label = f"{connections} connection{'s' * (connections > 1)}"
            yield f"Frames, {label}", name, result["requests"] / result["seconds"], "frames/s"
            yield f"Frames, {label}, 99th percentile", name, result["p99"], "ms"
