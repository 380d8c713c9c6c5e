# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role pacs in a play: what the operator sees, and what nobody sees.

The server's address leads nowhere, so whatever asks the server fails as unreachable.
"""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys

import pytest
import yaml

ROOT = pathlib.Path(__file__).resolve().parents[3]

PLAY = [
    {
        "hosts": "all",
        "gather_facts": False,
        "tasks": [
            {
                "name": "Check",
                "ansible.builtin.import_role": {"name": "threedpc.pacs.pacs", "tasks_from": "contract"},
            },
            {"name": "Ask the server", "ansible.builtin.ping": {}, "tags": ["server"]},
        ],
    }
]
SERVER = {
    "ansible_host": "192.0.2.1",
    "ansible_connection": "ssh",
    "ansible_ssh_common_args": "-o ConnectTimeout=1 -o BatchMode=yes",
}
SECRETS = {
    "pacs_staff_users": {
        "anna": "s3cret-of-anna",
        "bert": "p$ss\"w'o\\rd#1 ü",
        "carl": "90210447318266",
        "dora": "$HOME/$1-${PATH}",
    },
    "pacs_database_password": "s3cret-of-database",
    "pacs_auth_service_password": "s3cret-of-service",
    "pacs_share_signing_key": "s3cret-of-shares-7d0f3ac16be29548",
}
VAULT_PASSWORD = "opens the vault"


def vaulted(text):
    """The text as it stands in a vaulted variable."""
    from ansible.parsing.vault import VaultLib, VaultSecret

    return VaultLib().encrypt(text, VaultSecret(VAULT_PASSWORD.encode())).decode()


class Vaulted(str):
    """Text that is dumped as a vaulted variable."""


yaml.SafeDumper.add_representer(
    Vaulted, lambda dumper, value: dumper.represent_scalar("!vault", vaulted(str(value)), style="|")
)


@pytest.fixture
def play(tmp_path):
    """Runs the role on a site; the exit code and everything that was printed."""
    link = tmp_path / "collections/ansible_collections/threedpc/pacs"
    link.parent.mkdir(parents=True)
    link.symlink_to(ROOT)
    (tmp_path / "play.yml").write_text(yaml.safe_dump(PLAY))
    (tmp_path / "vault-password").write_text(VAULT_PASSWORD)

    def run(site, *arguments):
        inventory = {"all": {"hosts": {"clinic": SERVER | site}}}
        (tmp_path / "hosts.yml").write_text(yaml.safe_dump(inventory, allow_unicode=True), encoding="utf-8")
        command = [sys.executable, "-m", "ansible", "playbook", "-i", "hosts.yml", "play.yml", "-vvv", *arguments]
        environment = {key: value for key, value in os.environ.items() if not key.startswith("ANSIBLE_")}
        environment |= {
            "ANSIBLE_COLLECTIONS_PATH": str(tmp_path / "collections"),
            "ANSIBLE_HOME": str(tmp_path / "home"),
            "ANSIBLE_NOCOLOR": "1",
            "ANSIBLE_VAULT_PASSWORD_FILE": str(tmp_path / "vault-password"),
            "LANG": "C.UTF-8",
        }
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
        return done.returncode, done.stdout + done.stderr

    return run


def hidden(output):
    """Whether no secret is in the output, as it is or as JSON writes it."""
    secrets = [*SECRETS["pacs_staff_users"].values(), *(v for v in SECRETS.values() if isinstance(v, str))]
    return not [s for s in secrets if s in output or s.replace("\\", "\\\\").replace('"', '\\"') in output]


def test_a_right_site_passes_without_asking_the_server(play):
    site = SECRETS | {"pacs_domain": "pacs.example.org", "pacs_database_password": Vaulted("s3cret-of-database")}
    code, output = play(site, "--skip-tags", "server")
    assert code == 0, output
    assert hidden(output)
    assert "UNREACHABLE" not in output


def test_a_wrong_site_fails_before_the_server_is_asked(play):
    wrong = {
        "pacs_domain": "https://pacs.example.org",
        "pacs_http_port": 70000,
        "pacs_aet": "A\\B",
        "pacs_database": "sqlite",
        "pacs_staff_users": SECRETS["pacs_staff_users"] | {"eve": "change-me"},
        "pacs_auth_service_password": Vaulted("s3cret-of-service ü"),
        "pacs_databse_password": "s3cret-of-database",
        "pacs_base_url": "http://s3cret",
        "verify_sned": True,
        "proxy_environment": "http://s3cret",
        "pacs_tls_source": "letsencrypt",
        "pacs_modalities": [
            {"name": "ct1", "aet": "CT1", "address": "10.1.2.3"},
            {"name": "ct2", "aet": "CT1", "address": "10.1.2.3", "port": 0},
            {"name": "ct3", "aet": "C" * 17, "address": "ct3.example.org"},
        ],
    }
    code, output = play(SECRETS | wrong)
    assert code == 2, output
    assert "UNREACHABLE" not in output
    assert hidden(output)
    for sentence in (
        "clinic: pacs_domain is 'https://pacs.example.org';",
        "clinic: pacs_http_port is 70000; it must be a whole number from 1 to 65535.",
        "clinic: pacs_aet is 'A\\B';",
        "clinic: pacs_database is 'sqlite'; shares need 'postgresql'",
        "clinic: pacs_staff_users: the password of 'eve': it is a placeholder",
        "clinic: pacs_auth_service_password: it must be printable ASCII",
        "clinic: pacs_databse_password is not a variable of this collection, did you mean pacs_database_password?",
        "clinic: pacs_base_url is derived from other variables",
        "clinic: verify_sned is not a variable of this collection, did you mean verify_send?",
        "clinic: proxy_environment is not a variable of this collection; names that begin with proxy_ are its own.",
        "clinic: pacs_tls_source is 'letsencrypt'; choose one of acme, provided, selfsigned, none",
        "clinic: pacs_modalities[1] (ct2): port is 0;",
        "clinic: pacs_modalities[2] (ct3): aet is 'CCCCCCCCCCCCCCCCC';",
        "clinic: pacs_modalities[2] (ct3): address is 'ct3.example.org';",
    ):
        assert "\n" + sentence in output


def test_values_that_cannot_be_read_are_named(play):
    site = SECRETS | {
        "pacs_domain": "{{ clinic_domain }}",
        "pacs_http_port": "{{ 70000 }}",
        "pacs_site": "{{ pacs_site }}",
        "pacs_database_password": "{{ vault_database_password }}",
        "pacs_auth_service_password": "s3cret-of-service{{",
        "pacs_share_signing_key": Vaulted("s3cret-of-shares-7d0f3ac16be29548"),
    }
    code, output = play(site)
    assert code == 2, output
    assert hidden(output)
    for sentence in (
        "clinic: pacs_domain can't be read: 'clinic_domain' is undefined.",
        "clinic: pacs_http_port is 70000;",
        "clinic: pacs_site can't be read: ",
        "clinic: pacs_database_password can't be read: 'vault_database_password' is undefined.",
        "clinic: pacs_auth_service_password can't be read: look at its quotes",
    ):
        assert "\n" + sentence in output


def test_a_vault_that_does_not_open_is_named(play, tmp_path):
    (tmp_path / "vault-password").write_text("opens another one")
    site = SECRETS | {"pacs_domain": "pacs.example.org", "pacs_share_signing_key": Vaulted("s3cret-of-vault")}
    code, output = play(site)
    assert code == 2, output
    assert "\nclinic: pacs_share_signing_key can't be read: look at its quotes, its vault password" in output
    assert hidden(output)


def test_what_nobody_reads_is_refused_wherever_it_comes_from(play, tmp_path):
    site = SECRETS | {"pacs_domain": "pacs.example.org", "host_rack": 7, "pacs_other_variables": ["host_rack", "ward"]}
    (tmp_path / "more.yml").write_text("verify_paralel: 4\n")
    code, output = play(site, "-e", "restor_snapshot=1a2b ward=7", "-e", "@more.yml")
    assert code == 2, output
    assert "\n-e 'restor_snapshot': this playbook reads no such variable, did you mean restore_snapshot?" in output
    assert "\nclinic: verify_paralel is not a variable of this collection, did you mean verify_parallel?" in output
    assert output.count("UNREACHABLE") == 0 and "host_rack" not in output
    code, output = play(site, "-e", "ward=7", "--skip-tags", "server")
    assert code == 0, output
