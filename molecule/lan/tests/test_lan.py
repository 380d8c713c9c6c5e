# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is particular to these sites; site.yml has ended with the whole of verify.yml on both."""

import base64
import http.client
import json
import re
import ssl
import subprocess
from pathlib import Path

import deployed
import pytest
import requests

SCENARIO = Path(__file__).resolve().parents[1]
HOSPITAL = deployed.ROOT / ".cache/molecule/lan"
WARD8 = "https://10.213.44.8:8443"
WARD9 = "http://10.213.44.9"


def ask(method, url, staff=True, **options):
    credentials = ("anna", "molecule anna 1") if staff else None
    ca = str(HOSPITAL / "ca.crt")
    return requests.request(method, url, auth=credentials, verify=ca, timeout=20, allow_redirects=False, **options)


def services(server):
    command = ["docker", "exec", "--workdir", "/opt/pacs", server, "docker", "compose", "ps", "--services"]
    return set(subprocess.run(command, capture_output=True, text=True, check=True).stdout.split())


def test_a_site_without_shares_runs_four_containers():
    assert services("threedpc-pacs-ward8") == {"haproxy", "nginx", "orthanc", "staff-gate"}


def test_its_index_lies_beside_the_studies():
    command = ["docker", "exec", "threedpc-pacs-ward8", "ls", "/var/lib/pacs/storage"]
    assert "index" in subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()


@pytest.mark.parametrize("path", ["/shares/", "/shares/open/", "/shares/dicom-web/studies"])
def test_it_has_no_door_for_shares(path):
    assert ask("GET", WARD8 + path, staff=False).status_code == 404


def test_its_certificate_is_the_hospitals():
    assert ask("GET", WARD8 + "/orthanc/system").status_code == 200
    with pytest.raises(requests.exceptions.SSLError):
        requests.get(WARD8, timeout=20)
    redirect = requests.get("http://10.213.44.8:8080/x", timeout=20, allow_redirects=False)
    assert redirect.headers["Location"] == WARD8 + "/x"


def share():
    """A link to a study of nobody, which the staff upload for it."""
    stored = ask("POST", WARD9 + "/orthanc/tools/create-dicom", json={"Tags": {"PatientID": "LAN", "Modality": "OT"}})
    study = stored.json()["ParentStudy"]
    uid = ask("GET", f"{WARD9}/orthanc/studies/{study}").json()["MainDicomTags"]["StudyInstanceUID"]
    resource = {"DicomUid": uid, "OrthancId": study, "Level": "study"}
    body = {"Resources": [resource], "ValidityDuration": 600}
    made = ask("PUT", WARD9 + "/orthanc/auth/tokens/ohif-viewer-publication", json=body).json()
    return made["Url"], {"token": made["Token"]}, uid


def test_plain_http_serves_staff_and_shares_under_right_addresses():
    assert ask("GET", WARD9 + "/orthanc/system", staff=False).status_code == 401
    url, token, uid = share()
    assert url == f"{WARD9}/shares/open/?token={token['token']}"
    assert ask("GET", url, staff=False).status_code == 200
    series = ask("GET", f"{WARD9}/shares/dicom-web/studies/{uid}/series", staff=False, headers=token)
    assert series.json()[0]["00081190"]["Value"][0].startswith(f"{WARD9}/shares/dicom-web/studies/{uid}/")


def test_plain_http_opens_no_other_port():
    with pytest.raises(requests.exceptions.ConnectionError):
        requests.get("https://10.213.44.9", timeout=5)


def play(playbook, **variables):
    changed = f"--extra-vars={json.dumps(variables)}"
    proof = ["--skip-tags=verify"] if playbook == "site.yml" else []
    return deployed.play(f"playbooks/{playbook}", SCENARIO, "--limit=ward9", deployed.lab_images(), changed, *proof)


def listed():
    return sorted(ask("GET", WARD9 + "/orthanc/modalities").json())


def test_scanners_alone():
    """They are let in and named, and nothing else is done; what takes more is refused before anything changes."""
    scanners = [{"name": name, "aet": name.upper(), "address": "10.213.44.1"} for name in ("ct1", "ct2")]
    assert listed() == ["ct1", "verify"]
    refused = play("scanners.yml", pacs_modalities=scanners, pacs_dicom_tls_enabled=True)
    assert refused.returncode == 2 and "run site.yml" in refused.stdout and "changed=0" in refused.stdout
    assert listed() == ["ct1", "verify"]
    wrong = play("scanners.yml", pacs_modalities=[*scanners, {"name": "ct2", "aet": "CT3", "address": "nowhere"}])
    assert wrong.returncode == 2 and "nothing on the server was changed" in wrong.stdout
    mr1 = {"name": "mr1", "aet": "MR1", "address": "10.213.44.77", "sources": ["10.213.44.78"]}
    added = play("scanners.yml", pacs_modalities=[*scanners, mr1])
    assert added.returncode == 0, added.stdout[-3000:]
    assert listed() == ["ct1", "ct2", "mr1", "verify"]
    rules = ["docker", "exec", "threedpc-pacs-ward9", "nft", "list", "set", "inet", "threedpc_pacs", "modalities4"]
    let_in = subprocess.run(rules, capture_output=True, text=True, check=True).stdout
    assert "10.213.44.77" in let_in and "10.213.44.78" in let_in
    # It left nothing for site.yml to do, and what was taken away again goes.
    whole = play("site.yml", pacs_modalities=[*scanners, mr1])
    assert re.search(r"changed=0 +unreachable=0 +failed=0", whole.stdout), whole.stdout[-3000:]
    assert play("scanners.yml", pacs_modalities=scanners[:1]).returncode == 0
    assert listed() == ["ct1", "verify"]


