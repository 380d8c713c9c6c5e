# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Models of shapes whose volume and center are known, from every format that is read."""

from __future__ import annotations

import highdicom
import nibabel
import nrrd
import numpy as np
import pytest
from ansible_collections.threedpc.pacs.plugins.module_utils import segmentation, stl_model
from ansible_collections.threedpc.pacs.plugins.module_utils.phantom import Phantom
from ansible_collections.threedpc.pacs.plugins.modules import stl_from_segmentation
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sr.codedict import codes
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

# Two ellipsoids that overlap, and lie left, behind and above the origin: nothing about them is symmetric.
# Center and radii in LPS millimeters.
SHAPES = {
    "Skull": ((31.0, 12.0, -9.0), (24.0, 17.0, 21.0)),
    "Tumor": ((46.0, 18.0, 1.0), (13.0, 11.0, 12.0)),
}


def volume(name):
    return 4 / 3 * np.pi * np.prod(SHAPES[name][1])


def rotation(degrees):
    """About all three axes, as no scanner does it."""
    x, y, z = np.radians(degrees)
    about_x = [[1, 0, 0], [0, np.cos(x), -np.sin(x)], [0, np.sin(x), np.cos(x)]]
    about_y = [[np.cos(y), 0, np.sin(y)], [0, 1, 0], [-np.sin(y), 0, np.cos(y)]]
    about_z = [[np.cos(z), -np.sin(z), 0], [np.sin(z), np.cos(z), 0], [0, 0, 1]]
    return np.array(about_x) @ about_y @ about_z


def grid(spacing=(0.9, 0.8, 1.2), degrees=(0, 0, 0), flip=(1, 1, 1), shape=(84, 78, 62)):
    """From the indices of a volume around both shapes to LPS."""
    affine = np.eye(4)
    affine[:3, :3] = rotation(degrees) @ np.diag(np.array(spacing) * flip)
    middle = (np.array(shape) - 1) / 2
    affine[:3, 3] = np.array([34.0, 13.0, -6.0]) - affine[:3, :3] @ middle
    return affine, shape


def voxels(name, affine, shape):
    """Which voxels have their center in a shape."""
    index = np.indices(shape).reshape(3, -1)
    points = affine[:3, :3] @ index + affine[:3, 3:]
    center, radii = SHAPES[name]
    return ((((points.T - center) / radii) ** 2).sum(axis=1) <= 1).reshape(shape)


def labels(affine, shape):
    """A label map; where both are, the tumor wins."""
    result = voxels("Skull", affine, shape).astype(np.int16)
    result[voxels("Tumor", affine, shape)] = 2
    return result


def header(affine, **more):
    return {
        "space": "left-posterior-superior",
        "space directions": affine[:3, :3].T,
        "space origin": affine[:3, 3],
        "kinds": ["domain"] * 3,
        **more,
    }


def write_nrrd(path, array, affine, **more):
    nrrd.write(str(path), array, header(affine, **more))
    return str(path)


def named(*segments):
    """What 3D Slicer writes about segments: name, layer, value."""
    result = {}
    for index, (name, layer, value) in enumerate(segments):
        prefix = "Segment%d_" % index
        result[prefix + "ID"] = "Segment_%d" % (index + 1)
        result[prefix + "Name"] = name
        result[prefix + "Color"] = "0.5 0.7 0.5"
        if layer is not None:
            result[prefix + "Layer"] = str(layer)
            result[prefix + "LabelValue"] = str(value)
    return result


def write_layers(path, layers, affine, segments):
    """A .seg.nrrd with one layer for each array."""
    directions = np.vstack([[np.nan] * 3, affine[:3, :3].T])
    more = {"space directions": directions, "kinds": ["list", "domain", "domain", "domain"]}
    write_nrrd(path, np.stack(layers), affine, **more, **{key: key for key in segments})
    content = path.read_bytes()
    # The library writes ASCII, 3D Slicer UTF-8.
    for key, value in segments.items():
        content = content.replace(f"{key}:={key}\n".encode(), f"{key}:={value}\n".encode(), 1)
    path.write_bytes(content)
    return str(path)


