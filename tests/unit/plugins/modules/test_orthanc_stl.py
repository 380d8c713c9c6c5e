# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import copy
import hashlib
import io
import re
import subprocess

import numpy as np
import pydicom
import pytest
from ansible_collections.threedpc.pacs.plugins.module_utils import orthanc_study, phantom
from ansible_collections.threedpc.pacs.plugins.module_utils.orthanc_study import orthanc_id
from ansible_collections.threedpc.pacs.plugins.module_utils.phantom import Phantom, skull_surface
from ansible_collections.threedpc.pacs.plugins.module_utils.stl_model import binary_stl
from ansible_collections.threedpc.pacs.plugins.modules import orthanc_stl

PATIENT = ("PatientID", "PatientName", "PatientBirthDate", "PatientSex")
STUDY = ("StudyInstanceUID", "StudyDate", "StudyTime", "StudyID", "AccessionNumber", "ReferringPhysicianName")
SERIES = ("SeriesInstanceUID", "Modality", "SeriesNumber", "SeriesDescription", "Manufacturer")
INSTANCE = ("SOPInstanceUID", "InstanceNumber", "ImagePositionPatient", "ImageOrientationPatient")
IMAGES = dict(slices=10, rows=16, columns=16, pixel_spacing=14.0, slice_thickness=20.0, patient_name="Müller^Jörg")


def text(dataset, keyword):
    value = dataset.get(keyword)
    return "\\".join(map(str, value)) if isinstance(value, pydicom.multival.MultiValue) else str(value or "")


class FakeOrthanc:
    """As much of Orthanc as the module asks for: it stores what it gets and calls it what Orthanc would."""

    def __init__(self):
        self.instances = {}
        self.files = {}
        # To change what is stored, and what is answered instead: path to answer.
        self.alter = lambda content: content
        self.instead = {}

    def add(self, dataset, content=b""):
        names = [text(dataset, name) for name in ("PatientID", "StudyInstanceUID", "SeriesInstanceUID")]
        names.append(text(dataset, "SOPInstanceUID"))
        ids = [orthanc_id(names[: length + 1]) for length in range(4)]
        status = "AlreadyStored" if ids[3] in self.instances else "Success"
        self.instances[ids[3]] = (ids, dataset)
        self.files[ids[3]] = content
        return {"ID": ids[3], "ParentStudy": ids[1], "Status": status}

    def tags(self, dataset, keywords):
        return {keyword: text(dataset, keyword) for keyword in keywords if keyword in dataset}

    def study(self, name):
        members = [dataset for ids, dataset in self.instances.values() if ids[1] == name]
        return {
            "ID": name,
            "MainDicomTags": self.tags(members[0], (*STUDY, "StudyDescription")),
            "PatientMainDicomTags": self.tags(members[0], PATIENT),
        }

    def series(self, study):
        result = {}
        for ids, dataset in self.instances.values():
            if ids[1] == study:
                one = result.setdefault(ids[2], {"ID": ids[2], "Instances": []})
                one["MainDicomTags"] = self.tags(dataset, SERIES)
                one["Instances"].append(ids[3])
        return list(result.values())

    def answer(self, method, path, body):
        for pattern, answer in self.instead.items():
            if re.fullmatch(pattern, f"{method} {path}"):
                return answer
        parts = path.strip("/").split("/")
        if (method, path) == ("POST", "/tools/find"):
            [(keyword, value)] = body["Query"].items()
            found = {ids[1] for ids, dataset in self.instances.values() if text(dataset, keyword) == value}
            return 200, [self.study(name) for name in sorted(found)]
        if (method, path) == ("POST", "/instances"):
            content = self.alter(body)
            return 200, self.add(pydicom.dcmread(io.BytesIO(content)), content)
        if parts[0] == "studies":
            if parts[1] not in {ids[1] for ids, _dataset in self.instances.values()}:
                return 404, {"Message": "Unknown resource"}
            return 200, self.series(parts[1]) if parts[2:] == ["series"] else self.study(parts[1])
        if parts[0] == "series":
            members = [(ids[3], dataset) for ids, dataset in self.instances.values() if ids[2] == parts[1]]
            return 200, [
                {"ID": name, "MainDicomTags": self.tags(dataset, INSTANCE), "FileSize": len(self.files[name])}
                for name, dataset in members
            ]
        if parts[0] == "instances" and method == "DELETE":
            del self.instances[parts[1]]
            return 200, {"RemainingAncestor": None}
        if parts[2:] == ["simplified-tags"]:
            dataset = self.instances[parts[1]][1]
            return 200, {element.keyword: text(dataset, element.keyword) for element in dataset}
        assert parts[2:] == ["attachments", "dicom", "info"], path
        return 200, {"UncompressedMD5": hashlib.md5(self.files[parts[1]]).hexdigest()}

    def models(self):
        return [dataset for _ids, dataset in self.instances.values() if dataset.Modality == "M3D"]


