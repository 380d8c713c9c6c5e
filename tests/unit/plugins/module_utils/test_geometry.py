# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where two statements of a file about space can disagree, in each format."""

from __future__ import annotations

import highdicom
import nibabel
import nrrd
import numpy as np
import pytest
from ansible_collections.threedpc.pacs.plugins.module_utils.errors import PacsError
from ansible_collections.threedpc.pacs.plugins.module_utils.phantom import Phantom
from ansible_collections.threedpc.pacs.plugins.module_utils.segmentation import read
from ansible_collections.threedpc.pacs.plugins.modules import stl_from_segmentation
from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes
from pydicom.uid import generate_uid

CUBE = np.zeros((20, 21, 22), dtype=np.uint8)
CUBE[5:15, 5:15, 5:15] = 1
# Where the cube is in the patient, as the scanner says and as an atlas does; both in RAS, as NIfTI has it.
SCANNER = np.array([[1.0, 0, 0, -40], [0, 1, 0, -30], [0, 0, 1, 100], [0, 0, 0, 1]])
ATLAS = np.array([[0.9, 0, 0, 10], [0, 0.9, 0, 15], [0, 0, 0.9, -20], [0, 0, 0, 1]])
CENTER = (30.5, 20.5, 109.5)


def made(path, folder):
    """The center of the one model, how its place is known, and the doubts about it."""
    options = dict(src=str(path), dest=str(folder / "models"), segments=None, title=None, smooth=0, reduce=0.0)
    result, doubts = stl_from_segmentation.make(options, True)
    [model] = result["models"]
    return tuple(model["center"]), result["geometry"], [doubt for doubt in doubts if "loses its edges" not in doubt]


def refusal(path):
    with pytest.raises(PacsError) as error:
        segmentation = read(str(path))
        for number in segmentation.names:
            segmentation.make(number)
    assert path.name in error.value.message
    return error.value.message


# NIfTI


@pytest.fixture
def nifti(tmp_path):
    def write(qform=None, sform=None, kind=nibabel.Nifti1Image, array=CUBE, unit=2, **fields):
        """The forms as pairs of a matrix and its code; fields are those of the header."""
        image = kind(array, None)
        image.header.set_qform(*(qform or (None, 0)))
        image.header.set_sform(*(sform or (None, 0)))
        image.header["xyzt_units"] = unit
        path = tmp_path / "a.nii"
        nibabel.save(image, str(path))
        raw = bytearray(path.read_bytes())
        header = image.header.__class__(bytes(raw[: image.header.sizeof_hdr]), check=False)
        for name, value in fields.items():
            index = None
            if isinstance(value, tuple):
                index, value = value
                header[name][index] = value
            else:
                header[name] = value
        path.write_bytes(header.binaryblock + bytes(raw[image.header.sizeof_hdr :]))
        return path

    return write


@pytest.mark.parametrize("kind", [nibabel.Nifti1Image, nibabel.Nifti2Image])
@pytest.mark.parametrize("patient", [1, 2])
@pytest.mark.parametrize("other", [3, 4, 5])
@pytest.mark.parametrize("form", ["qform", "sform"])
def test_an_atlas_is_not_used_beside_the_patient_and_that_is_said(nifti, tmp_path, kind, patient, other, form):
    atlas = "sform" if form == "qform" else "qform"
    path = nifti(kind=kind, **{form: (SCANNER, patient), atlas: (ATLAS, other)})
    center, geometry, doubts = made(path, tmp_path)
    assert center == pytest.approx(CENTER, abs=0.01)
    assert geometry.startswith("its %s, in" % form)
    [doubt] = [doubt for doubt in doubts if "pixdim" not in doubt]
    assert f"{atlas} code {other}" in doubt and "not used" in doubt


@pytest.mark.parametrize("codes_", [(0, 3), (0, 4), (0, 5), (4, 0), (3, 4), (5, 5)])
def test_an_atlas_alone_is_refused(nifti, codes_):
    path = nifti(qform=(ATLAS, codes_[0]), sform=(ATLAS, codes_[1]))
    said = refusal(path)
    assert "does not lie in the patient" in said and "in the space of the images" in said
    assert all("(code %d)" % code in said for code in codes_ if code)


@pytest.mark.parametrize("fields", [{}, dict(sform_code=7), dict(qform_code=-1), dict(sform_code=1, qform_code=99)])
def test_codes_that_say_nothing(nifti, fields):
    said = refusal(nifti(sform=(SCANNER, 0), **fields))
    assert "which way is left" in said or "does not know" in said


