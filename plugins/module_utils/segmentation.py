# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Segmentations in the formats of 3D Slicer, of research tools and of DICOM: which voxels belong to what, and where.

Coordinates are those of DICOM: x to the patient's left, y to the back, z to the head (LPS), in millimeters. What does
not say where it lies, or how, is refused: a guess could take left for right.
"""

from __future__ import annotations

import os
import re
import traceback
from dataclasses import dataclass

from ansible_collections.threedpc.pacs.plugins.module_utils.errors import PacsError

# What a format needs is tried when a file has it; numpy is always needed.
ERRORS = {}
try:
    import numpy as np
except ImportError:
    ERRORS["numpy"] = traceback.format_exc()
try:
    import nrrd
except ImportError:
    ERRORS["pynrrd"] = traceback.format_exc()
try:
    import nibabel
    from nibabel.filebasedimages import ImageFileError
except ImportError:
    ERRORS["nibabel"] = traceback.format_exc()
try:
    import highdicom
    import pydicom
    from pydicom.errors import InvalidDicomError
except ImportError:
    ERRORS["highdicom"] = traceback.format_exc()

SEGMENTATION = {"1.2.840.10008.5.1.4.1.1.66.4", "1.2.840.10008.5.1.4.1.1.66.7"}
RTSTRUCT = "1.2.840.10008.5.1.4.1.1.481.3"
# An image has thousands of values, a segmentation of everything in a body has some hundreds.
MAX_LABELS = 1000
# From the space of a NRRD file to LPS; only the spaces that say how the patient lies.
SPACES = {
    "left-posterior-superior": (1, 1, 1),
    "right-anterior-superior": (-1, -1, 1),
    "left-anterior-superior": (1, -1, 1),
}
SPACES.update({"LPS": SPACES["left-posterior-superior"]})
SPACES.update({"RAS": SPACES["right-anterior-superior"], "LAS": SPACES["left-anterior-superior"]})
MILLIMETERS = {"meter": 1000.0, "mm": 1.0, "micron": 0.001, "unknown": 1.0}


@dataclass
class Segment:
    """Some voxels with a name."""

    number: int
    # Empty if the file has none.
    name: str
    # The smallest box around the voxels, and from its indices to coordinates.
    mask: object
    affine: object

    @property
    def voxels(self):
        return int(np.count_nonzero(self.mask))

    @property
    def voxel_volume(self):
        return abs(float(np.linalg.det(self.affine[:3, :3])))


@dataclass
class Segmentation:
    """What a file holds. The segments are made one after the other: each may be as large as the whole."""

    path: str
    names: dict
    make: object
    # Only DICOM knows these.
    frame_of_reference_uid: str = ""
    study_instance_uid: str = ""

    def segments(self):
        for number in self.names:
            yield self.make(number)


def library_for(path):
    """The library that reads a file, by the end of its name, or an error that names what can be read."""
    name = os.path.basename(path).lower()
    for ends, library in (
        ((".nrrd",), "pynrrd"),
        ((".nii", ".nii.gz"), "nibabel"),
        ((".dcm",), "highdicom"),
    ):
        if name.endswith(ends):
            return library
    raise PacsError(
        "%s is no segmentation that can be read: its name must end with .nrrd, .seg.nrrd, .nii, .nii.gz or .dcm" % path
    )


def read(path):
    """The segmentation in a file."""
    readers = {"pynrrd": read_nrrd, "nibabel": read_nifti, "highdicom": read_dicom}
    reader = readers[library_for(path)]
    if not os.path.isfile(path):
        raise PacsError("%s is not a file" % path)
    try:
        return reader(path)
    except OSError as error:
        raise PacsError("%s can't be read: %s" % (path, error.strerror or error)) from None


# Arrays of labels


def whole_numbers(array, path):
    """The labels of an array as integers, or an error that says why they can't be labels."""
    if array.dtype.kind in "iub":
        return array
    if array.dtype.kind != "f":
        raise PacsError("%s holds values of the type %s, which are no labels" % (path, array.dtype))
    result = np.empty_like(array, dtype=np.int32)
    axis = slowest_axis(array)
    # Layer by layer, because a copy of the whole may not fit.
    for source, target in zip(np.moveaxis(array, axis, 0), np.moveaxis(result, axis, 0)):
        rounded = np.rint(source)
        if not np.isfinite(source).all() or np.abs(source - rounded).max() > 1e-3 or np.abs(rounded).max() > 2**30:
            raise PacsError(
                "%s holds numbers that are not whole: it is an image or a map of probabilities, not a segmentation. "
                "Export the segmentation itself, or a label map" % path
            )
        target[...] = rounded
    return result


def slowest_axis(array):
    """The axis whose layers lie together in memory."""
    return int(np.argmax(array.strides))


