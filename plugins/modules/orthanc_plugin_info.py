#!/usr/bin/python
# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: orthanc_plugin_info
short_description: Lists the plugins that an Orthanc has loaded, and can require some
version_added: 1.0.0
description:
  - Lists the loaded plugins with their versions.
  - With O(required), fails in one sentence that tells what is missing from what is too old.
author:
  - threedpc.pacs contributors (@threedpc)
extends_documentation_fragment:
  - threedpc.pacs.attributes
  - threedpc.pacs.attributes.info_module
  - threedpc.pacs.orthanc
options:
  required:
    description:
      - Names of plugins that must be loaded, each with its minimum version or an empty string for any version.
      - Versions are compared number by number, so that V(1.9) is older than V(1.24). What comes before a release, such
        as V(1.24-rc1), is older than the release.
    type: dict
    default: {}
  unnumbered:
    description:
      - Versions without a number that count as new enough, as shell patterns. A build from V(mainline) is newer than
        any release; V(lab*) are the stand-ins of this collection's tests.
      - Any other version without a number can't be compared with a minimum version, which is an error.
    type: list
    elements: str
    default: [mainline, lab*]
"""

EXAMPLES = r"""
- name: The plugins that a share needs
  threedpc.pacs.orthanc_plugin_info:
    url: https://pacs.example.org/orthanc
    url_username: staff
    url_password: "{{ staff_password }}"
    required:
      dicom-web: "1.20"
      authorization: "0.11.4"
      ohif: ""
"""

RETURN = r"""
plugins:
  description: The loaded plugins in alphabetical order.
  returned: always
  type: list
  elements: dict
  contains:
    name:
      description: Name of the plugin.
      returned: always
      type: str
      sample: dicom-web
    version:
      description: Its version; empty if it has none.
      returned: always
      type: str
      sample: "1.24"
    description:
      description: What it says about itself.
      returned: always
      type: str
      sample: Implementation of DICOMweb
versions:
  description: The same as a dictionary from name to version.
  returned: always
  type: dict
  sample: {dicom-web: "1.24"}
missing:
  description: Required plugins that are not loaded.
  returned: always
  type: list
  elements: str
  sample: [ohif]
too_old:
  description: Required plugins that are older than their minimum version.
  returned: always
  type: list
  elements: str
  sample: [dicom-web]
uncomparable:
  description: Required plugins whose version has no number and matches nothing in O(unnumbered).
  returned: always
  type: list
  elements: str
  sample: []
"""

import fnmatch
import re
import urllib.parse

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.threedpc.pacs.plugins.module_utils.errors import PacsError
from ansible_collections.threedpc.pacs.plugins.module_utils.orthanc_client import OrthancClient, orthanc_argument_spec

# Listed by Orthanc among the plugins; it is the collected JavaScript of the others.
NOT_A_PLUGIN = "explorer.js"


def parse(version):
    """Something that compares as the versions do, or None if the version has no number."""
    match = re.match(r"v?(\d+(?:\.\d+)*)(.*)$", version.strip(), re.IGNORECASE | re.DOTALL)
    if not match:
        return None
    numbers = [int(number) for number in match.group(1).split(".")]
    while numbers and numbers[-1] == 0:
        numbers.pop()
    before_release = re.match(r"[-._~]?(alpha|beta|rc|dev|pre|a\d|b\d)", match.group(2), re.IGNORECASE)
    return numbers, 0 if before_release else 1


def verdict(version, minimum, unnumbered):
    """One of C(ok), C(too_old), C(uncomparable)."""
    if not minimum:
        return "ok"
    parsed = parse(version)
    if parsed is None:
        accepted = any(fnmatch.fnmatchcase(version.strip().lower(), pattern.lower()) for pattern in unnumbered)
        return "ok" if accepted else "uncomparable"
    return "ok" if parsed >= parse(minimum) else "too_old"


def judge(versions, required, unnumbered):
    """The required plugins that are C(missing), C(too_old) and C(uncomparable)."""
    wrong = dict(missing=[], too_old=[], uncomparable=[])
    for name, minimum in sorted(required.items()):
        if name not in versions:
            wrong["missing"].append(name)
            continue
        found = verdict(versions[name], minimum, unnumbered)
        if found != "ok":
            wrong[found].append(name)
    return wrong


def complaint(wrong, versions, required):
    """All that is wrong in one sentence, or an empty string."""
    parts = []
    if wrong["missing"]:
        parts.append("not loaded: %s" % ", ".join(wrong["missing"]))
    for key, text in (("too_old", "too old"), ("uncomparable", "a version that can't be compared")):
        if wrong[key]:
            named = ("%s %s, at least %s" % (name, versions[name] or "(none)", required[name]) for name in wrong[key])
            parts.append("%s: %s" % (text, "; ".join(named)))
    return ". ".join(part[0].upper() + part[1:] for part in parts)


def wanted(required):
    """The requirements as text, or an error that names one that can't be met."""
    result = {}
    for name, minimum in required.items():
        if isinstance(minimum, float):
            raise PacsError("required.%s must be quoted: as a number, 1.10 would be 1.1" % name)
        result[name] = "" if minimum is None else str(minimum).strip()
        if result[name] and parse(result[name]) is None:
            raise PacsError("required.%s must be a version with a number or empty, not %r" % (name, minimum))
    return result


def run(params):
    required = wanted(params["required"])
    client = OrthancClient(params)
    names = client.get("/plugins")
    if not isinstance(names, list):
        raise PacsError("%s/plugins is no list of plugins: does the URL lead to Orthanc's REST API?" % client.root)
    plugins = []
    for name in sorted(names):
        if name != NOT_A_PLUGIN:
            found = client.get("/plugins/" + urllib.parse.quote(name, safe=""))
            plugins.append(
                dict(name=name, version=str(found.get("Version", "")), description=str(found.get("Description", "")))
            )
    versions = {plugin["name"]: plugin["version"] for plugin in plugins}
    wrong = judge(versions, required, params["unnumbered"])
    result = dict(plugins=plugins, versions=versions, **wrong)
    said = complaint(wrong, versions, required)
    if said:
        raise PacsError("the plugins of %s are not as required. %s" % (client.root, said), **result)
    return result


def main():
    module = AnsibleModule(
        argument_spec=dict(
            orthanc_argument_spec(),
            required=dict(type="dict", default={}),
            unnumbered=dict(type="list", elements="str", default=["mainline", "lab*"]),
        ),
        supports_check_mode=True,
    )
    try:
        result = run(module.params)
    except PacsError as error:
        error.fail(module)
    module.exit_json(changed=False, **result)


if __name__ == "__main__":
    main()
