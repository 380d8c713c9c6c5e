#!/usr/bin/python
# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: orthanc_share_info
short_description: What a site has shared, with whom, until when, and who opened it
version_added: 1.0.0
description:
  - Reads the ledger of shares that a site of this collection keeps. It knows no link, so none is returned.
author:
  - threedpc.pacs contributors (@threedpc)
extends_documentation_fragment:
  - threedpc.pacs.attributes
  - threedpc.pacs.attributes.info_module
  - threedpc.pacs.orthanc
options:
  study:
    description: Only shares of this study, named by its StudyInstanceUID or its Orthanc ID.
    type: str
  creator:
    description: Only shares that this staff user has made.
    type: str
  id:
    description: Only the share with this ID.
    type: str
  link:
    description: Only the share of this link. Its token is not sent, only its SHA-256.
    type: str
  active:
    description: Whether to leave out what has expired or was revoked.
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: What is open right now
  threedpc.pacs.orthanc_share_info:
    url: https://pacs.example.org/orthanc
    url_username: staff
    url_password: "{{ staff_password }}"
    active: true
  register: open
"""

RETURN = r"""
shares:
  description: The shares, oldest first.
  returned: success
  type: list
  elements: dict
  contains:
    id:
      description: What the ledger calls the share.
      returned: always
      type: str
      sample: 21e755991359cd91
    state:
      description: V(active), V(expired) or V(revoked).
      returned: always
      type: str
      sample: active
    kind:
      description: The kind of token.
      returned: always
      type: str
      sample: ohif-viewer-publication
    creator:
      description: The staff user who made it.
      returned: always
      type: str
      sample: anna
    recipient:
      description: For whom it is. Empty for a share made in the web interface.
      returned: always
      type: str
      sample: Dr. Example
    studies:
      description: What it opens.
      returned: always
      type: list
      elements: dict
      contains:
        study_instance_uid:
          description: The study in DICOM.
          returned: always
          type: str
          sample: 1.2.276.0.7230010.3.1.2.1
        orthanc_id:
          description: The study in Orthanc.
          returned: always
          type: str
          sample: 8278e671-3b177982-8fb3d487-48af92a2-5038fb55
    created_at:
      description: When it was made, in UTC.
      returned: always
      type: str
      sample: "2026-11-24T02:34:45+00:00"
    expires_at:
      description: When it ends, in UTC. Nothing for one that never does.
      returned: always
      type: str
      sample: "2026-12-01T02:34:45+00:00"
    revoked_at:
      description: When it was revoked.
      returned: always
      type: str
      sample: "2026-12-01T03:10:12+00:00"
    revoked_by:
      description: The staff user who revoked it.
      returned: always
      type: str
      sample: anna
    pin:
      description: Whether it asks for a PIN.
      returned: always
      type: bool
      sample: false
    locked:
      description: Whether too many wrong PINs were tried.
      returned: always
      type: bool
      sample: false
    openings:
      description: When it was opened and from where, at most once in 15 minutes per address.
      returned: always
      type: list
      elements: dict
      contains:
        at:
          description: The first request of these minutes, in UTC.
          returned: always
          type: str
          sample: "2026-11-24T08:12:30+00:00"
        address:
          description: Where it came from.
          returned: always
          type: str
          sample: 192.0.2.44
limits:
  description: What the site allows.
  returned: success
  type: dict
  contains:
    max_days:
      description: For how many days a share may be valid.
      returned: always
      type: int
      sample: 90
    allow_never:
      description: Whether a share may be made that never ends.
      returned: always
      type: bool
      sample: false
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.threedpc.pacs.plugins.module_utils.errors import PacsError
from ansible_collections.threedpc.pacs.plugins.module_utils.orthanc_client import OrthancClient, orthanc_argument_spec
from ansible_collections.threedpc.pacs.plugins.module_utils.shares import read_ledger, token_digest


def run(params):
    filters = {name: params[name] for name in ("study", "creator", "id")}
    if params["link"] is not None:
        filters["token_sha256"] = token_digest(params["link"])
    shares, limits = read_ledger(OrthancClient(params), active="true" if params["active"] else "false", **filters)
    return dict(changed=False, shares=shares, limits=limits)


def main():
    module = AnsibleModule(
        argument_spec=dict(
            orthanc_argument_spec(),
            study=dict(type="str"),
            creator=dict(type="str"),
            id=dict(type="str"),
            link=dict(type="str", no_log=True),
            active=dict(type="bool", default=False),
        ),
        supports_check_mode=True,
    )
    try:
        result = run(module.params)
    except PacsError as error:
        error.fail(module)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
