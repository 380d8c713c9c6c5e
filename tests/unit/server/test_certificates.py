# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The program that keeps a site's certificates: what it does when, and what it leaves alone when something fails."""

from __future__ import annotations

import datetime
import errno
import json
import os
import subprocess
import types

import pytest
from cryptography import x509
from pacs.certificates import authority, certbot, command, nginx, pair, renewal, sources
from pacs.certificates import run as runs

NOW = datetime.datetime(2026, 6, 1, 12, tzinfo=datetime.UTC)
DAY = datetime.timedelta(days=1)
NAME = "pacs.hospital.example"
SERVER = "https://ca.hospital.example/dir"
ASKS = [*certbot.IN_CONTAINER, *renewal.ASK]


class Server:
    """The commands that the program runs, and an ACME server that answers as it is told."""

    def __init__(self, folder):
        self.folder = folder
        self.said = []
        self.answers = []
        self.running = False
        self.served = b""
        self.reloads = True
        # What the ACME server says about renewals: nothing.
        self.advice = (0, "{}")
        self.leftover = False

    def __call__(self, words, **options):
        self.said.append(words)
        assert options["stdin"] == subprocess.DEVNULL
        code, output = 0, ""
        if words[:3] == ["docker", "ps", "--all"]:
            output = "5678\n" if self.leftover else ""
        elif words == nginx.RUNNING:
            output = "1234\n" if self.running else ""
        elif words == nginx.RELOAD:
            if self.reloads:
                self.served = der(self.folder / "live/site.pem")
        elif words[: len(ASKS)] == ASKS:
            code, output = self.advice
        elif words == certbot.ORDER:
            code, output = self.answers.pop(0) if self.answers else (0, "")
            if callable(output):
                output()
                output = ""
            elif not code:
                self.issue()
        return subprocess.CompletedProcess(words, code, output.encode(), b"")

    def issue(self, days=90, begin=NOW, names=None, key=None):
        """What the ACME server makes of the request."""
        request = x509.load_pem_x509_csr((self.folder / "acme/order/request.pem").read_bytes())
        asked = request.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        maker = authority.Authority(self.folder / "elsewhere", "Elsewhere", 3650, begin)
        if maker.needs(DAY):
            maker.make()
        issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(maker.key.public_key())
        builder = (
            maker._builder(request.subject, key or request.public_key(), days)
            .issuer_name(maker.certificate.subject)
            .add_extension(issuer, False)
            .add_extension(
                asked if names is None else x509.SubjectAlternativeName([x509.DNSName(name) for name in names]), False
            )
        )
        signed = builder.sign(maker.key, authority.hashes.SHA256())
        (self.folder / "acme/order/fullchain.pem").write_bytes(pair.pem(signed) + pair.pem(maker.certificate))

    def count(self, words):
        return self.said.count(words)


def der(file):
    return pair.der(pair.chain_of(file.read_bytes())[0])


@pytest.fixture
def server(tmp_path, monkeypatch):
    server = Server(tmp_path)
    monkeypatch.setattr(subprocess, "run", server)
    monkeypatch.setattr(nginx, "served_certificate", lambda *where: server.served)
    monkeypatch.setattr(nginx, "PATIENCE", 0)
    return server


def settings(folder, source="selfsigned", **more):
    return {
        "site": "Ward 7",
        "source": source,
        "names": [NAME],
        "folder": str(folder),
        "project": str(folder),
        "nginx": "192.0.2.10",
        "server_name": NAME,
        "ports": {} if source == "none" else {"live/site.pem": 443},
        "selfsigned": {"days": 397, "ca_days": 3650},
        "provided": {"certificate": str(folder / "given.crt"), "private_key": str(folder / "given.key")},
        "trusted": [],
        "acme": {"server": SERVER, "key_type": "ecdsa"},
        "dicom": {"enabled": False},
    } | more


def go(folder, now=NOW, dry=False, order=True, source="selfsigned", new_keys=False, **more):
    run = runs.Run(settings(folder, source, **more), now, dry=dry, order=order, new_keys=new_keys)
    run.go()
    return run


