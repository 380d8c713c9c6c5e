# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import io
import math
import re
import struct
from collections import Counter

import numpy as np
import pydicom
import pytest
from ansible_collections.threedpc.pacs.plugins.module_utils import phantom as shape
from ansible_collections.threedpc.pacs.plugins.module_utils.errors import PacsError
from ansible_collections.threedpc.pacs.plugins.module_utils.phantom import Phantom
from ansible_collections.threedpc.pacs.plugins.module_utils.stl_model import binary_stl

SMALL = {"slices": 4, "rows": 64, "columns": 48, "pixel_spacing": 3.5, "slice_thickness": 30.0}


def read(content):
    return pydicom.dcmread(io.BytesIO(content))


@pytest.fixture(scope="module")
def volume():
    """The default study in Hounsfield units, read back from its files, indexed z, y, x."""
    images = [read(content) for _name, content in Phantom().files()]
    pixels = np.stack([image.pixel_array for image in images]).astype(int)
    return images, pixels * int(images[0].RescaleSlope) + int(images[0].RescaleIntercept)


def at(images, hounsfield, point):
    """The value at a point in patient coordinates, found by the geometry that the images state."""
    x, y, z = images[0].ImagePositionPatient
    row, column = (float(value) for value in images[0].PixelSpacing)
    between = images[1].ImagePositionPatient[2] - z
    return hounsfield[round((point[2] - z) / between), round((point[1] - y) / row), round((point[0] - x) / column)]


def test_same_parameters_give_the_same_bytes():
    assert list(Phantom(**SMALL).files()) == list(Phantom(**SMALL).files())


def test_identifiers_are_valid_and_differ():
    phantom = Phantom()
    uids = [phantom.study_instance_uid, phantom.series_instance_uid, phantom.frame_of_reference_uid]
    uids += phantom.sop_instance_uids
    assert len(set(uids)) == 103
    assert all(re.fullmatch(r"2\.25\.[1-9]\d*", uid) and len(uid) <= 64 for uid in uids)


@pytest.mark.parametrize(
    "other",
    [
        {"seed": "x"},
        {"slices": 99},
        {"rows": 200},
        {"columns": 200},
        {"pixel_spacing": 0.5},
        {"slice_thickness": 1.0},
        {"patient_id": "X"},
        {"patient_name": "X"},
        {"accession_number": "X"},
        {"study_description": "X"},
    ],
)
def test_other_content_has_other_identifiers(other):
    mine, yours = Phantom(), Phantom(**other)
    assert mine.study_instance_uid != yours.study_instance_uid
    assert not set(mine.sop_instance_uids) & set(yours.sop_instance_uids)


def test_orthanc_names():
    # What Orthanc 1.12.7 made of these two.
    known = shape.orthanc_id(["PHANTOM", "2.25.250223077809677958941738567124439101672"])
    assert known == "be22b8eb-a9a2fdec-4732d62e-d46fd7ed-d2e3c02f"
    assert Phantom().orthanc_ids()["study"] == shape.orthanc_id(["PHANTOM", Phantom().study_instance_uid])
    assert len(set(Phantom(**SMALL).orthanc_ids()["instances"])) == 4


def test_dataset_says_what_it_is():
    names = {"patient_id": "Ü1", "patient_name": "Müller^Änne", "accession_number": "A1", "study_description": "é"}
    phantom = Phantom(**SMALL, **names)
    images = [read(content) for _name, content in phantom.files()]
    assert [image.SOPInstanceUID for image in images] == phantom.sop_instance_uids
    for image in images:
        assert image.SOPClassUID == image.file_meta.MediaStorageSOPClassUID == "1.2.840.10008.5.1.4.1.1.2"
        assert image.file_meta.MediaStorageSOPInstanceUID == image.SOPInstanceUID
        assert (image.PatientID, str(image.PatientName)) == ("Ü1", "Müller^Änne")
        assert (image.AccessionNumber, image.StudyDescription) == ("A1", "é")
        assert image.StudyInstanceUID == phantom.study_instance_uid
        assert image.SeriesInstanceUID == phantom.series_instance_uid
        assert image.FrameOfReferenceUID == phantom.frame_of_reference_uid
        assert (image.Rows, image.Columns) == image.pixel_array.shape == (64, 48)
        assert image.RescaleIntercept == -1024
        assert image.ImageOrientationPatient == [1, 0, 0, 0, 1, 0]


def test_image_has_every_required_attribute():
    """Type 1 (a value) and type 2 (present) attributes of the modules that a CT Image must have."""
    image = next(iter(Phantom(**SMALL).files()))[1]
    image = read(image)
    filled = """SOPClassUID SOPInstanceUID StudyInstanceUID SeriesInstanceUID Modality FrameOfReferenceUID ImageType
        SamplesPerPixel PhotometricInterpretation Rows Columns BitsAllocated BitsStored HighBit PixelRepresentation
        PixelData PixelSpacing ImageOrientationPatient ImagePositionPatient RescaleIntercept RescaleSlope
        SpecificCharacterSet"""
    present = """PatientName PatientID PatientBirthDate PatientSex StudyDate StudyTime ReferringPhysicianName StudyID
        AccessionNumber SeriesNumber PositionReferenceIndicator Manufacturer InstanceNumber SliceThickness KVP
        AcquisitionNumber PatientPosition"""
    assert [name for name in filled.split() if image.get(name) in (None, "")] == []
    assert [name for name in present.split() if name not in image] == []


