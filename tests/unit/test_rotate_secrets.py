# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""New secrets come into the vault, which opens with the same password as before, and nothing else of it changes."""

from __future__ import annotations

import os
import pathlib
import shutil
import stat
import subprocess

import pytest
import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
PLAIN = """\
# Whose is whose: see the wiki.
pacs_staff_users:
  anna: 'old one'   # the head
  otto: old two
pacs_database_password: old-three
pacs_share_signing_key: old-four-old-four-old-four-old-four
other: {kept: [1, two]}   # as it is
"""
PLAY = """\
- hosts: localhost
  gather_facts: false
  tasks:
    - threedpc.pacs.vault_rotate:
        path: group_vars/all/vault.yml
        secrets: {secrets}
        keep_days: {days}
"""
KEY = "{variable: [pacs_share_signing_key], length: 64}"

pytestmark = pytest.mark.skipif(not shutil.which("ansible-playbook"), reason="needs Ansible's commands")


class Folder:
    def __init__(self, path):
        self.path = path
        self.vault = path / "group_vars/all/vault.yml"
        self.vault.parent.mkdir(parents=True)
        (path / "password").write_text("the password")
        (path / "other").write_text("another password")

    def run(self, *command, fails=False):
        environment = {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")}
        environment |= {
            "ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".cache/collections"),
            "ANSIBLE_HOME": str(self.path / ".ansible"),
        }
        done = subprocess.run(command, cwd=self.path, env=environment, capture_output=True, text=True, check=False)
        assert (done.returncode != 0) == fails, done.stdout + done.stderr
        return done.stdout + done.stderr

    def encrypt(self, text, *options):
        self.vault.write_text(text)
        self.run("ansible-vault", "encrypt", *(options or ["--vault-password-file=password"]), str(self.vault))
        self.vault.chmod(0o640)

    def open(self, file=None):
        return self.run("ansible-vault", "view", "--vault-password-file=password", str(file or self.vault))

    def rotate(self, secrets, *options, days=0, password="password", **more):
        (self.path / "play.yml").write_text(PLAY.replace("{secrets}", secrets).replace("{days}", str(days)))
        said = self.run("ansible-playbook", "play.yml", f"--vault-id={password}", "--diff", "-vvv", *options, **more)
        for value in ("old one", "old-three", "old-four"):
            assert value not in said
        return said


@pytest.fixture
def folder(tmp_path):
    made = Folder(tmp_path)
    made.encrypt(PLAIN)
    return made


def test_one_secret_changes_and_the_old_file_stays(folder):
    before = folder.vault.read_bytes()
    folder.rotate("[{variable: [pacs_staff_users, anna], length: 24}]")
    text = folder.open()
    new = yaml.safe_load(text)["pacs_staff_users"]["anna"]
    assert len(new) == 24
    assert text == PLAIN.replace("'old one'", f'"{new}"')
    assert stat.S_IMODE(folder.vault.stat().st_mode) == 0o640
    [kept] = folder.vault.parent.glob("vault.yml.*.bak")
    assert kept.read_bytes() == before
    assert sorted(folder.vault.parent.iterdir()) == [folder.vault, kept]
    # Ansible takes the kept one for no file of variables.
    (folder.path / "hosts").write_text("somebody\n")
    shown = folder.run("ansible-inventory", "-i", "hosts", "--vault-password-file=password", "--host=somebody")
    assert new in shown
    assert "old one" not in shown


def test_every_rotation_keeps_another_old_file(folder):
    for _number in range(3):
        folder.rotate("[{variable: [pacs_database_password]}]")
    kept = sorted(folder.vault.parent.glob("*.bak"))
    assert len(kept) == 3
    assert len({folder.open(file) for file in [folder.vault, *kept]}) == 4


def test_a_dry_run_writes_nothing(folder):
    before = folder.vault.read_bytes()
    assert "changed=1" in folder.rotate("[{variable: [pacs_database_password]}]", "--check")
    assert folder.vault.read_bytes() == before
    assert list(folder.vault.parent.iterdir()) == [folder.vault]


def test_old_links_end_or_live_on(folder):
    folder.rotate(f"[{KEY}]", days=7)
    first = yaml.safe_load(folder.open())
    [previous] = first["pacs_share_previous_signing_keys"]
    assert previous["key"] == "old-four-old-four-old-four-old-four"
    assert folder.open().startswith(PLAIN[: PLAIN.index("pacs_share_signing_key")])
    folder.rotate(f"[{KEY}]", days=1)
    second = yaml.safe_load(folder.open())["pacs_share_previous_signing_keys"]
    assert [entry["key"] for entry in second] == [previous["key"], first["pacs_share_signing_key"]]
    folder.rotate(f"[{KEY}]")
    assert yaml.safe_load(folder.open())["pacs_share_previous_signing_keys"] == []


def test_the_name_of_the_password_stays(folder):
    folder.vault.unlink()
    folder.encrypt(PLAIN, "--vault-id=ward7@password")
    folder.rotate("[{variable: [pacs_database_password]}]", "--vault-id=other", password="ward7@password")
    assert folder.vault.read_text().startswith("$ANSIBLE_VAULT;1.2;AES256;ward7\n")
    assert "old-three" not in folder.open()


@pytest.mark.parametrize(
    ("break_it", "sentence"),
    [
        (lambda folder: folder.vault.write_text(PLAIN), "is not encrypted"),
        (
            lambda folder: (folder.path / "password").write_text("wrong"),
            "no vault secrets were found that could decrypt",
        ),
        (lambda folder: folder.vault.unlink(), "No such file"),
        (lambda folder: folder.encrypt("other: 1\n"), "has no pacs_database_password"),
    ],
    ids=["plain", "password", "missing", "elsewhere"],
)
def test_what_can_not_be_done_is_a_sentence_and_changes_nothing(folder, break_it, sentence):
    break_it(folder)
    before = {path: path.read_bytes() for path in folder.vault.parent.iterdir()}
    said = folder.rotate("[{variable: [pacs_database_password]}]", fails=True)
    assert sentence in said
    assert {path: path.read_bytes() for path in folder.vault.parent.iterdir()} == before
