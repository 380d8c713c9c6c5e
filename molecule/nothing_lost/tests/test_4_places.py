"""Repositories on another server: SFTP with a key, restic's REST server and S3 with passwords and a CA of their own."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import subprocess
from pathlib import Path

import pytest
import yaml
from conftest import SERVER, SITE, play

TARGET = f"{SERVER}-target"
ADDRESS = "10.213.47.20"
PASSWORD = "p$ss:w'ord"
PREPARE = f"""
apt-get install --yes --quiet --no-download --no-install-recommends \\
  openssh-server python3-flask-cors python3-moto restic-rest-server
useradd --create-home backup7 && install -d -o backup7 /srv/backups
install -d -m 700 -o backup7 /home/backup7/.ssh
ssh-keygen -q -t ed25519 -N '' -f /root/key
install -o backup7 -m 600 /root/key.pub /home/backup7/.ssh/authorized_keys
mkdir -p /run/sshd && /usr/sbin/sshd
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=backups \\
  -addext keyUsage=critical,digitalSignature,keyCertSign \\
  -addext subjectAltName=IP:{ADDRESS} -keyout /root/tls.key -out /root/tls.crt
mkdir /srv/rest
"""


def target(command, **options):
    command = ["docker", "exec", "--interactive", TARGET, "bash", "-ec", command]
    return subprocess.run(command, capture_output=True, text=True, check=True, **options).stdout


@pytest.fixture(scope="module")
def places():
    """Another server, and what the inventory says about each way to it."""
    image = yaml.safe_load(Path(os.environ["LAB_IMAGES"]).read_text())["lab_server_image"]
    run = ["docker", "run", "--detach", "--init", f"--name={TARGET}", f"--network={SITE['lab_server_network']}"]
    subprocess.run([*run, f"--ip={ADDRESS}", image, "sleep", "infinity"], check=True, capture_output=True)
    try:
        target(PREPARE)
        digest = base64.b64encode(hashlib.sha1(PASSWORD.encode()).digest()).decode()
        target("cat > /srv/rest/.htpasswd", input=f"ward10:{{SHA}}{digest}\n")
        # Whoever takes over the server can delete nothing there.
        rest = (
            "restic-rest-server --append-only --path /srv/rest --tls --tls-cert /root/tls.crt --tls-key /root/tls.key"
        )
        subprocess.run(["docker", "exec", "--detach", TARGET, "sh", "-c", rest], check=True)
        # moto's S3 server keeps what it is given in memory.
        s3 = "python3 -m moto.server --host 0.0.0.0 --port 9000 --ssl-cert /root/tls.crt --ssl-key /root/tls.key"
        subprocess.run(["docker", "exec", "--detach", TARGET, "sh", "-c", s3], check=True)
        target(f"timeout 120 sh -c 'until curl -sfk https://{ADDRESS}:9000/ >/dev/null; do sleep 0.5; done'")
        host_keys = target("cat /etc/ssh/ssh_host_*_key.pub").splitlines()
        yield {
            "sftp": {
                "backup_repository": f"sftp:backup7@{ADDRESS}:/srv/backups/pacs",
                "backup_sftp_private_key": target("cat /root/key"),
                # As somebody's editor on Windows leaves them.
                "backup_sftp_known_hosts": "\r\n".join(f"{ADDRESS} {key}" for key in host_keys),
            },
            "rest": {
                "backup_repository": f"rest:https://ward10:p%24ss%3Aw%27ord@{ADDRESS}:8000/pacs",
                "backup_repository_ca": target("cat /root/tls.crt"),
                **dict.fromkeys(("backup_keep_daily", "backup_keep_weekly", "backup_keep_monthly"), 0),
            },
            "s3": {
                "backup_repository": f"s3:https://{ADDRESS}:9000/hospital/pacs",
                "backup_repository_ca": target("cat /root/tls.crt"),
                "backup_s3_access_key": "ward10",
                "backup_s3_secret_key": PASSWORD,
            },
        }
    finally:
        subprocess.run(["docker", "rm", "--force", "--volumes", TARGET], check=True, capture_output=True)
        play(Path(__file__).parent / "backups_only.yml")


@pytest.mark.parametrize("kind", ["sftp", "rest", "s3"])
def test_a_backup_on_another_server_is_rehearsed(server, places, kind):
    play(Path(__file__).parent / "backups_only.yml", "--extra-vars", json.dumps(places[kind]))
    server.backup("backup")
    made = server.backup("backup")
    assert server.backup("rehearse")["files"] == made["files"]
    assert "w%27ord" not in json.dumps(server.backup("status"))
    secrets = server.run("ls /opt/pacs/secrets/backup").split()
    assert secrets == {"sftp": ["known_hosts", "password", "repository", "ssh_key"],
                       "rest": ["ca.pem", "password", "repository"],
                       "s3": ["ca.pem", "password", "repository", "s3_credentials"]}[kind]  # fmt: skip
    server.backup("check --percent 100")


def test_a_server_with_another_key_gets_nothing(server, places):
    changed = places["sftp"] | {"backup_sftp_known_hosts": f"{ADDRESS} ssh-ed25519 {'A' * 68}"}
    play(Path(__file__).parent / "backups_only.yml", "--extra-vars", json.dumps(changed))
    reason = server.backup("backup", succeeds=False)
    assert "Host key verification failed" in reason or "host key" in reason.lower(), reason