def write_nifti(path, array, affine, sform=1, qform=0, unit="mm", kind=nibabel.Nifti1Image):
    """The affine is LPS here, and RAS in the file."""
    image = kind(array, None)
    image.header.set_xyzt_units(unit)
    ras = np.diag([-1, -1, 1, 1]) @ affine
    image.set_sform(ras, sform)
    image.set_qform(ras if qform else None, qform)
    nibabel.save(image, str(path))
    return str(path)


def write_dicom(path, kind="BINARY"):
    """A DICOM SEG of a phantom's images, with both shapes overlapping; returns the phantom."""
    images = Phantom(slices=40, rows=100, columns=110, pixel_spacing=1.5, slice_thickness=2.0)
    affine = np.diag([1.5, 1.5, 2.0, 1.0])
    affine[:3, 3] = images.origin
    masks = np.stack([voxels(name, affine, (110, 100, 40)).transpose(2, 1, 0) for name in SHAPES], axis=-1)
    described = [
        highdicom.seg.SegmentDescription(
            segment_number=number,
            segment_label=name,
            segmented_property_category=codes.SCT.Tissue,
            segmented_property_type=codes.SCT.Bone,
            algorithm_type=highdicom.seg.SegmentAlgorithmTypeValues.MANUAL,
        )
        for number, name in enumerate(SHAPES, start=1)
    ]
    highdicom.seg.Segmentation(
        source_images=[images.dataset(index) for index in range(images.slices)],
        pixel_array=masks.astype(np.uint8 if kind == "BINARY" else float),
        segmentation_type=kind,
        segment_descriptions=described,
        series_instance_uid=generate_uid(),
        series_number=2,
        sop_instance_uid=generate_uid(),
        instance_number=1,
        manufacturer="test",
        manufacturer_model_name="test",
        software_versions="1",
        device_serial_number="1",
    ).save_as(path)
    return images


@pytest.fixture
def make(run_module, tmp_path):
    def run(src, **args):
        return run_module(stl_from_segmentation, src=str(src), dest=str(tmp_path / "models"), **args)

    return run


# The shapes are small for them.
COARSE = (2, 2, 2)


def close_to_truth(model, name, spacing):
    """Within 1 % of the volume and half a voxel of the center; measured in the file, not taken from the result."""
    found = stl_model.measure(stl_model.binary_portions(model["path"]), name)
    assert found.watertight
    assert found.volume == pytest.approx(volume(name), rel=0.03 if spacing == COARSE else 0.01)
    assert np.linalg.norm(np.subtract(found.center, SHAPES[name][0])) < min(spacing) / 2
    assert model["volume"] == pytest.approx(found.volume)
    assert model["triangles"] == found.triangles
    assert model["lower"] == pytest.approx(found.lower)
    assert model["center"] == pytest.approx(found.center)


OBLIQUE = dict(degrees=(20, -15, 30))
GRIDS = [
    dict(),
    OBLIQUE,
    # As RAS files lie in memory, and left-handed in another way.
    dict(flip=(-1, -1, 1)),
    dict(flip=(1, -1, 1)),
    dict(flip=(-1, 1, -1), **OBLIQUE),
    dict(spacing=(0.5, 0.7, 2.5), shape=(150, 100, 32)),
]


@pytest.mark.parametrize("where", GRIDS)
def test_overlapping_segments_of_slicer(make, tmp_path, where):
    affine, shape = grid(**where)
    layers = [voxels(name, affine, shape).astype(np.uint8) for name in SHAPES]
    names = named(("Skull", 0, 1), ("Tumor", 1, 1))
    result = make(write_layers(tmp_path / "Case.seg.nrrd", layers, affine, names))
    assert [model["title"] for model in result["models"]] == ["Skull", "Tumor"]
    for model in result["models"]:
        close_to_truth(model, model["name"], where.get("spacing", (0.9, 0.8, 1.2)))


