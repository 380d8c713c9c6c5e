#!/usr/bin/env python
# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What models cost: time and memory to make them from a large segmentation, and Orthanc's memory for a large model.

Prints what docs/models.md quotes. Needs the lab's image of Orthanc (make lab) and, for Orthanc's memory, root.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import nibabel
import nrrd
import numpy as np
import requests
import yaml
from ansible_collections.threedpc.pacs.plugins.module_utils import phantom, stl_model

ROOT = Path(__file__).resolve().parents[2]
NAME, PORT = "threedpc-model-bench", 18144
LOGIN = ("staff", "staff-staff")


def module(name, **options):
    """A module as Ansible runs it: its result, seconds, and the most memory that it had in MiB."""
    program = (
        "import sys\n"
        "from ansible.module_utils.testing import patch_module_args\n"
        "from ansible_collections.threedpc.pacs.plugins.modules import %s as module\n"
        "import json\n"
        "with patch_module_args(json.loads(sys.argv[1])):\n"
        "    module.main()\n"
    ) % name
    start = time.monotonic()
    with subprocess.Popen([sys.executable, "-c", program, json.dumps(options)], stdout=subprocess.PIPE) as process:
        output = process.stdout.read()
        usage = os.wait4(process.pid, 0)[2]
    result = json.loads(output)
    if result.get("failed"):
        sys.exit(result["msg"])
    return result, time.monotonic() - start, usage.ru_maxrss / 1024


def segmentations(folder):
    """A head in 512 x 512 x 400 voxels, its bone and its brain, in both formats."""
    head = phantom.Phantom(slices=400, rows=512, columns=512, pixel_spacing=0.45, slice_thickness=0.5)
    labels = np.zeros((400, 512, 512), dtype=np.int16)
    for index in range(400):
        image = head.hounsfield(index)
        labels[index][(image > 0) & (image < phantom.SKIN - 5)] = 2
        labels[index][image > 300] = 1
    # From slices, rows, columns to x, y, z.
    labels = labels.T
    affine = np.diag([0.45, 0.45, 0.5, 1.0])
    affine[:3, 3] = head.origin
    image = nibabel.Nifti1Image(labels, np.diag([-1, -1, 1, 1]) @ affine)
    nibabel.save(image, folder / "head.nii.gz")
    nrrd.write(
        str(folder / "head.nrrd"),
        labels.astype(np.uint8),
        {"space": "left-posterior-superior", "space directions": affine[:3, :3], "space origin": affine[:3, 3]},
    )


def large_stl(path, triangles=4_000_000):
    """200 MB of a real surface, many times over."""
    surface = phantom.skull_surface().astype(np.float32)
    portions = [surface] * (triangles // len(surface)) + [surface[: triangles % len(surface)]]
    with open(path, "wb") as stream:
        stl_model.write(stream, triangles, portions)


class Orthanc:
    """A bare Orthanc of the lab, and how much memory it had at the most."""

    url = "http://127.0.0.1:%d" % PORT

    def __enter__(self):
        images = yaml.safe_load((ROOT / ".cache/lab/images.yml").read_text())["pacs_images"]
        subprocess.run(["docker", "rm", "--force", NAME], check=False, capture_output=True)
        command = ["docker", "run", "--detach", "--name", NAME, "--publish", f"127.0.0.1:{PORT}:8042"]
        command += ["--env", "STL_PLUGIN_ENABLED=true", "--env", "DICOM_WEB_PLUGIN_ENABLED=true"]
        command += ["--env", 'ORTHANC__REGISTERED_USERS={"%s": "%s"}' % LOGIN, images["orthanc"]]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        for _attempt in range(60):
            try:
                requests.get(self.url + "/system", auth=LOGIN, timeout=2).raise_for_status()
                break
            except requests.RequestException:
                time.sleep(0.5)
        found = subprocess.run(
            ["docker", "inspect", "--format", "{{.State.Pid}}", NAME], check=True, capture_output=True, text=True
        )
        self.process = Path("/proc") / found.stdout.strip()
        return self

    def __exit__(self, *error):
        subprocess.run(["docker", "rm", "--force", "--volumes", NAME], check=False, capture_output=True)

    def memory(self, what):
        return int(re.search(what + r":\s+(\d+) kB", (self.process / "status").read_text())[1]) / 1024

    def forget_peak(self):
        (self.process / "clear_refs").write_text("5")
        return self.memory("VmRSS")


def main():
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        segmentations(folder)
        for name in ("head.nii.gz", "head.nrrd"):
            result, seconds, memory = module("stl_from_segmentation", src=str(folder / name), dest=scratch)
            triangles = sum(model["triangles"] for model in result["models"])
            print(f"{name}, 512 x 512 x 400, 2 segments: {triangles} triangles, {seconds:.0f} s, {memory:.0f} MiB")
        _result, seconds, memory = module(
            "stl_from_segmentation", src=str(folder / "head.nrrd"), dest=scratch, smooth=20
        )
        print(f"the same with 20 rounds of smoothing: {seconds:.0f} s, {memory:.0f} MiB")

        model = folder / "large.stl"
        large_stl(model)
        size = model.stat().st_size / 2**20
        study = phantom.Phantom(slices=3, rows=64, columns=64, pixel_spacing=3.6, slice_thickness=50)
        with Orthanc() as orthanc:
            for _name, content in study.files():
                requests.post(orthanc.url + "/instances", content, auth=LOGIN, timeout=30).raise_for_status()
            where = dict(url=orthanc.url, url_username=LOGIN[0], url_password=LOGIN[1], timeout=60)
            before = orthanc.forget_peak()
            result, seconds, memory = module(
                "orthanc_stl", src=str(model), title="Large", study=study.study_instance_uid, **where
            )
            peak = orthanc.memory("VmHWM") - before
            time.sleep(2)
            left = orthanc.memory("VmRSS") - before
            print(
                f"STL of {size:.0f} MiB: {seconds:.1f} s, {memory:.0f} MiB here; Orthanc {peak:.0f} MiB more at the "
                f"most, {peak / size:.1f} times the model, {max(left, 0):.0f} MiB more afterwards"
            )
            before = orthanc.forget_peak()
            _result, seconds, memory = module(
                "orthanc_stl", src=str(model), title="Large", study=study.study_instance_uid, **where
            )
            print(
                f"the same again: {seconds:.1f} s, Orthanc {orthanc.memory('VmHWM') - before:.0f} MiB more at the most"
            )
            before = orthanc.forget_peak()
            path = "/instances/%s/stl" % result["instance_id"]
            got = requests.get(orthanc.url + path, auth=LOGIN, timeout=60).content
            print(
                "read back as STL: %s, Orthanc %.0f MiB more at the most"
                % ("the same bytes" if got == model.read_bytes() else "OTHER BYTES", orthanc.memory("VmHWM") - before)
            )


if __name__ == "__main__":
    main()