@pytest.fixture
def orthanc():
    return FakeOrthanc()


@pytest.fixture
def server(http_server, orthanc):
    return http_server(orthanc.answer)


@pytest.fixture
def images(orthanc):
    made = Phantom(accession_number="A-1", **IMAGES)
    for index in range(made.slices):
        orthanc.add(made.dataset(index))
    return made


@pytest.fixture
def skull(tmp_path):
    path = tmp_path / "skull.stl"
    path.write_bytes(binary_stl(skull_surface(18, 36)))
    return path


@pytest.fixture
def attach(run_module, server, images, skull):
    def run(check_mode=False, **args):
        options = {"study": images.study_instance_uid, "src": str(skull), "retries": 0, **args}
        options = {key: value for key, value in options.items() if value is not None}
        return run_module(orthanc_stl, check_mode, url=server.url, **options)

    return run


def writes(server):
    return [request for request in server.requests if request[0] != "GET" and request[1] != "/tools/find"]


def test_a_model_is_attached_and_says_what_it_is(attach, orthanc, images, skull):
    result = attach(title="Schädel, links")
    assert result["changed"]
    [stored] = orthanc.models()
    assert stored.EncapsulatedDocument == skull.read_bytes()
    assert stored.EncapsulatedDocumentLength == len(skull.read_bytes())
    assert stored.MIMETypeOfEncapsulatedDocument == "model/stl"
    assert stored.SOPClassUID == stored.file_meta.MediaStorageSOPClassUID == "1.2.840.10008.5.1.4.1.1.104.3"
    assert stored.DocumentTitle == stored.SeriesDescription == result["title"] == "Schädel, links"
    [unit] = stored.MeasurementUnitsCodeSequence
    assert (unit.CodeValue, unit.CodingSchemeDesignator) == ("mm", "UCUM")
    image = images.dataset(0)
    for keyword in (*PATIENT, *STUDY, "StudyDescription", "FrameOfReferenceUID"):
        assert stored[keyword].value == image[keyword].value, keyword
    assert stored.PatientName == "Müller^Jörg"
    assert (stored.SeriesNumber, stored.InstanceNumber) == (2, 1)
    assert result["instance_id"] in orthanc.instances
    assert result["versions"] == [result["instance_id"]]
    assert result["study"] == {"id": images.orthanc_ids()["study"], "study_instance_uid": images.study_instance_uid}
    assert result["sop_instance_uid"] == stored.SOPInstanceUID
    assert result["series_instance_uid"] == stored.SeriesInstanceUID
    assert result["model"]["watertight"] and not result["model"]["converted"]
    assert result["inside"] == pytest.approx(1, abs=0.05)
    assert result["diff"]["before"]["versions"] == []


def test_an_outside_judge_finds_nothing_wrong(attach, orthanc, tmp_path):
    name = attach()["instance_id"]
    (tmp_path / "a.dcm").write_bytes(orthanc.files[name])
    judged = subprocess.run(["dciodvfy", "-new", tmp_path / "a.dcm"], capture_output=True, text=True, check=False)
    assert (judged.stdout + judged.stderr).split() == ["EncapsulatedSTL"]


