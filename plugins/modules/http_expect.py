#!/usr/bin/python
# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: http_expect
short_description: Checks what a web service promises, and what it must refuse
version_added: 1.0.0
description:
  - Sends many requests in parallel and says of each whether the answer was the expected one.
  - An answer that is not the expected one is a result, not a failure of the module.
  - A check may use what another one was answered. Write the name of the value as V(<name>) where it belongs; the
    check is asked as soon as the value is known, and is reported as not checked if it never becomes known.
  - Redirects are not followed, proxies are not used, and a request is sent just as it is written.
  - Neither a password nor a captured secret is in the result, and of an answer no more than its status, what the
    server says about an error, and what was asked for in O(checks[].expect).
author:
  - threedpc.pacs contributors (@threedpc)
extends_documentation_fragment:
  - threedpc.pacs.attributes
attributes:
  check_mode:
    support: partial
    details:
      - Checks with O(checks[].attempt) are left out and reported as not checked.
      - Everything else is asked as usual, whatever its method.
  diff_mode:
    support: none
    details: There is nothing to compare.
  idempotent:
    support: full
options:
  checks:
    description: What is asked, and what is expected.
    type: list
    elements: dict
    required: true
    suboptions:
      id:
        description: A short name, unique among the checks.
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
      method:
        description: HTTP method.
        type: str
        default: GET
      url:
        description: The whole URL, sent without any normalization.
        type: str
        required: true
      headers:
        description: Further request headers. C(Host) may be among them.
        type: dict
        default: {}
      body:
        description: Body as text.
        type: str
      json:
        description: Body as data, sent as JSON.
        type: raw
      body_file:
        description: File that is sent as body.
        type: path
      login:
        description: Name of the entry of O(logins) that is used for basic authentication.
        type: str
      token:
        description: Token that is sent as bearer token in the header C(Authorization).
        type: str
      delay:
        description: Seconds to wait after everything that the check waits for is there.
        type: float
        default: 0
      after:
        description: IDs of checks that must be over before this one is asked.
        type: list
        elements: str
        default: []
      attempt:
        description: Whether the request would change something if it were not refused.
        type: bool
        default: false
      not_checked:
        description: A reason for which the check is not asked but reported as not checked.
        type: str
      capture:
        description:
          - Values to keep from the JSON of the answer, if it was the expected one.
          - A dictionary of names to dictionaries with C(path), such as V(0/MainDicomTags/PatientID), C(secret), which
            hides the value in the result, and C(missing), the reason that is given to the checks which use the value if
            the answer has none. Without C(missing) an answer that has none is not the expected one.
        type: dict
        default: {}
      expect:
        description: What the answer must be like.
        type: dict
        default: {}
        suboptions:
          status:
            description: Any of these.
            type: list
            elements: int
            default: [200]
          or_closed:
            description: Whether the server may as well close the connection without an answer.
            type: bool
            default: false
          or_empty:
            description: Whether an empty JSON list with status 200 is as good.
            type: bool
            default: false
          headers:
            description: Regular expressions that the answer's headers must match, by the name of the header.
            type: dict
            default: {}
          contains:
            description: What the body must contain.
            type: list
            elements: str
            default: []
          not_contains:
            description: What the body must not contain.
            type: list
            elements: str
            default: []
          json:
            description: Regular expressions that values of the JSON must match, by their path.
            type: dict
            default: {}
          version:
            description: A version in the JSON that must be there and not be too old.
            type: dict
            suboptions:
              path:
                description: Where it is.
                type: str
                required: true
              minimum:
                description: The oldest version that will do.
                type: str
          links:
            description: How every link in a DICOMweb answer must begin.
            type: str
          links_optional:
            description: Whether an answer without any link will do.
            type: bool
            default: false
          page:
            description: Whether it must be an HTML page whose scripts, styles and icons on the same server load.
            type: bool
            default: false
          certificate:
            description: Asks for the certificate of the server only, not for an answer.
            type: dict
            suboptions:
              fail_days:
                description:
                  - A certificate that is valid for fewer days is a failure.
                  - One that lasts for less than 90 days at all is judged by proportionally fewer.
                type: int
                default: 7
              warn_days:
                description: A certificate that is valid for fewer days is a warning, judged in the same way.
                type: int
                default: 21
  logins:
    description: Who may log in with basic authentication.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: Name that O(checks[].login) refers to. By default O(logins[].username).
        type: str
      username:
        description: User.
        type: str
        required: true
      password:
        description: Password of the user.
        type: str
        required: true
  secrets:
    description:
      - Values that checks use as if another check had captured them, by their names. The result does not show them.
    type: dict
    default: {}
  parallel:
    description: How many requests are under way at once.
    type: int
    default: 16
  timeout:
    description: Longest wait for a connection and for an answer, in seconds.
    type: float
    default: 20.0
  ca_path:
    description: PEM file with the CA certificates to trust instead of the machine's.
    type: path
  validate_certs:
    description: Whether the server's certificate is checked.
    type: bool
    default: true
