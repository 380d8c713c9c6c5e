# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each secret gets a new value while others work; the old one is refused, and nothing is lost."""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
import threading

import pytest
import requests
import yaml
from conftest import SERVER, associate, run
from cryptography import x509

KEPT = "# Whose password is whose: see the wiki."
AWKWARD = "a $HOME \"b\" 'c' \\ %s {d} # e"
QUICK = "--skip-tags=verify"
# How long a container is given to end (stop_grace_period).
GRACE = 60
ORTHANCS = {"pacs-orthanc-1", "pacs-orthanc-for-shares-1"}
# How they may end. The lab's runs its stand-ins in Python, which crashes when Orthanc takes leave of it,
# after the database's plugin has ended: "segfault ... in libpython3.14" in the kernel's log. Without them it ends well.
ENDS_WELL = {0} if "upstream" in os.environ["LAB_IMAGES"] else {0, 139}
# Whether the database takes a password, and whether the auth service does, asked from where the gate is.
DATABASE = """
import sys; sys.path.insert(0, "/etc/pacs/driver.zip")
import pg8000.native
try:
    pg8000.native.Connection("orthanc", host="postgres", database="orthanc", password=sys.stdin.read()).close()
    print("taken")
except pg8000.exceptions.DatabaseError as error:
    print(error.args[0]["C"])
"""
AUTH_SERVICE = """
import base64, sys, urllib.request
login = base64.b64encode(("orthanc:" + sys.stdin.read()).encode()).decode()
headers = {"Content-Type": "application/json", "Authorization": "Basic " + login}
body = b'{"token-key": "token", "token-value": "x"}'
request = urllib.request.Request("http://orthanc-auth-service:8000/tokens/decode", body, headers)
try:
    print(urllib.request.urlopen(request).status)
except urllib.error.HTTPError as error:
    print(error.code)
"""


def from_the_gate(script, secret):
    command = (
        f"cd /opt/pacs && printf %s {quoted(secret)} | docker compose exec -T share-gate python -c {quoted(script)}"
    )
    return run(command)


def quoted(text):
    return "'" + text.replace("'", "'\\''") + "'"


def containers():
    lines = run("cd /opt/pacs && docker compose ps --all --format '{{.Service}} {{.ID}}'").splitlines()
    return dict(line.split() for line in lines)


def key_of(certificate):
    return x509.load_pem_x509_certificate(certificate.encode()).public_key().public_numbers()


def others(values, *names):
    return {name: value for name, value in values.items() if name not in names}


def test_the_vault_changes_nothing_that_it_does_not_have_to(operator, site, study):
    said = operator.play(QUICK, playbook="site")
    assert re.search(r"changed=0 +unreachable=0 +failed=0", said), said[-3000:]


def test_a_dry_run_says_what_would_be_rotated_and_changes_nothing(operator, site, study):
    before, there = operator.vault.read_bytes(), containers()
    said = operator.rotate("all", "--check", QUICK, "--extra-vars=rotate_keep_links=3")
    for name in ("pacs_staff_users: anna", "pacs_share_signing_key", "pacs_database_password", "TLS keys"):
        assert name in said
    assert operator.vault.read_bytes() == before
    assert containers() == there
    assert site.logs_in("anna") == 200


@pytest.mark.parametrize(
    ("what", "sentence"),
    [
        (["rotate_secrets=databse"], "did you mean database?"),
        (["rotate_secrets=database", "rotate_keep_links=3"], "together with -e rotate_secrets=signing_key"),
        (["rotate_secrets=database", "rotate_vault_file=/nowhere/vault.yml"], "There is no /nowhere/vault.yml"),
        (["rotate_secrets=database", "pacs_database_password=from elsewhere"], "another place in the inventory"),
    ],
)
def test_what_can_not_be_rotated_is_a_sentence(operator, what, sentence):
    before = operator.vault.read_bytes()
    arguments = [part for pair in what for part in ("--extra-vars", json.dumps(dict([pair.split("=", 1)])))]
    said = operator.play(*arguments, succeeds=False)
    assert sentence in " ".join(said.split())
    assert operator.vault.read_bytes() == before


