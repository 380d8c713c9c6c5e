# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every certificate that is made here is taken by a client as strict as Python 3.13 and newer are."""

import datetime
import importlib
import importlib.util
import os
import pathlib
import re
import ssl
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
NOW = datetime.datetime.now(datetime.UTC)


def load(path):
    spec = importlib.util.spec_from_file_location(f"strict_{pathlib.Path(path).stem}", ROOT / path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def accept(ca, certificate, key, name):
    """A handshake in memory; what the client says against the server's certificate is raised."""
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(certificate, key)
    client = ssl.create_default_context(cafile=ca)
    client.verify_flags |= ssl.VERIFY_X509_STRICT | ssl.VERIFY_X509_PARTIAL_CHAIN
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = [
        client.wrap_bio(to_client, to_server, server_hostname=name),
        server.wrap_bio(to_server, to_client, server_side=True),
    ]
    for _step in range(4):
        for end in ends:
            try:
                end.do_handshake()
            except ssl.SSLWantReadError:
                continue
    assert ends[0].getpeercert()["serialNumber"]


@pytest.fixture
def files(tmp_path):
    def write(name, content):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return str(path)

    return write


@pytest.mark.parametrize("purposes", [["server"], ["server", "client"]])
@pytest.mark.parametrize("renewed", [False, True])
def test_the_sites_own_authority(tmp_path, files, monkeypatch, purposes, renewed):
    monkeypatch.syspath_prepend(str(ROOT / "roles/host/files"))
    authority = importlib.import_module("pacs.certificates.authority")
    pair = importlib.import_module("pacs.certificates.pair")
    ca = authority.Authority(tmp_path, "Ward 7", 3650, NOW)
    ca.make()
    issued = ca.issue("pacs.clinic.test", ["pacs.clinic.test", "10.1.2.3"], purposes, 90)
    if renewed:
        ca.make()
    paths = files("site.crt", pair.pem(issued.leaf)), files("site.key", pair.key_pem(issued.key))
    for name in ("pacs.clinic.test", "10.1.2.3"):
        accept(str(tmp_path / "ca.crt"), *paths, name)


def test_the_authority_of_the_unit_tests(tmp_path):
    ca = load("tests/unit/plugins/conftest.py").Authority(tmp_path, "somebody")
    accept(ca.path, *ca.issue("127.0.0.1")[:2], "127.0.0.1")


@pytest.mark.parametrize(
    ("scenario", "variable", "leaf", "address"),
    [("acme", "acme", "api", "10.213.46.20"), ("lan", "hospital", "ward8", "10.213.44.8")],
)
def test_the_authorities_of_the_scenarios(tmp_path, scenario, variable, leaf, address):
    playbook = ROOT / "molecule" / scenario / "create.yml"
    command = [pathlib.Path(sys.executable).with_name("ansible-playbook"), playbook, "--inventory=localhost,"]
    run = subprocess.run(
        [*command, f"--extra-vars={variable}={tmp_path}"],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg")},
    )
    assert run.returncode == 0, run.stdout + run.stderr
    accept(*(str(tmp_path / name) for name in ("ca.crt", f"{leaf}.crt", f"{leaf}.key")), address)


def test_the_holders_of_the_sources(files):
    """The hospital's authorities that the scenario acme makes while it runs."""
    holder = load("molecule/acme/tests/holder.py")
    root = holder.Holder("Hospital")
    middle = holder.Holder("Hospital IT", root)
    leaf = holder.Holder("pacs", middle, ["pacs.clinic.test"])
    chain = files("chain.pem", leaf.pem + middle.pem)
    accept(files("root.pem", root.pem), chain, files("key.pem", leaf.secret()), "pacs.clinic.test")


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("molecule/nothing_lost/tests/test_4_places.py", "10.1.2.3"),
        ("molecule/firewall/tests/test_1_callers.py", "angio"),
        ("molecule/firewall/tests/conftest.py", "mammo"),
    ],
)
def test_what_openssl_is_told_to_make(tmp_path, path, name):
    """The commands of the tests, as they are, but for where the files go."""
    text = (ROOT / path).read_text().replace('"\n        "', "").replace("\\\\\n", "").replace("{ADDRESS}", "10.1.2.3")
    command = re.search(r"openssl req -x509[^\"\n]*", text)[0]
    command = re.sub(r"-(keyout|out) \S+", lambda found: f"-{found[1]} {tmp_path}/{found[1]}", command)
    subprocess.run(command, shell=True, check=True, capture_output=True)
    accept(str(tmp_path / "out"), str(tmp_path / "out"), str(tmp_path / "keyout"), name)
