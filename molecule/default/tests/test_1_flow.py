# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Scanner, archive, staff, model, share: what is promised and, more important, what is refused."""

import os

import pytest
from conftest import SERVER, SITE

testinfra_hosts = [f"docker://{SERVER}"]


def test_the_engine_and_every_service_run(host, server):
    assert host.service("docker").is_running
    assert host.service("docker").is_enabled
    expected = {
        "postgres",
        "orthanc",
        "haproxy",
        "orthanc-for-shares",
        "orthanc-auth-service",
        "share-gate",
        "staff-gate",
        "nginx",
    }
    assert set(server.services()) == expected
    assert set(server.services().values()) == {("running", "healthy")}


def test_only_the_declared_ports_are_open_on_the_server(host):
    listeners = host.check_output("ss -Hltn | awk '{print $4}'").split()
    assert {listener for listener in listeners if not listener.startswith("127.")} == {
        "0.0.0.0:80",
        "0.0.0.0:443",
        "0.0.0.0:4242",
    }


@pytest.mark.parametrize("user", SITE["pacs_staff_users"])
def test_every_member_of_the_staff_gets_in(site, user):
    assert site.request("GET", "/orthanc/system", user=user).status_code == 200


@pytest.mark.parametrize(
    "user, password", [("anna", "wrong"), ("anna", ""), ("dollar", "/root"), ("nobody", "12345678")]
)
def test_nobody_else_gets_in(site, user, password):
    assert site.request("GET", "/orthanc/system", user=user, password=password).status_code == 401


@pytest.mark.parametrize(
    "path", ["/orthanc/system", "/orthanc/ui/app/", "/orthanc/studies", "/orthanc/dicom-web/studies"]
)
def test_the_archive_asks_for_a_password(site, path):
    assert site.request("GET", path).status_code == 401


def test_the_scanner_stores_studies(site, studies):
    for study in studies:
        assert len(site.staff("GET", f"/studies/{study['id']}/instances").json()) == 12


@pytest.mark.parametrize(
    "calling, called",
    [("STRANGER", None), ("CT1", "SOMEONE"), ("STRANGER", "SOMEONE"), ("PACSVERIFY", "SOMEONE")],
)
def test_a_wrong_ae_title_is_rejected(site, calling, called):
    association = site.associate(calling, called)
    assert not association.is_established
    assert association.is_rejected or association.is_aborted


def test_the_verifying_machine_may_echo_but_not_store(site, studies):
    import pydicom

    association = site.associate(SITE.get("pacs_verify_aet", "PACSVERIFY"))
    assert association.is_established
    assert association.send_c_echo().Status == 0x0000
    status = association.send_c_store(pydicom.dcmread(next(studies[0]["folder"].glob("*.dcm"))))
    assert "Status" not in status or status.Status != 0x0000


def test_links_in_dicomweb_carry_the_public_address(site, studies):
    path = f"/dicom-web/studies/{studies[0]['uid']}/metadata"
    answer = site.staff("GET", path)
    assert answer.status_code == 200
    assert "http://" not in answer.text.replace("http://dicom", "")
    found = site.staff("GET", f"/dicom-web/studies?StudyInstanceUID={studies[0]['uid']}").json()
    assert found[0]["00081190"]["Value"][0].startswith(f"{site.base}/orthanc/dicom-web/studies/")


def test_a_model_comes_back_byte_for_byte(site, studies):
    import base64

    model = b"solid".ljust(80) + (2).to_bytes(4, "little") + os.urandom(100)
    body = {
        "Parent": studies[0]["id"],
        "Tags": {"SeriesDescription": "Model"},
        "Content": "data:model/stl;base64," + base64.b64encode(model).decode(),
    }
    instance = site.staff("POST", "/tools/create-dicom", json=body).json()["ID"]
    assert site.staff("GET", f"/instances/{instance}/simplified-tags").json()["Modality"] == "M3D"
    assert site.staff("GET", f"/instances/{instance}/stl").content == model
    token = site.share(studies[0]["id"], studies[0]["uid"])["Token"]
    assert site.request("GET", f"/shares/instances/{instance}/stl", token=token).content == model
    other = site.share(studies[1]["id"], studies[1]["uid"])["Token"]
    assert site.request("GET", f"/shares/instances/{instance}/stl", token=other).status_code == 403
    assert site.request("GET", f"/shares/instances/{instance}/stl").status_code == 403
    assert site.staff("DELETE", f"/instances/{instance}").status_code == 200