@pytest.fixture
def ends(site):
    """How containers ended, and in how many seconds, while staff ask all the time for what only the database knows."""
    shown = ("{{.TimeNano}}", "{{.Actor.Attributes.name}}", "{{.Action}}", "{{.Actor.Attributes.exitCode}}")
    command = ["docker", "exec", SERVER, "docker", "events", "--filter=event=kill", "--filter=event=die"]
    watch = subprocess.Popen([*command, f"--format={' '.join(shown)}"], stdout=subprocess.PIPE, text=True)
    over = threading.Event()

    def ask():
        while not over.is_set():
            with contextlib.suppress(requests.RequestException):
                site.request("GET", "/orthanc/changes?last", user="anna")

    askers = [threading.Thread(target=ask) for _number in range(4)]
    for asker in askers:
        asker.start()
    found = []

    def so_far():
        # What comes last is seen when the stream ends.
        run("pkill --full '^docker events'")
        asked = {}
        for line in watch.stdout:
            at, name, action, *code = line.split()
            if action == "kill":
                asked.setdefault(name, int(at))
            else:
                found.append((name, int(code[0]), (int(at) - asked.pop(name, int(at))) / 1e9))
        return found

    yield so_far
    over.set()
    watch.terminate()
    for asker in askers:
        asker.join()


def test_the_database_password(operator, site, study, load, ends):
    token, before = site.link(study), operator.values()
    operator.rotate("database", QUICK)
    load.lost_nothing()
    assert load.closed
    # Orthanc ended by itself, because nobody had taken the database from it. One that waits for a database that is gone
    # is killed after a minute (137), or ends when its attempts are used up.
    ended = [end for end in ends() if end[0].startswith(("pacs-orthanc-", "pacs-postgres-"))]
    assert ORTHANCS | {"pacs-postgres-1"} <= {name for name, _code, _time in ended}
    assert [end for end in ended if end[1] not in (ENDS_WELL if end[0] in ORTHANCS else {0})] == []
    # Far from the minute that they are given.
    assert [end for end in ended if end[2] > GRACE / 2] == []
    after = operator.values()
    assert others(after, "pacs_database_password") == others(before, "pacs_database_password")
    assert KEPT in operator.text()
    assert from_the_gate(DATABASE, before["pacs_database_password"]) == "28P01"
    assert from_the_gate(DATABASE, after["pacs_database_password"]) == "taken"
    assert site.answers_to(token, study) == {200}


@pytest.mark.soak
def test_the_password_of_one_user(operator, site, study, load):
    before = operator.values()["pacs_staff_users"]
    said = operator.rotate("staff:anna", QUICK)
    site.users = operator.values()["pacs_staff_users"]
    load.lost_nothing()
    assert "Try the passwords that staff had" in said
    assert site.users == before | {"anna": site.users["anna"]}
    assert site.logs_in("anna") == site.logs_in("otto") == 200
    assert site.logs_in("anna", before["anna"]) == 401


@pytest.mark.soak
def test_the_password_of_the_auth_service(operator, site, study, load):
    token, before = site.link(study), operator.values()["pacs_auth_service_password"]
    operator.rotate("auth_service", QUICK)
    load.lost_nothing()
    assert from_the_gate(AUTH_SERVICE, before) == "401"
    assert from_the_gate(AUTH_SERVICE, operator.values()["pacs_auth_service_password"]) == "200"
    assert site.answers_to(token, study) == site.answers_to(site.link(study), study) == {200}


def test_the_signing_key_whose_links_stay_and_then_end(operator, site, study, load):
    first, there = site.link(study), containers()
    operator.rotate("signing_key", QUICK, "--extra-vars=rotate_keep_links=2")
    load.lost_nothing()
    # Orthanc was not restarted: nobody had to wait.
    assert not load.closed
    assert containers()["orthanc"] == there["orthanc"]
    second = site.link(study)
    assert site.answers_to(first, study) == site.answers_to(second, study) == {200}
    # Without its time, an old key is none.
    text = operator.text()
    operator.write(re.sub(r'"until": "[^"]*"', '"until": "2026-01-01T00:00:00+00:00"', text))
    operator.play(QUICK)
    assert site.answers_to(first, study) == {403}
    assert site.answers_to(second, study) == {200}
    operator.rotate("signing_key", QUICK)
    assert site.answers_to(first, study) == site.answers_to(second, study) == {403}
    assert operator.values()["pacs_share_previous_signing_keys"] == []
    assert site.answers_to(site.link(study), study) == {200}


