# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Make the built OHIF viewer independent of where it is served: absolute asset paths become relative ones."""

import re
import shutil
import sys
from pathlib import Path

# What must be found at least once in files of that kind, and what it becomes.
REPLACEMENTS = {
    "index.html": [(r'(src|href|content)="/', r'\1="./'), (r"PUBLIC_URL = '/'", "PUBLIC_URL = './'")],
    "manifest.json": [(r'"/assets/', '"./assets/')],
    "*.css": [(r"url\(/(?=\w)", "url(./")],
    "*.js": [
        (r'__webpack_require__\.p = "/";', '__webpack_require__.p = "./";'),
        (r"browserImportFunction\('/", "browserImportFunction('./"),
    ],
}
# Source maps, and the models' runtime that needs downloads from elsewhere, are never asked for.
UNUSED = ("**/*.map", "ort")


def relocate(folder):
    for pattern, replacements in REPLACEMENTS.items():
        found = dict.fromkeys(replacements, 0)
        for path in folder.glob(pattern):
            text = path.read_text(encoding="utf-8")
            changed = text
            for replacement in replacements:
                changed, count = re.subn(*replacement, changed)
                found[replacement] += count
            if changed != text:
                path.write_text(changed, encoding="utf-8")
        for pair, count in found.items():
            if not count:
                sys.exit(f"OHIF has changed: nothing matches {pair[0]} in {pattern}")


def main():
    folder = Path(sys.argv[1])
    for pattern in UNUSED:
        for path in list(folder.glob(pattern)):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    relocate(folder)


if __name__ == "__main__":
    main()
