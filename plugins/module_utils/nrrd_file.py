# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A NRRD file: its header, where its axes lie in the patient, and its values.

The rules are those of the format's definition (https://teem.sourceforge.net/nrrd/format.html). The library parses the
fields of the header; the values are read here, because it takes as much memory as a file asks for.
"""

from __future__ import annotations

import bz2
import gzip
import io
import os
import re
import traceback
from typing import Any

from ansible_collections.threedpc.pacs.plugins.module_utils.errors import PacsError
from ansible_collections.threedpc.pacs.plugins.module_utils.labels import AGREE, checked_affine, edges
from ansible_collections.threedpc.pacs.plugins.module_utils.reading import check_packed, check_size

try:
    import nrrd
    import numpy as np
except ImportError:
    NRRD_ERROR: str | None = traceback.format_exc()
else:
    NRRD_ERROR = None

Header = dict[str, Any]

MAX_HEADER = 1 << 22
MAX_SKIP = 1 << 26
# To LPS; only the spaces that say how the patient lies. Their names go with any case, hyphens or blanks.
SPACES = {
    "leftposteriorsuperior": (1, 1, 1),
    "rightanteriorsuperior": (-1, -1, 1),
    "leftanteriorsuperior": (1, -1, 1),
}
SPACES.update({"lps": (1, 1, 1), "ras": (-1, -1, 1), "las": (1, -1, 1)})
FIELDS = [
    "content",
    "number",
    "type",
    "dimension",
    "space",
    "space dimension",
    "sizes",
    "spacings",
    "thicknesses",
    "axis mins",
    "axis maxs",
    "space directions",
    "centerings",
    "kinds",
    "labels",
    "units",
    "min",
    "max",
    "old min",
    "old max",
    "block size",
    "encoding",
    "endian",
    "space units",
    "space origin",
    "measurement frame",
    "line skip",
    "byte skip",
    "data file",
    "sample units",
]
FIELD = {name.replace(" ", ""): name for name in FIELDS}
FIELD["centers"] = "centerings"
TYPES = {
    "i1": "signed char/int8/int8_t",
    "u1": "uchar/unsigned char/uint8/uint8_t",
    "i2": "short/short int/signed short/signed short int/int16/int16_t",
    "u2": "ushort/unsigned short/unsigned short int/uint16/uint16_t",
    "i4": "int/signed int/int32/int32_t",
    "u4": "uint/unsigned int/uint32/uint32_t",
    "i8": "longlong/long long/long long int/signed long long/signed long long int/int64/int64_t",
    "u8": "ulonglong/unsigned long long/unsigned long long int/uint64/uint64_t",
    "f4": "float",
    "f8": "double",
}
TYPES = {name: code for code, names in TYPES.items() for name in names.split("/")}
TEXT, GZIP, BZIP2 = {"ascii", "text", "txt"}, {"gzip", "gz"}, {"bzip2", "bz2"}
# What an axis in space may be called, and one of layers.
IN_SPACE = {"domain", "space", "none", "unknown", "???"}
OF_LAYERS = {"list", "none", "unknown", "???"}
MM = {"mm", "millimeter", "millimeters", "millimetre", "millimetres"}
NOT_SAID = {"", "???", "none"}


def read_header(path: str) -> tuple[Header, dict[str, str], int]:
    """The fields by name, what other programs keep beside them, and where the values begin."""
    lines, size = [], 0
    with open(path, "rb") as stream:
        while True:
            line = stream.readline(MAX_HEADER)
            size += len(line)
            if size >= MAX_HEADER:
                raise PacsError("%s is not a NRRD file: its header has no end" % path)
            # Names are in UTF-8, as 3D Slicer writes them.
            text = line.decode("utf-8", "replace").rstrip()
            if not text:
                break
            lines.append(text)
    if not lines:
        raise PacsError("%s is not a NRRD file: it is empty" % path)
    fields, others = [lines[0]], dict[str, str]()
    for text in lines[1:]:
        if text.startswith("#"):
            continue
        name, colon, value = text.partition(":")
        if not colon:
            raise PacsError("%s has a line in its header that is no field: %.60r" % (path, text))
        if value.startswith("="):
            if others.setdefault(name, unescaped(value[1:])) != unescaped(value[1:]):
                raise PacsError("%s says twice and differently what %s is" % (path, name))
            continue
        # Case does not matter, and some names go with or without blanks.
        known = FIELD.get("".join(name.lower().split()))
        if not known:
            raise PacsError("%s has a field that the format does not know: %.60r" % (path, name))
        fields.append("%s: %s" % (known, value.strip()))
    return nrrd.read_header(fields), others, size


def unescaped(text: str) -> str:
    return re.sub(r"\\([n\\])", lambda found: "\n" if found[1] == "n" else "\\", text)


# Where it lies


def geometry(header: Header, path: str) -> tuple[np.ndarray, int | None]:
    """From indices to LPS millimeters, and the axis of layers, or None."""
    space = str(header.get("space", ""))
    signs = SPACES.get(re.sub("[- ]", "", space.lower()))
    if not signs:
        raise PacsError(
            "%s does not say which way is left: its space is %s, but must be left-posterior-superior or another one of "
            "the patient's. Export it from a program that knows how the patient lies" % (path, space or "missing")
        )
    if header.get("space dimension", 3) != 3:
        raise PacsError(
            "%s says that its space is %s, which has 3 dimensions, and that it has %s. Export it again"
            % (path, space, header["space dimension"])
        )
    check_units(header, path)
    directions, origin = header.get("space directions"), header.get("space origin")
    if directions is None or origin is None:
        raise PacsError("%s does not say how large its voxels are and where they lie" % path)
    sizes = list(header.get("sizes", ()))
    rows = {
        axis: np.asarray(row, dtype=float)
        for axis, row in enumerate(directions)
        if row is not None and not np.isnan(row).all()
    }
    spatial = list(rows)
    others = [axis for axis in range(len(directions)) if axis not in rows]
    if len(spatial) != 3 or len(others) > 1 or not len(directions) == len(sizes) == header.get("dimension"):
        raise PacsError("%s has %d axes in space, but must have 3, and at most one of layers" % (path, len(spatial)))
    if len(origin) != 3 or any(len(rows[axis]) != 3 for axis in spatial):
        raise PacsError("%s does not say in three dimensions where its voxels lie" % path)
    check_kinds(header, spatial, others, path)
    affine = np.eye(4)
    affine[:3, :3] = np.array([rows[axis] for axis in spatial]).T
    affine[:3, 3] = origin
    affine = checked_affine(np.diag([*signs, 1]) @ affine, path)
    check_edges(header, edges(affine), spatial, path)
    return affine, others[0] if others else None


def check_units(header: Header, path: str) -> None:
    """Not to name a unit is usual and means millimeters in this field; another one is never converted."""
    for field in ("space units", "units"):
        units = [str(unit).strip().strip('"') for unit in header.get(field, [])]
        wrong = [unit for unit in units if unit.lower() not in NOT_SAID and unit not in MM]
        if wrong:
            raise PacsError("%s is measured in %s, but must be in mm" % (path, ", ".join(wrong)))


def check_kinds(header: Header, spatial: list[int], others: list[int], path: str) -> None:
    kinds = [str(kind).lower() for kind in header.get("kinds", [])]
    if not kinds:
        return
    if len(kinds) != len(spatial) + len(others):
        raise PacsError("%s has %d axes, but says what %d are" % (path, len(spatial) + len(others), len(kinds)))
    for axes, allowed in ((others, OF_LAYERS), (spatial, IN_SPACE)):
        for axis in axes:
            if kinds[axis] not in allowed:
                raise PacsError("%s holds %s, not labels" % (path, header["kinds"][axis]))


def check_edges(header: Header, lengths: np.ndarray, spatial: list[int], path: str) -> None:
    """The size of a voxel follows from the directions. The older fields may say it too, but nothing else."""
    sizes = header["sizes"]
    for axis, length in zip(spatial, lengths):
        most = AGREE * length / sizes[axis]
        spacing = number(header, "spacings", axis)
        low, high = number(header, "axis mins", axis), number(header, "axis maxs", axis)
        said = {"spacings": [abs(spacing)]}
        # From center to center of the voxels, or from edge to edge.
        steps = [count for count in (sizes[axis] - 1, sizes[axis]) if count > 0]
        said["axis mins and axis maxs"] = [abs(high - low) / count for count in steps]
        for field, found in said.items():
            if not np.isnan(found).all() and not any(abs(one - length) <= most for one in found):
                raise PacsError(
                    "%s says twice how large its voxels are, and differently: %.6g mm by its space directions, %.6g by "
                    "its %s. Export the segmentation again" % (path, length, found[0], field)
                )


def number(header: Header, field: str, axis: int) -> float:
    found = header.get(field)
    if found is None:
        return float("nan")
    return float(found[axis])


# What it holds


def values(path: str, header: Header, start: int) -> np.ndarray:
    """The array, as large as the header says and not a byte larger."""
    if "data file" in header:
        raise PacsError(
            "%s has its voxels in another file (%s), which is not read. Save it as one .nrrd file"
            % (path, header["data file"])
        )
    kind = str(header.get("type", "missing")).lower()
    encoding = str(header.get("encoding", "missing")).lower()
    if kind not in TYPES:
        raise PacsError("%s holds values of the type %s, which are no labels" % (path, kind))
    dtype = np.dtype(TYPES[kind])
    if dtype.itemsize > 1 and encoding not in TEXT:
        order = str(header.get("endian", "")).lower()
        if order not in ("little", "big"):
            raise PacsError("%s does not say in which order its bytes are (endian)" % path)
        dtype = dtype.newbyteorder("<" if order == "little" else ">")
    sizes = [int(size) for size in header["sizes"]]
    needed = check_size(path, sizes, dtype.itemsize)
    lines, skip = (int(header.get(field, 0)) for field in ("line skip", "byte skip"))
    if not 0 <= lines <= MAX_SKIP or not -1 <= skip <= MAX_SKIP or (skip < 0 and encoding != "raw"):
        raise PacsError("%s says that its voxels begin where they can't" % path)
    with open(path, "rb") as stream:
        stream.seek(start)
        for _line in range(lines):
            if not stream.readline(MAX_SKIP):
                break
        rest = os.path.getsize(path) - stream.tell()
        if encoding in TEXT:
            array = read_text(stream, skip, rest, dtype, needed // dtype.itemsize, path)
        elif encoding == "raw":
            if skip < 0:
                skip = rest - needed
            if rest - skip != needed or skip < 0:
                raise wrong_size(path, needed, rest - max(skip, 0))
            array = read_bytes(stream, skip, needed, path)
        elif encoding in GZIP:
            check_packed(path, rest, needed)
            array = read_bytes(gzip.GzipFile(fileobj=stream), skip, needed, path)
        elif encoding in BZIP2:
            array = read_bytes(bz2.BZ2File(stream), skip, needed, path)
        else:
            raise PacsError("%s is packed in a way that is not read (%s). Save it as gzip or raw" % (path, encoding))
    return array.view(dtype).reshape(sizes[::-1]).T


def wrong_size(path: str, needed: int, found: int | str) -> PacsError:
    return PacsError(
        "%s should hold %d bytes of voxels, but holds %s. It may be cut off: export or copy it again"
        % (path, needed, found)
    )


def read_bytes(stream: io.BufferedIOBase, skip: int, needed: int, path: str) -> np.ndarray:
    """So many bytes behind those to skip, and nothing behind them."""
    while skip:
        passed = stream.read(min(skip, 1 << 20))
        if not passed:
            raise wrong_size(path, needed, 0)
        skip -= len(passed)
    array = np.empty(needed, dtype=np.uint8)
    view, filled = array.data, 0
    while filled < needed:
        count = stream.readinto(view[filled : filled + (1 << 24)])
        if not count:
            raise wrong_size(path, needed, filled)
        filled += count
    if stream.read(1):
        raise wrong_size(path, needed, "more")
    return array


def read_text(stream: io.BufferedReader, skip: int, rest: int, dtype: np.dtype, count: int, path: str) -> np.ndarray:
    """Numbers with blanks between them."""
    stream.seek(skip, os.SEEK_CUR)
    if rest < 2 * count - 1:
        raise wrong_size(path, count * dtype.itemsize, "%d letters" % rest)
    array = np.fromfile(stream, dtype=dtype, count=count, sep=" ")
    if len(array) != count or stream.read(1 << 16).strip():
        raise wrong_size(path, count * dtype.itemsize, "other numbers")
    return array.view(np.uint8)