def test_every_element_that_the_standard_requires_is_there(attach, orthanc):
    """PS3.3, A.85.1: the elements of type 1 with a value, those of type 2 at least empty."""
    attach()
    [stored] = orthanc.models()
    with_value = ["StudyInstanceUID", "Modality", "SeriesInstanceUID", "SeriesNumber", "FrameOfReferenceUID"]
    with_value += ["Manufacturer", "ManufacturerModelName", "DeviceSerialNumber", "SoftwareVersions"]
    with_value += ["InstanceNumber", "BurnedInAnnotation", "MIMETypeOfEncapsulatedDocument", "EncapsulatedDocument"]
    with_value += ["MeasurementUnitsCodeSequence", "SOPClassUID", "SOPInstanceUID"]
    perhaps_empty = [*PATIENT, "StudyDate", "StudyTime", "ReferringPhysicianName", "StudyID", "AccessionNumber"]
    perhaps_empty += ["PositionReferenceIndicator", "ContentDate", "ContentTime", "AcquisitionDateTime"]
    perhaps_empty += ["DocumentTitle", "ConceptNameCodeSequence"]
    assert [keyword for keyword in with_value if not stored.get(keyword)] == []
    assert [keyword for keyword in perhaps_empty if keyword not in stored] == []


def test_once_and_again(attach, orthanc, server):
    planned = attach(check_mode=True)
    assert planned["changed"] and not orthanc.models() and not writes(server)
    done = attach()
    assert done["changed"]
    assert planned["versions"] == done["versions"] == [done["instance_id"]]
    assert planned["diff"] == done["diff"]
    before = len(writes(server))
    for check_mode in (True, False):
        again = attach(check_mode)
        assert not again["changed"]
        assert again["instance_id"] == done["instance_id"]
        assert again["diff"]["before"] == again["diff"]["after"]
    assert len(writes(server)) == before
    assert len(orthanc.models()) == 1


def test_another_version_joins_the_series(attach, orthanc, skull, doubts):
    first = attach()
    skull.write_bytes(binary_stl(skull_surface(20, 40)))
    second = attach()
    assert second["changed"]
    assert second["versions"] == [first["instance_id"], second["instance_id"]]
    assert second["series_instance_uid"] == first["series_instance_uid"]
    assert [model.InstanceNumber for model in orthanc.models()] == [1, 2]
    assert {model.SeriesNumber for model in orthanc.models()} == {2}
    skull.write_bytes(binary_stl(skull_surface(18, 36)))
    assert not attach()["changed"]
    assert "a newer one is there too" in doubts[-1]


def test_another_title_is_another_model(attach, orthanc):
    assert attach(title="a")["series_instance_uid"] != attach(title="b")["series_instance_uid"]
    assert [model.SeriesNumber for model in orthanc.models()] == [2, 3]


def test_the_title_is_by_default_that_of_the_file(attach):
    assert attach()["title"] == "skull"


def test_removing(attach, orthanc, server, skull):
    first = attach()["instance_id"]
    skull.write_bytes(binary_stl(skull_surface(20, 40)))
    second = attach()["instance_id"]
    attach(title="other")
    before = len(writes(server))
    planned = attach(check_mode=True, state="absent")
    assert planned["removed"] == [second]
    assert planned["versions"] == [first]
    assert len(writes(server)) == before and len(orthanc.models()) == 3
    assert attach(state="absent")["removed"] == [second]
    assert not attach(state="absent")["changed"]
    assert attach(state="absent", src=None, title="skull")["removed"] == [first]
    assert not attach(state="absent", src=None, title="skull")["changed"]
    assert [model.SeriesDescription for model in orthanc.models()] == ["other"]


def test_what_others_attached_is_not_removed(attach, orthanc, images):
    attach(title="Guide")
    foreign = copy.deepcopy(orthanc.models()[0])
    foreign.Manufacturer, foreign.SeriesInstanceUID, foreign.SOPInstanceUID = "someone", "1.2.3", "1.2.3.4"
    kept = orthanc.add(foreign)["ID"]
    assert kept not in attach(state="absent", src=None, title="Guide")["removed"]
    assert kept in orthanc.instances
    # Images neither.
    assert attach(state="absent", src=None, title="Bone and brain, synthetic")["removed"] == []
    assert len(orthanc.instances) == images.slices + 1


