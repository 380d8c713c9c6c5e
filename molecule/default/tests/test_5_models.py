# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From a segmentation to a model in the archive, by the playbook that an engineer uses."""

import re

import nibabel
import nrrd
import numpy as np
import pytest
from ansible_collections.threedpc.pacs.plugins.module_utils import stl_model
from ansible_collections.threedpc.pacs.plugins.module_utils.phantom import Phantom, skull_surface
from ansible_collections.threedpc.pacs.plugins.module_utils.stl_model import binary_stl
from ansible_collections.threedpc.pacs.plugins.modules import stl_from_segmentation
from conftest import play

# Center and radii in the patient's coordinates: left of the middle, and overlapping.
SHAPES = {
    "Skull, außen": ((31.0, 12.0, -9.0), (24.0, 17.0, 21.0)),
    "Tumor": ((46.0, 18.0, 1.0), (13.0, 11.0, 12.0)),
}
SPACING = (0.9, 0.8, 1.2)


def oblique():
    """From the indices of a volume around both shapes to coordinates, in a direction that no scanner takes."""
    x, z = np.radians((20, 30))
    about_x = [[1, 0, 0], [0, np.cos(x), -np.sin(x)], [0, np.sin(x), np.cos(x)]]
    about_z = [[np.cos(z), -np.sin(z), 0], [np.sin(z), np.cos(z), 0], [0, 0, 1]]
    affine = np.eye(4)
    affine[:3, :3] = np.array(about_x) @ about_z @ np.diag(SPACING)
    affine[:3, 3] = np.array([34.0, 13.0, -6.0]) - affine[:3, :3] @ [41, 38, 30]
    return affine


def voxels(name, affine):
    points = affine[:3, :3] @ np.indices((84, 78, 62)).reshape(3, -1) + affine[:3, 3:]
    center, radii = SHAPES[name]
    return ((((points.T - center) / radii) ** 2).sum(axis=1) <= 1).reshape(84, 78, 62)


@pytest.fixture(scope="module")
def case(site, tmp_path_factory):
    """A study of a scanner, and segmentations of it."""
    folder = tmp_path_factory.mktemp("case")
    images = Phantom(
        slices=12, rows=64, columns=64, pixel_spacing=3.6, slice_thickness=17, patient_id="MODEL", seed="m"
    )
    images.write(folder / "study")
    assert set(site.send(sorted((folder / "study").glob("*.dcm")))) == {0x0000}
    affine = oblique()
    header = {
        "space": "left-posterior-superior",
        "kinds": ["list", "domain", "domain", "domain"],
        "space directions": np.vstack([[np.nan] * 3, affine[:3, :3].T]),
        "space origin": affine[:3, 3],
    }
    for index, _name in enumerate(SHAPES):
        described = {"ID": f"S_{index}", "Name": f"NAME{index}", "Layer": str(index), "LabelValue": "1"}
        header.update({f"Segment{index}_{key}": value for key, value in described.items()})
    file = folder / "Case.seg.nrrd"
    nrrd.write(str(file), np.stack([voxels(name, affine).astype(np.uint8) for name in SHAPES]), header)
    # 3D Slicer writes names as UTF-8, which the library does not.
    content = file.read_bytes()
    for index, name in enumerate(SHAPES):
        content = content.replace(b"NAME%d" % index, name.encode(), 1)
    file.write_bytes(content)
    ras = np.diag([-1, -1, 1, 1]) @ affine
    nibabel.save(nibabel.Nifti1Image(voxels("Tumor", affine).astype(np.int16), ras), folder / "tumor.nii.gz")
    (folder / "skull.stl").write_bytes(binary_stl(skull_surface(30, 60)))
    yield {"folder": folder, "images": images, "study": images.study_instance_uid}
    [study] = site.find("Study", StudyInstanceUID=images.study_instance_uid)
    site.staff("DELETE", f"/studies/{study}")


def attach(case, *more, file=None):
    arguments = [f"--extra-vars=model_study={case['study']}", *more]
    if file:
        arguments.append(f"--extra-vars=model_file={case['folder'] / file}")
    return play(*arguments, playbook="playbooks/attach_model.yml")


