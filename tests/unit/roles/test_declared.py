# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is written for sites of every kind, from what all roles declare. No server is asked."""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import sys

import pytest
import yaml

ROOT = pathlib.Path(__file__).resolve().parents[3]
SECRETS = {
    "pacs_staff_users": {"anna": "s3cret-of-anna-$HOME"},
    "pacs_database_password": "s3cret-of-database-$1",
    "pacs_auth_service_password": "s3cret-of-service",
    "pacs_share_signing_key": "s3cret-of-shares-7d0f3ac16be29548",
}
CT = {"name": "ct1", "aet": "CT1", "address": "10.1.2.3"}
SITES = {
    "plain": {"pacs_modalities": [CT]},
    "small": {"pacs_database": "sqlite", "pacs_shares_enabled": False, "pacs_tls_source": "none"},
    "silent": {"pacs_dicom_enabled": False, "pacs_shares_domain": "links.example.org"},
    "acme": {
        "pacs_tls_source": "acme",
        "tls_acme_email": "it@example.org",
        "pacs_proxy": "http://proxy.example.org:3128",
        "pacs_dicom_tls_enabled": True,
        "pacs_modalities": [CT, CT | {"name": "ct2", "aet": "CT2", "address": "10.1.2.4", "tls": True}],
    },
}
ALWAYS = ["staff-gate", "orthanc", "nginx"]
SHARES = ["orthanc-auth-service", "share-gate", "orthanc-for-shares"]


def play(folder):
    tasks = f"{ROOT}/playbooks/tasks"
    content = "{{ pacs_configuration | threedpc.pacs.service_files(pacs_overview, pacs_dir, pacs_network, {}) }}"
    [begin, ask, *_write] = yaml.safe_load((ROOT / "playbooks/tasks/write.yml").read_text())
    return [
        {
            "hosts": "all",
            "gather_facts": False,
            "tasks": [
                {"import_role": {"name": "threedpc.pacs.pacs", "tasks_from": "contract", "public": True}},
                {"import_tasks": f"{tasks}/services.yml"},
                begin,
                ask,
                {
                    "copy": {
                        "content": "{{ {'overview': pacs_overview, 'parts': parts} | to_json }}",
                        "dest": f"{folder}/{{{{ inventory_hostname }}}}.json",
                        "mode": "0600",
                    },
                    "vars": {"parts": content},
                    "no_log": True,
                },
            ],
        }
    ]


@pytest.fixture(scope="module")
def sites(tmp_path_factory):
    """By the name of the site: what follows from its services, and what is written for them."""
    folder = tmp_path_factory.mktemp("declared")
    link = folder / "collections/ansible_collections/threedpc/pacs"
    link.parent.mkdir(parents=True)
    link.symlink_to(ROOT)
    local = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
    hosts = {name: SECRETS | local | {"pacs_domain": "pacs.example.org"} | site for name, site in SITES.items()}
    (folder / "hosts.yml").write_text(yaml.safe_dump({"all": {"hosts": hosts}}))
    (folder / "play.yml").write_text(yaml.safe_dump(play(folder), sort_keys=False))
    environment = {key: value for key, value in os.environ.items() if not key.startswith("ANSIBLE_")}
    environment |= {
        "ANSIBLE_COLLECTIONS_PATH": str(folder / "collections"),
        "ANSIBLE_HOME": str(folder / "home"),
        # Some operators have it set: no role may need another's variables.
        "ANSIBLE_PRIVATE_ROLE_VARS": "true",
        "LANG": "C.UTF-8",
    }
    command = [sys.executable, "-m", "ansible", "playbook", "-i", "hosts.yml", "play.yml"]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr
    return {name: json.loads((folder / f"{name}.json").read_text()) for name in SITES}


def written(site, kind):
    return {entry["path"]: entry["content"] for part in site["parts"] for entry in part.get(kind, [])}


def fragments(site):
    """The Compose service by its name."""
    found = {}
    for path, content in written(site, "files").items():
        if path.startswith("/opt/pacs/compose.d/") and not path.endswith("/network.json"):
            found |= json.loads(content)["services"]
    return found


