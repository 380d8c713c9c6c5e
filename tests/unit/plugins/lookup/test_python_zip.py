# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import base64
import subprocess
import sys
import zipfile

import pytest
from ansible.errors import AnsibleError
from ansible_collections.threedpc.pacs.plugins.lookup import folder_files, python_zip


def test_the_driver_can_be_imported_from_the_zip_alone(tmp_path):
    [packed] = python_zip.LookupModule().run(["pg8000"])
    archive = tmp_path / "driver.zip"
    archive.write_bytes(base64.b64decode(packed))
    names = zipfile.ZipFile(archive).namelist()
    assert not [name for name in names if name.startswith(("/", "..")) or "__pycache__" in name]
    # Without the packages that are installed here.
    program = f"import sys; sys.path.insert(0, {str(archive)!r}); import pg8000.native as n; print(n.__file__)"
    told = subprocess.run([sys.executable, "-S", "-I", "-c", program], capture_output=True, text=True, check=True)
    assert told.stdout.startswith(str(archive))


def test_the_zip_is_the_same_every_time():
    first = python_zip.packed("pg8000")
    python_zip.packed.cache_clear()
    assert python_zip.packed("pg8000") == first


def test_a_package_that_is_not_there_is_named():
    with pytest.raises(AnsibleError, match="no-such-package is not installed beside Ansible"):
        python_zip.LookupModule().run(["no-such-package"])


def test_a_package_with_machine_code_is_refused():
    with pytest.raises(AnsibleError, match="not pure Python"):
        python_zip.LookupModule().run(["numpy"])


def test_the_files_of_a_folder_are_declared(tmp_path):
    (tmp_path / "a.txt").write_text("ü\n")
    (tmp_path / "b.bin").write_bytes(b"\xff\0")
    (tmp_path / ".hidden").write_text("x")
    for name in ("inside/c.txt", "__pycache__/c.pyc", ".cache/d.txt"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_text("c")
    entries = [folder_files.declared(tmp_path, name, "/opt/x") for name in ("a.txt", "b.bin", "inside/c.txt")]
    lookup = folder_files.LookupModule()
    lookup.find_file_in_search_path = lambda _variables, _kind, name: name
    assert lookup.run([str(tmp_path)], {}, dest="/opt/x") == [entries]
    assert entries == [
        {"path": "/opt/x/a.txt", "content": "ü\n"},
        {"path": "/opt/x/b.bin", "content": "/wA=", "encoding": "base64"},
        {"path": "/opt/x/inside/c.txt", "content": "c"},
    ]
    assert lookup.run([str(tmp_path)], {})[0][0] == {"name": "a.txt", "content": "ü\n"}


def test_an_empty_folder_is_a_mistake(tmp_path):
    lookup = folder_files.LookupModule()
    lookup.find_file_in_search_path = lambda _variables, _kind, name: name
    with pytest.raises(AnsibleError, match="holds no file"):
        lookup.run([str(tmp_path)], {}, dest="/opt/x")
