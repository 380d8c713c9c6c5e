#!/usr/bin/python
# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: dicom_expect
short_description: Checks what a DICOM server promises, and what it must refuse
version_added: 1.0.0
description:
  - Makes many associations at once and says of each whether it came to what it should.
  - What is not expected is a result, not a failure of the module.
  - Asks for a study that nobody has, so nothing is found and nothing is sent even if it is not refused.
author:
  - threedpc.pacs contributors (@threedpc)
extends_documentation_fragment:
  - threedpc.pacs.attributes
  - threedpc.pacs.attributes.info_module
requirements:
  - pydicom >= 3.0
  - pynetdicom >= 3.0
options:
  host:
    description: Name or address of the DICOM server.
    type: str
    required: true
  timeout:
    description: Longest wait in seconds, for the connection and for each answer.
    type: float
    default: 10.0
  tls_ca_path:
    description: PEM file with the CA certificates to trust instead of the machine's, for checks with O(checks[].tls).
    type: path
  checks:
    description: What is asked, and what is expected.
    type: list
    elements: dict
    required: true
    suboptions:
      id:
        description: A short name.
        type: str
        required: true
      area:
        description: What the check belongs to, as a heading of a report.
        type: str
        required: true
      promise:
        description: What is promised, in a sentence for a report.
        type: str
        required: true
      request:
        description: What is asked. V(move) asks to send to O(checks[].calling_aet).
        type: str
        choices: [echo, find, move]
        default: echo
      port:
        description: Port of the server.
        type: int
        default: 4242
      source_address:
        description: Address of this machine to call from, instead of the one that the system chooses.
        type: str
      beside_half:
        description:
          - Whether another connection of ours is open meanwhile that has begun a request for an association and does
            not finish it. A server that waits for it answers nobody else.
          - Such checks are made one after the other, when all others are over.
        type: bool
        default: false
      calling_aet:
        description: Our AE title, 1 to 16 characters without a backslash.
        type: str
        required: true
      called_aet:
        description: The server's AE title, 1 to 16 characters without a backslash.
        type: str
        required: true
      tls:
        description: Whether to speak DICOM over TLS (1.2 or newer). The server's certificate is always checked.
        type: bool
        default: false
      tls_cert_path:
        description: PEM file with our certificate and its private key, not encrypted.
        type: path
      expect:
        description: What the server should do.
        type: str
        choices: [accepted, refused]
        default: accepted
      expect_outcomes:
        description: With O(checks[].expect=refused), the outcomes that count as a refusal.
        type: list
        elements: str
        choices:
          - rejected
          - context_rejected
          - aborted
          - connection_refused
          - timeout
          - unreachable
          - closed
          - tls_failed
          - failed_status
        default: [rejected, context_rejected, aborted]
      expect_reason:
        description: With O(checks[].expect=refused), the reason that the refusal must give.
        type: str
      not_checked:
        description: A reason for which the check is not asked but reported as not checked.
        type: str
seealso:
  - module: threedpc.pacs.dicom_echo
"""

EXAMPLES = r"""
- name: A scanner may echo and not query
  threedpc.pacs.dicom_expect:
    host: pacs.example.org
    checks:
      - id: echo
        area: DICOM
        promise: The scanner gets an answer
        calling_aet: CT1
        called_aet: 3DPCPACS
      - id: find
        area: DICOM
        promise: It can't query
        request: find
        calling_aet: CT1
        called_aet: 3DPCPACS
        expect: refused
  register: dicom
  delegate_to: localhost
