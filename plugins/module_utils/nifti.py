# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""NIfTI-1 and NIfTI-2. What the fields mean is from nifti1.h, the format's own definition.

The header may say twice where the volume lies, by the qform and by the sform, each with a code for the space that it
leads to. Only two of these spaces are a patient's.
"""

from __future__ import annotations

import math
import os
import traceback
from collections.abc import Iterator

from ansible_collections.threedpc.pacs.plugins.module_utils.errors import PacsError
from ansible_collections.threedpc.pacs.plugins.module_utils.labels import (
    AGREE,
    Segmentation,
    apart,
    background,
    boxes,
    checked_affine,
    cut,
    edges,
    whole_numbers,
)
from ansible_collections.threedpc.pacs.plugins.module_utils.reading import check_packed, check_size

try:
    import nibabel
    import numpy as np
    from nibabel.arrayproxy import ArrayProxy
    from nibabel.openers import ImageOpener
except ImportError:
    NIBABEL_ERROR: str | None = traceback.format_exc()
else:
    NIBABEL_ERROR = None
    Header = nibabel.Nifti1Header

# By the length of the header: its magic, and where that is.
MAGIC = {348: (b"n+1\0", 344), 540: (b"n+2\0", 4)}
SPACES = {
    0: "no known space",
    1: "the scanner's space",
    2: "the space of another scan",
    3: "the atlas of Talairach",
    4: "the atlas MNI152",
    5: "another atlas or template",
}
PATIENT = {1, 2}
# Millimeters in each unit of length that the format knows.
UNITS = {1: ("meter", 1000.0), 2: ("mm", 1.0), 3: ("micron", 0.001)}
# The shortest and longest edge of a voxel that a scanner of patients makes, in millimeters.
VOXEL = (0.02, 20.0)
# Whole numbers that name parts of something; 0 says nothing.
INTENTS = {0, 1002, 1003}
AGAIN = "Export the segmentation again in the space of the images"


def read_nifti(path: str) -> Segmentation:
    header = raw_header(path)
    shape = volume_shape(header, path)
    check_data(header, shape, path)
    affine, geometry, doubts = placed(header, shape, path)
    # Without the extensions between header and voxels, which may ask for any amount of memory.
    array = np.asanyarray(ArrayProxy(path, header))
    while array.ndim > 3:
        array = array[..., 0]
    array = whole_numbers(array, path)
    found = boxes(array, path)
    return Segmentation(
        path,
        dict.fromkeys(found, ""),
        lambda number: cut(number, "", array, number, found[number], affine),
        geometry=geometry,
        doubts=[*doubts, *background(array, found, path)],
    )


def raw_header(path: str) -> Header:
    """The header as it is: the library mends some values where it loads a file, and so chooses silently."""
    with ImageOpener(path, "rb") as stream:
        start = stream.read(540)
    for length, (magic, place) in MAGIC.items():
        if length in (int.from_bytes(start[:4], order) for order in ("little", "big")) and len(start) >= length:
            if start[place : place + 3] == b"ni" + magic[2:3]:
                raise PacsError("%s is one half of a pair of files (.hdr and .img). Export it as one .nii file" % path)
            if start[place : place + 4] == magic:
                kind = nibabel.Nifti1Header if length == 348 else nibabel.Nifti2Header
                return kind(start[:length], check=False)
    raise PacsError("%s is not a NIfTI file: it does not begin as one" % path)


def volume_shape(header: Header, path: str) -> tuple[int, ...]:
    shape = [int(length) for length in header.get_data_shape()]
    while len(shape) > 3 and shape[-1] == 1:
        shape.pop()
    if len(shape) != 3:
        raise PacsError("%s has %d axes, but must have 3: export one volume" % (path, len(shape)))
    return tuple(shape)


def check_data(header: Header, shape: tuple[int, ...], path: str) -> None:
    """Refuse what is too large or not there, before it is read, and what says itself that it is no label map."""
    intent = int(header["intent_code"])
    if intent not in INTENTS:
        raise PacsError(
            "%s says that its values are no labels, but something else (intent code %d). Export the segmentation as a "
            "label map" % (path, intent)
        )
    dtype = header.get_data_dtype()
    slope, intercept = header.get_slope_inter()
    scaled = (slope, intercept) not in ((None, None), (1.0, 0.0))
    start, needed = float(header["vox_offset"]), check_size(path, shape, 8 if scaled else dtype.itemsize)
    if not math.isfinite(start) or not header.sizeof_hdr + 4 <= start < 1 << 26:
        raise PacsError("%s says that its voxels begin at byte %g, which can't be" % (path, start))
    needed = needed // (8 if scaled else dtype.itemsize) * dtype.itemsize + int(start)
    size = os.path.getsize(path)
    if path.lower().endswith(".gz"):
        check_packed(path, size, needed)
    elif size < needed:
        raise PacsError(
            "%s has %d bytes, but as its header says it would have %d. It may be cut off: export or copy it again"
            % (path, size, needed)
        )


def placed(header: Header, shape: tuple[int, ...], path: str) -> tuple[np.ndarray, str, list[str]]:
    """From indices to LPS millimeters, how that is known, and sentences about what is not used."""
    codes = {name: int(header[name + "_code"]) for name in ("qform", "sform")}
    for name, code in codes.items():
        if code not in SPACES:
            raise PacsError("%s has the %s code %d, which the format does not know. %s" % (path, name, code, AGAIN))
    forms = {}
    for name, code in codes.items():
        if code in PATIENT:
            forms[name] = checked_affine(qform(header, path) if name == "qform" else sform(header), path)
    said = ["its %s is in %s (code %d)" % (name, SPACES[code], code) for name, code in codes.items() if code]
    if not forms:
        if not any(codes.values()):
            raise PacsError(
                "%s does not say which way is left: neither its sform nor its qform is set. Export it from a program "
                "that knows how the patient lies" % path
            )
        raise PacsError("%s does not lie in the patient: %s. %s" % (path, " and ".join(said), AGAIN))
    doubts = []
    if len(forms) == 2:
        distance = apart(forms["sform"], forms["qform"], shape)
        if math.isnan(distance) or distance > AGREE:
            raise PacsError(
                "%s says in two ways where it lies, and they differ by up to %.3g voxels: %s. %s"
                % (path, distance, " and ".join(said), AGAIN)
            )
    for name, code in codes.items():
        if code and name not in forms:
            doubts.append(
                "%s also says where it lies in %s (%s code %d). That is not the patient, so it is not used"
                % (path, SPACES[code], name, code)
            )
    form = "sform" if "sform" in forms else "qform"
    affine = forms[form]
    if form == "sform":
        doubts += edges_that_differ(header, affine, path)
    factor, measured = unit(header, affine, path)
    known = "its %s, in %s (code %d), %s" % (form, SPACES[codes[form]], codes[form], measured)
    # From RAS to LPS
    affine = np.diag([-1.0, -1.0, 1.0, 1.0]) @ affine
    affine[:3] *= factor
    return checked_affine(affine, path), known, doubts


def qform(header: Header, path: str) -> np.ndarray:
    """The format takes 0 for the handedness 1; other values than these mean nothing."""
    header = header.copy()
    handedness = float(header["pixdim"][0])
    if handedness not in (-1.0, 0.0, 1.0):
        raise PacsError(
            "%s does not say whether it is mirrored: its qfac (pixdim[0]) is %g, but must be 1 or -1. %s"
            % (path, handedness, AGAIN)
        )
    if not handedness:
        header["pixdim"][0] = 1
    sizes = np.asarray(header["pixdim"][1:4], dtype=float)
    if not (np.isfinite(sizes) & (sizes > 0)).all():
        raise PacsError("%s does not say how large its voxels are and where they lie: pixdim is %s" % (path, sizes))
    return np.asarray(header.get_qform(coded=False), dtype=float)


def sform(header: Header) -> np.ndarray:
    return np.asarray(header.get_sform(coded=False), dtype=float)


def edges_that_differ(header: Header, affine: np.ndarray, path: str) -> Iterator[str]:
    """The sform is complete without the sizes of voxels, which another program may go by nevertheless."""
    sizes, found = np.asarray(header["pixdim"][1:4], dtype=float), edges(affine)
    with np.errstate(all="ignore"):
        same = np.isfinite(sizes).all() and (np.abs(np.abs(sizes) - found) <= 0.01 * found).all()
    if not same:
        yield (
            "the voxels of %s are %s by its sform, which counts, but %s by its pixdim, which another program may go by"
            % (path, *(" x ".join("%.4g" % size for size in three) for three in (found, sizes)))
        )


def unit(header: Header, affine: np.ndarray, path: str) -> tuple[float, str]:
    """Millimeters in the header's unit. If it names none, only one of the format's three fits a scanner's voxels."""
    code = int(header["xyzt_units"]) & 7
    if code in UNITS:
        return UNITS[code][1], "in %s" % UNITS[code][0]
    found = edges(affine)
    said = " x ".join("%.4g" % edge for edge in found)
    if code:
        raise PacsError("%s has the unit %d, which the format does not know. %s, in millimeters" % (path, code, AGAIN))
    if not (VOXEL[0] <= found.min() and found.max() <= VOXEL[1]):
        raise PacsError(
            "%s does not name its unit, and with voxels of %s it can't be the millimeter. Export it again in "
            "millimeters" % (path, said)
        )
    return 1.0, "in no named unit, of which only mm fits its voxels of %s" % said
