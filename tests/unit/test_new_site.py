# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A new site gets secrets that nobody has seen, and another run changes nothing; the worked examples can be opened."""

from __future__ import annotations

import json
import os
import pathlib
import shutil
import stat
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
DOMAIN = "new_site_domain=pacs.hospital.example"
SITE = (
    "-e",
    "new_site_name=ward7",
    "-e",
    DOMAIN,
    "-e",
    "new_site_server=root@10.1.2.3",
)
SECRETS = ("pacs_database_password", "pacs_auth_service_password", "pacs_share_signing_key")

pytestmark = pytest.mark.skipif(not shutil.which("ansible-playbook"), reason="needs Ansible's commands")


def run(cwd, *command):
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")}
    environment |= {"ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".cache/collections"), "ANSIBLE_HOME": str(cwd / ".ansible")}
    # The shell's idea of the current directory is another one here.
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)


def new_site(cwd, *arguments):
    return run(cwd, "ansible-playbook", str(ROOT / "playbooks/new_site.yml"), *arguments)


def variables(cwd, inventory, password_file):
    shown = run(cwd, "ansible-inventory", "-i", inventory, "--vault-password-file", password_file, "--list")
    assert shown.returncode == 0, shown.stderr
    (host,) = json.loads(shown.stdout)["_meta"]["hostvars"].values()
    return host


def files(directory):
    return {path.relative_to(directory): path.read_bytes() for path in directory.rglob("*") if path.is_file()}


def test_a_new_site_is_made_once(tmp_path):
    made = new_site(tmp_path, *SITE, "--diff", "-vvv")
    assert made.returncode == 0, made.stdout
    directory = tmp_path / "inventories/ward7"
    password = directory / ".vault-password"
    vault = directory / "group_vars/all/vault.yml"
    assert stat.S_IMODE(password.stat().st_mode) == 0o600
    assert vault.read_text().startswith("$ANSIBLE_VAULT;1.1;AES256")
    assert ".vault-password" in (directory / ".gitignore").read_text()

    site = variables(tmp_path, "inventories/ward7", str(password))
    secrets = [*site["pacs_staff_users"].values(), *(site[name] for name in (*SECRETS, "backup_repository_password"))]
    assert list(site["pacs_staff_users"]) == ["admin"]
    assert all(len(secret) >= 24 for secret in secrets)
    assert len(set(secrets)) == 5
    assert (site["pacs_domain"], site["ansible_host"], site["ansible_user"]) == (
        "pacs.hospital.example",
        "10.1.2.3",
        "root",
    )
    for secret in (*secrets, password.read_text().strip()):
        assert secret not in made.stdout + made.stderr

    # Nothing is made again, not even a password for a vault whose owner keeps that elsewhere.
    password.rename(tmp_path / "kept")
    before = files(directory)
    again = new_site(tmp_path, "-e", "new_site_name=ward7", "-e", "new_site_domain=another.example")
    assert "changed=0" in again.stdout
    assert files(directory) == before


def test_a_dry_run_and_a_wrong_domain_make_nothing(tmp_path):
    assert new_site(tmp_path, *SITE, "--check", "--diff").returncode == 0
    refused = new_site(tmp_path, *SITE, "-e", "new_site_domain=https://a.example/x")
    assert refused.returncode != 0
    assert "write 'a.example'" in refused.stdout + refused.stderr
    assert not (tmp_path / "inventories").exists()


@pytest.mark.parametrize("name", ["example_public", "example_lan"])
def test_the_worked_examples_can_be_opened(tmp_path, name):
    directory = ROOT / "inventories" / name
    site = variables(tmp_path, str(directory), str(directory / "vault-password.txt"))
    assert all(site[name].startswith("example-") for name in SECRETS)
    assert (directory / "vault-password.txt").read_text().strip() in (directory / "README.md").read_text()