"""

EXAMPLES = r"""
- name: Check that a share link can't delete its study
  threedpc.pacs.http_expect:
    logins:
      - {name: staff, username: alice, password: "{{ staff_password }}"}
    checks:
      - id: token
        area: Shares
        promise: The staff can make a share link
        method: PUT
        url: https://pacs.example.org/orthanc/auth/tokens/ohif-viewer-publication
        login: staff
        json:
          ID: test
          Resources: [{DicomUid: "1.2.3", Level: study}]
          ValidityDuration: 60
        capture:
          share_token: {path: Token, secret: true}
      - id: delete
        area: Shares
        promise: A share link can't delete its study
        method: DELETE
        url: https://pacs.example.org/shares/dicom-web/studies/1.2.3/series
        token: <share_token>
        attempt: true
        expect:
          status: [403]
  register: shares
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
      sample: Shares
    id:
      description: The short name.
      type: str
      sample: delete
    promise:
      description: The sentence.
      type: str
      sample: A share link can't delete its study
    request:
      description: What was asked, with the names of captured values in their places.
      type: str
      sample: DELETE https://pacs.example.org/shares/dicom-web/studies/1.2.3/series
    status:
      description: V(passed), V(failed), V(warned) or V(not checked).
      type: str
      sample: passed
    expected:
      description: What was expected.
      type: str
      sample: status 403
    got:
      description: What came back, or why it was not checked.
      type: str
      sample: status 403
    seconds:
      description: How long it took.
      type: float
      sample: 0.012
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.threedpc.pacs.plugins.module_utils.errors import PacsError
from ansible_collections.threedpc.pacs.plugins.module_utils.http_expect import Plan
from ansible_collections.threedpc.pacs.plugins.module_utils.http_probe import Probe


def expect_spec():
    return {
        "status": {"type": "list", "elements": "int", "default": [200]},
        "or_closed": {"type": "bool", "default": False},
        "or_empty": {"type": "bool", "default": False},
        "headers": {"type": "dict", "default": {}},
        "contains": {"type": "list", "elements": "str", "default": []},
        "not_contains": {"type": "list", "elements": "str", "default": []},
        "json": {"type": "dict", "default": {}},
        "version": {"type": "dict", "options": {"path": {"type": "str", "required": True}, "minimum": {"type": "str"}}},
        "links": {"type": "str"},
        "links_optional": {"type": "bool", "default": False},
        "page": {"type": "bool", "default": False},
        "certificate": {
            "type": "dict",
            "options": {"fail_days": {"type": "int", "default": 7}, "warn_days": {"type": "int", "default": 21}},
        },
    }


def check_spec():
    return {
        "id": {"type": "str", "required": True},
        "area": {"type": "str", "required": True},
        "promise": {"type": "str", "required": True},
        "method": {"type": "str", "default": "GET"},
        "url": {"type": "str", "required": True},
        "headers": {"type": "dict", "default": {}},
        "body": {"type": "str"},
        "json": {"type": "raw"},
        "body_file": {"type": "path"},
        "login": {"type": "str"},
        # Only ever the name of a captured value.
        "token": {"type": "str", "no_log": False},
        "delay": {"type": "float", "default": 0},
        "after": {"type": "list", "elements": "str", "default": []},
        "attempt": {"type": "bool", "default": False},
        "not_checked": {"type": "str"},
        "capture": {"type": "dict", "default": {}},
        "expect": {"type": "dict", "default": {}, "options": expect_spec()},
    }


def main():
    module = AnsibleModule(
        # Ansible would write nested options to the system's log as Python text, in which a password
        # with a quote or a backslash is not recognized and not masked.
        no_log=True,
        argument_spec={
            "checks": {"type": "list", "elements": "dict", "required": True, "options": check_spec()},
            "logins": {
                "type": "list",
                "elements": "dict",
                "default": [],
                "options": {
                    "name": {"type": "str"},
                    "username": {"type": "str", "required": True},
                    "password": {"type": "str", "required": True, "no_log": True},
                },
            },
            "secrets": {"type": "dict", "default": {}, "no_log": True},
            "parallel": {"type": "int", "default": 16},
            "timeout": {"type": "float", "default": 20.0},
            "ca_path": {"type": "path"},
            "validate_certs": {"type": "bool", "default": True},
        },
        supports_check_mode=True,
    )
    params = module.params
    try:
        probe = Probe(params["logins"], params["ca_path"], params["validate_certs"], params["timeout"])
        plan = Plan(params["checks"], probe, params["secrets"], skip_attempts=module.check_mode)
        module.exit_json(changed=False, results=plan.run(params["parallel"]))
    except PacsError as error:
        error.fail(module)


if __name__ == "__main__":
    main()