@pytest.mark.parametrize("where", GRIDS)
@pytest.mark.parametrize("kind", [np.int16, np.float32])
@pytest.mark.parametrize("end", ["nii", "nii.gz"])
def test_nifti(make, tmp_path, where, kind, end):
    affine, shape = grid(**where)
    array = voxels("Skull", affine, shape).astype(kind) * 7
    [model] = make(write_nifti(tmp_path / f"skull.{end}", array, affine))["models"]
    assert (model["number"], model["name"], model["title"]) == (7, "", "skull")
    close_to_truth(model, "Skull", where.get("spacing", (0.9, 0.8, 1.2)))


@pytest.mark.parametrize("kind", ["u1", "i1", "u2", "i2", "u4", "i4", "i8", "f4", "f8"])
def test_every_type_of_number(make, tmp_path, kind):
    affine, shape = grid(spacing=COARSE, shape=(40, 40, 30))
    array = labels(affine, shape)
    found = make(write_nrrd(tmp_path / "a.nrrd", array.astype(kind), affine))["models"]
    assert [model["number"] for model in found] == [1, 2]
    assert [model["title"] for model in found] == ["a 1", "a 2"]
    if kind != "i8":
        again = make(write_nifti(tmp_path / "a.nii", array.astype(kind), affine))["models"]
        for one, other in zip(found, again):
            # Single precision of the file's header.
            assert one["center"] == pytest.approx(other["center"], abs=1e-4)
            assert one["voxels"] == other["voxels"]


def test_nifti_says_where_it_lies_in_other_ways(make, tmp_path):
    affine, shape = grid(spacing=COARSE, shape=(40, 40, 30), **OBLIQUE)
    array = voxels("Skull", affine, shape).astype(np.uint8)
    by_qform = write_nifti(tmp_path / "q.nii", array, affine, sform=0, qform=1)
    close_to_truth(make(by_qform)["models"][0], "Skull", COARSE)
    meters = np.diag([0.001, 0.001, 0.001, 1]) @ affine
    in_meters = write_nifti(tmp_path / "m.nii", array, meters, unit="meter")
    close_to_truth(make(in_meters)["models"][0], "Skull", COARSE)
    version_2 = write_nifti(tmp_path / "2.nii", array[..., np.newaxis], affine, kind=nibabel.Nifti2Image)
    close_to_truth(make(version_2)["models"][0], "Skull", COARSE)


def test_labels_behind_a_scale(make, tmp_path):
    """Some programs store labels with a factor; they come out as floating point numbers."""
    affine, shape = grid(spacing=COARSE, shape=(40, 40, 30))
    image = nibabel.Nifti1Image(labels(affine, shape).astype(np.uint8), np.diag([-1, -1, 1, 1]) @ affine)
    image.header.set_slope_inter(100, 0)
    nibabel.save(image, str(tmp_path / "scaled.nii"))
    assert [model["number"] for model in make(tmp_path / "scaled.nii")["models"]] == [100, 200]


@pytest.mark.parametrize(
    "space, signs", [("right-anterior-superior", (-1, -1, 1)), ("left-anterior-superior", (1, -1, 1))]
)
def test_other_spaces_of_nrrd(make, tmp_path, space, signs):
    affine, shape = grid(spacing=COARSE, shape=(40, 40, 30), **OBLIQUE)
    array = voxels("Skull", affine, shape).astype(np.uint8)
    path = write_nrrd(tmp_path / "a.nrrd", array, np.diag([*signs, 1]) @ affine, space=space)
    close_to_truth(make(path)["models"][0], "Skull", COARSE)


def test_segments_that_share_a_layer(make, tmp_path):
    affine, shape = grid(spacing=COARSE, shape=(40, 40, 30))
    names = named(("Rest", 0, 1), ("Tumor", 0, 2), ("Never drawn", 0, 3))
    path = write_nrrd(tmp_path / "shared.seg.nrrd", labels(affine, shape).astype(np.uint8), affine, **names)
    result = make(path)
    assert [(model["number"], model["title"]) for model in result["models"]] == [(1, "Rest"), (2, "Tumor")]
    close_to_truth(result["models"][1], "Tumor", COARSE)


def test_segments_of_an_older_slicer(make, tmp_path):
    """Every segment had a layer of its own, and nothing said so."""
    affine, shape = grid(spacing=COARSE, shape=(40, 40, 30))
    layers = [voxels(name, affine, shape).astype(np.uint8) for name in SHAPES]
    names = named(("Skull", None, None), ("Tumor", None, None))
    for model in make(write_layers(tmp_path / "old.seg.nrrd", layers, affine, names))["models"]:
        close_to_truth(model, model["name"], COARSE)