def turned(degrees):
    angle = np.radians(degrees)
    matrix = np.eye(4)
    matrix[:2, :2] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    return SCANNER @ matrix


@pytest.mark.parametrize(
    "other",
    [
        SCANNER + np.array([[0, 0, 0, 0.2], [0] * 4, [0] * 4, [0] * 4]),
        np.diag([-1, -1, 1, 1]) @ SCANNER,
        np.diag([-1, 1, 1, 1]) @ SCANNER,
        SCANNER @ np.diag([1.02, 1, 1, 1]),
        turned(1),
        # Sheared, as of a scanner whose gantry was tilted; a qform can't say it.
        SCANNER @ np.array([[1, 0, 0.1, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]),
    ],
)
@pytest.mark.parametrize("codes_", [(1, 1), (1, 2), (2, 1)])
def test_two_places_of_the_patient_that_differ_are_refused(nifti, other, codes_):
    said = refusal(nifti(qform=(SCANNER, codes_[0]), sform=(other, codes_[1])))
    assert "in two ways where it lies" in said and "voxels" in said


@pytest.mark.parametrize("other", [SCANNER, turned(0.1)])
def test_two_places_that_agree_to_a_tenth_of_a_voxel_are_one(nifti, tmp_path, other):
    center, _geometry, doubts = made(nifti(qform=(SCANNER, 1), sform=(other, 2)), tmp_path)
    assert center == pytest.approx(CENTER, abs=0.1) and doubts == []


def test_a_sheared_volume_is_where_it_says(nifti, tmp_path):
    sheared = SCANNER @ np.array([[1, 0, 0.3, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]])
    center, _geometry, _doubts = made(nifti(sform=(sheared, 1)), tmp_path)
    assert center == pytest.approx((30.5 - 0.3 * 9.5, 20.5, 109.5), abs=0.01)


@pytest.mark.parametrize(
    "fields, sentence",
    [
        (dict(pixdim=(0, 0.5)), "mirrored"),
        (dict(pixdim=(0, np.nan)), "mirrored"),
        (dict(pixdim=(1, 0)), "how large its voxels are"),
        (dict(pixdim=(2, -1)), "how large its voxels are"),
        (dict(pixdim=(3, np.nan)), "how large its voxels are"),
        (dict(quatern_b=np.nan), "a.nii"),
        (dict(quatern_b=5), "a.nii"),
        (dict(qoffset_x=np.inf), "how large its voxels are"),
    ],
)
def test_a_qform_that_means_nothing(nifti, fields, sentence):
    assert sentence in refusal(nifti(qform=(SCANNER, 1), **fields))


def test_the_handedness_of_a_qform(nifti, tmp_path):
    assert made(nifti(qform=(SCANNER, 1), pixdim=(0, 0)), tmp_path)[0] == pytest.approx(CENTER, abs=0.01)
    mirrored, _geometry, _doubts = made(nifti(qform=(SCANNER, 1), pixdim=(0, -1)), tmp_path)
    assert mirrored[:2] == pytest.approx(CENTER[:2], abs=0.01) and mirrored[2] == pytest.approx(100 - 9.5, abs=0.01)


@pytest.mark.parametrize("fields", [dict(srow_x=(0, 0)), dict(srow_y=(1, np.nan)), dict(srow_z=(3, np.inf))])
def test_an_sform_that_means_nothing(nifti, fields):
    assert "how large its voxels are" in refusal(nifti(sform=(SCANNER, 1), **fields))


def test_units(nifti, tmp_path):
    for unit, scale in ((2, 1.0), (1, 0.001), (3, 1000.0), (2 | 8, 1.0)):
        form = np.diag([scale, scale, scale, 1]) @ SCANNER
        center, _geometry, doubts = made(nifti(qform=(form, 1), sform=(form, 1), unit=unit), tmp_path)
        assert center == pytest.approx(CENTER, abs=0.01) and doubts == []
    # No unit: of the format's three only one can be meant, and the millimeter is the only one that is taken.
    center, geometry, _doubts = made(nifti(qform=(SCANNER, 1), unit=0), tmp_path)
    assert center == pytest.approx(CENTER, abs=0.01) and "no named unit" in geometry
    for scale in (0.001, 1000.0):
        form = np.diag([scale, scale, scale, 1]) @ SCANNER
        assert "does not name its unit" in refusal(nifti(qform=(form, 1), unit=0))
    assert "the unit 5" in refusal(nifti(qform=(SCANNER, 1), unit=5))


def test_sizes_of_voxels_beside_an_sform_are_said(nifti, tmp_path):
    _center, _geometry, [doubt] = made(nifti(sform=(SCANNER, 1), pixdim=(1, 25.4)), tmp_path)
    assert "1 x 1 x 1 by its sform" in doubt and "25.4" in doubt


@pytest.mark.parametrize("intent", [22, 1007, 2003])
def test_values_that_are_no_labels_by_their_own_word(nifti, intent):
    assert "no labels" in refusal(nifti(qform=(SCANNER, 1), intent_code=intent))


def test_half_a_pair_of_files(nifti):
    assert "pair of files" in refusal(nifti(qform=(SCANNER, 1), magic=b"ni1"))


def test_surroundings_with_a_label_are_said(nifti, tmp_path):
    path = nifti(qform=(SCANNER, 1), array=np.where(CUBE, 2, 3).astype(np.uint8))
    options = dict(src=str(path), dest=str(tmp_path), segments=None, title=None, smooth=0, reduce=0.0)
    assert any("all corners" in doubt and "label 3" in doubt for doubt in stl_from_segmentation.make(options, True)[1])


# NRRD


@pytest.fixture
def slicer(tmp_path):
    def write(changes=(), array=CUBE, **fields):
        """Fields as text, None to leave one out; changes are pairs of bytes."""
        header = {
            "type": {1: "uint8", 2: "int16", 8: "uint64"}[array.itemsize],
            "dimension": array.ndim,
            "space": "left-posterior-superior",
            "sizes": " ".join(map(str, array.shape)),
            "space directions": "none " * (array.ndim - 3) + "(1,0,0) (0,1,0) (0,0,1)",
            "kinds": "list " * (array.ndim - 3) + "domain domain domain",
            "endian": "little",
            "encoding": "raw",
            "space origin": "(21,11,100)",
        }
        keys = {key: value for key, value in fields.items() if key.startswith("Segment")}
        header.update({key.replace("_", " "): value for key, value in fields.items() if key not in keys})
        lines = ["NRRD0005", *("%s: %s" % item for item in header.items() if item[1] is not None)]
        lines += ["%s:=%s" % item for item in keys.items()]
        content = "\n".join([*lines, "", ""]).encode()
        for old, new in changes:
            assert old in content
            content = content.replace(old, new)
        path = tmp_path / "a.seg.nrrd"
        path.write_bytes(content + array.tobytes(order="F"))
        return path

    return write


@pytest.mark.parametrize(
    "space, signs",
    [
        ("lps", (1, 1)),
        ("LPS", (1, 1)),
        ("Left-Posterior-Superior", (1, 1)),
        ("left posterior superior", (1, 1)),
        ("ras", (-1, -1)),
        ("RAS", (-1, -1)),
        ("RIGHT-anterior-superior", (-1, -1)),
        ("LAS", (1, -1)),
    ],
)
def test_the_names_of_spaces_in_any_case(slicer, tmp_path, space, signs):
    center, _geometry, doubts = made(slicer(space=space), tmp_path)
    assert center == pytest.approx((signs[0] * 30.5, signs[1] * 20.5, 109.5), abs=0.01) and doubts == []


@pytest.mark.parametrize(
    "space",
    [
        "scanner-xyz",
        "3D-right-handed",
        "3D-left-handed",
        "LPST",
        "left-posterior-superior-time",
        "RPS",
        "LPI",
        "",
        None,
    ],
)
def test_spaces_that_are_not_the_patients(slicer, space):
    assert "which way is left" in refusal(slicer(space=space))


@pytest.mark.parametrize(
    "fields, sentence",
    [
        (dict(space_dimension="4"), "3 dimensions"),
        (dict(spacings="1 1 2"), "twice how large"),
        (dict(spacings="0.5 0.5 0.5"), "twice how large"),
        (dict(axis_mins="0 0 0", axis_maxs="40 42 44"), "twice how large"),
        (dict(space_units='"mm" "mm" "cm"'), "measured in cm"),
        (dict(units='"in" "in" "in"'), "measured in in"),
        (dict(kinds="domain domain time"), "holds time"),
        (dict(kinds="domain domain"), "says what 2 are"),
        (dict(space_directions="(1,0,0) (0,nan,0) (0,0,1)"), "how large its voxels"),
        (dict(space_directions="(1,0,0) (1,0,0) (0,0,1)"), "how large its voxels"),
        (dict(space_directions="(1,0,0) (0,1,0) none"), "2 axes in space"),
        (dict(space_directions=None, spacings="1 1 1"), "how large its voxels"),
        (dict(space_origin=None), "how large its voxels"),
        (dict(space_origin="(0,0)"), "three dimensions"),
        (dict(space_origin="(0,0,nan)"), "how large its voxels"),
        (dict(orientation="HFS"), "does not know"),
        (dict(encoding="hex"), "packed in a way"),
        (dict(type="block"), "no labels"),
        (dict(byte_skip="8"), "cut off"),
    ],
)
def test_what_a_nrrd_says_twice_or_not(slicer, fields, sentence):
    assert sentence in refusal(slicer(**fields))


@pytest.mark.parametrize(
    "fields",
    [
        dict(space_dimension="3"),
        dict(spacings="1 1 1"),
        dict(spacings="nan nan nan"),
        dict(axis_mins="0 0 0", axis_maxs="20 21 22"),
        dict(thicknesses="nan nan 3"),
        dict(centerings="node node node"),
        dict(space_units='"mm" "mm" "mm"'),
        dict(space_units='"" "" ""'),
        dict(kinds=None),
        dict(byte_skip="-1"),
        dict(measurement_frame="(1,0,0) (0,1,0) (0,0,1)"),
    ],
)
def test_what_a_nrrd_may_say_beside(slicer, tmp_path, fields):
    center, _geometry, doubts = made(slicer(**fields), tmp_path)
    assert center == pytest.approx(CENTER, abs=0.01) and doubts == []


def test_a_measurement_frame_is_about_vectors(slicer, tmp_path):
    center, _geometry, [doubt] = made(slicer(measurement_frame="(-1,0,0) (0,1,0) (0,0,1)"), tmp_path)
    assert center == pytest.approx(CENTER, abs=0.01) and "measurement frame" in doubt


def test_fields_in_any_case_and_keys_that_look_like_fields(slicer, tmp_path):
    path = slicer([(b"space origin:", b"Space Origin:"), (b"encoding: raw", b"Encoding: RAW\nspace:=scanner-xyz")])
    assert made(path, tmp_path)[0] == pytest.approx(CENTER, abs=0.01)
    assert "a.seg.nrrd" in refusal(slicer([(b"encoding: raw", b"encoding: raw\nSPACE: RAS")]))


def names(path):
    return list(read(str(path)).names.values())


TWO = np.where(CUBE, 1, 0).astype(np.uint8)
TWO[1:4, 1:4, 1:4] = 2
MANDIBLE = dict(Segment0_Name="Mandible", Segment0_LabelValue="1", Segment0_Layer="0")
IMPLANT = dict(Segment1_Name="Implant", Segment1_LabelValue="2", Segment1_Layer="0")


def test_segments_by_whichever_of_their_properties(slicer):
    assert names(slicer(array=TWO, **MANDIBLE, **IMPLANT)) == ["Mandible", "Implant"]
    layers = np.stack([TWO == 1, TWO == 2]).astype(np.uint8)
    in_layers = {**MANDIBLE, **IMPLANT, "Segment1_Layer": "1", "Segment1_LabelValue": "1"}
    assert names(slicer(array=layers, **in_layers)) == ["Mandible", "Implant"]
    assert names(slicer(array=TWO, Segment0_ID="a", Segment1_ID="b", Segment1_LabelValue="2")) == ["a", "b"]
    assert (
        names(slicer(array=TWO, **{**MANDIBLE, "Segment0_Name": "K\u00fcfer\\\\li"}, **IMPLANT))[0] == "K\u00fcfer\\li"
    )


@pytest.mark.parametrize(
    "more, sentence",
    [
        ({**IMPLANT, "Segment1_LabelValue": "1"}, "the same voxels Mandible and Implant"),
        ({**IMPLANT, "Segment1_LabelValue": "0"}, "label 0"),
        ({**IMPLANT, "Segment1_Layer": "1"}, "in layer 1"),
        ({**IMPLANT, "Segment1_LabelValue": "two"}, "can't be read"),
        ({**IMPLANT, "Segment0_Extent": "5 14 5 14 5 13"}, "3D Slicer would cut it off"),
        ({**IMPLANT, "Segmentation_SourceRepresentation": "Fractional labelmap"}, "parts of voxels"),
    ],
)
def test_segments_that_contradict_themselves(slicer, more, sentence):
    assert sentence in refusal(slicer(array=TWO, **MANDIBLE, **more))


def test_a_key_that_is_there_twice(slicer):
    again = [(b"Segment0_Layer:=0", b"Segment0_Layer:=0\nSegment0_Name:=Maxilla")]
    assert "twice and differently what Segment0_Name" in refusal(slicer(again, array=TWO, **MANDIBLE, **IMPLANT))


def test_extents_as_slicer_writes_them(slicer):
    fits = dict(Segment0_Extent="5 14 5 14 5 14", Segment1_Extent="0 -1 0 -1 0 -1")
    assert names(slicer(array=TWO * (TWO < 2), **MANDIBLE, **IMPLANT, **fits)) == ["Mandible"]
    moved = dict(Segment0_Extent="105 114 5 14 5 14", Segmentation_ReferenceImageExtentOffset="100 0 0")
    assert names(slicer(array=TWO, **MANDIBLE, **IMPLANT, **moved)) == ["Mandible", "Implant"]


def test_voxels_that_no_segment_has_are_said(slicer, tmp_path):
    _center, _geometry, [doubt] = made(slicer(array=TWO, **MANDIBLE), tmp_path)
    assert "label 2 in layer 0" in doubt and "left out" in doubt


def test_labels_of_64_bits(slicer, tmp_path):
    assert made(slicer(array=CUBE.astype("<u8") << 63), tmp_path)[0] == pytest.approx(CENTER, abs=0.01)


# DICOM SEG


@pytest.fixture
def seg(tmp_path):
    def write(change=lambda dataset: None, kind="BINARY", slices=8, only=None):
        images = Phantom(slices=slices, rows=32, columns=32, pixel_spacing=2.0, slice_thickness=3.0)
        mask = np.zeros((slices, 32, 32, 1), dtype=np.uint8 if kind == "BINARY" else float)
        mask[slice(None) if only is None else only, 8:20, 10:24] = 1
        described = highdicom.seg.SegmentDescription(
            segment_number=1,
            segment_label="Bone",
            segmented_property_category=codes.SCT.Tissue,
            segmented_property_type=codes.SCT.Bone,
            algorithm_type=highdicom.seg.SegmentAlgorithmTypeValues.MANUAL,
        )
        dataset = highdicom.seg.Segmentation(
            source_images=[images.dataset(index) for index in range(slices)],
            pixel_array=mask,
            segmentation_type=kind,
            segment_descriptions=[described],
            series_instance_uid=generate_uid(),
            series_number=2,
            sop_instance_uid=generate_uid(),
            instance_number=1,
            manufacturer="test",
            manufacturer_model_name="test",
            software_versions="1",
            device_serial_number="1",
        )
        change(dataset)
        dataset.save_as(tmp_path / "a.dcm")
        return tmp_path / "a.dcm"

    return write


def shared(dataset):
    return dataset.SharedFunctionalGroupsSequence[0]


def frame(dataset, index=0):
    return dataset.PerFrameFunctionalGroupsSequence[index]


def item(**values):
    made_ = Dataset()
    for keyword, value in values.items():
        setattr(made_, keyword, value)
    return [made_]


def measures(dataset):
    return shared(dataset).PixelMeasuresSequence[0]


def set_all(dataset, keyword, value):
    """A keyword of the measures; None to remove it."""
    if value is None:
        delattr(measures(dataset), keyword)
    else:
        setattr(measures(dataset), keyword, value)


def move(dataset, index, by):
    position = frame(dataset, index).PlanePositionSequence[0]
    position.ImagePositionPatient = [float(one) + other for one, other in zip(position.ImagePositionPatient, by)]


def without(dataset, keyword):
    delattr(dataset, keyword)


def test_a_segmentation_that_agrees_with_itself(seg, tmp_path):
    center, geometry, doubts = made(seg(), tmp_path)
    # Column 16.5 and row 13.5 of 0 to 31, with 2 mm each.
    assert center == pytest.approx((2.0, -4.0, 0.0), abs=0.01) and doubts == [] and "frame of reference" in geometry


TURNED = [0, 1, 0, -1, 0, 0]


@pytest.mark.parametrize(
    "change, sentence",
    [
        (lambda d: without(d, "FrameOfReferenceUID"), "frame of reference"),
        (lambda d: setattr(d, "FrameOfReferenceUID", ""), "frame of reference"),
        (lambda d: without(d, "StudyInstanceUID"), "study"),
        (lambda d: setattr(d, "NumberOfFrames", 7), "7 frames and describes 8"),
        (
            lambda d: setattr(frame(d), "PixelMeasuresSequence", item(PixelSpacing=[1, 1])),
            "PixelSpacing of a frame twice",
        ),
        (
            lambda d: setattr(frame(d, 3), "PlaneOrientationSequence", item(ImageOrientationPatient=TURNED)),
            "ImageOrientationPatient of a frame twice",
        ),
        (lambda d: setattr(d, "PixelSpacing", [1, 1]), "PixelSpacing of a frame twice"),
        (lambda d: setattr(d, "ImageOrientationPatient", TURNED), "ImageOrientationPatient of a frame twice"),
        (lambda d: set_all(d, "SpacingBetweenSlices", 2), "SpacingBetweenSlices of 2 mm"),
        (lambda d: set_all(d, "SpacingBetweenSlices", 1), "SpacingBetweenSlices of 1 mm"),
        (lambda d: set_all(d, "SpacingBetweenSlices", 6), "SpacingBetweenSlices of 6 mm"),
        (lambda d: set_all(d, "SpacingBetweenSlices", -3), "not thick"),
        (lambda d: set_all(d, "PixelSpacing", [2, 0]), "no size"),
        (lambda d: set_all(d, "PixelSpacing", None), "how large its voxels"),
        (lambda d: move(d, 3, (0, 0, 1)), "planes at distances"),
        (lambda d: move(d, 3, (5, 0, 0)), "behind each other"),
        (lambda d: move(d, 3, (0, 0, 3)), "a.dcm"),
        (
            lambda d: setattr(shared(d).PlaneOrientationSequence[0], "ImageOrientationPatient", [1, 0, 0, 0.5, 1, 0]),
            "right angles",
        ),
        (lambda d: setattr(shared(d).PlaneOrientationSequence[0], "ImageOrientationPatient", [0] * 6), "right angles"),
        (lambda d: without(shared(d), "PlaneOrientationSequence"), "how large its voxels"),
        (lambda d: without(frame(d, 2), "PlanePositionSequence"), "how large its voxels"),
        (
            lambda d: setattr(frame(d), "SegmentIdentificationSequence", item(ReferencedSegmentNumber=2)),
            "does not describe",
        ),
        (lambda d: d.SegmentSequence.append(d.SegmentSequence[0]), "describes a segment twice"),
        (lambda d: setattr(d, "TotalPixelMatrixRows", 64), "microscope"),
        (lambda d: setattr(d, "PixelData", d.PixelData[:100]), "cut off"),
    ],
)
def test_a_segmentation_that_contradicts_itself(seg, change, sentence):
    assert sentence in refusal(seg(change))


def test_planes_that_are_left_out(seg, tmp_path):
    """Empty ones usually are. How far apart planes are is then told by SpacingBetweenSlices, or not at all."""
    only = [1, 2, 5, 6]
    assert made(seg(only=only), tmp_path)[2] == []

    def thin(dataset):
        set_all(dataset, "SpacingBetweenSlices", None)
        set_all(dataset, "SliceThickness", 1)

    assert "leaves planes out" in refusal(seg(thin, only=only))
    assert "no two of its planes" in refusal(seg(only=[1, 3, 5]))


def test_a_single_plane_is_as_thick_as_it_says(seg, tmp_path):
    """The library would take 1 mm."""
    path = seg(lambda d: set_all(d, "SpacingBetweenSlices", None), only=[4])
    segmentation = read(str(path))
    [segment] = map(segmentation.make, segmentation.names)
    assert segment.voxel_volume == pytest.approx(2 * 2 * 3)

    def silent(dataset):
        set_all(dataset, "SpacingBetweenSlices", None)
        set_all(dataset, "SliceThickness", None)

    assert "how thick it is" in refusal(seg(silent, only=[4]))


def test_fractions_are_said(seg, tmp_path):
    _center, _geometry, [doubt] = made(seg(kind="FRACTIONAL"), tmp_path)
    assert "from one half on" in doubt


def test_nrrd_as_the_library_writes_it(tmp_path):
    header = {"space": "lps", "space directions": np.eye(3), "space origin": [21, 11, 100], "encoding": "bzip2"}
    nrrd.write(str(tmp_path / "a.nrrd"), CUBE, header)
    assert made(tmp_path / "a.nrrd", tmp_path)[0] == pytest.approx(CENTER, abs=0.01)