"""

RETURN = r"""
results:
  description: One entry per check, in the order of the checks.
  returned: success
  type: list
  elements: dict
  contains:
    area:
      description: The heading.
      type: str
      sample: DICOM
    id:
      description: The short name.
      type: str
      sample: find
    promise:
      description: The sentence.
      type: str
      sample: It can't query
    request:
      description: What was asked.
      type: str
      sample: C-FIND from CT1 to 3DPCPACS at port 4242
    status:
      description: V(passed), V(failed) or V(not checked).
      type: str
      sample: passed
    expected:
      description: What was expected.
      type: str
      sample: refused
    got:
      description: What happened, or why it was not checked.
      type: str
      sample: "the server aborts: reason-not-specified (by DICOM UL service-user)"
    seconds:
      description: How long it took.
      type: float
      sample: 0.03
"""

import concurrent.futures
import contextlib
import time

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.threedpc.pacs.plugins.module_utils.dicom_association import require_pynetdicom
from ansible_collections.threedpc.pacs.plugins.module_utils.dicom_connection import half_association
from ansible_collections.threedpc.pacs.plugins.module_utils.dicom_request import (
    ABSTRACT_SYNTAXES,
    OUTCOMES,
    REFUSALS,
    disappointment,
    request,
)
from ansible_collections.threedpc.pacs.plugins.module_utils.errors import PacsError


def result_of(check, params):
    """The result of one check."""
    result = {key: check[key] for key in ("id", "area", "promise")}
    result["request"] = "C-%s from %s%s to %s at port %d%s%s" % (
        check["request"].upper(),
        check["calling_aet"],
        " (%s)" % check["source_address"] if check["source_address"] else "",
        check["called_aet"],
        check["port"],
        " over TLS" if check["tls"] else "",
        ", beside half an association" if check["beside_half"] else "",
    )
    result["expected"] = " for ".join(part for part in (check["expect"], check["expect_reason"]) if part)
    if check["not_checked"]:
        return dict(result, status="not checked", got=check["not_checked"], seconds=0.0)
    start = time.monotonic()
    dialed = {key: params[key] for key in ("host", "timeout", "tls_ca_path")}
    try:
        dialed = dict(check, **dialed, tls_key_path=check["tls_cert_path"])
        with half_association(dialed) if check["beside_half"] else contextlib.nullcontext():
            answer = request(dialed, check["request"])
        wrong, got = disappointment(answer, check), answer["message"]
    except PacsError as error:
        # Such as a certificate that can't be read. The other checks are made all the same.
        wrong = got = error.message
    result.update(status="failed" if wrong else "passed", got=wrong or got)
    return dict(result, seconds=round(time.monotonic() - start, 3))


def check_spec():
    return dict(
        id=dict(type="str", required=True),
        area=dict(type="str", required=True),
        promise=dict(type="str", required=True),
        request=dict(type="str", choices=list(ABSTRACT_SYNTAXES), default="echo"),
        port=dict(type="int", default=4242),
        source_address=dict(type="str"),
        beside_half=dict(type="bool", default=False),
        calling_aet=dict(type="str", required=True),
        called_aet=dict(type="str", required=True),
        tls=dict(type="bool", default=False),
        tls_cert_path=dict(type="path"),
        expect=dict(type="str", choices=["accepted", "refused"], default="accepted"),
        expect_outcomes=dict(type="list", elements="str", choices=OUTCOMES, default=REFUSALS),
        expect_reason=dict(type="str"),
        not_checked=dict(type="str"),
    )


def main():
    module = AnsibleModule(
        argument_spec=dict(
            host=dict(type="str", required=True),
            timeout=dict(type="float", default=10.0),
            tls_ca_path=dict(type="path"),
            checks=dict(type="list", elements="dict", required=True, options=check_spec()),
        ),
        supports_check_mode=True,
    )
    require_pynetdicom(module)
    checks = module.params["checks"]
    with concurrent.futures.ThreadPoolExecutor(max(1, min(16, len(checks)))) as pool:
        results = list(
            pool.map(lambda check: None if check["beside_half"] else result_of(check, module.params), checks)
        )
    results = [result or result_of(check, module.params) for check, result in zip(checks, results)]
    module.exit_json(changed=False, results=results)


if __name__ == "__main__":
    main()
