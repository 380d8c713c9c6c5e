# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A checkout's playbooks work from any directory, and where its ansible.cfg is not read."""

from __future__ import annotations

import os
import pathlib
import shutil
import subprocess
import tarfile

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
LINK = ROOT / "playbooks/collections/ansible_collections/threedpc/pacs"

pytestmark = pytest.mark.skipif(not shutil.which("ansible-playbook"), reason="needs Ansible's commands")


def run(cwd, *command):
    """As in somebody's own shell: nothing says where the collection is."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("ANSIBLE_", "PYTHONPATH"))}
    environment |= {"ANSIBLE_HOME": str(cwd / ".ansible"), "HOME": str(cwd)}
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)


def test_a_playbook_finds_its_collection_from_elsewhere(tmp_path):
    made = run(
        tmp_path,
        "ansible-playbook",
        str(ROOT / "playbooks/new_site.yml"),
        "-e",
        "new_site_name=ward7",
        "-e",
        "new_site_domain=pacs.example.org",
    )
    assert made.returncode == 0, made.stdout + made.stderr
    assert f"ansible-playbook {ROOT}/playbooks/site.yml -i inventories/ward7" in made.stdout
    folder = tmp_path / "inventories/ward7"
    checked = run(
        tmp_path, "ansible-playbook", str(ROOT / "playbooks/site.yml"), "-i", str(folder),
        "--vault-password-file", str(folder / ".vault-password"), "-e", "pacs_http_port=99999",
    )  # fmt: skip
    assert "pacs_http_port is 99999; it must be a whole number from 1 to 65535." in checked.stdout


def test_a_checkout_that_others_may_write_works_too(tmp_path):
    """Ansible reads no ansible.cfg from a directory that others may write, as one is under WSL."""
    checkout = tmp_path / "checkout"
    checkout.mkdir()
    for name in ("ansible.cfg", "galaxy.yml", "meta", "playbooks", "plugins", "roles"):
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, checkout / name, symlinks=True)
        else:
            shutil.copy(source, checkout / name)
    checkout.chmod(0o777)
    made = run(
        checkout,
        "ansible-playbook",
        "playbooks/new_site.yml",
        "-e",
        "new_site_name=ward7",
        "-e",
        "new_site_domain=pacs.example.org",
    )
    assert made.returncode == 0, made.stdout + made.stderr
    assert "world writable directory" in made.stderr


def test_the_link_is_in_no_archive(tmp_path):
    assert LINK.is_symlink() and not os.path.isabs(os.readlink(LINK))
    assert LINK.resolve() == ROOT
    checkout = tmp_path / "checkout"
    files = (
        subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout.decode().split("\0")
    )
    for name in filter(None, files):
        target = checkout / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, target, follow_symlinks=False)
    built = run(tmp_path, "ansible-galaxy", "collection", "build", str(checkout), "--output-path", str(tmp_path))
    assert built.returncode == 0, built.stderr
    (archive,) = tmp_path.glob("threedpc-pacs-*.tar.gz")
    with tarfile.open(archive) as entries:
        names = entries.getnames()
    assert "playbooks/site.yml" in names
    assert not [name for name in names if name.startswith((".collections", "playbooks/collections"))]
