#!/usr/bin/python
# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: dicom_echo
short_description: Asks a DICOM server whether it answers a C-ECHO
version_added: 1.0.0
description:
  - Opens an association, sends one C-ECHO and releases it.
  - Says exactly why it was refused, and can expect a refusal.
author:
  - threedpc.pacs contributors (@threedpc)
extends_documentation_fragment:
  - threedpc.pacs.attributes
  - threedpc.pacs.attributes.info_module
  - threedpc.pacs.dicom
options:
  expect:
    description:
      - What the server should do; anything else fails the module.
      - V(refused) means that the server itself answered and said no. That nothing listens, or that nothing answers,
        counts as a refusal only if O(expect_outcomes) names it, because a server that is down is not a strict one.
    type: str
    choices: [accepted, refused]
    default: accepted
  expect_outcomes:
    description: With O(expect=refused), the outcomes that count as a refusal.
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
    description:
      - With O(expect=refused), the RV(reason) that the refusal must give, such as V(called-AE-title-not-recognized).
    type: str
"""

EXAMPLES = r"""
- name: The scanner may echo
  threedpc.pacs.dicom_echo:
    host: pacs.example.org
    calling_aet: CT1
    called_aet: 3DPCPACS
  delegate_to: localhost

- name: A wrong title is refused
  threedpc.pacs.dicom_echo:
    host: pacs.example.org
    calling_aet: CT1
    called_aet: WRONG
    expect: refused
    expect_reason: called-AE-title-not-recognized
  delegate_to: localhost

- name: A firewall drops who is not listed
  threedpc.pacs.dicom_echo:
    host: pacs.example.org
    calling_aet: CT1
    called_aet: 3DPCPACS
    timeout: 3
    expect: refused
    expect_outcomes: [timeout, connection_refused, unreachable]
"""

RETURN = r"""
outcome:
  description:
    - V(accepted) if the C-ECHO succeeded, else the first thing that went wrong.
    - V(connection_refused), nothing listens; V(timeout), no connection or no answer in time; V(unreachable), the name
      does not resolve or there is no way to the host; V(tls_failed); V(closed), the server hung up or does not speak
      DICOM; V(rejected), it rejected the association; V(aborted), it aborted it; V(context_rejected), it accepted the
      association but allows no C-ECHO in it; V(failed_status), it answered the C-ECHO with a failure.
  returned: always
  type: str
  sample: rejected
result:
  description: Result of a rejection as PS3.8, 9.3.4 names it.
  returned: always
  type: str
  sample: rejected-permanent
source:
  description: Source of a rejection or an abort as PS3.8 names it.
  returned: always
  type: str
  sample: DICOM UL service-user
reason:
  description:
    - Reason of a rejection or an abort as PS3.8 names it.
    - V(closed-after-handshake) if TLS failed because the server does not take the client, after it proved itself.
  returned: always
  type: str
  sample: called-AE-title-not-recognized
status:
  description: Status of the answer to the C-ECHO, hexadecimal.
  returned: always
  type: str
  sample: "0x0000"
round_trip_ms:
  description: Milliseconds from sending the C-ECHO to its answer.
  returned: when it was answered
  type: float
  sample: 2.4
association_ms:
  description: Milliseconds it took to connect and to agree on the association.
  returned: when it was accepted
  type: float
  sample: 12.7
message:
  description: The same as a sentence.
  returned: always
  type: str
  sample: "the association is rejected: called-AE-title-not-recognized (rejected-permanent, by DICOM UL service-user)"
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.threedpc.pacs.plugins.module_utils.dicom_association import (
    dicom_argument_spec,
    require_pynetdicom,
)
from ansible_collections.threedpc.pacs.plugins.module_utils.dicom_request import (
    OUTCOMES,
    REFUSALS,
    disappointment,
    request,
)
from ansible_collections.threedpc.pacs.plugins.module_utils.errors import PacsError


def run(params):
    answer = request(params)
    wrong = disappointment(answer, params)
    if wrong:
        raise PacsError(
            "C-ECHO from %s to %s at %s port %d: %s"
            % (params["calling_aet"], params["called_aet"], params["host"], params["port"], wrong),
            **answer,
        )
    return answer


def main():
    module = AnsibleModule(
        argument_spec=dict(
            dicom_argument_spec(),
            expect=dict(type="str", choices=["accepted", "refused"], default="accepted"),
            expect_outcomes=dict(type="list", elements="str", choices=OUTCOMES, default=REFUSALS),
            expect_reason=dict(type="str"),
        ),
        supports_check_mode=True,
    )
    require_pynetdicom(module)
    try:
        result = run(module.params)
    except PacsError as error:
        error.fail(module)
    module.exit_json(changed=False, **result)


if __name__ == "__main__":
    main()
