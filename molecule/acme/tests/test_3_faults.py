# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What can go wrong with an ACME server: the certificate in service stays, the reason is readable, and the next good
run heals it."""

import concurrent.futures

import pytest
import requests
from conftest import (
    ACME_ADDRESS,
    CA,
    FILES,
    LIVE,
    NAME,
    SCENARIO,
    SITE,
    changed,
    cron,
    docker,
    killed,
    pebble,
    play,
    probing,
    served,
    server,
    status,
    trusted,
    wait_until,
)  # fmt: skip

SETTINGS = "/opt/pacs/config/pacs/certificates.json"
CERTBOT = "/opt/pacs/secrets/certbot/certbot"
SOMETHING_ELSE = (SCENARIO / "something_else.py").read_text()


@pytest.fixture
def due():
    """A certificate has to be ordered; the one that is served has to stay until that succeeds."""
    server("rm --force /var/lib/pacs/tls/acme/site.pem")


def fails(*words: str) -> str:
    """Run cron, which must fail for a reason with these words and leave everything as it is; returns the reason."""
    before = served().serial_number, server(f"sha256sum {LIVE}")
    run = cron()
    assert run.returncode == 1, run.stdout
    assert (served().serial_number, server(f"sha256sum {LIVE}")) == before
    said = status()
    assert not said["ok"]
    reason = said["last_failure"]["reason"]
    for word in words:
        assert word in reason, reason
    assert "Traceback" not in run.stdout and reason in run.stdout and "\n" not in reason
    return reason


def stopped():
    pebble("stop")
    yield
    pebble("start", "3600")


def refusing():
    pebble("start", "3600", "eab")
    server("rm --recursive --force /var/lib/pacs/tls/acme/state/accounts")
    yield
    pebble("start", "3600")


def something_else(what: str):
    """Another server in the place of the ACME server."""

    def cause():
        pebble("stop")
        docker("exec", "--detach", CA, "python3", "-c", SOMETHING_ELSE, what)
        ask = ["curl", "--insecure", "--silent", "https://127.0.0.1:14000/dir"]
        wait_until(lambda: docker("exec", CA, *ask, check=False))
        yield
        docker("exec", CA, "pkill", "-x", "python3")
        pebble("start", "3600")

    return cause


def port_80_closed():
    server(f"iptables -t raw -I PREROUTING -s {ACME_ADDRESS} -p tcp --dport 80 -j DROP")
    yield
    server(f"iptables -t raw -D PREROUTING -s {ACME_ADDRESS} -p tcp --dport 80 -j DROP")


def another(name: str):
    def cause():
        server(f"sed -i 's/{NAME}/{name}/' {SETTINGS}")
        yield
        server(f"sed -i 's/{name}/{NAME}/' {SETTINGS}")

    return cause


def full_disk():
    """No room where the certificates lie."""
    server("mkdir --parents /run/full && mount -t tmpfs -o size=1m tmpfs /run/full")
    server("cp --archive /var/lib/pacs/tls/acme /run/full/ && mount --bind /run/full/acme /var/lib/pacs/tls/acme")
    server("head --bytes=2M /dev/zero > /run/full/filler", check=False)
    yield
    server("umount /var/lib/pacs/tls/acme /run/full")


FAULTS = {
    "down": (stopped, ["10.213.46.20", "14000"]),
    "refusing": (refusing, ["external account", "tls_acme_eab_kid"]),
    "nonsense": (something_else("page"), [ACME_ADDRESS]),
    "half an answer": (something_else("half"), [ACME_ADDRESS]),
    "rate-limited": (something_else("limit"), ["too many certificates (5) already issued", "2026-12-01"]),
    "port 80 closed": (port_80_closed, [NAME, "http"]),
    # There nobody answers at port 80.
    "name of another server": (another("moved.clinic.test"), ["moved.clinic.test", "connection refused"]),
    "name that the server refuses": (another("blocked.clinic.test"), ["blocked.clinic.test"]),
    "name that nobody knows": (another("nowhere.clinic.test"), ["nowhere.clinic.test"]),
    "disk full": (full_disk, ["No space left"]),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_an_order_that_cannot_succeed_leaves_the_certificate_in_service_and_says_why(due, fault):
    cause, words = FAULTS[fault]
    steps = cause()
    next(steps)
    try:
        print(fault, ":", fails(*words))
    finally:
        next(steps, None)


def test_the_next_good_run_heals_everything_and_another_at_the_same_time_waits_for_it(due):
    before = served().serial_number
    with concurrent.futures.ThreadPoolExecutor() as both:
        runs = [both.submit(cron) for _run in range(2)]
    assert [run.result().returncode for run in runs] == [0, 0]
    # Whoever ends last has what both said.
    assert max(run.result().stdout.count("ordered a certificate") for run in runs) == 1
    assert served().serial_number != before
    assert trusted() and status()["ok"]


def test_site_yml_ends_with_the_reason_after_everything_else_is_done(due):
    pebble("stop")
    with probing() as probe:
        run = play(playbook="converge.yml")
    pebble("start", "3600")
    assert run.returncode == 2
    told = run.stdout[run.stdout.rindex("TASK [") :]
    assert "threedpc.pacs.tls : Say why a certificate could not be renewed" in told
    assert f"{SITE['tls_acme_server']} issued no certificate for {NAME}" in " ".join(told.split())
    assert "orthanc : Bring Orthanc's list of modalities" in run.stdout
    assert probe.noticed() == []


def test_an_account_that_was_deactivated_heals_itself(due):
    deactivate = (
        "import json, glob, josepy\n"
        "from acme import client, messages\n"
        "folder = glob.glob('/etc/letsencrypt/accounts/*/*/*')[0]\n"
        "key = josepy.JWK.json_loads(open(folder + '/private_key.json').read())\n"
        "account = messages.RegistrationResource.from_json(json.load(open(folder + '/regr.json')))\n"
        "net = client.ClientNetwork(key, account=account, verify_ssl='/etc/pacs/ca.pem')\n"
        f"directory = client.ClientV2.get_directory('{SITE['tls_acme_server']}', net)\n"
        "client.ClientV2(directory, net).deactivate_registration(account)\n"
    )
    # A good run first: the ACME server has forgotten everybody each time it was started.
    assert cron().returncode == 0
    server(
        "cd /opt/pacs && docker compose run --rm -T --entrypoint python3 certbot - < /dev/stdin"
        f" <<'END'\n{deactivate}END"
    )
    server("rm --force /var/lib/pacs/tls/acme/site.pem")
    before = served().serial_number
    run = cron()
    assert run.returncode == 0, run.stdout
    assert "registered a new account" in run.stdout
    assert served().serial_number != before


def test_a_run_that_was_killed_before_it_could_reload_is_finished_by_the_next(due):
    before = served().serial_number, server(f"sha256sum {LIVE}")
    with killed("-s reload"):
        assert cron().returncode == 137
    # The new certificate lies there, and nginx knows nothing of it.
    assert served().serial_number == before[0] and server(f"sha256sum {LIVE}") != before[1]
    run = cron()
    assert run.returncode == 0 and "reloaded nginx" in run.stdout and "ordered" not in run.stdout
    assert served().serial_number != before[0] and trusted()
    assert "nothing to do" in cron().stdout


def test_a_run_that_was_killed_in_the_middle_of_an_order_is_repeated_by_the_next(due):
    before = served().serial_number
    # certbot goes on without the program, and has the lock of its files.
    with killed("certonly", meanwhile='setsid /usr/bin/docker "$@" & sleep 2'):
        assert cron().returncode == 137
    assert served().serial_number == before
    run = cron()
    assert run.returncode == 0, run.stdout
    assert served().serial_number != before and trusted()
    assert server("docker ps --all --quiet --filter=name=pacs-certbot") == ""


def test_an_account_can_be_bound_to_one_at_the_authority(due):
    key = "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W"
    pebble("start", "3600", "eab")
    server("rm --recursive --force /var/lib/pacs/tls/acme/site.pem /var/lib/pacs/tls/acme/state/accounts")
    run = play({"tls_acme_eab_kid": "clinic", "tls_acme_eab_hmac_key": key})
    assert changed(run) and trusted()
    assert key not in run.stdout
    assert key not in server("journalctl --output=cat; cat /opt/pacs/compose.d/*.json")
    assert key in server(f"cat {CERTBOT}")
    pebble("start", "3600")


def test_where_port_80_is_closed_the_name_server_tells_the_authority(due):
    before = served().serial_number
    key = "4q4wM/2I180UXoMyN4INVhJNi8V9BCV+jMw2mXgZw/CSuxUT8C7NKKFsAmKd7ak51vWKgSl12ib86oQRPkpDjg=="
    changes = {
        "tls_acme_challenge": "dns-01",
        "tls_acme_dns_server": ACME_ADDRESS,
        "tls_acme_dns_key_name": "certbot",
        "tls_acme_dns_key_secret": key,
        "tls_acme_dns_wait": 1,
        "proxy_hsts_seconds": 300,
    }
    steps = port_80_closed()
    next(steps)
    try:
        assert changed(play(changes)) and trusted()
        assert served().serial_number != before
    finally:
        next(steps, None)
    assert key not in server("journalctl --output=cat; cat /opt/pacs/compose.d/*.json")
    answer = requests.get(f"https://{NAME}/", verify=str(FILES / "root.pem"), timeout=60, allow_redirects=False)
    assert answer.headers["Strict-Transport-Security"] == "max-age=300"
    plain = requests.get(f"http://{NAME}/", timeout=60, allow_redirects=False)
    assert "Strict-Transport-Security" not in plain.headers
