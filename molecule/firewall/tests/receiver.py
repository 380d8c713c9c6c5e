"""A modality to which the archive sends over TLS: each instance it receives is a line in /dicom/received."""

import ssl
import sys

from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian
from pynetdicom import AE, evt

port, certificate, key = int(sys.argv[1]), sys.argv[2], sys.argv[3]
context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile="/dicom/ca.pem")
context.verify_mode = ssl.CERT_REQUIRED
context.load_cert_chain(certificate, key)


def receive(event):
    with open("/dicom/received", "a") as received:
        received.write(f"{event.request.AffectedSOPInstanceUID}\n")
    return 0x0000


entity = AE(ae_title="ANGIO")
entity.require_called_aet = True
entity.add_supported_context("1.2.840.10008.1.1")
entity.add_supported_context(CTImageStorage, ExplicitVRLittleEndian)
entity.start_server(("", port), ssl_context=context, evt_handlers=[(evt.EVT_C_STORE, receive)])
