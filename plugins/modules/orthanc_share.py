#!/usr/bin/python
# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: orthanc_share
short_description: Makes and revokes links that open studies for people without an account
version_added: 1.0.0
description:
  - Works through the ledger of shares that a site of this collection keeps. Every share is in it, made here or in the
    web interface.
  - V(state=present) makes a new share every time. A link can be shown once, when it is made, because the ledger does
    not keep its token; so a share that is there already would be one that nobody can pass on.
  - V(state=absent) revokes shares. A share that is revoked is refused within seconds and never opens again.
author:
  - threedpc.pacs contributors (@threedpc)
extends_documentation_fragment:
  - threedpc.pacs.attributes
  - threedpc.pacs.orthanc
attributes:
  check_mode:
    support: full
    details:
      - Reads the studies, the site's limits and the ledger, and reports what would be made or revoked.
      - No link is made, so none is returned.
  diff_mode:
    support: full
    details: Shows what the ledger knows of the shares before and after, never a link or a PIN.
  idempotent:
    support: partial
    details: With V(state=absent) a second run changes nothing. With V(state=present) each run makes another link.
options:
  state:
    description: Whether to make a share or to revoke shares.
    type: str
    choices: [present, absent]
    default: present
  studies:
    description:
      - The studies that the share opens, each named by its StudyInstanceUID or its Orthanc ID.
      - Required to make a share.
    type: list
    elements: str
  days:
    description:
      - For how many days the share is valid. The site has a limit.
      - V(0) makes one that never ends, where the site allows it.
    type: int
  recipient:
    description: For whom the share is, as free text of at most 200 characters. Staff see it in the ledger.
    type: str
    default: ""
  pin:
    description:
      - Whether a PIN has to be entered to open the link. A random one of 6 digits is made and returned; tell it in
        another way than the link.
      - After 5 wrong tries the share is locked for good.
    type: bool
    default: false
  id:
    description: Revokes the share with this ID.
    type: str
  link:
    description: Revokes the share of this link. Its token is not sent, only its SHA-256.
    type: str
  study:
    description: Revokes all shares of this study, named by its StudyInstanceUID or its Orthanc ID.
    type: str
  creator:
    description: Revokes all shares that this staff user has made.
    type: str
  all:
    description: Revokes all shares of the site.
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: Share a study for a week
  threedpc.pacs.orthanc_share:
    url: https://pacs.example.org/orthanc
    url_username: staff
    url_password: "{{ staff_password }}"
    studies: [1.2.276.0.7230010.3.1.2.1]
    days: 7
    recipient: Dr. Example, Example Hospital
    pin: true
  register: share
  no_log: true

- name: End what a colleague who left has shared
  threedpc.pacs.orthanc_share:
    url: https://pacs.example.org/orthanc
    url_username: staff
    url_password: "{{ staff_password }}"
    state: absent
    creator: anna
"""

RETURN = r"""
link:
  description: The link. Anyone who has it has the study; it can't be shown again.
  returned: when a share was made
  type: str
  sample: https://pacs.example.org/shares/open/?token=...
pin:
  description: The PIN. The ledger keeps what it takes to check it and can't show it again.
  returned: when a share was made with O(pin=true)
  type: str
  sample: "471108"
share:
  description: What the ledger knows of the share that was made.
  returned: when a share was made
  type: dict
  sample: {id: 21e755991359cd91, state: active, creator: staff, recipient: Dr. Example}
revoked:
  description: The shares that were, or in check mode would be, revoked, as the ledger knew them.
  returned: when O(state=absent)
  type: list
  elements: dict
  sample: []
