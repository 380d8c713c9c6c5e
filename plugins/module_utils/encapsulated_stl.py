# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An STL model as a DICOM instance: Encapsulated STL (PS3.3, A.85.1)."""

from __future__ import annotations

import traceback
import uuid
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import datetime

    from ansible_collections.threedpc.pacs.plugins.module_utils.stl_model import Model

try:
    from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
    from pydicom.uid import UID, ExplicitVRLittleEndian
except ImportError:
    PYDICOM_ERROR: str | None = traceback.format_exc()
else:
    PYDICOM_ERROR = None

ENCAPSULATED_STL = "1.2.840.10008.5.1.4.1.1.104.3"
MANUFACTURER = "threedpc.pacs"
IMPLEMENTATION = "2.25.141090373158163146237364866398391537283"
NAMESPACE = uuid.UUID("3f0a3c7e-0a55-4d0c-8a5e-5b1f7c86f2c4")

# What a model shares with the other instances of its study. The first ones must be there, if only empty.
PATIENT_AND_STUDY = ("PatientName", "PatientID", "PatientBirthDate", "PatientSex") + (
    "StudyInstanceUID",
    "StudyDate",
    "StudyTime",
    "ReferringPhysicianName",
    "StudyID",
    "AccessionNumber",
)
IF_PRESENT = ("OtherPatientIDs", "StudyDescription")


def uid(*what: str) -> str:
    """The same identifier for the same thing, so that asking for it tells whether it is there."""
    return "2.25.%d" % uuid.uuid5(NAMESPACE, repr(what)).int


def series_uid(study_uid: str, title: str, frame_of_reference_uid: str) -> str:
    """A series has one frame of reference; its instances are the versions of a model."""
    return uid("series", study_uid, title, frame_of_reference_uid)


def instance_uid(study_uid: str, title: str, frame_of_reference_uid: str, sha256: str) -> str:
    return uid("instance", study_uid, title, frame_of_reference_uid, sha256)


def code(value: str, scheme: str, meaning: str) -> Dataset:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, scheme, meaning
    return item


def describe(
    study: dict[str, str],
    model: Model,
    title: str,
    frame_of_reference_uid: str,
    series_number: int,
    instance_number: int,
    now: datetime.datetime,
) -> FileDataset:
    """All of the instance but the document. C(study) holds the study's attributes by keyword."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = UID(ENCAPSULATED_STL)
    meta.MediaStorageSOPInstanceUID = UID(
        instance_uid(study["StudyInstanceUID"], title, frame_of_reference_uid, model.sha256)
    )
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.ImplementationClassUID = UID(IMPLEMENTATION)
    meta.ImplementationVersionName = "THREEDPC_PACS"

    instance = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    instance.SpecificCharacterSet = "ISO_IR 192"
    for keyword in PATIENT_AND_STUDY:
        setattr(instance, keyword, study.get(keyword, ""))
    for keyword in IF_PRESENT:
        if study.get(keyword):
            setattr(instance, keyword, study[keyword])

    instance.Modality = "M3D"
    instance.SeriesInstanceUID = series_uid(study["StudyInstanceUID"], title, frame_of_reference_uid)
    instance.SeriesNumber = series_number
    instance.SeriesDescription = title
    instance.FrameOfReferenceUID = frame_of_reference_uid
    instance.PositionReferenceIndicator = ""

    instance.Manufacturer = MANUFACTURER
    instance.ManufacturerModelName = "orthanc_stl"
    instance.DeviceSerialNumber = "1"
    instance.SoftwareVersions = "1"

    instance.SOPClassUID = ENCAPSULATED_STL
    instance.SOPInstanceUID = meta.MediaStorageSOPInstanceUID
    instance.InstanceNumber = instance_number
    day, clock = now.strftime("%Y%m%d"), now.strftime("%H%M%S")
    instance.InstanceCreationDate = instance.ContentDate = day
    instance.InstanceCreationTime = instance.ContentTime = clock
    instance.AcquisitionDateTime = ""
    instance.BurnedInAnnotation = "NO"
    instance.DocumentTitle = title
    instance.ConceptNameCodeSequence = []
    instance.MeasurementUnitsCodeSequence = [code("mm", "UCUM", "mm")]
    instance.MIMETypeOfEncapsulatedDocument = "model/stl"
    # A binary STL is always even, as DICOM wants it; the length says so to anyone who looks for a padding.
    instance.EncapsulatedDocumentLength = model.size
    # The standard has this attribute for what a model is, and none for its size. The shares' page reads this form.
    size = model.measures.size
    instance.ContentDescription = "%.1f x %.1f x %.1f mm (width x height x depth)" % (
        size["width"],
        size["height"],
        size["depth"],
    )
    return instance


def write(path: str, instance: Dataset, model: Model) -> None:
    """The instance with its document as a DICOM file, copied from file to file."""
    with open(model.path, "rb") as stream:
        instance.EncapsulatedDocument = stream
        instance.save_as(path, enforce_file_format=True)