def test_a_share_link_opens_its_study(site, studies):
    share = site.share(studies[0]["id"], studies[0]["uid"])
    assert share["Url"] == f"{site.base}/shares/open/?token={share['Token']}"
    page = site.request("GET", share["Url"][len(site.base) :])
    assert page.status_code == 200
    assert page.headers["Content-Security-Policy"].startswith("default-src 'none';")
    assert page.headers["Cache-Control"] == "no-store"
    opened = site.gate("open", share["Token"]).json()
    assert opened["site"] == SITE["pacs_site"]
    assert (opened["study_instance_uid"], opened["study_orthanc_id"]) == (studies[0]["uid"], studies[0]["id"])
    assert opened["expires_at"] == share["Share"]["expires_at"]
    assert (opened["pin_required"], opened["download_allowed"]) == (False, False)
    viewer = f"/shares/ohif/viewer?StudyInstanceUIDs={studies[0]['uid']}&token={share['Token']}"
    assert site.request("GET", viewer).status_code == 200
    frames = f"/shares/dicom-web/studies/{studies[0]['uid']}"
    assert site.request("GET", frames + "/metadata", token=share["Token"]).status_code == 200


def test_a_share_opens_no_other_study(site, studies, token):
    other = f"/shares/dicom-web/studies/{studies[1]['uid']}"
    assert site.request("GET", other + "/metadata", token=token).status_code == 403
    assert site.request("GET", other + "/series", token=token).status_code == 403
    listed = site.request("GET", "/shares/dicom-web/studies", token=token)
    assert studies[1]["uid"] not in listed.text


@pytest.mark.parametrize("bearer", [None, "garbage", "eyJhbGciOiJub25lIn0.e30."])
def test_a_share_without_a_right_token_opens_nothing(site, studies, bearer):
    path = f"/shares/dicom-web/studies/{studies[0]['uid']}/metadata"
    assert site.request("GET", path, token=bearer).status_code == 403


def test_an_expired_share_opens_nothing(site, studies):
    import time

    token = site.share(studies[1]["id"], studies[1]["uid"], seconds=1)["Token"]
    time.sleep(2)
    path = f"/shares/dicom-web/studies/{studies[1]['uid']}/metadata"
    assert site.request("GET", path, token=token).status_code == 403


@pytest.mark.parametrize(
    "path", ["/tools/reset", "/tools/shutdown", "/tools/execute-script", "/webdav/", "/app/explorer.html"]
)
def test_the_archives_dangerous_doors_are_shut_for_the_staff_too(site, path):
    assert site.staff("POST", path).status_code == 403
    assert site.staff("GET", "/studies?_method=delete").status_code == 403


@pytest.mark.parametrize("where, status", [("cross-site", 403), ("same-site", 403), ("same-origin", 200), (None, 200)])
def test_no_form_of_another_site_changes_anything(site, where, status):
    """A browser says so of a form, and adds the password that it remembers."""
    form = {"Content-Type": "text/plain"} | ({"Sec-Fetch-Site": where} if where else {})
    find = '{"Level": "Study", "Query": {}, "x": "="}'
    assert site.staff("POST", "/tools/find", data=find, headers=form).status_code == status
    # A link on it leads here all the same.
    assert site.staff("GET", "/system", headers=form).status_code == 200


def test_another_host_name_gets_nothing(site):
    import requests

    with pytest.raises(requests.RequestException):
        site.request("GET", "/", headers={"Host": "somewhere.else"})


def test_http_only_redirects(site):
    import requests

    answer = requests.get(f"http://{SITE['pacs_domain']}/orthanc/?a=b", timeout=10, allow_redirects=False)
    assert (answer.status_code, answer.headers["Location"]) == (301, f"{site.base}/orthanc/?a=b")


def test_the_shares_side_cannot_write_even_behind_the_gate(server):
    container = server.compose("ps --quiet orthanc-for-shares").strip()
    mounts = server.run(
        f"docker inspect --format '{{{{range .Mounts}}}}{{{{.Destination}}}}={{{{.RW}}}} {{{{end}}}}' {container}"
    )
    assert "/var/lib/orthanc/db=false" in mounts
    python = "import urllib.request as u; u.urlopen(u.Request('http://127.0.0.1:8042/instances', b'x', method='POST'))"
    output = server.compose(f'exec -T orthanc-for-shares python3 -c "{python}" 2>&1', check=False)
    assert "HTTP Error 40" in output