"""

import secrets

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.threedpc.pacs.plugins.module_utils.errors import PacsError
from ansible_collections.threedpc.pacs.plugins.module_utils.orthanc_client import OrthancClient, orthanc_argument_spec
from ansible_collections.threedpc.pacs.plugins.module_utils.shares import find_study, read_ledger, token_digest

KIND = "ohif-viewer-publication"
DAY = 86400
CHOICES = ("id", "link", "study", "creator", "all")


def check_wish(params):
    """What can be judged before anybody is asked."""
    if params["days"] is None:
        raise PacsError("days is missing: say how long the share is to be valid")
    if params["days"] < 0:
        raise PacsError("days must be 0 or more, not %d" % params["days"])
    if len(params["recipient"]) > 200 or not params["recipient"].isprintable():
        raise PacsError("recipient must be at most 200 printable characters")


def check_limits(days, limits):
    """What the gate would refuse, said in check mode too."""
    most = limits.get("max_days")
    if days == 0 and not limits.get("allow_never"):
        raise PacsError("a share of this site has to end: pacs_share_allow_never is not true there")
    if most is not None and days > most:
        raise PacsError("a share of this site is valid for at most %s days, not %d" % (most, days))


def make(client, params, check_mode):
    check_wish(params)
    studies = dict(find_study(client, name) for name in params["studies"])
    limits = read_ledger(client, id="none")[1]
    check_limits(params["days"], limits)
    wanted = dict(
        studies=[dict(study_instance_uid=uid, orthanc_id=studies[uid]) for uid in sorted(studies)],
        days=params["days"],
        recipient=params["recipient"],
        pin=params["pin"],
    )
    if check_mode:
        return dict(changed=True, diff=dict(before={}, after=wanted))
    body = dict(
        Type=KIND,
        Resources=[dict(DicomUid=uid, OrthancId=studies[uid], Level="study") for uid in sorted(studies)],
        ValidityDuration=params["days"] * DAY,
        Recipient=params["recipient"],
    )
    told = {}
    if params["pin"]:
        told["pin"] = body["Pin"] = "%06d" % secrets.randbelow(10**6)
    answer = client.request("PUT", "/auth/tokens/" + KIND, body)
    if not isinstance(answer, dict) or not answer.get("Url") or not isinstance(answer.get("Share"), dict):
        raise PacsError("the answer names no link and no share: was it the gate of the shares that answered?")
    share = answer["Share"]
    return dict(told, changed=True, link=answer["Url"], share=share, diff=dict(before={}, after=share))


def revoke(client, params, check_mode):
    filters = dict()
    for name in ("id", "study", "creator"):
        if params[name] is not None:
            filters[name] = params[name]
    if params["link"] is not None:
        filters["token_sha256"] = token_digest(params["link"])
    known = read_ledger(client, **filters)[0]
    if not known and (params["id"] is not None or params["link"] is not None):
        raise PacsError("the ledger of this site has no such share, so nothing was revoked")
    active = [share for share in known if share["state"] == "active"]
    after = [dict(share, state="revoked") for share in active]
    if active and not check_mode:
        # What was made since the ledger was read is revoked as well.
        done = client.request("POST", "/shares/revoke", filters or {"all": True})["revoked"]
        now = {share["id"]: share for share in read_ledger(client, **filters)[0]}
        left = sorted(name for name in done if now.get(name, {}).get("state") != "revoked")
        if left:
            raise PacsError("these shares are still not revoked: %s" % ", ".join(left))
        active = [share for share in known if share["id"] in done]
        after = [now[share["id"]] for share in active]
    before, end = ({share["id"]: share for share in shares} for shares in (active, after))
    return dict(changed=bool(active), revoked=active, diff=dict(before=before, after=end))


def run(params, check_mode):
    chosen = [name for name in CHOICES if params[name]]
    if params["state"] == "present":
        if chosen or not params["studies"]:
            raise PacsError("a share that is made needs studies; id, link, study, creator and all are for state absent")
        return make(OrthancClient(params), params, check_mode)
    if len(chosen) != 1:
        raise PacsError("say which shares to revoke by exactly one of %s" % ", ".join(CHOICES))
    if params["studies"]:
        raise PacsError("studies are for state present; study revokes the shares of one")
    return revoke(OrthancClient(params), params, check_mode)


def main():
    module = AnsibleModule(
        argument_spec=dict(
            orthanc_argument_spec(),
            state=dict(type="str", choices=["present", "absent"], default="present"),
            studies=dict(type="list", elements="str"),
            days=dict(type="int"),
            recipient=dict(type="str", default=""),
            pin=dict(type="bool", default=False),
            id=dict(type="str"),
            link=dict(type="str", no_log=True),
            study=dict(type="str"),
            creator=dict(type="str"),
            all=dict(type="bool", default=False),
        ),
        supports_check_mode=True,
    )
    try:
        result = run(module.params, module.check_mode)
    except PacsError as error:
        error.fail(module)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
