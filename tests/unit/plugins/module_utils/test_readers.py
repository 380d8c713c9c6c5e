# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every reader of files, with damaged ones, and with ones that would take all memory there is."""

from __future__ import annotations

import bz2
import gzip
import pathlib
import resource
import subprocess
import sys
import zlib

import highdicom
import nibabel
import nrrd
import numpy as np
import pytest
from ansible_collections.threedpc.pacs.plugins.module_utils import dicom_seg
from ansible_collections.threedpc.pacs.plugins.module_utils.errors import PacsError
from ansible_collections.threedpc.pacs.plugins.module_utils.phantom import Phantom, skull_surface
from ansible_collections.threedpc.pacs.plugins.module_utils.segmentation import read
from ansible_collections.threedpc.pacs.plugins.module_utils.stl_model import Model, binary_stl
from pydicom.filereader import read_file_meta_info
from pydicom.sr.codedict import codes
from pydicom.uid import DeflatedExplicitVRLittleEndian, generate_uid

COUNT, FIRST = 60, 0
CUBE = np.zeros((10, 11, 12), dtype=np.int16)
CUBE[2:7, 3:8, 4:9] = 1
CUBE[8, 8, 8] = 2
HEADER = {"space": "left-posterior-superior", "space directions": np.eye(3), "space origin": [1, 2, 3]}
SLICER = {
    "Segment0_ID": "S1",
    "Segment0_Name": "Mandible",
    "Segment0_Layer": "0",
    "Segment0_LabelValue": "1",
    "Segment0_Extent": "0 9 0 10 0 11",
    "Segmentation_ReferenceImageExtentOffset": "0 0 0",
}


def write_nifti(path, kind=nibabel.Nifti1Image):
    image = kind(CUBE, np.diag([-1, -1, 1, 1]))
    image.set_qform(image.affine, 1)
    image.set_sform(image.affine, 1)
    nibabel.save(image, str(path))


def write_seg(path, kind):
    images = Phantom(slices=3, rows=16, columns=16, pixel_spacing=1.5, slice_thickness=2.0)
    mask = np.zeros((3, 16, 16, 1), dtype=np.uint8 if kind == "BINARY" else float)
    mask[:, 4:9, 5:12] = 1
    described = highdicom.seg.SegmentDescription(
        segment_number=1,
        segment_label="Bone",
        segmented_property_category=codes.SCT.Tissue,
        segmented_property_type=codes.SCT.Bone,
        algorithm_type=highdicom.seg.SegmentAlgorithmTypeValues.MANUAL,
    )
    made = highdicom.seg.Segmentation(
        source_images=[images.dataset(index) for index in range(3)],
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
    made.save_as(path)
    return made


def text_stl(triangles):
    lines = ["solid"]
    for points in triangles:
        lines += ["facet normal 0 0 0", "outer loop", *("vertex %r %r %r" % tuple(map(float, one)) for one in points)]
        lines += ["endloop", "endfacet"]
    return "\n".join([*lines, "endsolid", ""]).encode()


def write(path):
    name = path.name
    if name.endswith((".nii", ".nii.gz")):
        write_nifti(path, nibabel.Nifti2Image if name.startswith("2") else nibabel.Nifti1Image)
    elif name.endswith(".seg.nrrd"):
        nrrd.write(str(path), CUBE, {**HEADER, **SLICER})
    elif name.endswith(".nrrd"):
        nrrd.write(str(path), CUBE, {**HEADER, "encoding": path.stem})
    elif name.endswith(".dcm"):
        write_seg(path, path.stem)
    else:
        surface = skull_surface(4, 6)
        path.write_bytes(binary_stl(surface) if path.stem == "binary" else text_stl(surface))


@pytest.mark.parametrize(
    "names",
    [
        ["1.nii", "1.nii.gz", "2.nii"],
        ["raw.nrrd", "gzip.nrrd", "bz2.nrrd", "ascii.nrrd", "slicer.seg.nrrd"],
        ["BINARY.dcm", "FRACTIONAL.dcm"],
        ["binary.stl", "text.stl"],
    ],
    ids=["nifti", "nrrd", "dicom", "stl"],
)
def test_whatever_is_damaged_becomes_one_sentence(tmp_path, names):
    """By numbers, so that the same files come again; see the program that is run here."""
    program = pathlib.Path(__file__).with_name("fuzz_readers.py")
    for name in names:
        write(tmp_path / name)
    command = [sys.executable, program, tmp_path, str(COUNT), str(FIRST), *names]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert ran.returncode == 0 and ran.stdout.count(" 0 failed") == len(names), ran.stdout + ran.stderr[-2000:]


def zeros(packer, size):
    """As little as that many bytes of nothing can be packed to."""
    parts = [packer.compress(bytes(1 << 20)) for _part in range(size >> 20)]
    return b"".join([*parts, packer.flush()])


def zipper():
    return zlib.compressobj(9, zlib.DEFLATED, zlib.MAX_WBITS | 16)


@pytest.fixture
def in_little_memory():
    """Nothing that is refused here may take memory first."""
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    yield
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - used) * 1024 < 300 << 20


def nrrd_of(sizes, encoding, content, kind="uint8"):
    return (
        f"NRRD0004\ntype: {kind}\ndimension: 3\nspace: LPS\nsizes: {sizes}\nspace directions: (1,0,0) (0,1,0) (0,0,1)\n"
        f"space origin: (0,0,0)\nencoding: {encoding}\nendian: little\n\n"
    ).encode() + content


