# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  url:
    description:
      - Root of Orthanc's REST API, with the path prefix of a proxy if there is one.
      - Redirects are not followed, so that credentials go nowhere else.
    type: str
    required: true
  url_username:
    description: User of Orthanc.
    type: str
  url_password:
    description: Password of O(url_username). It may hold any character.
    type: str
  ca_path:
    description: PEM file with the CA certificates to trust instead of the machine's.
    type: path
  validate_certs:
    description: Whether the server's certificate is checked.
    type: bool
    default: true
  timeout:
    description: Longest wait for the connection and for an answer, in seconds.
    type: float
    default: 10.0
  retries:
    description: How often to try again when the connection fails. An answer, whatever its status, is never retried.
    type: int
    default: 2
"""
