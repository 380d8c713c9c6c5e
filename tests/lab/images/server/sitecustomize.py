# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Ansible sends to a server is packed once in a scenario, and compiled once there, instead of once for each task.

A module comes as an archive of its sources. Ansible packs it anew in each play, and Python compiles all of it in each
task: half of their time, and a scenario runs the same modules hundreds of times. Python reads this at its start, on the
servers of the scenarios and in the virtual environment. Nothing is done where the directories are not: for operators,
the demo and the bench.
"""

import gc
import os

FOLDER = os.environ.get("LAB_COMPILED") or "/var/cache/lab-compiled"


def compile_once():
    import _imp
    import marshal
    import sys
    import zipimport

    compile_source = zipimport._compile_source
    key = sys.implementation.cache_tag

    def keep(code, kept):
        try:
            with open(f"{kept}.{os.getpid()}", "wb") as stream:
                stream.write(marshal.dumps(code))
            os.replace(stream.name, kept)
        except OSError:
            pass
        return code

    def compiled(path, source):
        kept = f"{FOLDER}/{key}-{_imp.source_hash(0, source).hex()}-{len(source)}"
        try:
            with open(kept, "rb") as stream:
                return marshal.loads(stream.read())
        except (OSError, EOFError, ValueError, TypeError):
            return keep(compile_source(path, source), kept)

    zipimport._compile_source = compiled


def pack_once(folder):
    """Ansible looks for packed modules in its temporary directory; all plays get the same one for them."""
    import tempfile

    make = tempfile.mkdtemp

    def made(suffix=None, prefix=None, dir=None):
        path = make(suffix, prefix, dir)
        if prefix and prefix.startswith("ansible-local-"):
            os.symlink(folder, f"{path}/ansiballz_cache")
        return path

    tempfile.mkdtemp = made


if os.environ.get("LAB_MODULES"):
    pack_once(os.environ["LAB_MODULES"])
if os.access(FOLDER, os.W_OK):
    compile_once()
    # Ansible keeps so much that to look through all of it every 700 objects takes a tenth of its time.
    gc.set_threshold(50_000, 20, 50)