BOMBS = {
    "sizes of petabytes": ("a.nrrd", lambda: nrrd_of("4000 4000 4000", "raw", b"x")),
    "sizes that overflow": ("a.nrrd", lambda: nrrd_of("2147483647 2147483647 2147483647", "gzip", b"x")),
    "less than is said": ("a.nrrd", lambda: nrrd_of("1000 1000 1000", "raw", b"x")),
    "less than is said, packed": ("a.nrrd", lambda: nrrd_of("1000 1000 1000", "gzip", gzip.compress(b"x" * 9999))),
    "less than is said, as text": ("a.nrrd", lambda: nrrd_of("1000 1000 1000", "ascii", b"1 2")),
    "more than is said": ("a.nrrd", lambda: nrrd_of("10 10 10", "gzip", zeros(zipper(), 64 << 20))),
    "more than is said, otherwise": ("a.nrrd", lambda: nrrd_of("9 9 9", "bz2", zeros(bz2.BZ2Compressor(), 64 << 20))),
    "a header without an end": ("a.nrrd", lambda: b"NRRD0004\n" + b"# x\n" * (4 << 20)),
    "an axis of millions": ("a.nrrd", lambda: nrrd_of("9000000 1 1", "raw", bytes(9000000))),
}


@pytest.mark.parametrize("name", BOMBS)
def test_no_memory_is_taken_for_what_is_not_there(tmp_path, in_little_memory, name):
    file, content = BOMBS[name]
    (tmp_path / file).write_bytes(content())
    with pytest.raises(PacsError) as error:
        read(str(tmp_path / file))
    assert file in error.value.message


@pytest.mark.parametrize(
    "ending, shape", [("nii", (3000, 3000, 3000)), ("nii.gz", (900, 900, 900)), ("nii", (9, 9, 9))]
)
def test_no_memory_is_taken_for_a_nifti_that_is_not_there(tmp_path, in_little_memory, ending, shape):
    header = nibabel.Nifti1Header()
    header.set_data_dtype(np.uint8)
    header["dim"][:4] = [3, *shape]
    header["sform_code"], header["srow_x"][0], header["srow_y"][1], header["srow_z"][2] = 1, 1, 1, 1
    header["magic"], header["vox_offset"] = b"n+1", 352
    path = tmp_path / f"a.{ending}"
    content = header.binaryblock + bytes(4)
    path.write_bytes(gzip.compress(content) if ending.endswith("gz") else content)
    with pytest.raises(PacsError, match="voxels|bytes"):
        read(str(path))


def test_no_memory_is_taken_for_a_dicom_that_unpacks_to_much(tmp_path, monkeypatch, in_little_memory):
    made = write_seg(tmp_path / "a.dcm", "BINARY")
    made.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    made.save_as(tmp_path / "a.dcm")
    assert list(read(str(tmp_path / "a.dcm")).names) == [1]
    length = read_file_meta_info(tmp_path / "a.dcm").FileMetaInformationGroupLength
    start = (tmp_path / "a.dcm").read_bytes()[: 144 + length]
    bomb = zeros(zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS), 128 << 20)
    monkeypatch.setattr(dicom_seg, "MAX_BYTES", 100 << 20)
    (tmp_path / "a.dcm").write_bytes(start + bomb)
    with pytest.raises(PacsError, match="larger than"):
        read(str(tmp_path / "a.dcm"))


@pytest.mark.parametrize(
    "changes", [dict(Rows=60000, Columns=60000), dict(Rows=4000, Columns=4000), dict(NumberOfFrames=100000)]
)
def test_no_memory_is_taken_for_pixels_that_are_not_there(tmp_path, in_little_memory, changes):
    made = write_seg(tmp_path / "a.dcm", "BINARY")
    for keyword, value in changes.items():
        setattr(made, keyword, value)
    made.save_as(tmp_path / "a.dcm")
    with pytest.raises(PacsError):
        read(str(tmp_path / "a.dcm"))


def test_no_memory_is_taken_for_an_element_that_is_not_there(tmp_path, in_little_memory):
    write_seg(tmp_path / "a.dcm", "BINARY")
    content = (tmp_path / "a.dcm").read_bytes()
    place = content.index(b"\xe0\x7f\x10\x00OB\0\0") + 8
    (tmp_path / "a.dcm").write_bytes(content[:place] + b"\xfe\xff\xff\xff" + content[place + 4 :])
    # As much as a machine without that much memory would give.
    before = resource.getrlimit(resource.RLIMIT_AS)
    pages = int(pathlib.Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + (1 << 30), before[1]))
    try:
        assert list(read(str(tmp_path / "a.dcm")).names) == [1]
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


def test_no_memory_is_taken_for_triangles_that_are_not_there(tmp_path, in_little_memory):
    (tmp_path / "a.stl").write_bytes(b"x" * 80 + (2**32 - 1).to_bytes(4, "little") + bytes(50))
    with pytest.raises(PacsError, match="4294967295 triangles"):
        Model(str(tmp_path / "a.stl"), str(tmp_path))


@pytest.mark.parametrize("field", ["data file: /etc/hostname", "datafile: other.raw", "Data File: LIST\nother.raw"])
def test_no_other_file_is_read(tmp_path, field):
    (tmp_path / "other.raw").write_bytes(bytes(1000))
    content = nrrd_of("10 10 10", "raw", b"").replace(b"endian", field.encode() + b"\nendian")
    (tmp_path / "a.nrrd").write_bytes(content)
    with pytest.raises(PacsError, match="in another file|no field"):
        read(str(tmp_path / "a.nrrd"))