def boxes(array, path):
    """The box around each label but 0."""
    axis = slowest_axis(array)
    lowest, highest = {}, {}
    for index, layer in enumerate(np.moveaxis(array, axis, 0)):
        for label in labels_of(layer):
            if label == 0:
                continue
            if label not in lowest:
                if len(lowest) == MAX_LABELS:
                    raise PacsError(
                        "%s holds more than %d different values: it is an image, not a segmentation"
                        % (path, MAX_LABELS)
                    )
                lowest[label], highest[label] = [index, *layer.shape], [index, -1, -1]
            highest[label][0] = index
            inside = layer == label
            for dimension in (0, 1):
                hit = np.flatnonzero(inside.any(axis=1 - dimension))
                lowest[label][dimension + 1] = min(lowest[label][dimension + 1], int(hit[0]))
                highest[label][dimension + 1] = max(highest[label][dimension + 1], int(hit[-1]))
    result = {}
    for label in sorted(lowest):
        box = [slice(low, high + 1) for low, high in zip(lowest[label], highest[label])]
        box.insert(axis, box.pop(0))
        result[label] = tuple(box)
    return result


def labels_of(layer):
    """The different values of a layer. Most layers hold few, and counting is faster than sorting."""
    low, high = int(layer.min()), int(layer.max())
    if low == high:
        return [low]
    if high - low < 1 << 16:
        counted = np.bincount((layer.ravel(order="K").astype(np.int64) - low) if low else layer.ravel(order="K"))
        return [int(value) + low for value in np.flatnonzero(counted)]
    return [int(value) for value in np.unique(layer)]


def checked_affine(affine, path):
    if affine.shape != (4, 4) or not np.isfinite(affine).all() or abs(np.linalg.det(affine[:3, :3])) < 1e-9:
        raise PacsError("%s does not say how large its voxels are and where they lie" % path)
    return affine


def moved(affine, box):
    """The affine of a part of an array."""
    result = affine.copy()
    result[:3, 3] = affine[:3, :3] @ [part.start for part in box] + affine[:3, 3]
    return result


def cut(number, name, array, value, box, affine):
    return Segment(number, name, np.ascontiguousarray(array[box] == value), moved(affine, box))


# NRRD, as 3D Slicer and ITK write it


def read_nrrd(path):
    try:
        array, header = nrrd.read(path)
    except (nrrd.NRRDError, ValueError, KeyError, EOFError, StopIteration) as error:
        raise PacsError("%s is not a NRRD file that can be read: %s" % (path, error or "it is empty")) from None
    affine, array = nrrd_geometry(array, header, path)
    described = slicer_segments(header, array.shape[0], path)
    layers = [whole_numbers(layer, path) for layer in array]
    found = [boxes(layer, path) for layer in layers]
    if described:
        places = {number: (layer, value, name) for number, name, layer, value in described}
    elif len(layers) == 1:
        places = {value: (0, value, "") for value in found[0]}
    else:
        raise PacsError("%s has %d layers, but does not name the segments in them" % (path, len(layers)))
    # A segment that was named and never drawn has no surface.
    places = {number: place for number, place in places.items() if place[1] in found[place[0]]}

    def make(number):
        layer, value, name = places[number]
        return cut(number, name, layers[layer], value, found[layer][value], affine)

    return Segmentation(path, {number: place[2] for number, place in places.items()}, make)


def nrrd_geometry(array, header, path):
    """From indices to LPS, and the array with its layers, if there is only one, as the first axis."""
    space = header.get("space")
    if space not in SPACES:
        raise PacsError(
            "%s does not say which way is left: its space is %s, but must be left-posterior-superior or another one of "
            "the patient's. Export it from a program that knows how the patient lies" % (path, space or "missing")
        )
    units = [str(unit).strip('"') for unit in header.get("space units", ["mm"])]
    if set(units) - {"mm", ""}:
        raise PacsError("%s is measured in %s, but must be in mm" % (path, ", ".join(units)))
    kinds = list(header.get("kinds", []))
    directions = header.get("space directions")
    origin = header.get("space origin")
    if directions is None or origin is None:
        raise PacsError("%s does not say how large its voxels are and where they lie" % path)
    rows = [None if row is None or not np.isfinite(row).all() else np.asarray(row, dtype=float) for row in directions]
    spatial = [axis for axis, row in enumerate(rows) if row is not None]
    others = [axis for axis, row in enumerate(rows) if row is None]
    if len(spatial) != 3 or len(rows) != array.ndim or len(others) > 1:
        raise PacsError("%s has %d axes in space, but must have 3, and at most one of layers" % (path, len(spatial)))
    if others and len(kinds) == array.ndim and kinds[others[0]] not in ("list", "???", "none", "unknown"):
        raise PacsError("%s holds %s, not labels" % (path, kinds[others[0]]))
    affine = np.eye(4)
    affine[:3, :3] = np.array([rows[axis] for axis in spatial]).T
    affine[:3, 3] = origin
    affine = np.diag([*SPACES[space], 1]) @ affine
    array = np.moveaxis(array, others[0], 0) if others else array[np.newaxis]
    return checked_affine(affine, path), array


