"""What on a server is in the way of a site, each as the commands of the role host show it."""

import pytest
from ansible_collections.threedpc.pacs.plugins.filter.server_problems import server_problems

WANTED = {
    "users": {"pacs-postgres": 61000, "pacs-orthanc": 61001},
    "owned": {"/var/lib/pacs/storage": 61001, "/var/lib/pacs/postgres": 61000},
    "ports": {"pacs_http_port": 80, "pacs_https_port": 443, "pacs_dicom_port": 4242},
    "directory": "/opt/pacs",
    "data": "/var/lib/pacs",
}
PROXY = 'LISTEN 0 4096 0.0.0.0:443 0.0.0.0:* users:(("docker-proxy",pid=812,fd=7))'
NGINX = "container pacs-nginx-1 pacs /opt/pacs 0.0.0.0:80->80/tcp, 0.0.0.0:443->443/tcp, [::]:443->443/tcp"

FINE = [
    ["distribution Debian 13"],
    # The site itself, as it runs.
    [
        "engine",
        "engine runs",
        "client /usr/bin/docker docker-cli",
        "server 26.1.5+dfsg1 name=seccomp,profile=builtin name=cgroupns ",
        NGINX,
        "listener " + PROXY,
        "passwd pacs-postgres:x:61000:61000::/nonexistent:/usr/sbin/nologin",
        "group pacs-postgres:x:61000:",
        "owner 61001 /var/lib/pacs/storage",
        "entry compose.d",
        "entry somebody-left-this",
        # A package.
        "passwd",
    ],
    # A run that was interrupted before the database got its owner, and a disk of its own.
    ["owner 0 /var/lib/pacs/postgres", "entry lost+found"],
    # Another Engine that has all that is needed.
    ["engine", "client /usr/bin/docker docker-ce-cli", "server 29.0.1 name=seccomp,profile=builtin "],
    # Containers and ports of others that are not in the way.
    [
        "container app-web-1 app /srv/app 0.0.0.0:8080->80/tcp",
        'listener LISTEN 0 128 0.0.0.0:22 0.0.0.0:* users:(("sshd",pid=7,fd=3))',
        'listener LISTEN 0 128 127.0.0.1:443 0.0.0.0:* users:(("sslh",pid=7,fd=3))',
        "subid anna:100000:65536",
        "subid 7",
    ],
]


@pytest.mark.parametrize("lines", FINE)
def test_nothing_is_in_the_way(lines):
    assert server_problems(lines, WANTED) == []


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (["passwd bob:x:61001:1000::/home/bob:/bin/bash"], ["user bob", "61001", "pacs_first_uid"]),
        (["group lab:x:61000:bob"], ["group lab", "61000", "pacs_first_uid"]),
        (["passwd pacs-orthanc:x:998:998::/:/bin/sh"], ["user pacs-orthanc", "998 and not 61001"]),
        (["subid anna:60000:65536"], ["/etc/subuid", "anna", "pacs_first_uid"]),
        (["owner 999 /var/lib/pacs/storage"], ["999", "chown --recursive", " 61001:61001 /var/lib/pacs/storage"]),
        (["client /usr/bin/docker docker-ce-cli", "server 28.1.0 "], ["docker-ce-cli", "docker-compose-plugin"]),
        (["client /usr/local/bin/docker "], ["/usr/local/bin/docker", "Compose"]),
        (["engine", "client /usr/bin/docker podman-docker"], ["Podman", "Remove podman-docker"]),
        (["engine", "client /usr/bin/snap snapd"], ["snap"]),
        (["engine", "client /usr/bin/docker docker-ce-cli", "server 24.0.7 "], ["24.0.7", "25 or later"]),
        (["engine", "server 27.0.1 name=userns "], ["userns-remap"]),
        (["engine", "server 27.0.1 name=seccomp name=rootless "], ["no root"]),
        (["entry index.html", "entry app.py"], ["/opt/pacs", "app.py, index.html", "pacs_dir"]),
        (["container pacs-web-1 pacs /srv/other 0.0.0.0:8080->80/tcp"], ["pacs-web-1", "/srv/other"]),
        (["container x-1 pacs-rehearsal /srv/other "], ["x-1", "pacs-rehearsal"]),
        (["listener LISTEN 0 511 *:80 *:* users:((\"apache2\",pid=9,fd=4))"], ["apache2", "port 80", "pacs_http_port"]),
        (["listener " + PROXY, "container web-1 web /srv 0.0.0.0:443->443/tcp"], ["docker-proxy", "pacs_https_port"]),
        (["listener LISTEN 0 5 [::]:4242 [::]:*"], ["another program", "4242", "pacs_dicom_port"]),
    ],
)  # fmt: skip
def test_what_is_in_the_way_is_named(lines, words):
    found = server_problems(lines, WANTED)
    assert len(found) == 1
    assert [word for word in words if word not in found[0]] == []
