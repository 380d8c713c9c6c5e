"""What the server of a site gives away to its other users, and to whoever leaves something where root works."""

import json
import re
from pathlib import Path

import deployed
import pytest
import requests

SCENARIO = Path(__file__).resolve().parents[1]
WARD9 = "http://10.213.44.9"
SERVER = deployed.Shell("threedpc-pacs-ward9")
SERVICES = {"pacs-postgres", "pacs-orthanc", "pacs-auth", "pacs-gate", "pacs-nginx", "pacs-haproxy", "pacs-staff-gate"}
# What monitoring may read.
OPEN = re.compile(r"/var/lib/pacs/(space\.log|tls/status\.json|tls/ca/ca\.crt|tls/acme/webroot/.*)")
PLANTED = "import pathlib; pathlib.Path('/tmp/planted').write_text(__name__)"
MODULES = ("argparse", "json", "pathlib", "common", "restore", "pacs_certificates", "sitecustomize", "usercustomize")


@pytest.fixture(scope="module")
def colleague():
    """A user of the server in every group that reads logs, as log shippers are, and nobody's administrator."""
    SERVER.run("useradd --uid 71234 --create-home --groups systemd-journal,adm colleague")
    yield "colleague"
    SERVER.run("userdel --remove colleague")


def as_user(name, command):
    return SERVER.run(f"runuser --user {name} -- {command} 2>/dev/null", check=False)


def test_a_user_of_the_server_reads_nothing_of_the_archive(colleague):
    instance = {"Tags": {"PatientID": "SECRET", "Modality": "OT"}}
    staff = ("anna", "molecule anna 1")
    stored = requests.post(f"{WARD9}/orthanc/tools/create-dicom", json=instance, auth=staff, timeout=60)
    assert stored.status_code == 200
    as_root = SERVER.run("find /var/lib/pacs /opt/pacs/secrets -type f").splitlines()
    assert [name for name in as_root if "/storage/" in name] and [name for name in as_root if "/postgres/" in name]
    readable = as_user(colleague, "find /var/lib/pacs /opt/pacs/secrets -type f -readable").splitlines()
    assert [name for name in readable if not OPEN.fullmatch(name)] == []
    # Names of files are nobody's business either.
    for place in ("/var/lib/pacs/storage", "/var/lib/pacs/postgres", "/opt/pacs/secrets", "/var/lib/pacs/tls/live"):
        assert as_user(colleague, f"ls {place}") == ""
        assert SERVER.run(f"stat --format %a {place}") == "700"
    processes = "cat /proc/[0-9]*/environ | tr '\\0' '\\n' | grep -i -E 'password|secret'"
    assert as_user(colleague, f'sh -c "{processes}"') == ""


def test_each_service_is_a_user_that_nobody_else_is():
    # Of each process of the site's containers: user and group.
    show = "docker ps --quiet --no-trunc | while read id; do docker top $id -eo pid,uid,gid,comm | tail -n +2; done"
    running = {tuple(map(int, line.split()[1:3])) for line in SERVER.run(show).splitlines()}
    accounts = {line.split(":")[0]: line.split(":") for line in SERVER.run("getent passwd").splitlines()}
    groups = {line.split(":")[0]: line.split(":") for line in SERVER.run("getent group").splitlines()}
    ours = {int(accounts[name][2]): name for name in SERVICES}
    assert len(ours) == len(SERVICES) and {user for user, _group in running} == {0, *ours}
    for number, name in ours.items():
        assert [account for account, words in accounts.items() if number in (int(words[2]), int(words[3]))] == [name]
        assert [group for group, words in groups.items() if int(words[2]) == number] == [name]
        assert groups[name][3] == "" and accounts[name][6] == "/usr/sbin/nologin"
        assert (number, number) in running
    # nginx's first process opens ports and keys as root; what lets uploads in again after a drain sleeps beside it.
    masters = SERVER.run(show + " | awk '$2 == 0 { print $4 }'").split()
    assert "nginx" in masters and set(masters) <= {"nginx", "sh", "sleep"}


