"""What is particular to these sites; site.yml has ended with the whole of verify.yml on both."""

import subprocess
from pathlib import Path

import pytest
import requests

HOSPITAL = Path(__file__).resolve().parents[3] / ".cache/molecule/lan"
WARD8 = "https://10.213.44.8:8443"
WARD9 = "http://10.213.44.9"


def ask(method, url, staff=True, **options):
    credentials = ("anna", "molecule anna 1") if staff else None
    ca = str(HOSPITAL / "ca.crt")
    return requests.request(method, url, auth=credentials, verify=ca, timeout=20, allow_redirects=False, **options)


def services(server):
    command = ["docker", "exec", "--workdir", "/opt/pacs", server, "docker", "compose", "ps", "--services"]
    return set(subprocess.run(command, capture_output=True, text=True, check=True).stdout.split())


def test_a_site_without_shares_runs_two_containers():
    assert services("threedpc-pacs-ward8") == {"nginx", "orthanc"}


def test_its_index_lies_beside_the_studies():
    command = ["docker", "exec", "threedpc-pacs-ward8", "ls", "/var/lib/pacs/storage"]
    assert "index" in subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()


@pytest.mark.parametrize("path", ["/shares/", "/shares/ui/app/token-landing.html", "/shares/dicom-web/studies"])
def test_it_has_no_door_for_shares(path):
    assert ask("GET", WARD8 + path, staff=False).status_code == 404


def test_its_certificate_is_the_hospitals():
    assert ask("GET", WARD8 + "/orthanc/system").status_code == 200
    with pytest.raises(requests.exceptions.SSLError):
        requests.get(WARD8, timeout=20)
    redirect = requests.get("http://10.213.44.8:8080/x", timeout=20, allow_redirects=False)
    assert redirect.headers["Location"] == WARD8 + "/x"


def test_plain_http_serves_staff_and_shares_under_right_addresses():
    assert ask("GET", WARD9 + "/orthanc/system", staff=False).status_code == 401
    body = {"ID": "x", "Resources": [{"DicomUid": "1.2", "OrthancId": "x", "Level": "study"}], "ValidityDuration": 60}
    share = ask("PUT", WARD9 + "/orthanc/auth/tokens/ohif-viewer-publication", json=body).json()
    assert share["Url"].startswith(WARD9 + "/shares/ui/app/token-landing.html?token=")
    assert ask("GET", share["Url"], staff=False).status_code == 200


def test_plain_http_opens_no_other_port():
    with pytest.raises(requests.exceptions.ConnectionError):
        requests.get("https://10.213.44.9", timeout=5)
