# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Arrays of labels, and the segments that are cut out of them.

Coordinates are those of DICOM: x to the patient's left, y to the back, z to the head (LPS), in millimeters.
"""

from __future__ import annotations

import itertools
import traceback
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from ansible_collections.threedpc.pacs.plugins.module_utils.errors import PacsError
from ansible_collections.threedpc.pacs.plugins.module_utils.reading import reading

try:
    import numpy as np
except ImportError:
    NUMPY_ERROR: str | None = traceback.format_exc()
else:
    NUMPY_ERROR = None

# An image has thousands of values, a segmentation of everything in a body has some hundreds.
MAX_LABELS = 1000
# Two statements about the same place agree if they differ by at most this part of a voxel.
AGREE = 0.1


# A part of an array, axis by axis.
Box = tuple[slice, ...]


@dataclass
class Segment:
    """Some voxels with a name."""

    number: int
    # Empty if the file has none.
    name: str
    # The smallest box around the voxels, and from its indices to coordinates.
    mask: np.ndarray
    affine: np.ndarray

    @property
    def voxels(self) -> int:
        return int(np.count_nonzero(self.mask))

    @property
    def voxel_volume(self) -> float:
        return abs(float(np.linalg.det(self.affine[:3, :3])))


@dataclass
class Segmentation:
    """What a file holds. The segments are made one after the other: each may be as large as the whole."""

    path: str
    names: dict[int, str]
    make_segment: Callable[[int], Segment]
    # Only DICOM knows these.
    frame_of_reference_uid: str = ""
    study_instance_uid: str = ""
    # By what it is known where the voxels lie.
    geometry: str = ""
    # What was left out, is doubtful or was not used, as sentences.
    doubts: list[str] = field(default_factory=list)

    def make(self, number: int) -> Segment:
        with reading(self.path, "segmentation"):
            return self.make_segment(number)


def whole_numbers(array: np.ndarray, path: str) -> np.ndarray:
    """The labels of an array as whole numbers, or an error that says why they can't be labels."""
    if array.dtype.kind in "iub":
        return array
    if array.dtype.kind != "f":
        raise PacsError("%s holds values of the type %s, which are no labels" % (path, array.dtype))
    if not array.flags.writeable:
        array = array.copy()
    # Layer by layer and in place, because a copy of the whole may not fit.
    for layer in np.moveaxis(array, slowest_axis(array), 0):
        rounded = np.rint(layer)
        if not np.isfinite(layer).all() or np.abs(layer - rounded).max() > 1e-3 or np.abs(rounded).max() > 2**30:
            raise PacsError(
                "%s holds numbers that are not whole: it is an image or a map of probabilities, not a segmentation. "
                "Export the segmentation itself, or a label map" % path
            )
        layer[...] = rounded
    return array


def slowest_axis(array: np.ndarray) -> int:
    """The axis whose layers lie together in memory."""
    return int(np.argmax(array.strides))


def boxes(array: np.ndarray, path: str) -> dict[int, Box]:
    """The box around each label but 0."""
    axis = slowest_axis(array)
    lowest: dict[int, list[int]] = {}
    highest: dict[int, list[int]] = {}
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


def labels_of(layer: np.ndarray) -> list[int]:
    """The different values of a layer. Most layers hold few, and counting is faster than sorting."""
    low, high = int(layer.min()), int(layer.max())
    if low == high:
        return [low]
    if high - low < 1 << 16:
        # As seen from the lowest value in the array's own type, which may not fit into another one.
        counted = np.bincount((layer.ravel(order="K") - layer.dtype.type(low)).astype(np.int64))
        return [int(value) + low for value in np.flatnonzero(counted)]
    return [int(value) for value in np.unique(layer)]


def checked_affine(affine: np.ndarray, path: str) -> np.ndarray:
    """Refuse what can't lead from indices to places."""
    if affine.shape != (4, 4) or not np.isfinite(affine).all() or abs(np.linalg.det(affine[:3, :3])) < 1e-9:
        raise PacsError("%s does not say how large its voxels are and where they lie" % path)
    return affine


def edges(affine: np.ndarray) -> np.ndarray:
    """The lengths of a voxel's edges."""
    return np.linalg.norm(affine[:3, :3], axis=0)


def apart(one: np.ndarray, other: np.ndarray, shape: Iterable[int]) -> float:
    """How far two statements about the place of a volume are apart at its farthest corner, in voxels of the first."""
    ends = [(-0.5, length - 0.5) for length in shape]
    corners = np.array([(*corner, 1.0) for corner in itertools.product(*ends)]).T
    with np.errstate(all="ignore"):
        distances = np.linalg.norm(((one - other) @ corners)[:3], axis=0)
        return float(distances.max() / edges(one).min())


def moved(affine: np.ndarray, box: Box) -> np.ndarray:
    """The affine of a part of an array."""
    result = affine.copy()
    result[:3, 3] = affine[:3, :3] @ [part.start for part in box] + affine[:3, 3]
    return result


def cut(number: int, name: str, array: np.ndarray, value: int, box: Box, affine: np.ndarray) -> Segment:
    return Segment(number, name, np.ascontiguousarray(array[box] == value), moved(affine, box))


def background(array: np.ndarray, found: Iterable[int], path: str) -> Iterator[str]:
    """A sentence if all corners of a volume belong to one segment, as where the surroundings have a label."""
    corners = {int(array[corner]) for corner in itertools.product((0, -1), repeat=3)}
    if len(corners) == 1 and corners & set(found) and min(array.shape) > 1:
        yield (
            "all corners of the volume in %s have the label %d: are these the surroundings and not a part of the "
            "patient?" % (path, corners.pop())
        )
