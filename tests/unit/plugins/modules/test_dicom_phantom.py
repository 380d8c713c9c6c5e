# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pydicom
import pytest
from ansible_collections.threedpc.pacs.plugins.modules import dicom_phantom


@pytest.fixture
def write(run_module, tmp_path):
    def run(**args):
        small = {"rows": 32, "columns": 32, "pixel_spacing": 7.0, "slices": 3, "slice_thickness": 40.0}
        return run_module(dicom_phantom, **{"dest": str(tmp_path / "new" / "study"), **small, **args})

    return run


def content(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_check_mode_writes_nothing(write, tmp_path):
    result = write(check_mode=True, model=str(tmp_path / "skull.stl"))
    assert result["changed"]
    assert len(result["changed_files"]) == 4
    assert list(tmp_path.iterdir()) == []


def test_writes_once(write, tmp_path):
    model = str(tmp_path / "models" / "skull.stl")
    expected = write(check_mode=True, model=model)
    result = write(model=model)
    assert result == expected
    files = content(tmp_path)
    assert sorted(files) == ["models/skull.stl", *(f"new/study/slice-000{number}.dcm" for number in (1, 2, 3))]
    images = [pydicom.dcmread(path) for path in result["files"]]
    assert [image.SOPInstanceUID for image in images] == result["sop_instance_uids"]
    assert {image.StudyInstanceUID for image in images} == {result["study_instance_uid"]}
    assert {image.SeriesInstanceUID for image in images} == {result["series_instance_uid"]}
    assert {image.FrameOfReferenceUID for image in images} == {result["frame_of_reference_uid"]}
    assert len(result["orthanc_ids"]["instances"]) == 3
    for check_mode in (True, False):
        again = write(check_mode=check_mode, model=model)
        assert not again["changed"]
        assert again["changed_files"] == []
    assert content(tmp_path) == files


def test_repairs_what_differs(write, tmp_path):
    first = write()["files"][0]
    before = content(tmp_path)
    with open(first, "ab") as stream:
        stream.write(b"x")
    assert write(check_mode=True)["changed_files"] == [first]
    assert content(tmp_path) != before
    assert write()["changed_files"] == [first]
    assert content(tmp_path) == before


def test_removes_slices_of_a_longer_study_and_nothing_else(write, tmp_path):
    write(slices=5)
    (tmp_path / "new" / "study" / "notes.txt").write_text("keep")
    surplus = [str(tmp_path / "new" / "study" / f"slice-000{number}.dcm") for number in (4, 5)]
    assert set(surplus) <= set(write(check_mode=True)["changed_files"])
    assert set(surplus) <= set(write()["changed_files"])
    assert sorted(path.name for path in (tmp_path / "new" / "study").iterdir()) == [
        "notes.txt",
        "slice-0001.dcm",
        "slice-0002.dcm",
        "slice-0003.dcm",
    ]


def test_seed_decides(write):
    assert write(seed="a")["orthanc_ids"] != write(seed="b")["orthanc_ids"]


def test_refuses_a_wrong_option(write, tmp_path):
    result = write(accession_number="x" * 17)
    assert result["failed"]
    assert result["msg"].startswith("accession_number is 'xxxxxxxxxxxxxxxxx', but must have at most 16")
    assert list(tmp_path.iterdir()) == []


def test_refuses_a_place_that_is_no_directory(write, tmp_path):
    (tmp_path / "new").write_text("a file")
    for check_mode in (True, False):
        result = write(check_mode=check_mode)
        assert result["failed"]
        assert "could not be written: Not a directory" in result["msg"]
    assert (tmp_path / "new").read_text() == "a file"


def test_refuses_a_model_that_is_a_directory(write, tmp_path):
    result = write(model=str(tmp_path))
    assert result["failed"]
    assert str(tmp_path) in result["msg"]


@pytest.mark.parametrize("library", ["numpy", "pydicom"])
def test_says_which_library_is_missing(write, monkeypatch, library):
    monkeypatch.setattr(dicom_phantom, f"{library.upper()}_ERROR", "Traceback")
    result = write()
    assert result["failed"]
    assert library in result["msg"]
