#!/usr/bin/python
# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: orthanc_modality
short_description: Keeps Orthanc's DICOM modalities in their declared state, without a restart
version_added: 1.0.0
description:
  - Adds, changes and removes modalities through the REST API. No association in progress is dropped.
  - Everything that a modality may do is written out, because Orthanc allows by default.
  - Unchanged means that what Orthanc answers is the same after both sides are brought into one form.
notes:
  - Orthanc must run with C(DicomModalitiesInDatabase) set to V(true). With V(false) it takes the change but forgets it
    when it restarts, and no request tells which it is.
author:
  - threedpc.pacs contributors (@threedpc)
extends_documentation_fragment:
  - threedpc.pacs.attributes
  - threedpc.pacs.orthanc
attributes:
  check_mode:
    support: full
    details: Reads what Orthanc has, reports what would change and writes nothing.
  diff_mode:
    support: full
    details: Shows the modalities before and after.
  idempotent:
    support: full
options:
  name:
    description: Name of one modality, of letters, digits, dashes and underscores.
    type: str
  state:
    description: Whether the modality O(name) exists.
    type: str
    choices: [present, absent]
    default: present
  aet:
    description: AE title of the modality. Required for a modality that is present.
    type: str
  address:
    description:
      - Its address. Required for a modality that is present.
      - Orthanc compares a caller's address with it as text.
    type: str
  port:
    description: Its port.
    type: int
    default: 104
  manufacturer:
    description: Orthanc's name for the dialect that the modality speaks.
    type: str
    choices: [Generic, GenericNoWildcardInDates, GenericNoUniversalWildcard, GE, Vitrea]
    default: Generic
  allow:
    description: What the modality may ask of Orthanc. Everything else is refused.
    type: list
    elements: str
    choices: [echo, store, find, find_worklist, get, move, storage_commitment]
    default: [echo, store]
  tls:
    description: Whether Orthanc speaks TLS to the modality.
    type: bool
    default: false
  modalities:
    description: Several modalities at once, instead of O(name).
    type: list
    elements: dict
    suboptions:
      name:
        description: Name of the modality.
        type: str
        required: true
      aet:
        description: AE title of the modality.
        type: str
        required: true
      address:
        description: Its address.
        type: str
        required: true
      port:
        description: Its port.
        type: int
        default: 104
      manufacturer:
        description: Orthanc's name for the dialect that the modality speaks.
        type: str
        choices: [Generic, GenericNoWildcardInDates, GenericNoUniversalWildcard, GE, Vitrea]
        default: Generic
      allow:
        description: What the modality may ask of Orthanc.
        type: list
        elements: str
        choices: [echo, store, find, find_worklist, get, move, storage_commitment]
        default: [echo, store]
      tls:
        description: Whether Orthanc speaks TLS to the modality.
        type: bool
        default: false
      sources:
        description: Taken so that a site's list of modalities can be given as it is; only a firewall uses it.
        type: list
        elements: str
  purge:
    description: Whether to remove every modality that O(modalities) does not list.
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: A scanner may echo and store
  threedpc.pacs.orthanc_modality:
    url: https://pacs.example.org/orthanc
    url_username: staff
    url_password: "{{ staff_password }}"
    name: ct1
    aet: CT1
    address: 192.0.2.10

- name: The site's list, and nobody else
  threedpc.pacs.orthanc_modality:
    url: https://pacs.example.org/orthanc
    url_username: staff
    url_password: "{{ staff_password }}"
    modalities: "{{ pacs_modalities }}"
    purge: true

- name: An old scanner is gone
  threedpc.pacs.orthanc_modality:
    url: https://pacs.example.org/orthanc
    url_username: staff
    url_password: "{{ staff_password }}"
    name: ct0
    state: absent
"""

RETURN = r"""
added:
  description: Modalities that were, or in check mode would be, added.
  returned: success
  type: list
  elements: str
  sample: [ct1]
updated:
  description: Modalities that were, or in check mode would be, changed.
  returned: success
  type: list
  elements: str
  sample: []
removed:
  description: Modalities that were, or in check mode would be, removed.
  returned: success
  type: list
  elements: str
  sample: [ct0]