def slicer_names(path):
    """Names by prefix. The library reads a header as ASCII and drops other letters; 3D Slicer writes UTF-8."""
    with open(path, "rb") as stream:
        text = re.split(rb"\r?\n\r?\n", stream.read(1 << 20), maxsplit=1)[0].decode("utf-8", "replace")
    return dict(re.findall(r"^(Segment\d+_)Name:=(.*?)\r?$", text, re.MULTILINE))


def slicer_segments(header, layers, path):
    """Number, name, layer and value of each segment that 3D Slicer described."""
    result, names = [], slicer_names(path)
    for index in sorted(int(key[7:-3]) for key in header if re.fullmatch(r"Segment\d+_ID", key)):
        prefix = "Segment%d_" % index
        try:
            # Before Slicer 5 every segment had a layer of its own.
            layer = int(header.get(prefix + "Layer", index if layers > 1 else 0))
            value = int(header.get(prefix + "LabelValue", 1))
        except ValueError:
            raise PacsError("%s describes segment %d in a way that can't be read" % (path, index)) from None
        if not 0 <= layer < layers:
            raise PacsError("%s says that segment %d is in layer %d, but has %d" % (path, index, layer, layers))
        name = (names.get(prefix) or str(header[prefix + "ID"])).strip()
        result.append((index + 1, name, layer, value))
    return result


# NIfTI


def read_nifti(path):
    try:
        image = nibabel.load(path)
        array = np.asanyarray(image.dataobj)
    except (ImageFileError, nibabel.spatialimages.HeaderDataError, EOFError, ValueError) as error:
        raise PacsError("%s is not a NIfTI file that can be read: %s" % (path, error)) from None
    if not isinstance(image, nibabel.Nifti1Pair):
        raise PacsError("%s is not a NIfTI file, but %s" % (path, type(image).__name__))
    while array.ndim > 3 and array.shape[-1] == 1:
        array = array[..., 0]
    if array.ndim != 3:
        raise PacsError("%s has %d axes, but must have 3: export one volume" % (path, array.ndim))
    if not int(image.header["sform_code"]) and not int(image.header["qform_code"]):
        raise PacsError(
            "%s does not say which way is left: neither its sform nor its qform is set. Export it from a program that "
            "knows how the patient lies" % path
        )
    unit = image.header.get_xyzt_units()[0]
    # From RAS to LPS
    affine = np.diag([-1.0, -1.0, 1.0, 1.0]) @ np.asarray(image.affine, dtype=float)
    affine[:3] *= MILLIMETERS[unit]
    affine = checked_affine(affine, path)
    array = whole_numbers(array, path)
    found = boxes(array, path)
    return Segmentation(
        path, dict.fromkeys(found, ""), lambda number: cut(number, "", array, number, found[number], affine)
    )


# DICOM


def read_dicom(path):
    try:
        dataset = pydicom.dcmread(path, defer_size="1 MB", specific_tags=["SOPClassUID", "Modality"])
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
    try:
        segmentation = highdicom.seg.segread(path)
        names = {
            number: str(segmentation.get_segment_description(number).segment_label).strip()
            for number in segmentation.segment_numbers
            if number
        }
    except (ValueError, AttributeError, TypeError, KeyError, RuntimeError) as error:
        raise PacsError("%s is not a segmentation that can be read: %s" % (path, error)) from None

    def make(number):
        try:
            volume = segmentation.get_volume(
                segment_numbers=[number], combine_segments=False, rescale_fractional=True, allow_missing_positions=True
            )
        except (ValueError, RuntimeError, AttributeError) as error:
            raise PacsError("segment %d of %s can't be placed in space: %s" % (number, path, error)) from None
        array = volume.array[..., 0] if volume.array.ndim == 4 else volume.array
        array = (array >= 0.5).view(np.uint8)
        found = boxes(array, path)
        if not found:
            return Segment(number, names[number], np.zeros((1, 1, 1), dtype=bool), np.eye(4))
        return cut(number, names[number], array, 1, found[1], checked_affine(np.array(volume.affine), path))

    return Segmentation(
        path,
        names,
        make,
        frame_of_reference_uid=str(segmentation.get("FrameOfReferenceUID", "")),
        study_instance_uid=str(segmentation.get("StudyInstanceUID", "")),
    )
