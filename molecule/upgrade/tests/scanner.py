# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A scanner that sends small images, three a second, until /tmp/stop is there, and one at least: scanner.py ADDRESS

It prints the instance of each image that was acknowledged, and tries again when the archive is not there.
"""

import pathlib
import sys
import time

from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid
from pynetdicom import AE

STOP = pathlib.Path("/tmp/stop")
IN_ONE_ASSOCIATION = 20


def image(study, number):
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.SOPClassUID, dataset.SOPInstanceUID = CTImageStorage, f"{study}.1.{number}"
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = study, f"{study}.1"
    dataset.PatientID, dataset.PatientName, dataset.Modality = "SCENARIO", "Scenario^Synthetic", "CT"
    dataset.InstanceNumber = number
    dataset.Rows = dataset.Columns = 16
    dataset.BitsAllocated = dataset.BitsStored = 16
    dataset.HighBit, dataset.PixelRepresentation, dataset.SamplesPerPixel = 15, 0, 1
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.PixelData = bytes(16 * 16 * 2)
    return dataset


def send(address):
    """One association; returns whether there was one."""
    entity = AE(ae_title="CT1")
    entity.connection_timeout = entity.acse_timeout = entity.dimse_timeout = 10
    entity.add_requested_context(CTImageStorage, ExplicitVRLittleEndian)
    association = entity.associate(address, 4242, ae_title="3DPCPACS")
    if not association.is_established:
        return False
    # Short enough for the suffixes.
    study = generate_uid()[:50].rstrip(".")
    for number in range(IN_ONE_ASSOCIATION):
        try:
            answer = association.send_c_store(image(study, number))
        except (RuntimeError, ValueError):
            return True
        if answer and answer.Status == 0:
            print(f"{study}.1.{number}", flush=True)
        if STOP.exists():
            break
        time.sleep(0.3)
    association.release()
    return True


# Once in any case.
while True:
    established = send(sys.argv[1])
    if STOP.exists():
        break
    if not established:
        time.sleep(0.5)
