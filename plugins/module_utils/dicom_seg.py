# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""DICOM SEG (PS3.3, A.51 and C.8.20): which of its statements about space there are, and whether they agree."""

from __future__ import annotations

import io
import os
import traceback
import zlib
from collections.abc import Iterator

from ansible_collections.threedpc.pacs.plugins.module_utils.errors import PacsError
from ansible_collections.threedpc.pacs.plugins.module_utils.labels import (
    AGREE,
    Segment,
    Segmentation,
    boxes,
    checked_affine,
    cut,
)
from ansible_collections.threedpc.pacs.plugins.module_utils.reading import MAX_BYTES, Bounded, check_size

try:
    import highdicom
    import numpy as np
    import pydicom
    from pydicom.dataset import Dataset
    from pydicom.errors import InvalidDicomError
except ImportError:
    HIGHDICOM_ERROR: str | None = traceback.format_exc()
else:
    HIGHDICOM_ERROR = None

SEGMENTATION = {"1.2.840.10008.5.1.4.1.1.66.4", "1.2.840.10008.5.1.4.1.1.66.7"}
RTSTRUCT = "1.2.840.10008.5.1.4.1.1.481.3"
DEFLATED = "1.2.840.10008.1.2.1.99"
AGAIN = "Export the segmentation again"
MAX_META = 1 << 20
# Of directions, which have no unit.
STRAIGHT = 1e-3


def read_dicom(path: str) -> Segmentation:
    check_packed_file(path)
    try:
        with Bounded(path) as stream:
            dataset = pydicom.dcmread(stream)
    except InvalidDicomError:
        raise PacsError("%s is not a DICOM file" % path) from None
    kind = str(dataset.get("SOPClassUID", ""))
    if kind == RTSTRUCT:
        raise PacsError(
            "%s is an RTSTRUCT. It holds outlines, from which no well-kept library makes voxels: open it in 3D Slicer "
            "and save it as a segmentation (.seg.nrrd)" % path
        )
    if kind not in SEGMENTATION:
        raise PacsError("%s is DICOM, but %s and no segmentation" % (path, dataset.get("Modality") or "of no modality"))
    Space(dataset, path).check()
    check_frames(dataset, path)
    segmentation = highdicom.seg.Segmentation.from_dataset(dataset, copy=False)
    names = {
        number: str(segmentation.get_segment_description(number).segment_label).strip()
        for number in segmentation.segment_numbers
        if number
    }
    # Halves of voxels need fractions; everything else is 0 or 1.
    fractional = str(dataset.get("SegmentationType", "")) == "FRACTIONAL"

    def make(number: int) -> Segment:
        try:
            volume = segmentation.get_volume(
                segment_numbers=[number],
                combine_segments=False,
                rescale_fractional=True,
                allow_missing_positions=True,
                dtype=np.float32 if fractional else np.uint8,
            )
        except (ValueError, RuntimeError, AttributeError) as error:
            raise PacsError("segment %d of %s can't be placed in space: %s" % (number, path, error)) from None
        array = volume.array[..., 0] if volume.array.ndim == 4 else volume.array
        array = (array >= 0.5).view(np.uint8)
        found = boxes(array, path)
        if not found:
            return Segment(number, names[number], np.zeros((1, 1, 1), dtype=bool), np.eye(4))
        return cut(number, names[number], array, 1, found[1], checked_affine(np.array(volume.affine), path))

    doubts = ["%s tells how much of each voxel belongs to a segment: from one half on it is taken" % path]
    return Segmentation(
        path,
        names,
        make,
        frame_of_reference_uid=str(dataset.FrameOfReferenceUID),
        study_instance_uid=str(dataset.StudyInstanceUID),
        geometry="its frame of reference, in mm",
        doubts=doubts if fractional else [],
    )


def check_packed_file(path: str) -> None:
    """A file may be packed as a whole, and then hold any number of bytes."""
    if os.path.getsize(path) > MAX_BYTES:
        raise PacsError("%s is larger than %d MB, which is not read" % (path, MAX_BYTES / 1e6))
    with open(path, "rb") as stream:
        start = io.BytesIO(stream.read(MAX_META))
        if start.read(132)[128:] != b"DICM":
            return
        meta = pydicom.filereader.read_dataset(start, False, True, stop_when=lambda tag, _vr, _length: tag.group != 2)
        if start.tell() >= MAX_META:
            raise PacsError("%s is not a segmentation that can be read: its beginning has no end" % path)
        if meta.get("TransferSyntaxUID") != DEFLATED:
            return
        stream.seek(start.tell())
        unpacker, total = zlib.decompressobj(-zlib.MAX_WBITS), 0
        while packed := unpacker.unconsumed_tail or stream.read(1 << 16):
            total += len(unpacker.decompress(packed, 1 << 22))
            if total > MAX_BYTES:
                raise PacsError("%s would be larger than %d MB when unpacked" % (path, MAX_BYTES / 1e6))