@pytest.mark.soak
def test_the_keys_of_the_server(operator, site, study, load):
    before, there = [site.served_certificate(port) for port in (443, 2762)], containers()
    authority = operator.certificate.read_bytes()
    operator.rotate("tls", QUICK)
    load.lost_nothing()
    assert not load.closed
    after = [site.served_certificate(port) for port in (443, 2762)]
    for old, new in zip(before, after, strict=True):
        assert key_of(old) != key_of(new)
    assert containers() == there
    # Whoever trusted the site's CA still does.
    assert operator.certificate.read_bytes() == authority
    assert site.logs_in("anna") == 200


def test_who_sends_longer_than_one_waits_is_not_cut_and_the_next_run_ends_it(operator, site, load):
    before, there = operator.values(), containers()
    said = operator.rotate("database", QUICK, "--extra-vars=stack_drain_timeout=1", succeeds=False)
    assert "there still was an association with 10.213.51.1" in " ".join(said.split())
    assert containers() == there
    assert from_the_gate(DATABASE, before["pacs_database_password"]) == "taken"
    load.end()
    assert set(load.statuses) == {0x0000}
    assert load.upload == 200
    # The vault has the new one already. Nobody has to know that: site.yml brings the server to it.
    operator.play(QUICK, playbook="site")
    assert from_the_gate(DATABASE, before["pacs_database_password"]) == "28P01"
    assert from_the_gate(DATABASE, operator.values()["pacs_database_password"]) == "taken"


def test_the_doors_open_by_themselves_if_nobody_comes_back(site, study):
    run("pacs drain close --patience 60 --closed 15")
    assert "-> if no site.yml is at work: pacs drain open" in run("pacs status || true")
    assert site.request("POST", "/orthanc/instances", user="anna", data=b"x").status_code == 503
    association = associate()
    assert association.is_established
    association.release()
    run("while docker exec pacs-nginx-1 test -e /run/pacs-closed; do sleep 0.5; done")
    assert site.request("POST", "/orthanc/instances", user="anna", data=b"x").status_code == 400
    run("pacs drain open")
    assert "threedpc_pacs_drain" not in run("/usr/sbin/nft list tables")


def test_what_the_operator_chose_is_applied_and_all_can_be_rotated(operator, site, study, load):
    """Awkward characters go in and come out, with the proof at the end of site.yml."""
    chosen = "pacs_database_password: " + json.dumps(AWKWARD)
    text = re.sub(r"(?m)^pacs_database_password: .*$", lambda _old: chosen, operator.text())
    operator.write(text)
    operator.play(QUICK)
    load.lost_nothing()
    assert from_the_gate(DATABASE, AWKWARD) == "taken"
    before, token = operator.values(), site.link(study)
    said = operator.rotate("all", "--extra-vars=rotate_keep_links=1")
    assert "passed" in said
    after = operator.values()
    assert after["something_else"] == {"kept": [1, "two", 3.0]}
    assert set(after) == set(before)
    site.users = after["pacs_staff_users"]
    for user, password in before["pacs_staff_users"].items():
        assert site.logs_in(user) == 200
        assert site.logs_in(user, password) == 401
    assert site.answers_to(token, study) == site.answers_to(site.link(study), study) == {200}


def test_a_second_run_changes_nothing(operator):
    said = operator.play(QUICK)
    assert re.search(r"changed=0 +unreachable=0 +failed=0", said), said[-3000:]


def test_no_secret_is_in_a_log(operator):
    """Neither an old nor a new one: of all that the vault ever was."""
    values = [operator.values()]
    for file in operator.vault.parent.glob("vault.yml.*.bak"):
        values.append(yaml.safe_load(operator.ansible("ansible-vault", "view", str(file))))
    assert len(values) > 5
    text = run("cd /opt/pacs && docker compose logs --no-color; journalctl --no-pager; cat /opt/pacs/compose.d/*")
    text += run("cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ 2>/dev/null | tr '\\0' '\\n'", check=False)
    for each in values:
        for name in ("pacs_database_password", "pacs_auth_service_password", "pacs_share_signing_key"):
            assert each[name] not in text
        for password in each["pacs_staff_users"].values():
            assert password not in text