@pytest.mark.parametrize("kind", ["BINARY", "FRACTIONAL"])
def test_dicom(make, tmp_path, kind):
    images = write_dicom(tmp_path / "seg.dcm", kind)
    result = make(tmp_path / "seg.dcm")
    assert [model["title"] for model in result["models"]] == ["Skull", "Tumor"]
    close_to_truth(result["models"][0], "Skull", (1.5, 1.5, 2.0))
    # Too few voxels for 1 %.
    assert result["models"][1]["center"] == pytest.approx(SHAPES["Tumor"][0], abs=0.1)
    assert result["frame_of_reference_uid"] == images.frame_of_reference_uid
    assert result["study_instance_uid"] == images.study_instance_uid


def test_left_is_not_taken_for_right(make, tmp_path):
    """The marker of the phantom sits on the left temple, which is +x."""
    head = Phantom(slices=40, rows=80, columns=80, pixel_spacing=2.8, slice_thickness=4.5)
    bone = np.stack([head.hounsfield(index) > 300 for index in range(40)]).astype(np.uint8).T
    affine = np.diag([2.8, 2.8, 4.5, 1.0])
    affine[:3, 3] = head.origin
    for path in (write_nifti(tmp_path / "a.nii", bone, affine), write_nrrd(tmp_path / "a.nrrd", bone, affine)):
        [model] = make(path)["models"]
        # The skull's own half width is 72.
        assert model["upper"][0] > 88
        assert -78 < model["lower"][0] < -66


def test_a_segment_at_the_border_is_closed(make, tmp_path):
    affine = np.diag([1.0, 1.0, 1.0, 1.0])
    [model] = make(write_nrrd(tmp_path / "a.nrrd", np.ones((20, 30, 40), dtype=np.uint8), affine))["models"]
    assert model["watertight"]
    assert model["volume"] == pytest.approx(20 * 30 * 40, rel=0.01)
    # The outer faces of the voxels: half a voxel beyond their centers.
    assert (model["lower"], model["upper"]) == ([-0.5, -0.5, -0.5], [19.5, 29.5, 39.5])


def test_every_way_in_which_voxels_can_touch_is_closed(make, tmp_path):
    array = (np.random.default_rng(1).random((24, 25, 26)) < 0.4).astype(np.uint8)
    affine, _shape = grid(**OBLIQUE)
    [model] = make(write_nrrd(tmp_path / "a.nrrd", array, affine))["models"]
    assert model["watertight"]


@pytest.mark.parametrize("options", [dict(smooth=20), dict(reduce=0.7), dict(smooth=20, reduce=0.7)])
def test_smoothing_and_reducing_keep_the_volume(make, tmp_path, options):
    affine, shape = grid(**OBLIQUE)
    path = write_nifti(tmp_path / "a.nii.gz", voxels("Skull", affine, shape).astype(np.uint8), affine)
    plain = make(path)["models"][0]
    found = make(path, **options)["models"][0]
    close_to_truth(found, "Skull", (0.9, 0.8, 1.2))
    if "reduce" in options:
        assert found["triangles"] == pytest.approx(0.3 * plain["triangles"], rel=0.02)


def test_once_and_again(make, tmp_path):
    affine, shape = grid(spacing=COARSE, shape=(40, 40, 30))
    path = write_nrrd(tmp_path / "a.nrrd", labels(affine, shape), affine)
    planned = make(path, check_mode=True)
    assert planned["changed"]
    assert not (tmp_path / "models").exists()
    assert make(path) == planned
    before = {file.name: file.read_bytes() for file in (tmp_path / "models").iterdir()}
    assert sorted(before) == ["a-1.stl", "a-2.stl"]
    again = make(path)
    assert not again["changed"]
    (tmp_path / "models" / "a-1.stl").write_bytes(b"")
    assert [model["changed"] for model in make(path)["models"]] == [True, False]
    assert {file.name: file.read_bytes() for file in (tmp_path / "models").iterdir()} == before


