# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a server has, read from what its own commands print."""

from __future__ import annotations

import grp
import json
import os
import pwd

import pytest
from ansible_collections.threedpc.pacs.plugins.modules import server_info

DPKG = """\
installed cron
installed chrony time-daemon, ntp
installed python3-requests python3-requests-any (= 2.1), x
config-files nginx
"""
SS = """\
LISTEN 0 4096 0.0.0.0:443 0.0.0.0:* users:(("docker-proxy",pid=812,fd=7))
LISTEN 0 128 [::]:22 [::]:*
"""
CONTAINER = {
    "Names": "pacs-nginx-1",
    "Labels": "com.docker.compose.project=pacs,com.docker.compose.project.config_files=/a,/b,"
    "com.docker.compose.project.working_dir=/opt/pacs",
    "Ports": "0.0.0.0:80->80/tcp",
}


def test_packages_are_installed_or_provided():
    wanted = ["cron", "time-daemon", "nginx", "python3-requests-any", "nftables"]
    assert server_info.missing_packages(wanted, DPKG) == ["nginx", "nftables"]


def test_listeners():
    assert server_info.listeners(SS) == [
        {"address": "0.0.0.0", "port": 443, "program": "docker-proxy"},
        {"address": "[::]", "port": 22, "program": ""},
    ]


def test_containers():
    found = server_info.containers(json.dumps(CONTAINER) + "\n")
    assert found == [{"name": "pacs-nginx-1", "project": "pacs", "folder": "/opt/pacs", "ports": "0.0.0.0:80->80/tcp"}]


def test_subordinate_numbers():
    text = "anna:100000:65536\n# note\n7\nbert:x:1\n"
    assert server_info.subordinate(text) == [{"owner": "anna", "first": 100000, "count": 65536}]


def test_accounts_by_name_and_by_number():
    me = pwd.getpwuid(os.getuid())
    mine = {"name": me.pw_name, "id": me.pw_uid}
    for wanted in ({me.pw_name: 4000000000}, {"nobody-has-this-name": me.pw_uid}):
        assert server_info.accounts(wanted, pwd.getpwnam, pwd.getpwuid) == [mine]
    assert server_info.accounts({"nobody-has-this-name": 3999999999}, grp.getgrnam, grp.getgrgid) == []


@pytest.mark.parametrize(
    ("text", "name"),
    [('ID=debian\nVERSION_ID="13"\n', "Debian 13"),
     ("ID=ubuntu\nVERSION_ID='24.04'\n", "Ubuntu 24.04"), ("ID=debian\n", "Debian")],
)  # fmt: skip
def test_the_distribution(tmp_path, text, name):
    (tmp_path / "os-release").write_text(text)
    assert server_info.release(tmp_path / "os-release") == name


def test_a_server_with_nothing(run_module, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    (tmp_path / "left").touch()
    options = {"packages": ["cron"], "directory": str(tmp_path), "paths": [str(tmp_path), "/no/such"]}
    monkeypatch.setattr(server_info.shutil, "which", lambda _name: None)
    found = run_module(server_info, check_mode=True, **options)
    assert not found["changed"]
    assert found["server"]["missing_packages"] == ["cron"]
    assert found["server"]["owners"] == {str(tmp_path): os.getuid()}
    assert found["server"]["entries"] == ["left"]
    assert (found["server"]["compose"], found["server"]["engine_runs"]) == (False, False)
    assert found["server"]["client"] == {"path": "", "package": ""}