@pytest.mark.parametrize("how", ["uid", "accession number", "id", "spaces"])
def test_the_study_by_any_of_its_names(attach, images, how):
    names = {"uid": images.study_instance_uid, "accession number": "A-1", "id": images.orthanc_ids()["study"]}
    names["spaces"] = " A-1 "
    assert attach(study=names[how])["study"]["study_instance_uid"] == images.study_instance_uid


@pytest.mark.parametrize("name", ["A-2", "1.2.3", "0" * 8 + "-00000000" * 4])
def test_no_such_study(attach, server, name):
    result = attach(study=name)
    assert result["failed"] and "no study at" in result["msg"] and repr(name) in result["msg"]
    assert not writes(server)


@pytest.mark.parametrize("name", ["", " ", "A*", "A-?", "A\\B"])
def test_no_name_of_a_study(attach, server, name):
    assert "must be a Study Instance UID" in attach(study=name)["msg"]
    assert not server.requests


def test_several_studies(attach, orthanc, server, images):
    other = Phantom(accession_number="A-1", seed="other", **IMAGES)
    orthanc.add(other.dataset(0))
    result = attach(study="A-1")
    assert result["failed"] and "2 studies" in result["msg"]
    assert images.study_instance_uid in result["msg"] and other.study_instance_uid in result["msg"]
    # Nobody's name in logs.
    assert "Müller" not in result["msg"]
    assert not writes(server)


def another_series(orthanc, images, **tags):
    dataset = images.dataset(0)
    dataset.SeriesInstanceUID, dataset.SOPInstanceUID = "1.2.3", "1.2.3.4"
    for keyword, value in tags.items():
        setattr(dataset, keyword, value)
    orthanc.add(dataset)


def test_several_frames_of_reference(attach, orthanc, server, images):
    another_series(orthanc, images, FrameOfReferenceUID="1.2.9", SeriesDescription="PET", Modality="PT")
    result = attach()
    assert result["failed"] and "2 frames of reference" in result["msg"]
    assert "1.2.9 (PET, 1 instances, PT)" in result["msg"] and images.frame_of_reference_uid in result["msg"]
    assert not writes(server)
    assert attach(frame_of_reference_uid="1.2.9")["frame_of_reference_uid"] == "1.2.9"
    result = attach(frame_of_reference_uid="1.2.10")
    assert result["failed"] and "does not belong there" in result["msg"]


@pytest.mark.parametrize("tags", [dict(Modality="SEG", FrameOfReferenceUID="1.2.9"), dict(FrameOfReferenceUID="")])
def test_series_that_are_no_images_in_space_do_not_count(attach, orthanc, images, tags):
    another_series(orthanc, images, **tags)
    assert attach()["frame_of_reference_uid"] == images.frame_of_reference_uid


def test_a_study_without_a_frame_of_reference(attach, orthanc, server):
    for _ids, dataset in orthanc.instances.values():
        dataset.FrameOfReferenceUID = ""
    assert "give frame_of_reference_uid" in attach()["msg"]
    assert not writes(server)
    result = attach(frame_of_reference_uid="1.2.9")
    assert result["frame_of_reference_uid"] == "1.2.9" and result["inside"] is None


@pytest.fixture
def doubts(monkeypatch):
    """What the module warns of; Ansible itself remembers warnings across runs."""
    found = []
    monkeypatch.setattr(orthanc_stl.AnsibleModule, "warn", lambda module, doubt, **more: found.append(doubt))
    return found


def test_a_model_beside_the_images_is_doubted(attach, skull, doubts):
    small = skull_surface(18, 36) * 0.3
    skull.write_bytes(binary_stl(small + (50, 60, 0)))
    assert attach()["inside"] == 1
    assert doubts == []
    skull.write_bytes(binary_stl(small + (900, 0, 0)))
    assert attach()["inside"] == 0
    [doubt] = doubts
    assert "does not lie where the images are" in doubt and "RAS" not in doubt