def test_some_segments_and_their_titles(make, tmp_path):
    affine, shape = grid(spacing=COARSE, shape=(40, 40, 30))
    layers = [voxels("Skull", affine, shape).astype(np.uint8)] * 4
    names = named(("Mandibula, außen", 0, 1), ("mandibula, AUSSEN", 1, 1), ("a\\b", 2, 1), ("x" * 90, 3, 1))
    path = write_layers(tmp_path / "Case.seg.nrrd", layers, affine, names)
    found = make(path)["models"]
    assert [model["title"] for model in found] == ["Mandibula, außen", "mandibula, AUSSEN", "a b", "x" * 64]
    files = [model["path"].rsplit("/")[-1] for model in found]
    assert files == ["mandibula-auen.stl", "mandibula-aussen.stl", "a-b.stl", "x" * 64 + ".stl"]
    assert [model["title"] for model in make(path, title="Case 7")["models"]][:2] == [
        "Case 7 Mandibula, außen",
        "Case 7 mandibula, AUSSEN",
    ]
    assert [model["number"] for model in make(path, segments=["4", "A\\B"])["models"]] == [3, 4]
    assert [model["title"] for model in make(path, segments=["3"], title="Only")["models"]] == ["Only"]
    titles = [model["title"] for model in make(path, title="y" * 64)["models"]]
    assert len(set(titles)) == 4 and max(map(len, titles)) <= 64
    assert "there is no segment Nose. There are: 1 (Mandibula" in make(path, segments=["Nose"])["msg"]


def doubts_about(path, folder):
    options = dict(src=path, dest=str(folder / "models"), segments=None, title=None, smooth=0, reduce=0.0)
    return stl_from_segmentation.make(options, True)[1]


def test_what_is_too_thin_is_said(tmp_path):
    array = np.zeros((20, 20, 20), dtype=np.uint8)
    array[5:15, 10, 10] = 1
    [doubt] = doubts_about(write_nrrd(tmp_path / "a.nrrd", array, np.eye(4)), tmp_path)
    assert "loses its edges" in doubt
    affine, shape = grid()
    assert doubts_about(write_nrrd(tmp_path / "b.nrrd", labels(affine, shape), affine), tmp_path) == []


CUBE = np.zeros((8, 8, 8), dtype=np.uint8)
CUBE[2:6, 2:6, 2:6] = 1
IMAGE = np.arange(8**3 * 8, dtype=np.int16).reshape(16, 16, 16)


@pytest.mark.parametrize(
    "sentence, array, more",
    [
        ("does not say which way is left", CUBE, {"space": None}),
        ("does not say which way is left", CUBE, {"space": "scanner-xyz"}),
        ("is measured in", CUBE, {"space units": ["m", "m", "m"]}),
        ("holds no segment", CUBE * 0, {}),
        ("not whole", CUBE * np.float32(0.5), {}),
        ("not whole", np.where(CUBE, np.nan, 0).astype(np.float32), {}),
        ("an image", IMAGE, {}),
        ("how large its voxels are", CUBE, {"space origin": None}),
        ("how large its voxels are", CUBE, {"space directions": np.zeros((3, 3))}),
        ("1 to 2500 mm", CUBE, {"space directions": np.eye(3) * 0.001}),
        ("describes segment 0", CUBE, {**named(("a", 0, 1)), "Segment0_LabelValue": "one"}),
        ("in layer 3", CUBE, named(("a", 3, 1))),
    ],
)
def test_nrrd_that_is_refused(make, tmp_path, sentence, array, more):
    fields = {key: value for key, value in header(np.eye(4), **more).items() if value is not None}
    if "space" not in fields:
        fields = {"spacings": [1, 1, 1]}
    nrrd.write(str(tmp_path / "a.nrrd"), array, fields)
    result = make(tmp_path / "a.nrrd")
    assert result.get("failed")
    assert sentence in result["msg"]
    assert str(tmp_path / "a.nrrd") in result["msg"]
    assert not (tmp_path / "models").exists()


