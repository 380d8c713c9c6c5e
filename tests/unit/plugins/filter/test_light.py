# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""To find a filter every process of Ansible loads every file of the folder, so none of them may bring much along."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import importlib, pathlib, sys
package = "ansible_collections.threedpc.pacs.plugins"
folder = pathlib.Path(importlib.import_module(package + ".filter").__path__[0])
for path in folder.glob("*.py"):
    importlib.import_module(f"{package}.filter.{path.stem}")
print(*(name for name in sys.modules if name.startswith((package + ".plugin_utils.", package + ".module_utils."))))
"""


def test_the_filters_import_no_file_of_ours_before_they_are_called():
    said = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    assert said.stdout.split() == []