def test_a_model_in_ras_is_told(attach, orthanc, skull, doubts):
    # A patient far off the middle, as for a shoulder.
    for _ids, dataset in orthanc.instances.values():
        dataset.ImagePositionPatient = [dataset.ImagePositionPatient[0] + 400, *dataset.ImagePositionPatient[1:]]
    surface = skull_surface(18, 36) + (400, 0, 0)
    skull.write_bytes(binary_stl(surface))
    assert attach()["inside"] == pytest.approx(1, abs=0.05) and doubts == []
    skull.write_bytes(binary_stl(surface * (-1, -1, 1)))
    assert attach()["inside"] == 0
    assert "RAS instead of LPS" in doubts[0]


def test_a_text_stl_is_stored_as_a_binary_one(attach, orthanc, skull):
    lines = ["solid"]
    for points in phantom.skull_surface(6, 8).astype(np.float32):
        lines += ["facet normal 0 0 0 outer loop", *("vertex %r %r %r" % tuple(map(float, p)) for p in points)]
        lines += ["endloop endfacet"]
    skull.write_text("\n".join([*lines, "endsolid", ""]))
    result = attach()
    assert result["model"]["converted"]
    [stored] = orthanc.models()
    assert len(stored.EncapsulatedDocument) == 84 + 50 * result["model"]["triangles"] == result["model"]["bytes"]
    assert not attach()["changed"]


@pytest.mark.parametrize(
    "content, sentence", [(b"garbage", "not an STL"), (binary_stl(skull_surface(6, 8) * 0.001), "Is the unit")]
)
def test_no_model(attach, server, skull, content, sentence):
    skull.write_bytes(content)
    result = attach()
    assert result["failed"] and sentence in result["msg"]
    assert not server.requests


@pytest.mark.parametrize("title", ["", "  ", "x" * 65, "a\\b", "a\nb"])
def test_wrong_title(attach, server, title):
    assert "title is" in attach(title=title)["msg"]
    assert not server.requests


def test_options_that_belong_together(attach, server):
    assert "src" in attach(src=None)["msg"]
    assert "title is missing" in attach(src=None, state="absent")["msg"]
    assert not server.requests


def test_a_model_under_another_study_is_taken_back(attach, orthanc):
    def other_study(content):
        dataset = pydicom.dcmread(io.BytesIO(content))
        dataset.PatientID = "SOMEONE"
        stream = io.BytesIO()
        dataset.save_as(stream)
        return stream.getvalue()

    orthanc.alter = other_study
    result = attach()
    assert result["failed"] and "under another study" in result["msg"]
    assert orthanc.models() == []


def test_a_changed_model_is_told(attach, orthanc):
    orthanc.alter = lambda content: content.replace(b"binary STL", b"something ")
    result = attach()
    assert result["failed"] and "did not store the model as it was sent" in result["msg"]


@pytest.mark.parametrize("answer", [{"UncompressedMD5": ""}, {}])
def test_an_orthanc_without_checksums(attach, orthanc, answer):
    orthanc.instead = {"GET /instances/[^/]*/attachments/dicom/info": (200, answer)}
    assert attach()["changed"]


def test_half_a_model_under_its_name_is_told(attach, orthanc):
    orthanc.files[attach()["instance_id"]] = b"half"
    result = attach()
    assert result["failed"] and "can't be it" in result["msg"]


@pytest.mark.parametrize("status, sentence", [(403, "lacks the permission"), (413, "413"), (507, "507")])
def test_a_refusal_is_passed_on(attach, orthanc, status, sentence):
    orthanc.instead = {"POST /instances": (status, {"Message": "no"})}
    result = attach()
    assert result["failed"] and sentence in result["msg"] and "POST" in result["msg"]