def listed(item: Dataset | None, keyword: str, count: int) -> np.ndarray | None:
    """So many finite numbers of an attribute, or None."""
    value = item.get(keyword) if item is not None else None
    if value is None or value == "":
        return None
    found = np.array(list(value) if count > 1 else [value], dtype=float)
    if found.shape != (count,) or not np.isfinite(found).all():
        raise PacsError("its %s is %s" % (keyword, value))
    return found


class Space:
    """What a segmentation says about space: for all frames, for each, and beside them.

    DICOM wants each statement in one place. Where it is in two, programs go by different ones.
    """

    def __init__(self, dataset: Dataset, path: str) -> None:
        self.dataset, self.path = dataset, path
        self.frames = list(dataset.get("PerFrameFunctionalGroupsSequence") or [])
        shared = list(dataset.get("SharedFunctionalGroupsSequence") or [])
        if not self.frames or len(shared) > 1:
            raise self.wrong("does not say frame by frame what it holds")
        self.shared = shared[0] if shared else pydicom.Dataset()
        self.measures = None

    def wrong(self, what: str) -> PacsError:
        return PacsError("%s is not a segmentation that can be read: it %s. %s" % (self.path, what, AGAIN))

    def items(self, sequence: str) -> Iterator[Dataset | None]:
        """The items of a sequence for all frames, and for each frame."""
        for group in (self.shared, *self.frames):
            found = list(group.get(sequence) or [])
            if len(found) > 1:
                raise self.wrong("has more than one %s for a frame" % sequence)
            yield found[0] if found else None

    def stated(self, sequence: str, keyword: str, count: int, beside: bool = True) -> list[np.ndarray | None]:
        """One value per frame. All that is said about a frame has to be the same, to a thousandth."""
        try:
            shared, *each = [listed(item, keyword, count) for item in self.items(sequence)]
            top = listed(self.dataset, keyword, count) if beside else None
        except PacsError as error:
            raise self.wrong("can't be placed, because %s" % error.message) from None
        result = []
        for own in each:
            said = [value for value in (own, shared, top) if value is not None]
            for value in said[1:]:
                if not np.allclose(value, said[0], rtol=1e-3, atol=1e-3):
                    raise self.wrong("gives the %s of a frame twice and differently" % keyword)
            # What is only beside the frames, where the standard does not want it, is no statement by itself.
            result.append(said[0] if own is not None or shared is not None else None)
        return result

    def one(self, sequence: str, keyword: str, count: int) -> np.ndarray | None:
        """A value that all frames must have in common, or None if none has it."""
        found = self.stated(sequence, keyword, count)
        if all(value is None for value in found):
            return None
        for value in found:
            if value is None or found[0] is None or not np.allclose(value, found[0], rtol=1e-3, atol=1e-3):
                raise self.wrong("has frames with different %s" % keyword)
        return found[0]

    def check(self) -> None:
        self.check_names()
        orientation = self.one("PlaneOrientationSequence", "ImageOrientationPatient", 6)
        spacing = self.one("PixelMeasuresSequence", "PixelSpacing", 2)
        stated = self.stated("PlanePositionSequence", "ImagePositionPatient", 3, beside=len(self.frames) == 1)
        if orientation is None or spacing is None or any(position is None for position in stated):
            raise self.wrong("does not say how large its voxels are and where they lie")
        across, down = orientation[:3], orientation[3:]
        lengths = np.linalg.norm([across, down], axis=1)
        if np.abs(lengths - 1).max() > STRAIGHT or abs(across @ down) > STRAIGHT or (spacing <= 0).any():
            raise self.wrong("has rows and columns that are not at right angles, or no size")
        normal = np.cross(across, down)
        positions = np.array(stated)
        away = positions - positions[0]
        along = away @ normal
        if np.linalg.norm(away - np.outer(along, normal), axis=1).max() > AGREE * spacing.min():
            raise self.wrong("has frames that do not lie behind each other")
        step, planes = self.step(along)
        check_size(self.path, (self.dataset.Rows, self.dataset.Columns, planes), 4)
        self.check_index(along, step)
        self.check_segments(np.rint((along - along.min()) / step).astype(int))

    def check_names(self) -> None:
        for keyword, what in (("FrameOfReferenceUID", "frame of reference"), ("StudyInstanceUID", "study")):
            if not str(self.dataset.get(keyword) or "").strip():
                raise self.wrong("does not name its %s (%s), so nobody can tell where it belongs" % (what, keyword))
        if "TotalPixelMatrixRows" in self.dataset or any(
            item is not None for item in self.items("PlanePositionSlideSequence")
        ):
            raise self.wrong("is of a microscope's slide and not of a patient")
        if int(self.dataset.get("NumberOfFrames") or 0) != len(self.frames):
            raise self.wrong(
                "has %s frames and describes %d" % (self.dataset.get("NumberOfFrames") or 0, len(self.frames))
            )

    def step(self, along: np.ndarray) -> tuple[float, int]:
        """The distance of neighboring planes, and how many planes there are from the first to the last."""
        between, thickness = (
            None if found is None else float(found[0])
            for found in (
                self.one("PixelMeasuresSequence", keyword, 1) for keyword in ("SpacingBetweenSlices", "SliceThickness")
            )
        )
        if (between is not None and between <= 0) or (thickness is not None and thickness < 0):
            raise self.wrong("has slices that are not thick")
        planes = np.unique(np.rint(along / STRAIGHT)) * STRAIGHT
        steps = np.diff(planes)
        # The first frames of a plane may differ by what a number in a file is rounded to.
        steps = steps[steps > 2 * STRAIGHT]
        if not len(steps):
            only = between or thickness
            if not only:
                raise self.wrong("has a single plane and does not say how thick it is")
            self.say_spacing(only)
            return only, 1
        step = between or float(steps.min())
        counts = np.rint(steps / step)
        if (counts < 1).any() or np.abs(steps - counts * step).max() > AGREE * step:
            raise self.wrong(
                "has planes at distances from %.4g to %.4g mm%s"
                % (steps.min(), steps.max(), ", but a SpacingBetweenSlices of %.4g mm" % between if between else "")
            )
        if between and np.gcd.reduce(counts.astype(np.int64)) > 1:
            raise self.wrong(
                "has a SpacingBetweenSlices of %.4g mm, but no two of its planes are nearer than %.4g mm"
                % (between, steps.min())
            )
        if not between and counts.max() > 1 and not (thickness and abs(thickness - step) <= AGREE * step):
            raise self.wrong("leaves planes out and does not say how far apart they are (SpacingBetweenSlices)")
        return step, int(counts.sum()) + 1

    def say_spacing(self, spacing: float) -> None:
        """The library takes 1 mm for a single plane that does not say how far the next one would be."""
        for item in self.items("PixelMeasuresSequence"):
            if item is not None:
                item.SpacingBetweenSlices = spacing

    def check_index(self, along: np.ndarray, step: float) -> None:
        """Frames are also numbered by position; the same number has to mean the same position."""
        pointers = [item.get("DimensionIndexPointer") for item in self.dataset.get("DimensionIndexSequence") or []]
        if pointers.count(0x00200032) != 1:
            return
        which, known = pointers.index(0x00200032), dict[int, float]()
        for item, place in zip(list(self.items("FrameContentSequence"))[1:], along):
            found = item.get("DimensionIndexValues") if item is not None else None
            if found is None:
                continue
            index = list(found if len(pointers) > 1 else [found])[which]
            if abs(known.setdefault(index, place) - place) > AGREE * step:
                raise self.wrong("numbers two different positions alike (DimensionIndexValues)")

    def check_segments(self, planes: np.ndarray) -> None:
        """Every frame belongs to one segment that is described, and no two frames of a segment lie in one place."""
        numbers = [int(item.SegmentNumber) for item in self.dataset.get("SegmentSequence") or []]
        if len(set(numbers)) != len(numbers):
            raise self.wrong("describes a segment twice")
        if str(self.dataset.get("SegmentationType", "")) == "LABELMAP":
            seen = [(0, plane) for plane in planes]
        else:
            items = self.items("SegmentIdentificationSequence")
            shared = next(items)
            seen = []
            for item, plane in zip(items, planes):
                own = [int(one.ReferencedSegmentNumber) for one in (item, shared) if one is not None]
                if len(set(own)) != 1 or own[0] not in numbers:
                    raise self.wrong("has a frame of a segment that it does not describe, or of two")
                seen.append((own[0], plane))
        if len(set(seen)) != len(seen):
            raise self.wrong("has two frames of a segment in one place")


def check_frames(dataset: Dataset, path: str) -> None:
    """Refuse pixels that are not there, before memory is taken for them."""
    bits = int(dataset.BitsAllocated)
    total = check_size(path, (dataset.Rows, dataset.Columns, 1), 1) * int(dataset.NumberOfFrames)
    if bits not in (1, 8, 16) or total * max(bits, 8) // 8 > MAX_BYTES:
        raise PacsError("%s says that it has %d pixels of %d bits, which is not read" % (path, total, bits))
    if not dataset.file_meta.TransferSyntaxUID.is_compressed or dataset.file_meta.TransferSyntaxUID == DEFLATED:
        needed, found = (total * bits + 7) // 8, len(dataset.get("PixelData") or b"")
        if found < needed:
            raise PacsError(
                "%s should hold %d bytes of pixels, but holds %d. It may be cut off: export or copy it again"
                % (path, needed, found)
            )