@pytest.mark.parametrize(
    ("program", "arguments"),
    [("/opt/pacs/bin/pacs-certificates", "--json --no-order"), ("/opt/pacs/bin/pacs-space", "")],
)
def test_root_runs_nothing_of_the_directory_where_it_stands(colleague, program, arguments):
    """Not by the directory, not by variables that sudo and su may keep."""
    place = SERVER.run("mktemp --directory")
    try:
        for name in MODULES:
            SERVER.run(f"echo {json.dumps(PLANTED)} > {place}/{name}.py")
        SERVER.run(f"mkdir {place}/pacs_backup && cp {place}/json.py {place}/pacs_backup/__main__.py")
        SERVER.run(
            f"printf 'services: {{planted: {{image: planted}}}}' | tee {place}/compose.yaml {place}/docker-compose.yml"
        )
        SERVER.run(f"printf 'COMPOSE_PROJECT_NAME=planted\\nCOMPOSE_FILE={place}/compose.yaml\\n' > {place}/.env")
        SERVER.run(f"echo 'touch /tmp/planted' > {place}/rc")
        hostile = (
            f"PYTHONPATH={place} PYTHONSTARTUP={place}/json.py PYTHONHOME= BASH_ENV={place}/rc ENV={place}/rc"
            f" COMPOSE_FILE={place}/compose.yaml COMPOSE_PROJECT_NAME=planted DOCKER_HOST=tcp://127.0.0.1:9"
        )
        SERVER.run(f"rm -f /tmp/planted; chown -R colleague {place}")
        said = SERVER.run(f"cd {place} && {program} {arguments}")
        if "certificates" in program:
            assert json.loads(said)["problems"] == []
            assert json.loads(SERVER.run(f"cd {place} && env {hostile} {program} {arguments}")) == json.loads(said)
        assert SERVER.run("ls /tmp/planted 2>&1", check=False).endswith("No such file or directory")
    finally:
        SERVER.run(f"rm -rf {place} /tmp/planted")


def play(*arguments, **variables):
    told = f"--extra-vars={json.dumps(variables)}"
    images = deployed.lab_images()
    return deployed.play(
        "playbooks/site.yml", SCENARIO, "--limit=ward9", images, told, "--skip-tags=verify", *arguments
    )


def refused(run, *words):
    said = " ".join(run.stdout.split())
    assert run.returncode == 2 and "changed=0" in said, run.stdout[-3000:]
    assert [word for word in (*words, "Nothing on the server was changed.") if word not in said] == []


def test_what_is_somebody_elses_is_refused_and_stays(colleague):
    """A number, a port, a directory, a Compose project: each is named, and the site goes on running."""
    number = int(SERVER.run("id --user colleague"))
    SERVER.run("python3 -m http.server 4243 >/dev/null 2>&1 & echo $! > /tmp/stray.pid")
    SERVER.run("mkdir -p /opt/other && echo theirs > /opt/other/app.py")
    before = SERVER.run("docker ps --quiet | sort; find /opt/other -ls; getent passwd")
    try:
        run = play(pacs_first_uid=number - 1, pacs_dicom_port=4243)
        refused(run, f"the user colleague has the number {number}", "python3 listens at port 4243", "pacs_dicom_port")
        # The numbers of data that are there are not those of other users.
        refused(play(pacs_first_uid=70000), "/var/lib/pacs/storage belongs to the user 61001", "chown --recursive")
        run = play(pacs_dir="/opt/other", pacs_data_dir="/var/lib/other")
        refused(
            run, "/opt/other is there and holds something else (app.py)", "another Compose project pacs, of /opt/pacs"
        )
        assert SERVER.run("docker ps --quiet | sort; find /opt/other -ls; getent passwd") == before
    finally:
        SERVER.run("kill $(cat /tmp/stray.pid); rm -rf /opt/other")


def test_a_package_that_excludes_another_is_not_installed():
    """apt would remove the other one."""
    before = SERVER.run("dpkg-query --show --showformat '${Package} ${db:Status-Status}\\n' | grep ' installed$'")
    run = play(host_extra_packages=["chrony"])
    assert run.returncode == 2 and "remove" in run.stdout, run.stdout[-3000:]
    assert (
        SERVER.run("dpkg-query --show --showformat '${Package} ${db:Status-Status}\\n' | grep ' installed$'") == before
    )
    # systemd starts it on no server that is a container.
    assert SERVER.run("systemctl is-enabled systemd-timesyncd") == "enabled"