def test_the_file_is_sent_again_after_a_broken_connection(attach, orthanc, monkeypatch):
    from ansible_collections.threedpc.pacs.plugins.module_utils import orthanc_client

    real, broken = orthanc_client.open_url, []

    def once_broken(url, **options):
        if url.endswith("/instances") and not broken:
            broken.append(options["data"].read(1000))
            raise ConnectionResetError("reset")
        return real(url, **options)

    monkeypatch.setattr(orthanc_client, "open_url", once_broken)
    monkeypatch.setattr(orthanc_client.time, "sleep", lambda seconds: None)
    result = attach(retries=1)
    assert broken and result["changed"]
    assert len(orthanc.models()) == 1


def box(side, factor):
    """A closed box of 1 x 0.8 x 0.6 sides around the origin."""
    corners = np.array([[x, y, z] for x in (-0.5, 0.5) for y in (-0.4, 0.4) for z in (-0.3, 0.3)]) * side / factor
    sides = [(0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3)]
    return corners[[three for a, b, c, d in sides for three in ((a, b, c), (a, c, d))]]


@pytest.mark.parametrize("unit, factor", [("inch", 25.4), ("centimeter", 10), ("", 1)])
def test_the_size_is_told_and_doubted_beside_the_images(attach, orthanc, skull, doubts, unit, factor):
    skull.write_bytes(binary_stl(box(100, factor)))
    result = attach()
    assert result["changed"] and result["inside"] == pytest.approx(1)
    size = {"width": 100 / factor, "depth": 80 / factor, "height": 60 / factor}
    assert result["model"]["size"] == {name: pytest.approx(side, rel=1e-5) for name, side in size.items()}
    if unit:
        [said] = doubts
        assert f"its unit is the {unit}, it is 100 x 60 x 80 mm" in said
    else:
        assert doubts == []
    [stored] = orthanc.models()
    written = "%.1f x %.1f x %.1f mm (width x height x depth)" % (size["width"], size["height"], size["depth"])
    assert stored.ContentDescription == written


def test_a_model_of_another_study_is_refused(attach, server, images):
    result = attach(made_from_study="1.2.3")
    assert result["failed"] and "belongs to study 1.2.3" in result["msg"] and images.study_instance_uid in result["msg"]
    assert not writes(server)
    assert attach(made_from_study=images.study_instance_uid)["changed"]


@pytest.mark.parametrize("name", [" AB1", "A\\B", "\u00a0A\u00a0", "M\u00fc1", "A|B", "\tAB"])
def test_identifiers_as_orthanc_computes_them(attach, orthanc, images, name):
    """PatientID as a whole, as its DicomInstanceHasher takes it; seen with Orthanc 1.13."""
    before = [dataset for _ids, dataset in orthanc.instances.values()]
    orthanc.instances.clear()
    for dataset in before:
        dataset.PatientID = name
        orthanc.add(dataset)
    planned = attach(check_mode=True)
    assert attach()["versions"] == planned["versions"]
    joined = "|".join([name, images.study_instance_uid])
    digest = hashlib.sha1(joined.encode()).hexdigest()
    assert planned["study"]["id"] == "-".join(digest[place : place + 8] for place in range(0, 40, 8))


@pytest.mark.parametrize("uid", ["1." + "2" * 64, "1.2.abc"])
def test_a_uid_that_breaks_the_rules_names_its_study_all_the_same(attach, orthanc, uid):
    before = [dataset for _ids, dataset in orthanc.instances.values()]
    orthanc.instances.clear()
    for dataset in before:
        dataset.StudyInstanceUID = uid
        orthanc.add(dataset)
    assert attach(study=uid)["study"]["study_instance_uid"] == uid


def test_the_part_of_a_box_in_another():
    unit = (0, 0, 0), (1, 1, 1)
    assert orthanc_study.inside(*unit, *unit) == 1
    assert orthanc_study.inside((0, 0, 0), (2, 2, 1), *unit) == 0.25
    assert orthanc_study.inside((2, 0, 0), (3, 1, 1), *unit) == 0
    assert orthanc_study.inside((0, 0, 0.5), (1, 1, 0.5), *unit) == 1
    assert orthanc_study.mirrored((1, 2, 3), (4, 5, 6)) == ((-4, -5, 3), (-1, -2, 6))