modalities:
  description: All modalities of Orthanc in the end, in the form of the options.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: Name of the modality.
      returned: always
      type: str
      sample: ct1
    aet:
      description: Its AE title.
      returned: always
      type: str
      sample: CT1
    address:
      description: Its address.
      returned: always
      type: str
      sample: 192.0.2.10
    port:
      description: Its port.
      returned: always
      type: int
      sample: 104
    manufacturer:
      description: The dialect it speaks.
      returned: always
      type: str
      sample: Generic
    allow:
      description: What it may do. V(transcoding) and other things that the options don't know may appear here too.
      returned: always
      type: list
      elements: str
      sample: [echo, store]
    tls:
      description: Whether Orthanc speaks TLS to it.
      returned: always
      type: bool
      sample: false
    local_aet:
      description: AE title with which Orthanc calls it, if not its usual one.
      returned: always
      type: str
      sample: ""
    timeout:
      description: Seconds after which Orthanc gives up calling it; 0 for its usual timeout.
      returned: always
      type: int
      sample: 0
"""

import re

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.threedpc.pacs.plugins.module_utils.dicom_connection import check_aet
from ansible_collections.threedpc.pacs.plugins.module_utils.errors import PacsError
from ansible_collections.threedpc.pacs.plugins.module_utils.orthanc_client import OrthancClient, orthanc_argument_spec

ALLOW = ["echo", "store", "find", "find_worklist", "get", "move", "storage_commitment"]
MANUFACTURERS = ["Generic", "GenericNoWildcardInDates", "GenericNoUniversalWildcard", "GE", "Vitrea"]
# Orthanc's key of each permission. It splits storage commitment in two when it answers.
KEYS = {
    "echo": ["AllowEcho"],
    "store": ["AllowStore"],
    "find": ["AllowFind"],
    "find_worklist": ["AllowFindWorklist"],
    "get": ["AllowGet"],
    "move": ["AllowMove"],
    "storage_commitment": ["AllowNAction", "AllowEventReport"],
}


def normalize(entry):
    """A modality as Orthanc answers or reads it, array or object, in our form."""
    if isinstance(entry, list):
        entry = dict(zip(("AET", "Host", "Port", "Manufacturer"), entry))
    commitment = entry.get("AllowStorageCommitment", True)
    allow = []
    for name, keys in KEYS.items():
        default = commitment if name == "storage_commitment" else True
        granted = [key for key in keys if entry.get(key, default)]
        if len(granted) == len(keys):
            allow.append(name)
        else:
            # Half a permission is none that can be declared; it shows as what it is, and differs.
            allow += granted
    if not entry.get("AllowTranscoding", True):
        allow.append("no transcoding")
    return dict(
        aet=str(entry.get("AET", "")).strip(" "),
        address=str(entry.get("Host", "")),
        port=int(entry.get("Port", 104)),
        manufacturer=str(entry.get("Manufacturer", "Generic")),
        allow=allow,
        tls=bool(entry.get("UseDicomTls", False)),
        local_aet=str(entry.get("LocalAet", "")),
        timeout=int(entry.get("Timeout", 0)),
    )


def orthanc_form(modality):
    """What to send for a modality of our form, nothing left to a default."""
    entry = dict(
        AET=modality["aet"],
        Host=modality["address"],
        Port=modality["port"],
        Manufacturer=modality["manufacturer"],
        UseDicomTls=modality["tls"],
        LocalAet=modality["local_aet"],
        Timeout=modality["timeout"],
        AllowTranscoding=True,
    )
    for name, keys in KEYS.items():
        entry.update(dict.fromkeys(keys, name in modality["allow"]))
    entry["AllowStorageCommitment"] = "storage_commitment" in modality["allow"]
    return entry


def check_name(name):
    if not re.match(r"[A-Za-z0-9_-]+\Z", name):
        raise PacsError("the name of a modality must be of letters, digits, dashes and underscores: %r" % name)
    return name


def declared(option):
    """An option in our form, or an error that names what is wrong with it."""
    name = check_name(option["name"])
    for key in ("aet", "address"):
        if not option.get(key):
            raise PacsError("%s of modality %s is missing" % (key, name))
    if not 1 <= option["port"] <= 65534:
        raise PacsError("port of modality %s must be 1 to 65534, not %d" % (name, option["port"]))
    return dict(
        aet=check_aet("aet of modality %s" % name, option["aet"]),
        address=option["address"],
        port=option["port"],
        manufacturer=option["manufacturer"],
        allow=[action for action in ALLOW if action in option["allow"]],
        tls=option["tls"],
        local_aet="",
        timeout=0,
    )


def wanted(params, existing):
    """All modalities as they are to be in the end."""
    if params["modalities"] is None:
        result = dict(existing)
        if params["state"] == "absent":
            result.pop(check_name(params["name"]), None)
        else:
            result[params["name"]] = declared(params)
        return result
    listed, callers = {}, {}
    for option in params["modalities"]:
        modality = declared(option)
        name, caller = option["name"], (modality["aet"], modality["address"])
        if name in listed:
            raise PacsError("two modalities have the name %s" % name)
        if caller in callers:
            raise PacsError(
                "modalities %s and %s have the same AE title %s at the same address %s: Orthanc can't tell them apart"
                % (callers[caller], name, *caller)
            )
        listed[name], callers[caller] = modality, name
    return listed if params["purge"] else dict(existing, **listed)


def changes(existing, target):
    return dict(
        added=sorted(name for name in target if name not in existing),
        updated=sorted(name for name in target if name in existing and target[name] != existing[name]),
        removed=sorted(name for name in existing if name not in target),
    )


def read(client):
    answer = client.get("/modalities?expand")
    if not isinstance(answer, dict):
        raise PacsError("%s/modalities is not what Orthanc answers: does the URL lead to its REST API?" % client.root)
    return {name: normalize(entry) for name, entry in answer.items()}


def write(client, target, change):
    # What goes goes last: where a modality only gets another name, Orthanc knows its AE title all the time.
    for name in change["added"] + change["updated"]:
        client.request("PUT", "/modalities/" + name, orthanc_form(target[name]))
    for name in change["removed"]:
        client.request("DELETE", "/modalities/" + name)
    kept = read(client)
    lost = sorted(name for name in set(kept) | set(target) if kept.get(name) != target.get(name))
    if lost:
        raise PacsError(
            "Orthanc took the change but answers something else about %s; does something else write its modalities, "
            "or is DicomModalitiesInDatabase not true?" % ", ".join(lost),
            before=target,
            after=kept,
        )


def run(params, check_mode):
    if params["purge"] and params["modalities"] is None:
        raise PacsError("purge needs modalities: it removes all that are not listed there")
    client = OrthancClient(params)
    # The declaration is judged before anything is asked of the server.
    wanted(params, {})
    existing = read(client)
    target = wanted(params, existing)
    change = changes(existing, target)
    changed = any(change.values())
    if changed and not check_mode:
        write(client, target, change)
    return dict(
        changed=changed,
        modalities=[dict(target[name], name=name) for name in sorted(target)],
        diff=dict(before=existing, after=target),
        **change,
    )


def main():
    modality = dict(
        aet=dict(type="str"),
        address=dict(type="str"),
        port=dict(type="int", default=104),
        manufacturer=dict(type="str", choices=MANUFACTURERS, default="Generic"),
        allow=dict(type="list", elements="str", choices=ALLOW, default=["echo", "store"]),
        tls=dict(type="bool", default=False),
    )
    listed = dict(
        modality,
        name=dict(type="str", required=True),
        aet=dict(type="str", required=True),
        address=dict(type="str", required=True),
        sources=dict(type="list", elements="str"),
    )
    module = AnsibleModule(
        argument_spec=dict(
            orthanc_argument_spec(),
            **modality,
            name=dict(type="str"),
            state=dict(type="str", choices=["present", "absent"], default="present"),
            modalities=dict(type="list", elements="dict", options=listed),
            purge=dict(type="bool", default=False),
        ),
        required_one_of=[("name", "modalities")],
        mutually_exclusive=[("name", "modalities")],
        supports_check_mode=True,
    )
    try:
        result = run(module.params, module.check_mode)
    except PacsError as error:
        error.fail(module)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
