#!/usr/bin/python
# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: orthanc_system_info
short_description: Says what an Orthanc is, and on request what it holds
version_added: 1.0.0
description:
  - Returns the version, identity and settings that Orthanc tells about itself.
  - A field that this version of Orthanc does not tell is null.
author:
  - threedpc.pacs contributors (@threedpc)
extends_documentation_fragment:
  - threedpc.pacs.attributes
  - threedpc.pacs.attributes.info_module
  - threedpc.pacs.orthanc
options:
  statistics:
    description: Whether to count what is stored. This takes a while on a large archive.
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: Which Orthanc is this?
  threedpc.pacs.orthanc_system_info:
    url: https://pacs.example.org/orthanc
    url_username: staff
    url_password: "{{ staff_password }}"
    ca_path: /etc/ssl/hospital-ca.pem
    statistics: true
  register: orthanc
"""

RETURN = r"""
system:
  description: What Orthanc is.
  returned: always
  type: dict
  contains:
    version:
      description: Version of Orthanc.
      returned: always
      type: str
      sample: 1.13.0
    api_version:
      description: Version of its REST API.
      returned: always
      type: int
      sample: 31
    name:
      description: Its name.
      returned: always
      type: str
      sample: PACS
    dicom_aet:
      description: Its AE title.
      returned: always
      type: str
      sample: 3DPCPACS
    dicom_port:
      description: Its DICOM port.
      returned: always
      type: int
      sample: 4242
    http_port:
      description: Its HTTP port.
      returned: always
      type: int
      sample: 8042
    database_version:
      description: Version of the database schema.
      returned: always
      type: int
      sample: 6
    database_backend:
      description: File of the plugin that keeps the index; null for the built-in SQLite.
      returned: always
      type: str
      sample: /usr/share/orthanc/plugins/libOrthancPostgreSQLIndex.so
    storage_area:
      description: File of the plugin that keeps the files; null for the built-in file system.
      returned: always
      type: str
      sample: null
    plugins_enabled:
      description: Whether it can load plugins.
      returned: always
      type: bool
      sample: true
    read_only:
      description: Whether it refuses every change.
      returned: always
      type: bool
      sample: false
    overwrite_instances:
      description: What happens to an instance that comes again, V(Never), V(Always) or V(IfChanged).
      returned: always
      type: str
      sample: Never
    storage_compression:
      description: Whether stored files are compressed.
      returned: always
      type: bool
      sample: false
    maximum_storage_size:
      description: Limit of the storage in megabytes; 0 for none.
      returned: always
      type: int
      sample: 0
    maximum_patient_count:
      description: Limit of the number of patients; 0 for none.
      returned: always
      type: int
      sample: 0
    maximum_storage_mode:
      description: What happens at the limit, V(Recycle) or V(Reject).
      returned: always
      type: str
      sample: Recycle
statistics:
  description: What Orthanc holds.
  returned: when O(statistics=true)
  type: dict
  contains:
    patients:
      description: Number of patients.
      returned: always
      type: int
      sample: 2
    studies:
      description: Number of studies.
      returned: always
      type: int
      sample: 3
    series:
      description: Number of series.
      returned: always
      type: int
      sample: 5
    instances:
      description: Number of instances.
      returned: always
      type: int
      sample: 412
    disk_size:
      description: Bytes on the disk.
      returned: always
      type: int
      sample: 216006656
    uncompressed_size:
      description: Bytes before compression.
      returned: always
      type: int
      sample: 216006656
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.threedpc.pacs.plugins.module_utils.errors import PacsError
from ansible_collections.threedpc.pacs.plugins.module_utils.orthanc_client import OrthancClient, orthanc_argument_spec


def overwrite(value):
    """What the truth value means with which Orthanc answers."""
    return "Always" if value else "Never"


# Our name, Orthanc's name, type.
SYSTEM = [
    ("version", "Version", str),
    ("api_version", "ApiVersion", int),
    ("name", "Name", str),
    ("dicom_aet", "DicomAet", str),
    ("dicom_port", "DicomPort", int),
    ("http_port", "HttpPort", int),
    ("database_version", "DatabaseVersion", int),
    ("database_backend", "DatabaseBackendPlugin", str),
    ("storage_area", "StorageAreaPlugin", str),
    ("plugins_enabled", "PluginsEnabled", bool),
    ("read_only", "ReadOnly", bool),
    ("overwrite_instances", "OverwriteInstances", overwrite),
    ("storage_compression", "StorageCompression", bool),
    ("maximum_storage_size", "MaximumStorageSize", int),
    ("maximum_patient_count", "MaximumPatientCount", int),
    ("maximum_storage_mode", "MaximumStorageMode", str),
]
# Orthanc writes the sizes as text, because JavaScript can't count so far.
STATISTICS = [
    ("patients", "CountPatients", int),
    ("studies", "CountStudies", int),
    ("series", "CountSeries", int),
    ("instances", "CountInstances", int),
    ("disk_size", "TotalDiskSize", int),
    ("uncompressed_size", "TotalUncompressedSize", int),
]


def typed(answer, fields):
    if not isinstance(answer, dict):
        raise PacsError("the answer is not what Orthanc says about itself: does the URL lead to Orthanc's REST API?")
    return {ours: None if answer.get(theirs) is None else kind(answer[theirs]) for ours, theirs, kind in fields}


def system(answer):
    found = typed(answer, SYSTEM)
    # Since 1.13, beside the truth value, which can't say all three (OrthancRestSystem.cpp).
    found["overwrite_instances"] = answer.get("OverwriteInstancesMode") or found["overwrite_instances"]
    return found


def run(params):
    client = OrthancClient(params)
    result = dict(system=system(client.get("/system")))
    if params["statistics"]:
        result["statistics"] = typed(client.get("/statistics"), STATISTICS)
    return result


def main():
    module = AnsibleModule(
        argument_spec=dict(orthanc_argument_spec(), statistics=dict(type="bool", default=False)),
        supports_check_mode=True,
    )
    try:
        result = run(module.params)
    except PacsError as error:
        error.fail(module)
    module.exit_json(changed=False, **result)


if __name__ == "__main__":
    main()
