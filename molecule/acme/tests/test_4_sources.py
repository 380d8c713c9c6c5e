# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each source of the certificate changed to each other one while somebody asks for pages all the time, and what is
refused of a provided certificate."""

import itertools
import os
import ssl

import pytest
import requests
from conftest import (
    ADDRESS,
    FILES,
    LIVE,
    NAME,
    STAFF,
    changed,
    container,
    cron,
    issuer,
    pebble,
    play,
    probing,
    served,
    server,
    status,
    trusted,
    wait_until,
)  # fmt: skip
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from deployed import associate
from holder import DAY, NOW, Holder
from pynetdicom import AE
from pynetdicom.sop_class import Verification

FOLDER = "/etc/hospital"
PATHS = {
    "pacs_tls_source": "provided",
    "tls_provided_certificate_path": f"{FOLDER}/site.crt",
    "tls_provided_private_key_path": f"{FOLDER}/site.key",
    "pacs_ca_path": str(FILES / "hospital.pem"),
}
# From each source once and to each source once; for `make soak` each source to each other one.
ROUND = ["acme", "provided", "none", "selfsigned", "acme"]
if os.environ.get("SOAK"):
    ROUND += ["selfsigned", "provided", "acme", "none", "provided", "selfsigned", "none", "acme"]


ROOT = Holder("Hospital")
MIDDLE = Holder("Hospital IT", ROOT)


def give(chain: str, key: str) -> None:
    """Put files on the server, as somebody else who renews them would."""
    server(f"mkdir --parents {FOLDER}; umask 077; printf '%s' '{chain}' > {FOLDER}/site.crt")
    server(f"umask 077; printf '%s' '{key}' > {FOLDER}/site.key")


@pytest.fixture(scope="module", autouse=True)
def hospital():
    (FILES / "hospital.pem").write_text(ROOT.pem)
    leaf = Holder("site", MIDDLE, [NAME])
    give(leaf.pem + MIDDLE.pem, leaf.secret())
    if not trusted():
        # Each start of the ACME server makes it another one.
        pebble("start", "3600")
        server("rm --force /var/lib/pacs/tls/acme/site.pem")
        assert changed(play({}))


def changes_for(source: str, target: str) -> dict:
    if target != "provided":
        return {"pacs_tls_source": target}
    if source != "none":
        return PATHS
    # Once as text in the inventory.
    leaf = Holder("site", MIDDLE, [NAME])
    return {
        "pacs_tls_source": "provided",
        "tls_provided_certificate": leaf.pem + MIDDLE.pem,
        "tls_provided_private_key": leaf.secret(),
        "pacs_ca_path": str(FILES / "hospital.pem"),
    }


@pytest.mark.parametrize("step", range(len(ROUND) - 1))
def test_a_change_of_the_source_interrupts_nobody(step):
    source, target = list(itertools.pairwise(ROUND))[step]
    before = container()
    changes = changes_for(source, target)
    with probing() as probe:
        run = play(changes)
    print(source, "to", target, ":", probe.asked, "requests")
    assert changed(run)
    assert probe.asked > 20 and probe.noticed(tls_ends=target == "none") == []
    assert container() == before
    if target == "none":
        answer = requests.get(f"http://{NAME}/orthanc/system", auth=STAFF, timeout=60, allow_redirects=False)
        assert answer.status_code == 200
        with pytest.raises(requests.exceptions.ConnectionError):
            requests.get(f"https://{NAME}/", verify=False, timeout=60)
        assert server(f"ls {LIVE}", check=False) == ""
    else:
        assert issuer().startswith({"acme": "Pebble", "provided": "Hospital IT", "selfsigned": "Clinic local"}[target])
        assert target != "acme" or trusted()
    # Nothing of another source is left that anything could read.
    left = server(
        "cd /opt/pacs && ls secrets/tls config/certbot/certbot.sh secrets/certbot/certbot compose.d/certbot.json",
        check=False,
    )
    own = ("config/certbot/certbot.sh", "secrets/certbot/certbot", "compose.d/certbot.json")
    assert [name in left for name in own] == [target == "acme"] * 3
    assert ("provided.key" in left) == ("tls_provided_private_key" in changes)
    if target not in ROUND[: step + 1]:
        assert changed(play(changes)) == 0


def expired():
    leaf = Holder("site", MIDDLE, [NAME], NOW - 2 * DAY, NOW - DAY)
    return leaf.pem + MIDDLE.pem, leaf.secret()


def early():
    leaf = Holder("site", MIDDLE, [NAME], NOW + DAY)
    return leaf.pem + MIDDLE.pem, leaf.secret()


def other_name():
    leaf = Holder("site", MIDDLE, ["other.clinic.test"])
    return leaf.pem + MIDDLE.pem, leaf.secret()


def other_key():
    return Holder("site", MIDDLE, [NAME]).pem + MIDDLE.pem, Holder("other").secret()


def out_of_order():
    leaf = Holder("site", MIDDLE, [NAME])
    return MIDDLE.pem + leaf.pem, leaf.secret()


def incomplete():
    leaf = Holder("site", MIDDLE, [NAME])
    return leaf.pem, leaf.secret()


def weak():
    leaf = Holder("site", MIDDLE, [NAME], key=rsa.generate_private_key(65537, 1024))
    return leaf.pem + MIDDLE.pem, leaf.secret()


def locked():
    leaf = Holder("site", MIDDLE, [NAME])
    return leaf.pem + MIDDLE.pem, leaf.secret(b"secret")


def cut_off():
    leaf = Holder("site", MIDDLE, [NAME])
    return leaf.pem[:-40], leaf.secret()


REFUSED = {
    expired: "expired on",
    early: "is not valid before",
    other_name: f"its subjectAltName must have DNS:{NAME}",
    other_key: "does not belong to",
    out_of_order: "belongs to certificate 2",
    incomplete: "append the certificate of CN=Hospital IT",
    weak: "RSA key of 1024 bits",
    locked: "is encrypted",
    cut_off: "is not PEM",
}


@pytest.fixture(scope="module")
def by_files(hospital):
    play(PATHS)


@pytest.mark.parametrize("mistake", REFUSED, ids=lambda mistake: mistake.__name__)
def test_a_bad_certificate_on_the_server_is_refused_for_its_own_reason(by_files, mistake):
    before = served().serial_number
    give(*mistake())
    run = cron()
    assert run.returncode == 1
    assert served().serial_number == before
    reason = status()["last_failure"]["reason"]
    assert REFUSED[mistake] in reason, reason
    others = [sentence for kind, sentence in REFUSED.items() if kind is not mistake]
    assert not [sentence for sentence in others if sentence in reason] or mistake is out_of_order, reason


def test_files_that_changed_on_the_server_are_taken_by_cron(by_files):
    leaf = Holder("site", MIDDLE, [NAME])
    give(leaf.pem + MIDDLE.pem, leaf.secret())
    with probing(f"https://{NAME}/orthanc/system") as probe:
        run = cron()
    assert run.returncode == 0 and "reloaded nginx" in run.stdout
    assert served() == x509.load_pem_x509_certificate(leaf.pem.encode())
    assert probe.noticed() == []


def test_a_bad_certificate_in_the_inventory_is_refused_before_anything_is_touched(by_files):
    chain, key = expired()
    run = play({"pacs_tls_source": "provided", "tls_provided_certificate": chain, "tls_provided_private_key": key})
    assert run.returncode == 2 and "changed=0" in run.stdout
    assert "clinic: tls_provided_certificate: certificate 1 (CN=site) expired on" in run.stdout


@pytest.mark.parametrize("days, word", [(15, "WARNED"), (5, "FAILED")])
def test_verify_says_that_a_certificate_which_nobody_renewed_ends_soon(by_files, days, word):
    leaf = Holder("site", MIDDLE, [NAME], NOW - 90 * DAY, NOW + days * DAY)
    give(leaf.pem + MIDDLE.pem, leaf.secret())
    assert cron().returncode == 0
    run = play(PATHS, "../../playbooks/verify.yml")
    promise = f"The certificate is trusted, is for {NAME} and does not end soon"
    assert f"{word}: Web server: {promise}" in " ".join(run.stdout.split()), run.stdout[-3000:]
    assert run.returncode == (2 if word == "FAILED" else 0)


# What a year without a run of cron would have left, made by the program's own parts.
AGED = """
import datetime, pathlib, sys
sys.path.insert(0, "/opt/pacs/lib")
from pacs.certificates import pair
from pacs.certificates.authority import Authority
from pacs.core import write_file
folder = pathlib.Path("/var/lib/pacs/tls")
then = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(days=380)
for ca, key_file, file, names in [
    ("ca", "live/site.pem", "live/site.pem", ["pacs.clinic.test"]),
    ("dicom/ca", "dicom/live/server.pem", "dicom/live/server.pem", ["pacs.clinic.test"]),
    ("dicom/ca", "dicom/modalities/ct1/key.pem", "dicom/modalities/ct1/cert.pem", ["ct1", "10.213.46.1"]),
]:
    made = Authority(folder / ca, "", 0, then).issue("CT1", names, ["server", "client"], 397)
    key = pair.key_pem(made.key)
    write_file(folder / key_file, key, 0o400)
    write_file(folder / file, (key if file == key_file else b"") + pair.pem(made.leaf), 0o400)
