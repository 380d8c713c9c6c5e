# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A model of 5, 50 and 200 MB attached: as attach_model.yml does it, and as base64 to Orthanc, which people copy."""

from __future__ import annotations

import base64
import functools
import time

from lab import CACHE, LOGIN, STACKS, Study, peak
from models import large_stl, module
from results import Target

SIZES = (5, 50, 200)
CONTAINERS = {"site": "pacs-orthanc-1", "reference": "reference-orthanc-1"}
TARGETS = [
    Target(f"Model of {size} MB, extra memory of Orthanc", "site", "reference", 1.0, at_most=True) for size in SIZES
]


@functools.cache
def study():
    """Few slices in both archives, to which the models belong."""
    made = Study("model", 3)
    for name in CONTAINERS:
        if not made.found(STACKS[name]):
            made.send(STACKS[name])
    return made


def model(size, number):
    """A file that was never attached before: the same again would change nothing."""
    path = CACHE / f"model-{size}.stl"
    if not path.exists():
        large_stl(path, size * 1_000_000 // 50)
    with path.open("r+b") as stream:
        stream.write(f"bench {number} {time.time_ns()}".encode().ljust(80)[:80])
    return path


def measure(take, first, smoke):
    import requests
    import urllib3

    urllib3.disable_warnings()
    for size in SIZES[:1] if smoke else SIZES:
        for name, container in take(CONTAINERS.items()):
            uid, identifier = study().uid, study().found(STACKS[name])
            path = model(size, name)
            before = peak(container, forget=True)
            start = time.monotonic()
            if name == "site":
                where = {"url": STACKS[name].web, "url_username": LOGIN[0], "url_password": LOGIN[1], "timeout": 120}
                made = module(
                    "orthanc_stl", src=str(path), title=f"Model of {size} MB", study=uid, validate_certs=False, **where
                )[0]["instance_id"]
            else:
                content = base64.b64encode(path.read_bytes()).decode()
                body = {
                    "Parent": identifier,
                    "Tags": {"SeriesDescription": f"Model of {size} MB", "Modality": "M3D"},
                    "Content": f"data:model/stl;base64,{content}",
                }
                answer = requests.post(f"{STACKS[name].web}/tools/create-dicom", json=body, auth=LOGIN, timeout=120)
                answer.raise_for_status()
                made = answer.json()["ID"]
            seconds = time.monotonic() - start
            yield f"Model of {size} MB, seconds", name, seconds, "s"
            yield f"Model of {size} MB, extra memory of Orthanc", name, max(peak(container) - before, 0.1), "MiB"
            requests.delete(
                f"{STACKS[name].web}/instances/{made}", auth=LOGIN, verify=False, timeout=60
            ).raise_for_status()
