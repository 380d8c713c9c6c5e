# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
requirements:
  - pydicom >= 3.0
  - pynetdicom >= 3.0
options:
  host:
    description: Name or address of the DICOM server. Every address of a name is tried in turn.
    type: str
    required: true
  port:
    description: Its port.
    type: int
    default: 4242
  calling_aet:
    description: Our AE title, 1 to 16 characters without a backslash.
    type: str
    required: true
  called_aet:
    description: The server's AE title, 1 to 16 characters without a backslash.
    type: str
    required: true
  timeout:
    description: Longest wait in seconds, for the connection and for each answer.
    type: float
    default: 10.0
  tls:
    description: Whether to speak DICOM over TLS (1.2 or newer). The server's certificate is always checked.
    type: bool
    default: false
  tls_ca_path:
    description: PEM file with the CA certificates to trust instead of the machine's.
    type: path
  tls_cert_path:
    description: PEM file with our certificate, for a server that asks for one.
    type: path
  tls_key_path:
    description: PEM file with the private key of O(tls_cert_path), not encrypted.
    type: path
  tls_check_hostname:
    description: Whether the certificate must name the server.
    type: bool
    default: true
  tls_server_name:
    description: Name that the certificate must carry. By default O(host).
    type: str
"""
