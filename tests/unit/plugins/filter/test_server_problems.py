# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What on a server is in the way of a site, each as the module server_info shows it."""

import pytest
from ansible_collections.threedpc.pacs.plugins.filter.server_problems import server_problems

WANTED = {
    "users": {"pacs-postgres": 61000, "pacs-orthanc": 61001},
    "owned": {"/var/lib/pacs/storage": 61001, "/var/lib/pacs/postgres": 61000},
    "ports": {"pacs_http_port": 80, "pacs_https_port": 443, "pacs_dicom_port": 4242},
    "directory": "/opt/pacs",
    "data": "/var/lib/pacs",
}
EMPTY = {
    "distribution": "Debian 13",
    "missing_packages": [],
    "compose": False,
    "engine_runs": False,
    "engine": {"version": "", "options": []},
    "client": {"path": "", "package": ""},
    "containers": [],
    "users": [],
    "groups": [],
    "subordinate": [],
    "listeners": [],
    "owners": {},
    "entries": [],
}


def listener(address, port, program=""):
    return {"listeners": [{"address": address, "port": port, "program": program}]}


def container(name, project, folder, ports=""):
    return {"containers": [{"name": name, "project": project, "folder": folder, "ports": ports}]}


def client(path, package, compose=True):
    return {"client": {"path": path, "package": package}, "compose": compose}


def engine(version, *options):
    return {"engine": {"version": version, "options": list(options)}, "compose": True}


PROXY = listener("0.0.0.0", 443, "docker-proxy")
NGINX = container("pacs-nginx-1", "pacs", "/opt/pacs", "0.0.0.0:80->80/tcp, 0.0.0.0:443->443/tcp, [::]:443->443/tcp")
DEBIAN = client("/usr/bin/docker", "docker-cli") | engine(
    "26.1.5+dfsg1", "name=seccomp,profile=builtin", "name=cgroupns"
)

FINE = [
    {},
    # The site itself, as it runs.
    DEBIAN | NGINX | PROXY | {
        "engine_runs": True,
        "users": [{"name": "pacs-postgres", "id": 61000}],
        "groups": [{"name": "pacs-postgres", "id": 61000}],
        "owners": {"/var/lib/pacs/storage": 61001},
        "entries": ["compose.d", "somebody-left-this"],
    },
    # A run that was interrupted before the database got its owner, and a disk of its own.
    {"owners": {"/var/lib/pacs/postgres": 0}, "entries": ["lost+found"]},
    # Another Engine that has all that is needed.
    client("/usr/bin/docker", "docker-ce-cli") | engine("29.0.1", "name=seccomp,profile=builtin"),
    # Containers and ports of others that are not in the way.
    container("app-web-1", "app", "/srv/app", "0.0.0.0:8080->80/tcp") | listener("0.0.0.0", 22, "sshd"),
    listener("127.0.0.1", 443, "sslh") | {"subordinate": [{"owner": "anna", "first": 100000, "count": 65536}]},
]  # fmt: skip


@pytest.mark.parametrize("there", FINE)
def test_nothing_is_in_the_way(there):
    assert server_problems(EMPTY | there, WANTED) == []


@pytest.mark.parametrize(
    ("there", "words"),
    [
        ({"users": [{"name": "bob", "id": 61001}]}, ["user bob", "61001", "pacs_first_uid"]),
        ({"groups": [{"name": "lab", "id": 61000}]}, ["group lab", "61000", "pacs_first_uid", "first of 2 numbers"]),
        ({"users": [{"name": "pacs-orthanc", "id": 998}]}, ["user pacs-orthanc", "998 and not 61001"]),
        ({"subordinate": [{"owner": "anna", "first": 60000, "count": 65536}] * 2},
         ["/etc/subuid", "anna", "pacs_first_uid"]),
        ({"owners": {"/var/lib/pacs/storage": 999}},
         ["999", "chown --recursive", " 61001:61001 /var/lib/pacs/storage"]),
        (client("/usr/bin/docker", "docker-ce-cli", compose=False) | {"engine": {"version": "28.1.0", "options": []}},
         ["docker-ce-cli", "docker-compose-plugin"]),
        (client("/usr/local/bin/docker", "", compose=False), ["/usr/local/bin/docker", "Compose"]),
        (client("/usr/bin/docker", "podman-docker"), ["Podman", "Remove podman-docker"]),
        (client("/usr/bin/snap", "snapd"), ["snap"]),
        (client("/usr/bin/docker", "docker-ce-cli") | engine("24.0.7"), ["24.0.7", "25 or later"]),
        (engine("27.0.1", "name=userns"), ["userns-remap"]),
        (engine("27.0.1", "name=seccomp", "name=rootless"), ["no root"]),
        ({"entries": ["index.html", "app.py"]}, ["/opt/pacs", "app.py, index.html", "pacs_dir"]),
        (container("pacs-web-1", "pacs", "/srv/other", "0.0.0.0:8080->80/tcp"), ["pacs-web-1", "/srv/other"]),
        (container("x-1", "pacs-rehearsal", "/srv/other"), ["x-1", "pacs-rehearsal"]),
        (listener("*", 80, "apache2"), ["apache2", "port 80", "pacs_http_port"]),
        (PROXY | container("web-1", "web", "/srv", "0.0.0.0:443->443/tcp"), ["docker-proxy", "pacs_https_port"]),
        (listener("[::]", 4242), ["another program", "4242", "pacs_dicom_port"]),
    ],
)  # fmt: skip
def test_what_is_in_the_way_is_named(there, words):
    found = server_problems(EMPTY | there, WANTED)
    assert len(found) == 1
    assert [word for word in words if word not in found[0]] == []
