# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A modality. Its command line is JSON: a list of requests, each answered by how it ended, or one that sends a study.

Who sends a study slowly prints the status of each instance, and hurries as soon as its input ends.
"""

import concurrent.futures
import json
import select
import socket
import ssl
import sys
import warnings

from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian
from pynetdicom import AE, evt
from pynetdicom.pdu import A_ASSOCIATE_RJ

ABSTRACT = {
    "echo": "1.2.840.10008.1.1",
    "store": CTImageStorage,
    "find": "1.2.840.10008.5.1.4.1.2.2.1",
    "move": "1.2.840.10008.5.1.4.1.2.2.2",
    "get": "1.2.840.10008.5.1.4.1.2.2.3",
}


def image(study, number):
    """A small image whose identifiers follow from its study and its number."""
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.SOPClassUID, dataset.SOPInstanceUID = CTImageStorage, f"{study}.1.{number}"
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = study, f"{study}.1"
    dataset.PatientID, dataset.PatientName, dataset.Modality = "SCENARIO", "Scenario^Synthetic", "CT"
    dataset.InstanceNumber = number
    dataset.Rows = dataset.Columns = 64
    dataset.BitsAllocated = dataset.BitsStored = 16
    dataset.HighBit, dataset.PixelRepresentation, dataset.SamplesPerPixel = 15, 0, 1
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.PixelData = bytes(64 * 64 * 2)
    return dataset


def trust(tls):
    context = ssl.create_default_context(cafile="/dicom/ca.pem")
    context.check_hostname = False
    if "version" in tls:
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = context.maximum_version = ssl.TLSVersion[tls["version"]]
        context.set_ciphers("DEFAULT@SECLEVEL=0")
    if tls.get("certificate", True):
        context.load_cert_chain("/dicom/cert.pem", "/dicom/key.pem")
    return context


def store(association, wanted):
    pause = wanted.get("pause", 0)
    for number in range(wanted["count"]):
        answer = association.send_c_store(image(wanted["study"], number))
        if "Status" not in answer:
            return answer
        if pause:
            print(f"0x{answer.Status:04X}", flush=True)
            pause = 0 if select.select([sys.stdin], [], [], pause)[0] else pause
        elif "pause" in wanted:
            print(f"0x{answer.Status:04X}", flush=True)
    return answer


def ask(association, wanted):
    do = wanted["do"]
    if do == "echo":
        return association.send_c_echo()
    if do == "store":
        return store(association, wanted)
    query = Dataset()
    query.QueryRetrieveLevel, query.StudyInstanceUID = "STUDY", wanted.get("study", "1.2.3")
    if do == "move":
        answers = association.send_c_move(query, wanted["target"], ABSTRACT[do])
    else:
        answers = (association.send_c_find if do == "find" else association.send_c_get)(query, ABSTRACT[do])
    return [status for status, identifier in answers][-1]


def end_of(wanted):
    try:
        socket.create_connection((wanted["address"], wanted["port"]), timeout=3).close()
    except OSError as error:
        return "silent" if isinstance(error, TimeoutError) else str(error)
    entity = AE(ae_title=wanted["calling"])
    entity.acse_timeout = entity.dimse_timeout = entity.network_timeout = 60
    entity.add_requested_context(ABSTRACT[wanted["do"]], ExplicitVRLittleEndian)
    received = []
    association = entity.associate(
        wanted["address"],
        wanted["port"],
        ae_title=wanted["called"],
        tls_args=(trust(wanted["tls"]), "gate") if wanted["tls"] is not None else None,
        evt_handlers=[(evt.EVT_PDU_RECV, lambda event: received.append(event.pdu))],
    )
    for pdu in received:
        if isinstance(pdu, A_ASSOCIATE_RJ):
            return pdu.reason_str
    if not association.is_established:
        return "no association"
    # On a busy machine pynetdicom's own thread takes answers for requests of the other side, and drops them.
    get_msg = association.dimse.get_msg
    association.dimse.get_msg = lambda block=False: get_msg(block=True) if block else (None, None)
    answer = ask(association, wanted)
    if "Status" not in answer:
        # Orthanc ends the association with whoever may not do what he asks for.
        return "aborted"
    association.release()
    return f"0x{answer.Status:04X}"


requests = json.loads(sys.argv[1])
if isinstance(requests, dict):
    print(end_of(requests))
else:
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        print(json.dumps(list(pool.map(end_of, requests))))