@pytest.mark.parametrize(
    ("name", "services", "on_demand"),
    [
        ("plain", ["postgres", *SHARES, *ALWAYS, "haproxy"], []),
        ("small", [*ALWAYS, "haproxy"], []),
        ("silent", ["postgres", *SHARES, *ALWAYS], []),
        ("acme", ["postgres", *SHARES, *ALWAYS, "haproxy"], ["certbot"]),
    ],
)
def test_each_site_has_its_services(sites, name, services, on_demand):
    site = sites[name]
    assert set(site["overview"]["names"]) == set(services)
    assert site["overview"]["on_demand"] == on_demand
    assert set(fragments(site)) == {*services, *on_demand}
    assert {*site["overview"]["release"]} == set(services)
    project = written(site, "files")["/opt/pacs/.env"]
    assert project.count("compose.d/") == 1 + len(services) + len(on_demand)


@pytest.mark.parametrize("name", SITES)
def test_no_secret_is_in_a_file_that_others_read(sites, name):
    text = json.dumps(written(sites[name], "files"))
    assert [secret for secret in ("s3cret", "$HOME", "$1-") if secret in text] == []
    for part in sites[name]["parts"]:
        assert {entry.get("mode", "0400") for entry in part.get("secrets", [])} <= {"0400"}


@pytest.mark.parametrize("name", SITES)
def test_each_container_is_restricted_to_what_it_needs(sites, name):
    uids = sites[name]["overview"]["uids"]
    for service, fragment in fragments(sites[name]).items():
        address = sites[name]["overview"]["addresses"][service]
        assert fragment["networks"] == {"default": {"ipv4_address": address}}
        assert "mem_limit" in fragment and "healthcheck" in fragment or service == "certbot"
        if service not in ("nginx", "certbot"):
            assert fragment["user"] == f"{uids[service]}:{uids[service]}"
        sources = [entry.split(":")[0] for entry in fragment.get("volumes", [])]
        assert [source for source in sources if not source.startswith(("/opt/pacs/config/", "/var/lib/pacs/"))] == []


@pytest.mark.parametrize(
    ("name", "ports"),
    [
        ("plain", {"nginx": ["80:80", "443:443"], "haproxy": ["4242:4242"]}),
        ("silent", {"nginx": ["80:80", "443:443"]}),
        ("acme", {"nginx": ["80:80", "443:443", "2762:2762"], "haproxy": ["4242:4242"]}),
    ],
)
def test_only_these_services_publish_ports(sites, name, ports):
    found = {service: fragment["ports"] for service, fragment in fragments(sites[name]).items() if "ports" in fragment}
    assert found == ports


def test_services_that_name_each_other_have_each_others_addresses(sites):
    files, addresses = written(sites["acme"], "files"), sites["acme"]["overview"]["addresses"]
    assert addresses["nginx"] in files["/opt/pacs/config/haproxy/haproxy.cfg"]
    assert addresses["haproxy"] in files["/opt/pacs/config/nginx/dicom.conf"]
    assert addresses["share-gate"] in files["/opt/pacs/config/postgres/pg_hba.conf"]
    assert addresses["postgres"] in files["/opt/pacs/config/share-gate/gate.json"]


def test_what_reaches_out_says_where(sites):
    [certbot] = [entry for entry in sites["acme"]["overview"]["services"] if entry["name"] == "certbot"]
    assert [place["port"] for place in certbot["reaches"]] == [53, 443, 3128]
    assert [entry["name"] for entry in sites["acme"]["overview"]["services"] if entry["reaches"]] == ["certbot"]


def test_what_tests_itself_does_so_before_anything_is_written(sites):
    validated = [part["validate"] for part in sites["acme"]["parts"] if part.get("validate")]
    assert [command[0] for command in validated] == ["docker", "docker"]
    assert any("--volume=/var/lib/pacs/tls/dicom/live:/etc/nginx/tls-dicom:ro" in command for command in validated)