def leaf(folder, name="live/site.pem"):
    return pair.chain_of((folder / name).read_bytes())[0]


def tree(folder):
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else b""
        for path in sorted(folder.rglob("*"))
    }


# --- selfsigned ---


def test_the_first_run_makes_a_ca_and_a_certificate_and_the_second_nothing(tmp_path, server):
    first = go(tmp_path)
    assert not first.problems
    assert pair.names(leaf(tmp_path)) == [NAME]
    assert pair.ends(leaf(tmp_path)) == NOW + 397 * DAY
    before = tree(tmp_path)
    second = go(tmp_path, now=NOW + DAY)
    assert (second.actions, second.problems) == ([], [])
    assert tree(tmp_path) == before


def test_keys_are_for_root_alone(tmp_path, server):
    go(tmp_path, dicom=DICOM)
    for path in tmp_path.rglob("*"):
        if path.is_file() and b"PRIVATE KEY" in path.read_bytes():
            assert path.stat().st_mode & 0o777 == 0o400, path


def test_a_dry_run_says_what_it_would_do_and_writes_nothing(tmp_path, server):
    run = go(tmp_path, dry=True, dicom=DICOM)
    command.record(run)
    assert len(run.actions) >= 2
    assert tree(tmp_path) == {}


@pytest.mark.parametrize(
    "days_left, renewed",
    [(31, False), (29, True), (-1, True)],
)
def test_a_certificate_is_renewed_in_its_last_30_days(tmp_path, server, days_left, renewed):
    go(tmp_path)
    before = leaf(tmp_path).serial_number
    go(tmp_path, now=pair.ends(leaf(tmp_path)) - days_left * DAY)
    assert (leaf(tmp_path).serial_number != before) == renewed


@pytest.mark.parametrize("lifetime, left", [(397, 30), (90, 30), (6, 2), (1 / 24, 1 / 72)])
def test_a_short_lived_certificate_is_renewed_in_the_last_third_of_its_life(tmp_path, lifetime, left):
    maker = authority.Authority(tmp_path, "CA", 3650, NOW)
    maker.make()
    certificate = maker.issue(NAME, [NAME], ["server"], 1).leaf
    begin, end = NOW, NOW + lifetime * DAY
    made = type("Made", (), {"not_valid_before_utc": begin, "not_valid_after_utc": end})
    assert abs(end - pair.due(made) - left * DAY) < datetime.timedelta(seconds=1)
    assert pair.due(certificate) < pair.ends(certificate)


@pytest.mark.parametrize("names", [["other.example"], [NAME, "shares.hospital.example"], ["10.1.2.3", "fd00::1"]])
def test_other_names_make_another_certificate_of_the_same_ca(tmp_path, server, names):
    go(tmp_path)
    before = (tmp_path / "ca/ca.crt").read_bytes()
    go(tmp_path, names=names)
    assert pair.names(leaf(tmp_path)) == names
    assert (tmp_path / "ca/ca.crt").read_bytes() == before


def test_the_ca_is_renewed_with_its_key_before_it_ends_earlier_than_what_it_signs(tmp_path, server):
    go(tmp_path)
    key, old = (tmp_path / "ca/ca.key").read_bytes(), leaf(tmp_path, "ca/ca.crt")
    go(tmp_path, now=NOW + 3300 * DAY)
    new = leaf(tmp_path, "ca/ca.crt")
    assert (tmp_path / "ca/ca.key").read_bytes() == key
    assert new.subject == old.subject and new.serial_number != old.serial_number
    leaf(tmp_path).verify_directly_issued_by(old)
    leaf(tmp_path).verify_directly_issued_by(new)