def test_slices_follow_each_other_in_space(volume):
    images, _hounsfield = volume
    heights = [image.ImagePositionPatient[2] for image in images]
    assert np.allclose(np.diff(heights), 2.0)
    assert heights[0] == -99.0
    assert images[0].SliceThickness == 2.0
    assert [image.InstanceNumber for image in images] == list(range(1, 101))
    assert {tuple(image.ImagePositionPatient[:2]) for image in images} == {(-114.75, -114.75)}


def test_head_has_tissues(volume):
    images, hounsfield = volume
    x, y, z = shape.CENTER
    for point, value in [
        ((x, y, z), shape.BRAIN),
        ((110, 0, 0), shape.AIR),
        ((x, y + shape.SKULL[1] - 1, z), shape.BONE),
        ((x, y + shape.SKULL[1] + 3, z), shape.SKIN),
    ]:
        assert abs(at(images, hounsfield, point) - value) <= shape.NOISE + 150 * (value == shape.BONE) + 10
    # The first image is not black: a viewer opens it first.
    assert (hounsfield[0] > -500).mean() > 0.1
    assert (hounsfield[0] > 400).any()


def test_left_differs_from_right(volume):
    images, hounsfield = volume
    marker = np.array(shape.MARKER) + shape.CENTER
    assert marker[0] > 0, "x grows toward the patient's left"
    assert at(images, hounsfield, marker) > 400
    assert at(images, hounsfield, marker * [-1, 1, 1]) < -900


def edges(triangles):
    """How often each directed edge occurs, by the exact coordinates of its ends."""
    points, number = np.unique(triangles.reshape(-1, 3), axis=0, return_inverse=True)
    corners = number.reshape(-1, 3)
    return Counter(map(tuple, np.concatenate([corners[:, [0, 1]], corners[:, [1, 2]], corners[:, [2, 0]]])))


def read_stl(content):
    (count,) = struct.unpack_from("<I", content, 80)
    assert len(content) == 84 + 50 * count
    assert not content.startswith(b"solid")
    record = np.dtype([("normal", "<f4", 3), ("points", "<f4", (3, 3)), ("attribute", "<u2")])
    return np.frombuffer(content, record, offset=84)


def volume_of(triangles):
    triangles = triangles.astype(float)
    return np.einsum("ij,ij->i", triangles[:, 0], np.cross(triangles[:, 1], triangles[:, 2])).sum() / 6


def test_surface_is_watertight():
    facets = read_stl(binary_stl(shape.skull_surface()))
    found = edges(facets["points"])
    assert set(found.values()) == {1}
    assert all((end, start) in found for start, end in found)
    assert np.allclose(np.linalg.norm(facets["normal"], axis=1), 1, atol=1e-5)


def test_volume_of_a_known_body():
    points, triangles = shape.sphere(60, 120)
    assert volume_of((points * [30, 40, 50])[triangles]) == pytest.approx(4 / 3 * math.pi * 30 * 40 * 50, rel=0.005)


def test_surface_encloses_the_bone_of_the_images(volume):
    _images, hounsfield = volume
    triangles = read_stl(binary_stl(shape.skull_surface()))["points"]
    assert volume_of(triangles) == pytest.approx((hounsfield > 400).sum() * 0.9 * 0.9 * 2.0, rel=0.01)


def test_surface_lies_on_the_bone_of_the_images(volume):
    """One and a half millimeters inward of every facet is bone, outward is none."""
    images, hounsfield = volume
    facets = read_stl(binary_stl(shape.skull_surface()))[::7]
    middle = facets["points"].mean(axis=1)
    inside = [at(images, hounsfield, point) > 400 for point in middle - 1.5 * facets["normal"]]
    outside = [at(images, hounsfield, point) < 400 for point in middle + 1.5 * facets["normal"]]
    assert np.mean(inside) > 0.97
    assert np.mean(outside) > 0.97


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("slices", 0),
        ("slices", 2001),
        ("rows", 15),
        ("columns", 4096),
        ("pixel_spacing", 0.0),
        ("pixel_spacing", math.nan),
        ("slice_thickness", -1.0),
        ("patient_id", ""),
        ("patient_id", "a\\b"),
        ("patient_id", "x" * 65),
        ("patient_name", "a\nb"),
        ("patient_name", " a"),
        ("accession_number", "x" * 17),
        ("study_description", "a\x1b"),
    ],
)
def test_refuses(name, value):
    with pytest.raises(PacsError, match=f"^{name} is "):
        Phantom(**{name: value})