def test_colors_are_refused(make, tmp_path):
    more = {"space directions": np.vstack([[np.nan] * 3, np.eye(3)]), "kinds": ["RGB-color"] + ["domain"] * 3}
    path = write_nrrd(tmp_path / "a.nrrd", np.stack([CUBE] * 3), np.eye(4), **more)
    assert "holds RGB-color, not labels" in make(path)["msg"]
    more["kinds"][0] = "list"
    path = write_nrrd(tmp_path / "a.nrrd", np.stack([CUBE] * 3), np.eye(4), **more)
    assert "does not name the segments" in make(path)["msg"]


@pytest.mark.parametrize(
    "sentence, array, more",
    [
        ("does not say which way is left", CUBE, dict(sform=0)),
        ("4 axes", np.stack([CUBE] * 2, axis=-1), {}),
        ("not whole", CUBE * np.float32(0.5), {}),
        ("an image", IMAGE, {}),
        ("no labels", CUBE.astype(np.complex64), {}),
        ("how large its voxels are", CUBE, dict(affine=np.diag([1.0, 1.0, 0.0, 1.0]))),
    ],
)
def test_nifti_that_is_refused(make, tmp_path, sentence, array, more):
    path = write_nifti(tmp_path / "a.nii", array, **{"affine": np.eye(4), **more})
    result = make(path)
    assert result.get("failed")
    assert sentence in result["msg"]


@pytest.mark.parametrize("name", ["a.nrrd", "a.nii", "a.nii.gz", "a.dcm"])
@pytest.mark.parametrize("content", [b"", b"garbage" * 1000])
def test_garbage_is_refused(make, tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    result = make(tmp_path / name)
    assert result.get("failed")
    assert name in result["msg"]
    assert "Traceback" not in str(result)


@pytest.mark.parametrize("writer, name", [(write_nrrd, "a.nrrd"), (write_nifti, "a.nii.gz")])
def test_half_a_file_is_refused(make, tmp_path, writer, name):
    array = np.random.default_rng(0).integers(0, 5, (40, 40, 40)).astype(np.uint8)
    writer(tmp_path / name, array, np.eye(4))
    content = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(content[: len(content) // 2])
    result = make(tmp_path / name)
    assert result.get("failed")
    assert name in result["msg"]


@pytest.mark.parametrize(
    "uid, modality, sentence",
    [
        (segmentation.RTSTRUCT, "RTSTRUCT", "open it in 3D Slicer"),
        ("1.2.840.10008.5.1.4.1.1.2", "CT", "is DICOM, but CT and no segmentation"),
        ("1.2.840.10008.5.1.4.1.1.66.4", "SEG", "not a segmentation that can be read"),
    ],
)
def test_other_dicom_is_refused(make, tmp_path, uid, modality, sentence):
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID = uid
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID = generate_uid()
    dataset.Modality = modality
    dataset.save_as(tmp_path / "a.dcm", enforce_file_format=True)
    result = make(tmp_path / "a.dcm")
    assert result.get("failed")
    assert sentence in result["msg"]


@pytest.mark.parametrize(
    "name, options, sentence",
    [
        ("a.obj", {}, "must end with .nrrd"),
        ("missing.nrrd", {}, "is not a file"),
        ("a.nrrd", dict(smooth=-1), "smooth is -1"),
        ("a.nrrd", dict(reduce=1), "reduce is 1"),
    ],
)
def test_wrong_options(make, tmp_path, name, options, sentence):
    write_nrrd(tmp_path / "a.nrrd", CUBE, np.eye(4))
    assert sentence in make(tmp_path / name, **options)["msg"]


@pytest.mark.parametrize("library, name", [("pynrrd", "a.nrrd"), ("nibabel", "a.nii"), ("highdicom", "a.dcm")])
def test_a_missing_library_is_named(make, tmp_path, monkeypatch, library, name):
    monkeypatch.setitem(segmentation.ERRORS, library, "why")
    assert library in make(tmp_path / name)["msg"]


def test_a_missing_vtk_is_named(make, tmp_path, monkeypatch):
    monkeypatch.setattr(stl_from_segmentation, "VTK_ERROR", "why")
    assert "vtk" in make(tmp_path / "a.nrrd")["msg"]