@pytest.mark.parametrize(
    "damage", [b"", b"nonsense", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"]
)
def test_a_damaged_file_is_replaced(tmp_path, server, damage):
    go(tmp_path)
    file = tmp_path / "live/site.pem"
    file.chmod(0o600)
    file.write_bytes(damage)
    assert not go(tmp_path).problems
    assert pair.Pair.parse(file.read_bytes()).is_whole


# --- nginx ---


def test_nginx_is_reloaded_when_it_serves_something_else_and_never_otherwise(tmp_path, server):
    go(tmp_path)
    assert server.count(nginx.RELOAD) == 0
    server.running = True
    # Somebody died between writing and reloading.
    server.served = b"the one before"
    assert go(tmp_path).actions == ["reloaded nginx"]
    assert server.count(nginx.RELOAD) == 1
    assert go(tmp_path).actions == []
    assert server.count(nginx.RELOAD) == 1


def test_a_file_that_nobody_can_ask_nginx_for_is_loaded_even_after_a_run_that_died(tmp_path, server, monkeypatch):
    go(tmp_path, dicom=DICOM)
    server.running, server.served = True, der(tmp_path / "live/site.pem")
    with monkeypatch.context() as patched:
        patched.setattr(nginx, "reload", lambda run: None)
        (tmp_path / "dicom/live/ca.pem").unlink()
        go(tmp_path, dicom=DICOM)
    assert go(tmp_path, dicom=DICOM).actions == ["reloaded nginx"]
    assert go(tmp_path, dicom=DICOM).actions == []


def test_an_nginx_that_does_not_take_the_certificate_is_a_problem_and_is_asked_again(tmp_path, server):
    go(tmp_path)
    server.running, server.served, server.reloads = True, b"the one before", False
    assert "still serves another certificate" in go(tmp_path).problems[0]
    server.reloads = True
    assert not go(tmp_path).problems


def test_a_server_without_docker_is_a_sentence(tmp_path, server, monkeypatch):
    failed = subprocess.CompletedProcess([], 1, b"", b"Cannot connect to the Docker daemon")
    monkeypatch.setattr(subprocess, "run", lambda *words, **options: failed)
    assert go(tmp_path).problems == ["Asking for nginx failed: Cannot connect to the Docker daemon"]


# --- acme ---


def test_a_first_run_has_a_placeholder_until_the_order_succeeded(tmp_path, server):
    assert not go(tmp_path, source="acme", order=False).problems
    assert leaf(tmp_path).issuer.rfc4514_string() == "CN=Ward 7 local CA"
    assert server.count(certbot.ORDER) == 0
    assert not go(tmp_path, source="acme").problems
    assert leaf(tmp_path).issuer.rfc4514_string() == "CN=Elsewhere"
    assert len(pair.chain_of((tmp_path / "live/site.pem").read_bytes())) == 2
    assert go(tmp_path, source="acme", now=NOW + 59 * DAY).actions == []
    assert server.count(certbot.ORDER) == 1


def test_a_certificate_that_is_due_is_ordered_with_a_new_key(tmp_path, server):
    go(tmp_path, source="acme")
    before = leaf(tmp_path)
    run = go(tmp_path, source="acme", now=NOW + 61 * DAY)
    assert not run.problems and "ends on" in run.actions[0]
    assert leaf(tmp_path).public_key() != before.public_key()


@pytest.mark.parametrize("source", ["acme", "selfsigned"])
def test_a_new_key_is_made_when_somebody_asks_for_it(tmp_path, server, source):
    go(tmp_path, source=source)
    before, authority = leaf(tmp_path), leaf(tmp_path, "ca/ca.crt") if source == "selfsigned" else None
    run = go(tmp_path, source=source, new_keys=True)
    assert not run.problems
    assert "a new key was asked for" in run.actions[0]
    assert leaf(tmp_path).public_key() != before.public_key()
    if authority:
        assert leaf(tmp_path, "ca/ca.crt") == authority
    assert go(tmp_path, source=source).actions == []


FAILURES = [
    (
        "Certbot failed to authenticate some domains (authenticator: webroot).\n"
        "  Domain: pacs.hospital.example\n  Type:   connection\n"
        "  Detail: 192.0.2.1: Fetching http://pacs.hospital.example/x: Connection refused\n\nHint: ...\n"
        "Ask for help or search for solutions at https://community.letsencrypt.org.",
        "pacs.hospital.example: 192.0.2.1: Fetching http://pacs.hospital.example/x: Connection refused",
    ),
    (
        "An unexpected error occurred:\nError creating new order :: too many certificates already issued\n"
        "Ask for help or search for solutions.",
        "Error creating new order :: too many certificates already issued",
    ),
    ("An unexpected error occurred:\nacme.errors.ClientError: <html>", "<html>"),
    ("Saving debug log to x\nsomething broke.\nSee the logfile", "something broke"),
    ("", "certbot ended with 1 and said nothing"),
]


@pytest.mark.parametrize("said, reason", FAILURES)
def test_an_order_that_failed_leaves_everything_in_service_and_says_why(tmp_path, server, said, reason):
    go(tmp_path, source="acme")
    before = (tmp_path / "live/site.pem").read_bytes()
    server.answers = [(1, said)]
    run = go(tmp_path, source="acme", now=NOW + 61 * DAY)
    assert run.problems == [f"{SERVER} issued no certificate for {NAME}: {reason}"]
    assert (tmp_path / "live/site.pem").read_bytes() == before
    # The next good run heals it.
    assert not go(tmp_path, source="acme", now=NOW + 61 * DAY).problems
    assert (tmp_path / "live/site.pem").read_bytes() != before


@pytest.mark.parametrize("nonsense", ["nothing", "other key", "other name", "text"])
def test_nonsense_of_the_acme_server_is_never_served(tmp_path, server, nonsense):
    go(tmp_path, source="acme")
    before = (tmp_path / "live/site.pem").read_bytes()

    def answer():
        if nonsense == "other key":
            server.issue(key=authority.new_key().public_key())
        if nonsense == "other name":
            server.issue(names=["other.example"])
        if nonsense == "text":
            (tmp_path / "acme/order/fullchain.pem").write_text("<html>")

    server.answers = [(0, answer)]
    run = go(tmp_path, source="acme", now=NOW + 61 * DAY)
    assert "issued something else than a certificate" in run.problems[0]
    assert (tmp_path / "live/site.pem").read_bytes() == before


@pytest.mark.parametrize(
    "said",
    [
        "urn:ietf:params:acme:error:accountDoesNotExist :: unable to find existing account",
        'The client lacks sufficient authorization :: Account is not valid, has status "deactivated"',
    ],
)
def test_an_account_that_is_gone_is_registered_anew_once(tmp_path, server, said):
    account = tmp_path / "acme/state/accounts/ca.hospital.example/dir/1/regr.json"
    other = tmp_path / "acme/state/accounts/other.example/dir/1/regr.json"
    for file in (account, other):
        file.parent.mkdir(parents=True)
        file.write_text("{}")
    server.answers = [(1, said)]
    run = go(tmp_path, source="acme")
    assert not run.problems and any("new account" in action for action in run.actions)
    assert not account.exists() and other.exists()
    server.answers = [(1, said), (1, said)]
    assert go(tmp_path, source="acme", now=NOW + 61 * DAY).problems
    assert server.count(certbot.ORDER) == 4


def test_a_refused_nonce_is_worth_another_attempt(tmp_path, server):
    # Also after the account had to be registered anew.
    server.answers = [(1, "accountDoesNotExist"), (1, "urn:ietf:params:acme:error:badNonce")]
    assert not go(tmp_path, source="acme").problems
    server.answers = [(1, "badNonce")] * 3
    assert go(tmp_path, source="acme", now=NOW + 61 * DAY).problems


def test_an_acme_server_that_never_answers_is_given_up(tmp_path, server, monkeypatch):
    def hang(words, **options):
        if words == certbot.ORDER:
            raise subprocess.TimeoutExpired(words, options["timeout"])
        return server(words, **options)

    monkeypatch.setattr(subprocess, "run", hang)
    server.leftover = True
    run = go(tmp_path, source="acme")
    assert run.problems == [f"{SERVER} issued no certificate for {NAME}: no answer within 15 minutes"]
    # One of a run that was killed, and our own.
    assert server.said.count(["docker", "rm", "--force", certbot.CONTAINER]) == 2
    assert pair.Pair.parse((tmp_path / "live/site.pem").read_bytes()).is_whole


@pytest.mark.parametrize(
    "change, why",
    [
        ({"acme": {"server": "https://other.example/dir", "key_type": "ecdsa"}}, "is of https://ca.hospital.example"),
        ({"acme": {"server": SERVER, "key_type": "rsa"}}, "not of type rsa"),
        ({"names": [NAME, "shares.hospital.example"]}, f"is for {NAME}"),
    ],
)
def test_what_the_site_wants_otherwise_is_ordered_anew(tmp_path, server, change, why):
    go(tmp_path, source="acme")
    run = go(tmp_path, source="acme", **change)
    assert not run.problems and why in run.actions[0]
    assert go(tmp_path, source="acme", **change).actions == []


def test_a_name_for_which_nobody_issues_a_certificate_does_not_cost_the_one_in_service(tmp_path, server):
    go(tmp_path, source="acme")
    before = (tmp_path / "live/site.pem").read_bytes()
    server.answers = [(1, "no")]
    assert go(tmp_path, source="acme", names=["mistyped.example"]).problems
    assert (tmp_path / "live/site.pem").read_bytes() == before


def test_a_placeholder_for_another_name_is_replaced_by_one_for_the_right_name(tmp_path, server):
    go(tmp_path, source="acme", order=False, names=["mistyped.example"])
    go(tmp_path, source="acme", order=False)
    assert pair.names(leaf(tmp_path)) == [NAME]


def test_a_change_of_the_source_and_back_orders_nothing_twice(tmp_path, server):
    go(tmp_path, source="acme")
    ordered = leaf(tmp_path)
    go(tmp_path)
    assert leaf(tmp_path).issuer != ordered.issuer
    go(tmp_path, source="acme")
    assert leaf(tmp_path) == ordered
    assert server.count(certbot.ORDER) == 1


@pytest.mark.parametrize("died_at", range(3))
def test_a_run_that_died_anywhere_after_the_order_is_finished_by_the_next(tmp_path, server, monkeypatch, died_at):
    go(tmp_path, source="acme")
    before = leaf(tmp_path)
    other = {"acme": {"server": "https://other.example/dir", "key_type": "ecdsa"}}
    moments = ["acme/site.pem", "acme/site.server", "live/site.pem"]

    class Killed(BaseException):
        pass

    def replace(staged, path):
        if path == tmp_path / moments[died_at]:
            raise Killed
        return os.rename(staged, path)

    with monkeypatch.context() as patched, pytest.raises(Killed):
        patched.setattr(os, "replace", replace)
        go(tmp_path, source="acme", now=NOW + DAY, **other)
    run = go(tmp_path, source="acme", now=NOW + 2 * DAY, **other)
    assert not run.problems
    # Never the one of the server before, passed for one of this.
    assert leaf(tmp_path) != before
    assert leaf(tmp_path) == leaf(tmp_path, "acme/site.pem")
    assert not list(tmp_path.rglob(".*"))
    assert go(tmp_path, source="acme", now=NOW + 2 * DAY, **other).actions == []


def test_a_full_disk_leaves_the_certificate_and_is_a_sentence(tmp_path, server, monkeypatch):
    go(tmp_path, source="acme")
    before = (tmp_path / "live/site.pem").read_bytes()

    def full(*arguments, **options):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        run = go(tmp_path, source="acme", now=NOW + 61 * DAY)
    assert "No space left on device" in run.problems[0]
    assert (tmp_path / "live/site.pem").read_bytes() == before
    assert not list(tmp_path.rglob(".*"))
    assert not go(tmp_path, source="acme", now=NOW + 61 * DAY).problems


# --- provided ---


def give(folder, names=(NAME,), days=100, begin=NOW):
    maker = authority.Authority(folder / "hospital", "Hospital", 3650, begin)
    if maker.needs(DAY):
        maker.make()
    given = maker.issue(names[0], list(names), ["server"], days)
    (folder / "given.key").write_bytes(pair.key_pem(given.key))
    (folder / "given.crt").write_bytes(pair.pem(given.leaf) + pair.pem(maker.certificate))


def test_files_on_the_server_are_taken_when_they_change(tmp_path, server):
    give(tmp_path)
    assert not go(tmp_path, source="provided").problems
    first = leaf(tmp_path)
    assert go(tmp_path, source="provided").actions == []
    give(tmp_path)
    assert not go(tmp_path, source="provided").problems
    assert leaf(tmp_path) != first


@pytest.mark.parametrize(
    "mistake, sentence",
    [
        (lambda folder: (folder / "given.crt").unlink(), "given.crt does not exist on the server"),
        (lambda folder: give(folder, names=["other.example"]), f"must have DNS:{NAME}"),
        (lambda folder: give(folder, begin=NOW - 200 * DAY), "expired on"),
        (lambda folder: give(folder, begin=NOW + 2 * DAY), "is not valid before"),
        (lambda folder: (folder / "given.crt").write_bytes(b"MIIB"), "is not PEM"),
        (
            lambda folder: (folder / "given.key").write_bytes(pair.key_pem(authority.new_key())),
            "given.key does not belong to",
        ),
    ],
)
def test_bad_files_on_the_server_are_refused_and_the_old_certificate_stays(tmp_path, server, mistake, sentence):
    give(tmp_path)
    go(tmp_path, source="provided")
    before = (tmp_path / "live/site.pem").read_bytes()
    mistake(tmp_path)
    run = go(tmp_path, source="provided", dicom=DICOM)
    assert sentence in run.problems[0]
    assert (tmp_path / "live/site.pem").read_bytes() == before
    assert (tmp_path / "dicom/live/server.pem").exists(), "one problem must not keep the others from being done"


def test_plain_http_leaves_no_key_behind_once_nginx_serves_none(tmp_path, server):
    go(tmp_path)
    server.running, server.served = True, der(tmp_path / "live/site.pem")
    go(tmp_path, source="none")
    assert (tmp_path / "live/site.pem").exists()
    server.served = b""
    go(tmp_path, source="none")
    assert not (tmp_path / "live/site.pem").exists()


# --- DICOM ---

CT1 = {"name": "ct1", "aet": "CT1", "address": "10.1.2.3"}
MR1 = {"name": "MR1", "aet": "MR 1", "address": "fd00::1"}
DICOM = {
    "enabled": True, "source": "selfsigned", "names": [NAME], "days": 1095, "ca_days": 3650, "modalities": [CT1, MR1],
}  # fmt: skip


def test_each_modality_has_a_certificate_of_the_dicom_ca(tmp_path, server):
    go(tmp_path, dicom=DICOM)
    ca = leaf(tmp_path, "dicom/live/ca.pem")
    for name, title, names in (("ct1", "CT1", ["ct1", "10.1.2.3"]), ("MR1", "MR 1", ["mr1", "fd00::1"])):
        certificate = leaf(tmp_path, f"dicom/modalities/{name}/cert.pem")
        certificate.verify_directly_issued_by(ca)
        assert certificate.subject.rfc4514_string() == f"CN={title}"
        assert pair.names(certificate) == names
        purposes = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
        assert set(purposes) == set(authority.PURPOSES.values())
    assert leaf(tmp_path, "ca/ca.crt") != ca
    assert go(tmp_path, dicom=DICOM).actions == []


@pytest.mark.parametrize("change", [{"aet": "CT2"}, {"address": "10.1.2.4"}])
def test_a_modality_that_changed_gets_another_certificate_and_nobody_else_does(tmp_path, server, change):
    go(tmp_path, dicom=DICOM)
    before = {name: leaf(tmp_path, f"dicom/modalities/{name}/cert.pem") for name in ("ct1", "MR1")}
    run = go(tmp_path, dicom=DICOM | {"modalities": [CT1 | change, MR1]})
    assert not run.problems and len(run.actions) == 1
    assert leaf(tmp_path, "dicom/modalities/ct1/cert.pem") != before["ct1"]
    assert leaf(tmp_path, "dicom/modalities/MR1/cert.pem") == before["MR1"]
    assert leaf(tmp_path, "dicom/modalities/ct1/previous.pem") == before["ct1"]


def test_a_modality_that_left_leaves_no_key(tmp_path, server):
    go(tmp_path, dicom=DICOM)
    go(tmp_path, dicom=DICOM | {"modalities": [MR1]})
    assert [path.name for path in (tmp_path / "dicom/modalities").iterdir()] == ["MR1"]


def test_a_modality_has_90_days_to_get_its_next_certificate(tmp_path, server):
    go(tmp_path, dicom=DICOM)
    end = pair.ends(leaf(tmp_path, "dicom/modalities/ct1/cert.pem"))
    assert not any("ct1" in action for action in go(tmp_path, now=end - 91 * DAY, dicom=DICOM).actions)
    run = go(tmp_path, now=end - 89 * DAY, dicom=DICOM)
    assert any("modality ct1" in action for action in run.actions)
    assert run.certificates["modality ct1"]["previous_not_after"] == end.isoformat()


def test_a_run_that_died_between_key_and_certificate_is_finished_by_the_next(tmp_path, server):
    go(tmp_path, dicom=DICOM)
    file = tmp_path / "dicom/modalities/ct1/key.pem"
    file.chmod(0o600)
    file.write_bytes(pair.key_pem(authority.new_key()))
    assert not go(tmp_path, dicom=DICOM).problems
    folder = file.parent
    assert pair.Pair.parse(file.read_bytes() + (folder / "cert.pem").read_bytes()).is_whole


# --- the status file ---


def test_the_status_file_says_what_monitoring_wants_to_know(tmp_path, server):
    good = go(tmp_path)
    command.record(good)
    file = tmp_path / "status.json"
    assert file.stat().st_mode & 0o777 == 0o444
    said = json.loads(file.read_text())
    assert said["ok"] is True and said["last_failure"] is None
    assert said["last_success"] == NOW.isoformat()
    assert said["certificates"]["site"]["not_after"] == (NOW + 397 * DAY).isoformat()
    bad = go(tmp_path, now=NOW + DAY, source="provided")
    command.record(bad)
    said = json.loads(file.read_text())
    assert said["ok"] is False and said["last_success"] == NOW.isoformat()
    assert said["last_failure"] == {"time": (NOW + DAY).isoformat(), "reason": bad.problems[0]}
    assert said["certificates"]["site"]["names"] == [NAME]
    assert "PRIVATE" not in file.read_text()
    command.record(go(tmp_path, now=NOW + 2 * DAY))
    said = json.loads(file.read_text())
    assert said["ok"] is True and said["last_failure"]["reason"] == bad.problems[0]


def test_a_step_that_nobody_foresaw_does_not_stop_the_others(tmp_path, server, monkeypatch):
    monkeypatch.setattr(sources, "certificate", lambda run: 1 / 0)
    run = go(tmp_path, dicom=DICOM)
    assert run.problems == ["ZeroDivisionError: division by zero"]
    assert (tmp_path / "dicom/live/server.pem").exists()


def test_an_answer_for_programs_says_what_is_wrong_in_whole_sentences(tmp_path, server, monkeypatch):
    arguments = types.SimpleNamespace(dry_run=False, order=True, new_keys=False)
    given = settings(tmp_path, "provided")
    site = types.SimpleNamespace(settings=lambda name: given if name == "certificates" else None)
    outcome = command.command(site, arguments)
    assert (outcome.state, outcome.changed) == ("warning", False)
    assert outcome.problems == [f"{tmp_path}/given.crt does not exist on the server."]
    assert json.loads((tmp_path / "status.json").read_text())["ok"] is False
    give(tmp_path, begin=datetime.datetime.now(datetime.UTC) - DAY)
    outcome = command.command(site, arguments)
    assert (outcome.state, outcome.changed, outcome.problems) == ("ok", True, [])
    assert outcome.result["site"]["names"] == [NAME]


# --- when the ACME server wants it renewed ---


def advises(start, end, **more):
    window = {"start": (NOW + start * DAY).isoformat(), "end": (NOW + end * DAY).isoformat()}
    return 0, "noise\n" + json.dumps({"suggestedWindow": window, "retryAfter": "21600"} | more)


def test_a_certificate_is_named_to_the_server_as_the_rfc_does():
    """The example of RFC 9773: its key identifier and its serial number, whose first bit is set."""
    keyid = bytes.fromhex("69885B6B8746405E1B9B57D40A7B6ACF1D0C2C34")
    issuer = types.SimpleNamespace(value=types.SimpleNamespace(key_identifier=keyid))
    extensions = types.SimpleNamespace(get_extension_for_class=lambda _kind: issuer)
    certificate = types.SimpleNamespace(extensions=extensions, serial_number=0x87654321)
    name, serial = renewal.identifier(certificate).split(".")
    assert renewal.base64.urlsafe_b64decode(name + "=") == keyid
    assert serial == "AIdlQyE"


def test_a_revocation_is_followed_before_the_certificate_ends(tmp_path, server):
    go(tmp_path, source="acme")
    before = leaf(tmp_path)
    server.advice = advises(3, 4, explanationURL="https://ca.hospital.example/incident")
    assert go(tmp_path, source="acme", now=NOW + 2 * DAY).actions == []
    run = go(tmp_path, source="acme", now=NOW + 5 * DAY)
    assert "its server wants it renewed before it ends (https://ca.hospital.example/incident)" in run.actions[0]
    assert leaf(tmp_path) != before
    # What was said of the one before says nothing of the new one.
    server.advice = (0, "{}")
    assert go(tmp_path, source="acme", now=NOW + 6 * DAY).actions == []


def test_the_moment_is_the_certificates_own_and_within_the_window(tmp_path, server):
    go(tmp_path, source="acme")
    server.advice = advises(20, 40)
    for day in range(1, 42):
        run = go(tmp_path, source="acme", now=NOW + day * DAY)
        if run.actions:
            break
        moment = datetime.datetime.fromisoformat(run.certificates["site"]["renewed_after"])
    assert NOW + 20 * DAY <= moment <= NOW + 40 * DAY
    assert moment <= run.now < moment + DAY


def test_the_server_may_spread_renewals_but_not_let_a_certificate_end(tmp_path, server):
    go(tmp_path, source="acme")
    server.advice = advises(70, 71)
    assert go(tmp_path, source="acme", now=NOW + 65 * DAY).actions == []
    server.advice = advises(200, 210)
    assert go(tmp_path, source="acme", now=NOW + 67 * DAY).actions == []
    assert go(tmp_path, source="acme", now=NOW + 76 * DAY).actions != []


@pytest.mark.parametrize(
    "advice",
    [
        (1, "connection refused"), (0, ""), (0, "<html>"), (0, "[]"), (0, '{"suggestedWindow": {"start": "soon"}}'),
        (0, '{"suggestedWindow": 5}'), advises(5, 4), advises(-50, 50),
    ],
)  # fmt: skip
def test_without_a_usable_answer_the_lifetime_decides(tmp_path, server, advice):
    server.advice = advice
    go(tmp_path, source="acme")
    assert go(tmp_path, source="acme", now=NOW + 59 * DAY).actions == []
    assert go(tmp_path, source="acme", now=NOW + 61 * DAY).actions != []


def test_the_server_is_asked_as_often_as_it_wants_and_never_by_a_dry_run(tmp_path, server):
    def asked():
        return sum(words[: len(ASKS)] == ASKS for words in server.said)

    go(tmp_path, source="acme")
    go(tmp_path, source="acme", dry=True)
    go(tmp_path, source="acme", order=False)
    assert asked() == 0
    server.advice = advises(60, 61)
    hour = datetime.timedelta(hours=1)
    for hours, times in ((1, 1), (5, 1), (8, 2)):
        go(tmp_path, source="acme", now=NOW + hours * hour)
        assert asked() == times


def test_a_moment_is_read_in_every_form_that_servers_write():
    for text in ("2026-06-01T12:00:00Z", "2026-06-01T12:00:00.123456789Z", "2026-06-01T14:00:00+02:00"):
        assert renewal.moment(text) == NOW
