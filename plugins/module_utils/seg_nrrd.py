# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""NRRD label maps, and the segmentations that 3D Slicer keeps in them (.seg.nrrd)."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ansible_collections.threedpc.pacs.plugins.module_utils.errors import PacsError
from ansible_collections.threedpc.pacs.plugins.module_utils.labels import (
    Box,
    Segment,
    Segmentation,
    background,
    boxes,
    cut,
    whole_numbers,
)
from ansible_collections.threedpc.pacs.plugins.module_utils.nrrd_file import NRRD_ERROR, geometry, read_header, values

try:
    import numpy as np
except ImportError:
    # The module says so.
    pass

__all__ = ["NRRD_ERROR", "read_nrrd"]

# Number, name, layer and value.
Described = tuple[int, str, int, int]
Boxes = dict[int, Box]

PROPERTY = re.compile(r"Segment(\d{1,6})_(ID|Name|Layer|LabelValue|Extent)")


def read_nrrd(path: str) -> Segmentation:
    header, slicer, start = read_header(path)
    affine, layers_axis = geometry(header, path)
    array = values(path, header, start)
    layers = [array] if layers_axis is None else list(np.moveaxis(array, layers_axis, 0))
    layers = [whole_numbers(layer, path) for layer in layers]
    described = described_segments(slicer, len(layers), path)
    found = [boxes(layer, path) for layer in layers]
    known, doubts = "its space %s, in mm" % header["space"], []
    frame = header.get("measurement frame")
    if frame is not None and not np.array_equal(frame, np.eye(3)):
        doubts.append("%s has a measurement frame, which is about vectors. Labels have none: it is not used" % path)
    if described:
        places = {number: (layer, value, name) for number, name, layer, value in described}
        check_segments(slicer, described, found, path)
        doubts += undescribed(described, found, path)
    elif len(layers) == 1:
        places = {value: (0, value, "") for value in found[0]}
        doubts += background(layers[0], found[0], path)
    else:
        raise PacsError("%s has %d layers, but does not name the segments in them" % (path, len(layers)))
    # A segment that was named and never drawn has no surface.
    places = {number: place for number, place in places.items() if place[1] in found[place[0]]}

    def make(number: int) -> Segment:
        layer, value, name = places[number]
        return cut(number, name, layers[layer], value, found[layer][value], affine)

    return Segmentation(
        path, {number: place[2] for number, place in places.items()}, make, geometry=known, doubts=doubts
    )


def described_segments(slicer: dict[str, str], layers: int, path: str) -> list[Described]:
    """Number, name, layer and value of each segment that 3D Slicer described, by whichever of its properties."""
    segments: dict[int, dict[str, str]] = {}
    for key, text in slicer.items():
        found = PROPERTY.fullmatch(key)
        if found:
            segments.setdefault(int(found[1]), {})[found[2]] = text
    source = slicer.get("Segmentation_SourceRepresentation", slicer.get("Segmentation_MasterRepresentation", ""))
    if segments and "fractional" in source.lower():
        raise PacsError(
            "%s holds parts of voxels (%s), not labels. Convert it to a binary labelmap in 3D Slicer" % (path, source)
        )
    result = []
    for index, described in sorted(segments.items()):
        try:
            # Before Slicer 5 every segment had a layer of its own.
            layer = int(described.get("Layer", index if layers > 1 else 0))
            value = int(described.get("LabelValue", 1))
        except ValueError:
            raise PacsError("%s describes segment %d in a way that can't be read" % (path, index)) from None
        if not 0 <= layer < layers:
            raise PacsError("%s says that segment %d is in layer %d, but has %d" % (path, index, layer, layers))
        if value == 0:
            raise PacsError("%s says that segment %d has the label 0, which is nothing" % (path, index))
        name = (described.get("Name") or described.get("ID") or "").strip()
        result.append((index + 1, name, layer, value))
    return result


def check_segments(slicer: dict[str, str], described: list[Described], found: list[Boxes], path: str) -> None:
    """Refuse two names for the same voxels, and voxels that are outside of their segment."""
    taken: dict[tuple[int, int], str | int] = {}
    for number, name, layer, value in described:
        if value not in found[layer]:
            continue
        if (layer, value) in taken:
            raise PacsError(
                "%s calls the same voxels %s and %s (label %d of layer %d). Open it in 3D Slicer, see which is right, "
                "and save it again" % (path, taken[layer, value], name or number, value, layer)
            )
        taken[layer, value] = name or number
        extent = whole(slicer.get("Segment%d_Extent" % (number - 1), ""), 6)
        offset = whole(slicer.get("Segmentation_ReferenceImageExtentOffset", ""), 3) or [0, 0, 0]
        box = [(part.start, part.stop - 1) for part in found[layer][value]]
        if extent and not (within(box, extent, [0, 0, 0]) or within(box, extent, offset)):
            raise PacsError(
                "%s says that the segment %s fills the voxels %s, but its label is in %s. 3D Slicer would cut it off. "
                "Open it there, see what is right, and save it again"
                % (path, name or number, " ".join(map(str, extent)), " ".join("%d %d" % ends for ends in box))
            )


def whole(text: str, count: int) -> list[int] | None:
    numbers = text.split()
    if len(numbers) == count and all(re.fullmatch(r"-?\d{1,9}", number) for number in numbers):
        return [int(number) for number in numbers]
    return None


def within(box: list[tuple[int, int]], extent: list[int], offset: list[int]) -> bool:
    return all(
        extent[2 * axis] <= low + offset[axis] and high + offset[axis] <= extent[2 * axis + 1]
        for axis, (low, high) in enumerate(box)
    )


def undescribed(described: list[Described], found: list[Boxes], path: str) -> Iterator[str]:
    for layer, labels in enumerate(found):
        left = sorted(set(labels) - {value for _number, _name, where, value in described if where == layer})
        if left:
            yield "%s has voxels with the label %s in layer %d, which no segment has: they are left out" % (
                path,
                ", ".join(map(str, left[:10])),
                layer,
            )
