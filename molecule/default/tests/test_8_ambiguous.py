# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two studies with one StudyInstanceUID and different patients: no link opens either, and it heals."""

from __future__ import annotations

import io

import deployed
import pydicom
import pytest
from ansible_collections.threedpc.pacs.plugins.module_utils.phantom import Phantom
from conftest import SERVER, play

testinfra_hosts = [f"docker://{SERVER}"]

# From the arrival of the second study to the last that gets through: nginx remembers a yes for two.
SECONDS = 5
OTHER = "Gamma^Other"


@pytest.fixture(scope="module")
def study(site, tmp_path_factory):
    """A study of its own, so that no other test meets what happens to it."""
    folder = tmp_path_factory.mktemp("own")
    made = Phantom(slices=3, rows=32, columns=32, patient_id="OWN-1", seed="ambiguous")
    made.write(folder)
    assert set(site.send(sorted(folder.glob("*.dcm")))) == {0}
    [name] = site.find("Study", StudyInstanceUID=made.study_instance_uid)
    yield {"uid": made.study_instance_uid, "id": name, "files": sorted(folder.glob("*.dcm"))}
    for left in site.find("Study", StudyInstanceUID=made.study_instance_uid):
        site.staff("DELETE", f"/studies/{left}")


@pytest.fixture
def second(site, study):
    """The same images, sent again under another PatientID; returns what sends them and its Orthanc ID."""

    def send():
        for file in study["files"]:
            image = pydicom.dcmread(file)
            image.PatientID, image.PatientName = "OTHER-2", OTHER
            content = io.BytesIO()
            image.save_as(content)
            stored = site.staff("POST", "/instances", data=content.getvalue()).json()
            assert stored["Status"] == "Success"
        return stored["ParentStudy"]

    yield send
    for name in site.find("Study", StudyInstanceUID=study["uid"], PatientID="OTHER-2"):
        site.staff("DELETE", f"/studies/{name}")


def paths(study):
    image = pydicom.dcmread(study["files"][0], stop_before_pixels=True)
    series = f"/shares/dicom-web/studies/{study['uid']}/series/{image.SeriesInstanceUID}"
    return (
        "/shares/dicom-web/studies",
        f"/shares/dicom-web/studies?StudyInstanceUID={study['uid']}",
        f"/shares/dicom-web/studies/{study['uid']}/series",
        f"/shares/dicom-web/studies/{study['uid']}/metadata",
        f"{series}/metadata",
        f"{series}/instances/{image.SOPInstanceUID}/frames/1",
    )


def wait_for(site, study, token, status):
    """Until every path answers so: nginx remembers each by itself."""
    wanted = {status}
    deployed.wait_until(
        lambda: {site.request("GET", path, token=token).status_code for path in paths(study)} == wanted, SECONDS
    )


def test_a_link_is_refused_while_two_studies_have_its_uid_and_heals(site, study, second):
    token = site.share(study["id"], study["uid"])["Token"]
    for path in paths(study):
        assert site.request("GET", path, token=token).status_code == 200
    other = second()
    wait_for(site, study, token, 403)
    for path in paths(study):
        answer = site.request("GET", path, token=token)
        assert answer.status_code == 403
        assert OTHER.partition("^")[0] not in answer.text
    assert site.gate("open", token).json() == {"reason": "ambiguous"}
    for name in site.staff("GET", f"/studies/{other}/instances").json():
        assert site.request("GET", f"/shares/instances/{name['ID']}/stl", token=token).status_code == 403
    site.staff("DELETE", f"/studies/{other}")
    wait_for(site, study, token, 200)
    assert site.gate("open", token).status_code == 200


def test_a_link_never_opens_the_other_patients_study(site, study, second):
    """Also if the one that it was made for is the one that is removed."""
    token = site.share(study["id"], study["uid"])["Token"]
    other = second()
    site.staff("DELETE", f"/studies/{study['id']}")
    try:
        wait_for(site, study, token, 403)
        assert site.gate("open", token).json() == {"reason": "ambiguous"}
        # The study that is left is one that can be shared.
        assert site.ask_share(other, study["uid"]).status_code == 200
    finally:
        assert set(site.send(study["files"])) == {0}


def test_no_link_is_made_to_either(site, study, second):
    other = second()
    for name in (study["id"], other):
        answer = site.ask_share(name, study["uid"])
        assert answer.status_code == 422
        assert study["uid"] in answer.json()["Message"]
        assert "Delete the wrong one" in answer.json()["Message"]


@pytest.mark.parametrize("named", ["uid", "id"])
def test_the_playbook_says_why(study, second, named):
    second()
    # It takes another scenario's conftest for this one.
    # pylint: disable-next=redundant-keyword-arg
    made = play(f"-e share_study={study[named]}", "-e share_days=1", playbook="playbooks/share.yml")
    assert made.returncode != 0
    assert "more than one study with the StudyInstanceUID" in made.stdout


def test_verify_warns_and_names_nobody(study, second):
    second()
    verified = play(playbook="playbooks/verify.yml")
    assert "WARNED: Studies: Every StudyInstanceUID is that of one study" in verified.stdout
    assert study["uid"] not in verified.stdout.partition("WARNED: Studies")[2][:600]
    assert "Gamma" not in verified.stdout


def test_two_studies_with_the_same_series_do_not_mix(site, study, studies):
    """Another study of another patient in which the UIDs of series and images are the same."""
    token = site.share(study["id"], study["uid"])["Token"]
    image = pydicom.dcmread(study["files"][0])
    image.PatientID, image.PatientName, image.StudyInstanceUID = "OTHER-3", OTHER, "1.2.276.0.7230010.3.1.2.77"
    content = io.BytesIO()
    image.save_as(content)
    other = site.staff("POST", "/instances", data=content.getvalue()).json()
    try:
        for path in paths(study):
            assert OTHER.partition("^")[0] not in site.request("GET", path, token=token).text
        moved = [path.replace(study["uid"], image.StudyInstanceUID) for path in paths(study)[1:]]
        assert {site.request("GET", path, token=token).status_code for path in moved} == {403}
    finally:
        site.staff("DELETE", f"/studies/{other['ParentStudy']}")