def test_a_service_that_was_stopped_is_found():
    stopped = ["docker", "exec", "threedpc-pacs-ward9", "docker", "stop", "pacs-orthanc-for-shares-1"]
    subprocess.run(stopped, capture_output=True, check=True)
    assert "changed=1 " in play("site.yml").stdout


def test_shares_with_a_host_name_of_their_own_and_downloads():
    run = play("site.yml", pacs_shares_domain="shares.ward9.example", pacs_share_download=True)
    assert run.returncode == 0, run.stdout[-3000:]
    url, token, uid = share()
    assert url.startswith("http://shares.ward9.example/shares/open/?token=")
    there = {"Host": "shares.ward9.example"}
    path = f"/shares/dicom-web/studies/{uid}/series"
    # Only there, and with links that stay there.
    answer = ask("GET", WARD9 + path, staff=False, headers=there | token)
    assert answer.json()[0]["00081190"]["Value"][0].startswith(
        f"http://shares.ward9.example/shares/dicom-web/studies/{uid}/"
    )
    assert ask("GET", WARD9 + path, staff=False, headers=token).status_code == 404
    assert ask("GET", WARD9 + "/shares/open/", staff=False).status_code == 404
    assert ask("GET", WARD9 + "/shares/open/", staff=False, headers=there).status_code == 200
    for closed in ("/orthanc/", "/orthanc/system", "/orthanc/shares"):
        assert ask("GET", WARD9 + closed, headers=there).status_code == 404
    # A link of which only the host is left leads to its page, and to nothing of the staff.
    left, page = (ask("GET", WARD9 + path, headers=there) for path in ("/", "/shares/open/"))
    assert (left.status_code, left.text) == (200, page.text)
    # The download, which a browser asks for without a header, and which a link to nothing does not open.
    opened = ask("POST", WARD9 + "/shares/gate/open", staff=False, headers=there | token).json()
    assert opened["download_allowed"] is True
    archive = f"{WARD9}/shares/studies/{opened['study_orthanc_id']}/archive"
    saved = ask("GET", f"{archive}?token={token['token']}", staff=False, headers=there)
    assert (saved.status_code, saved.content[:2]) == (200, b"PK")
    assert ask("GET", archive, staff=False, headers=there).status_code == 403
    assert ask("GET", f"{archive}?token=a.b.c", staff=False, headers=there).status_code == 403
    assert ask("DELETE", f"{archive}?token={token['token']}", staff=False, headers=there).status_code == 403


class Named(http.client.HTTPSConnection):
    """A connection to ward9 that names a host in its TLS handshake."""

    def __init__(self, name):
        context = ssl.create_default_context(cafile=SCENARIO / "inventory/.local/ward9/ca.crt")
        super().__init__("10.213.44.9", timeout=20, context=context)
        self.name = name

    def connect(self):
        http.client.HTTPConnection.connect(self)
        self.sock = self._context.wrap_socket(self.sock, server_hostname=self.name)

    def ask(self, path, host=None, **headers):
        """Ask as staff; the host may be another one than the handshake's."""
        staff = "Basic " + base64.b64encode(b"anna:molecule anna 1").decode()
        self.request("GET", path, headers={"Host": host or self.name, "Authorization": staff} | headers)
        answer = self.getresponse()
        return answer.status, answer.read()


def test_shares_with_a_host_name_of_their_own_over_tls():
    """The last test of this site: it stays like this."""
    pacs, shares = "pacs.ward9.example", "shares.ward9.example"
    _url, token, uid = share()
    run = play("site.yml", pacs_tls_source="selfsigned", pacs_domain=pacs, pacs_shares_domain=shares)
    assert run.returncode == 0, run.stdout[-3000:]
    # Each name is in the certificate, or there would be no connection.
    assert Named(pacs).ask("/orthanc/system")[0] == 200
    assert Named(pacs).ask("/shares/open/")[0] == 404
    assert Named(shares).ask("/shares/open/")[0] == 200
    assert Named(shares).ask("/orthanc/system")[0] == 404
    status, body = Named(shares).ask(f"/shares/dicom-web/studies/{uid}/series", **token)
    assert status == 200
    link = json.loads(body)[0]["00081190"]["Value"][0]
    assert link.startswith(f"https://{shares}/shares/dicom-web/studies/{uid}/")
    # A firewall that lets this name through sees no other one, and has not let the pages of the staff through.
    for path in ("/orthanc/system", "/orthanc/ui/app/", "/orthanc/shares", "/"):
        assert Named(shares).ask(path, host=pacs)[0] == 421
    with pytest.raises(ssl.SSLError, match="unrecognized name"):
        Named("other.ward9.example").ask("/")
