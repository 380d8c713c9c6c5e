# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a DICOM file is, read without its pixels."""

from __future__ import annotations

import os
from collections.abc import Iterable

from ansible_collections.threedpc.pacs.plugins.module_utils.errors import PacsError

try:
    from pydicom import dcmread
    from pydicom.errors import InvalidDicomError
except ImportError:
    # The caller has checked for pynetdicom, which needs pydicom.
    pass

MEDIA_STORAGE_DIRECTORY = "1.2.840.10008.1.3.10"


class DicomFile:
    """A file that can be sent."""

    def __init__(
        self, path: str, sop_class: str, sop_instance: str, transfer_syntax: str, study: str, series: str
    ) -> None:
        self.path = path
        self.sop_class = sop_class
        self.sop_instance = sop_instance
        self.transfer_syntax = transfer_syntax
        self.study = study
        self.series = series

    @property
    def context(self) -> tuple[str, str]:
        return self.sop_class, self.transfer_syntax


def read_file(path: str) -> DicomFile | None:
    """The DICOM file at a path, or None if it is something else."""
    try:
        dataset = dcmread(path, stop_before_pixels=True, specific_tags=["StudyInstanceUID", "SeriesInstanceUID"])
        meta = dataset.file_meta
        if meta.MediaStorageSOPClassUID == MEDIA_STORAGE_DIRECTORY:
            return None
        return DicomFile(
            path,
            str(meta.MediaStorageSOPClassUID),
            str(meta.MediaStorageSOPInstanceUID),
            str(meta.TransferSyntaxUID),
            str(dataset.get("StudyInstanceUID", "")),
            str(dataset.get("SeriesInstanceUID", "")),
        )
    except (InvalidDicomError, AttributeError, EOFError, ValueError):
        # No DICOM file, or one without the elements that every DICOM file must begin with.
        return None
    except OSError as error:
        raise PacsError("%s can't be read: %s" % (path, error.strerror or error)) from None


def collect(sources: Iterable[str]) -> tuple[list[DicomFile], list[str]]:
    """The DICOM files of paths in a stable order, and the paths below a directory that are something else."""
    files, ignored = [], []
    for source in sources:
        if not os.path.isdir(source):
            found = read_file(source)
            if found is None:
                raise PacsError("%s is not a DICOM file that can be sent" % source)
            files.append(found)
            continue
        for directory, subdirectories, names in os.walk(source):
            subdirectories.sort()
            for name in sorted(names):
                path = os.path.join(directory, name)
                found = read_file(path) if os.path.isfile(path) else None
                if found is None:
                    ignored.append(path)
                else:
                    files.append(found)
    return files, ignored
