# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes releases of the lab's Orthanc and writes them as archives: build.py .cache/lab/images.yml

Debian has one version of Orthanc. These differ in their tags, in the tables that they want and in what they do wrong.
"""

import pathlib
import subprocess
import sys

import yaml

HERE = pathlib.Path(__file__).resolve().parent
ARCHIVES = {
    "old": {"old": ("1.13.0", 1)},
    "later": {"new": ("1.13.1", 2), "broken": ("1.13.2", 3), "wrong": ("1.13.2", 3)},
}


def main(images_file):
    path = pathlib.Path(images_file)
    base = yaml.safe_load(path.read_text(encoding="utf-8"))["pacs_images"]["orthanc"]
    folder = path.parent / "upgrade"
    folder.mkdir(exist_ok=True)
    for archive, releases in ARCHIVES.items():
        references = []
        for release, (version, schema) in releases.items():
            reference = f"threedpc-lab/orthanc:{version}-lab-{release}"
            arguments = {"BASE": base, "RELEASE": release, "SCHEMA": schema}
            options = [f"--build-arg={name}={value}" for name, value in arguments.items()]
            subprocess.run(["docker", "build", "--quiet", f"--tag={reference}", *options, str(HERE)], check=True)
            references.append(reference)
        subprocess.run(["docker", "save", f"--output={folder / archive}.tar", *references], check=True)


if __name__ == "__main__":
    main(sys.argv[1])