def models(site, case):
    """Title and content of every model of the study."""
    result = {}
    for series in site.find("Series", StudyInstanceUID=case["study"], Modality="M3D"):
        found = site.staff("GET", f"/series/{series}").json()
        for instance in found["Instances"]:
            content = site.staff("GET", f"/instances/{instance}/stl").content
            result.setdefault(found["MainDicomTags"]["SeriesDescription"], []).append(content)
    return result


def changed(played):
    return int(re.search(r"changed=(\d+)", played.stdout)[1])


@pytest.mark.parametrize("file, names", [("Case.seg.nrrd", list(SHAPES)), ("tumor.nii.gz", ["tumor"])])
def test_a_segmentation_becomes_models_of_the_study(site, case, tmp_path, file, names):
    before = models(site, case)
    planned = attach(case, "--check", "--diff", file=file)
    assert planned.returncode == 0, planned.stdout
    assert "would be attached as version 1" in planned.stdout
    assert models(site, case) == before

    done = attach(case, file=file)
    assert done.returncode == 0, done.stdout
    stored = {title: content for title, content in models(site, case).items() if title not in before}
    assert sorted(stored) == sorted(names)
    # The same once more, beside the playbook: the archive has it byte for byte.
    options = dict(src=str(case["folder"] / file), dest=str(tmp_path), segments=None, title=None, smooth=0, reduce=0.0)
    made, doubts = stl_from_segmentation.make(options, False)
    assert doubts == []
    for model in made["models"]:
        with open(model["path"], "rb") as stream:
            assert stored[model["title"]] == [stream.read()]
        found = stl_model.measure(stl_model.binary_portions(model["path"]), model["title"])
        center, radii = SHAPES[model["name"] or "Tumor"]
        assert found.watertight
        assert found.volume == pytest.approx(4 / 3 * np.pi * np.prod(radii), rel=0.01)
        assert np.linalg.norm(np.subtract(found.center, center)) < min(SPACING) / 2

    again = attach(case, file=file)
    assert again.returncode == 0 and changed(again) == 0
    assert again.stdout.count("was there already") == len(names)


def test_a_model_shares_the_images_frame_of_reference_and_patient(site, case):
    [series, *_others] = site.find("Series", StudyInstanceUID=case["study"], Modality="M3D")
    [instance] = site.staff("GET", f"/series/{series}").json()["Instances"]
    tags = site.staff("GET", f"/instances/{instance}/simplified-tags").json()
    assert tags["FrameOfReferenceUID"] == case["images"].frame_of_reference_uid
    assert (tags["PatientID"], tags["PatientName"]) == ("MODEL", "Phantom^Skull")
    assert tags["SOPClassUID"] == "1.2.840.10008.5.1.4.1.1.104.3"
    assert tags["MeasurementUnitsCodeSequence"][0]["CodeValue"] == "mm"


def test_a_new_version_and_its_removal(site, case):
    title = "--extra-vars=model_title=Guide"
    first, second = case["folder"] / "skull.stl", case["folder"] / "second.stl"
    assert changed(attach(case, title, file="skull.stl")) == 1
    second.write_bytes(binary_stl(skull_surface(32, 64)))
    assert "attached as version 2" in attach(case, title, file="second.stl").stdout
    assert set(models(site, case)["Guide"]) == {first.read_bytes(), second.read_bytes()}
    absent = "--extra-vars=model_state=absent"
    assert "would be removed" in attach(case, title, absent, "--check").stdout
    assert len(models(site, case)["Guide"]) == 2
    removed = attach(case, title, absent)
    assert removed.returncode == 0 and "2 versions" in removed.stdout
    assert "Guide" not in models(site, case)
    assert changed(attach(case, title, absent)) == 0
    assert len(site.find("Instance", StudyInstanceUID=case["study"], Modality="CT")) == case["images"].slices


@pytest.mark.parametrize(
    "study, file, sentence",
    [
        ("NOSUCH", "skull.stl", "no study at"),
        ("", "skull.stl", "-e model_study=... is missing"),
        (None, "missing.stl", "there is no such file"),
        (None, "study/slice-0001.dcm", "is DICOM, but CT and no segmentation"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_changes(site, case, study, file, sentence):
    before = models(site, case)
    refused = attach({**case, "study": case["study"] if study is None else study}, file=file)
    assert refused.returncode != 0
    assert sentence in " ".join(refused.stdout.split())
    assert models(site, case) == before