"""
ASK_NGINX = """
import hashlib, json, sys
sys.path.insert(0, "/opt/pacs/lib")
from pacs.certificates import nginx
settings = json.load(open("/opt/pacs/config/pacs/certificates.json"))
for port in settings["ports"].values():
    print(hashlib.sha256(nginx.served_certificate(settings["nginx"], port, settings["server_name"])).hexdigest())
"""
IN_DICOM = "/var/lib/pacs/tls/dicom"


def over_tls(folder):
    """An association of the scanner that is listed with TLS, which this machine is."""
    for file in ("ca.pem", "cert.pem", "key.pem"):
        (folder / file).write_text(server(f"cat {IN_DICOM}/modalities/ct1/{file}") + "\n")
    context = ssl.create_default_context(cafile=folder / "ca.pem")
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    scanner = AE("CT1")
    scanner.add_requested_context(Verification)
    return associate(scanner, ADDRESS, "3DPCPACS", port=2762, tls_args=(context, NAME))


def test_what_the_sites_own_authorities_issued_is_renewed_by_cron_as_well(tmp_path):
    ct1 = {"name": "ct1", "aet": "CT1", "address": "10.213.46.1", "tls": True}
    changes = {"pacs_tls_source": "selfsigned", "pacs_dicom_tls_enabled": True, "pacs_modalities": [ct1]}
    assert changed(play(changes, "converge.yml"))
    server(f"python3 - <<'END'\n{AGED}END")
    server("cd /opt/pacs && docker compose exec -T nginx nginx -c /etc/nginx/pacs/nginx.conf -s reload")
    wait_until(lambda: 0 < (served().not_valid_after_utc - NOW) / DAY < 20)
    ask = f"python3 - <<'END'\n{ASK_NGINX}END"
    before = server(ask).split()
    modality = server(f"cat {IN_DICOM}/modalities/ct1/cert.pem")
    association = over_tls(tmp_path)
    assert association.send_c_echo().Status == 0x0000
    with probing(f"https://{NAME}/orthanc/system") as probe:
        run = cron()
    assert run.returncode == 0, run.stdout
    assert probe.asked and probe.noticed() == []
    # It goes on with the certificates that it began with.
    assert association.send_c_echo().Status == 0x0000
    association.release()
    assert run.stdout.count("there ends on") == 3 and run.stdout.count("reloaded nginx") == 1
    after = server(ask).split()
    assert len(after) == 2 and not set(after) & set(before)
    assert server(f"cat {IN_DICOM}/modalities/ct1/cert.pem") != modality
    # The scanner has that one until somebody brings it the next.
    assert server(f"cat {IN_DICOM}/modalities/ct1/previous.pem") == modality
    assert {"site", "dicom", "modality ct1"} == set(status()["certificates"])
    assert "nothing to do" in cron().stdout
