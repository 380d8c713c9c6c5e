# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Segmentations in the formats of 3D Slicer, of research tools and of DICOM: which voxels belong to what, and where.

What does not say where it lies, or how, or says it twice and differently, is refused: a guess could take left for
right.
"""

from __future__ import annotations

import os
from collections.abc import Callable

from ansible_collections.threedpc.pacs.plugins.module_utils import dicom_seg, nifti, seg_nrrd
from ansible_collections.threedpc.pacs.plugins.module_utils.errors import PacsError
from ansible_collections.threedpc.pacs.plugins.module_utils.labels import NUMPY_ERROR, Segmentation
from ansible_collections.threedpc.pacs.plugins.module_utils.reading import reading

Format = tuple[tuple[str, ...], str, str, Callable[[str], Segmentation]]

# By the end of a file's name: the library that it needs, what it is, and what reads it.
FORMATS: tuple[Format, ...] = (
    ((".nrrd",), "pynrrd", "NRRD file", seg_nrrd.read_nrrd),
    ((".nii", ".nii.gz"), "nibabel", "NIfTI file", nifti.read_nifti),
    ((".dcm",), "highdicom", "segmentation", dicom_seg.read_dicom),
)
# What a format needs is told if a file has it; numpy is always needed.
ERRORS = {
    name: error
    for name, error in (
        ("numpy", NUMPY_ERROR),
        ("pynrrd", seg_nrrd.NRRD_ERROR),
        ("nibabel", nifti.NIBABEL_ERROR),
        ("highdicom", dicom_seg.HIGHDICOM_ERROR),
    )
    if error
}
RTSTRUCT = dicom_seg.RTSTRUCT


def _format_of(path: str) -> Format:
    name = os.path.basename(path).lower()
    for known in FORMATS:
        if name.endswith(known[0]):
            return known
    raise PacsError(
        "%s is no segmentation that can be read: its name must end with .nrrd, .seg.nrrd, .nii, .nii.gz or .dcm" % path
    )


def library_for(path: str) -> str:
    """The library that reads a file, by the end of its name, or an error that names what can be read."""
    return _format_of(path)[1]


def read(path: str) -> Segmentation:
    """The segmentation in a file."""
    _ends, _library, what, reader = _format_of(path)
    if not os.path.isfile(path):
        raise PacsError("%s is not a file" % path)
    with reading(path, what):
        return reader(path)
