# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
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
