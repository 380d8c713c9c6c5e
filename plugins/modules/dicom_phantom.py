#!/usr/bin/python
# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: dicom_phantom
short_description: Writes a synthetic CT study of a head, and the surface of its skull
version_added: 1.0.0
description:
  - Makes DICOM CT images of a head that never lived, with skull, eye sockets, nose, brain and neck, to try a PACS
    with. They can be segmented like a real study, and no patient has to be asked.
  - A ball of bone on the left temple tells left from right.
  - The same options give the same files with the same identifiers on every machine. Other options give other
    identifiers, so an archive never holds two contents under one.
  - Files are written to the machine that the module runs on, usually the controller.
author:
  - threedpc.pacs contributors (@threedpc)
extends_documentation_fragment:
  - threedpc.pacs.attributes
requirements:
  - numpy
  - pydicom >= 3.0
attributes:
  check_mode:
    support: full
    details: Makes the study in memory, reports which files differ and writes nothing.
  diff_mode:
    support: none
    details: The files are binary; RV(changed_files) names those that differ.
  idempotent:
    support: full
options:
  dest:
    description:
      - Directory for the images, one file per slice. It is made if it is missing, its parents too.
      - Files of this module that a study with more slices left there are removed; other files are left alone.
    type: path
    required: true
  model:
    description:
      - File for the surface of all bone as binary STL, in millimeters and patient coordinates (LPS).
      - It is watertight and lies where the bone is in the images.
    type: path
  slices:
    description: How many images. The default covers the head; the first one cuts the neck.
    type: int
    default: 100
  rows:
    description: Height of an image in pixels.
    type: int
    default: 256
  columns:
    description: Width of an image in pixels.
    type: int
    default: 256
  pixel_spacing:
    description: Distance between pixels in millimeters.
    type: float
    default: 0.9
  slice_thickness:
    description: Thickness of a slice, and the distance to the next one, in millimeters.
    type: float
    default: 2.0
  patient_id:
    description: Patient ID.
    type: str
    default: PHANTOM
  patient_name:
    description: Patient's name as DICOM writes it, family name first, parts separated by V(^).
    type: str
    default: Phantom^Skull
  accession_number:
    description: Accession number, at most 16 characters.
    type: str
    default: ""
  study_description:
    description: Description of the study.
    type: str
    default: CT head phantom
  seed:
    description: Any text. Another seed gives another study with the same shape and other noise.
    type: str
    default: phantom
"""

EXAMPLES = r"""
- name: Make a study and its model
  threedpc.pacs.dicom_phantom:
    dest: /tmp/phantom/study
    model: /tmp/phantom/skull.stl
    patient_id: PHANTOM-1
    accession_number: TEST-1
  delegate_to: localhost
  register: phantom

- name: Look for it in the archive
  ansible.builtin.uri:
    url: "https://pacs.example.org/orthanc/studies/{{ phantom.orthanc_ids.study }}"
    url_username: doctor
    url_password: "{{ doctor_password }}"
    force_basic_auth: true

- name: Make a study of three slices that differs from every other one
  threedpc.pacs.dicom_phantom:
    dest: /tmp/probe
    slices: 3
    seed: "{{ now(utc=true) }}"
"""

RETURN = r"""
study_instance_uid:
  description: Study Instance UID.
  returned: always
  type: str
  sample: "2.25.250223077809677958941738567124439101672"
series_instance_uid:
  description: Series Instance UID.
  returned: always
  type: str
  sample: "2.25.39876377427441412254478541963312094717"
frame_of_reference_uid:
  description: Frame of Reference UID, which an STL series of the same patient coordinates would share.
  returned: always
  type: str
  sample: "2.25.66116366823352513262937346716043218370"
sop_instance_uids:
  description: SOP Instance UIDs from the neck upward.
  returned: always
  type: list
  elements: str
  sample: ["2.25.330141722946339146352363712318323170829"]
orthanc_ids:
  description: The identifiers that Orthanc gives to what it stores.
  returned: always
  type: dict
  contains:
    patient:
      description: Identifier of the patient.
      type: str
      sample: 8a8cf898-ca27c490-d0c7058c-929d0581-2bbf104d
    study:
      description: Identifier of the study.
      type: str
      sample: be22b8eb-a9a2fdec-4732d62e-d46fd7ed-d2e3c02f
    series:
      description: Identifier of the series.
      type: str
      sample: 6b9e19d9-62094390-5f9ddb01-4a191ae7-9766b715
    instances:
      description: Identifiers of the images from the neck upward.
      type: list
      elements: str
      sample: [5ebb3c12-b5a8a0d3-23dd0fb3-7f0bd2b5-9b6a0a3b]
files:
  description: Paths of the images from the neck upward.
  returned: always
  type: list
  elements: str
  sample: [/tmp/phantom/study/slice-0001.dcm]
changed_files:
  description: Paths that were, or in check mode would be, written or removed.
  returned: always
  type: list
  elements: str
  sample: [/tmp/phantom/study/slice-0001.dcm, /tmp/phantom/skull.stl]
"""

import os

from ansible.module_utils.basic import AnsibleModule, missing_required_lib
from ansible_collections.threedpc.pacs.plugins.module_utils.errors import PacsError
from ansible_collections.threedpc.pacs.plugins.module_utils.phantom import NUMPY_ERROR, PYDICOM_ERROR, Phantom


def main():
    module = AnsibleModule(
        argument_spec={
            "dest": {"type": "path", "required": True},
            "model": {"type": "path"},
            "slices": {"type": "int", "default": 100},
            "rows": {"type": "int", "default": 256},
            "columns": {"type": "int", "default": 256},
            "pixel_spacing": {"type": "float", "default": 0.9},
            "slice_thickness": {"type": "float", "default": 2.0},
            "patient_id": {"type": "str", "default": "PHANTOM"},
            "patient_name": {"type": "str", "default": "Phantom^Skull"},
            "accession_number": {"type": "str", "default": ""},
            "study_description": {"type": "str", "default": "CT head phantom"},
            "seed": {"type": "str", "default": "phantom"},
        },
        supports_check_mode=True,
    )
    for library, error in (("numpy", NUMPY_ERROR), ("pydicom", PYDICOM_ERROR)):
        if error:
            module.fail_json(msg=missing_required_lib(library), exception=error)

    options = dict(module.params)
    dest, model = options.pop("dest"), options.pop("model")
    try:
        phantom = Phantom(**options)
        changed = phantom.write(dest, model, dry_run=module.check_mode)
    except PacsError as error:
        error.fail(module)
    except OSError as error:
        module.fail_json(msg=f"{error.filename or dest} could not be written: {error.strerror}")

    module.exit_json(
        changed=bool(changed),
        changed_files=changed,
        files=[os.path.join(dest, name) for name in phantom.names()],
        study_instance_uid=phantom.study_instance_uid,
        series_instance_uid=phantom.series_instance_uid,
        frame_of_reference_uid=phantom.frame_of_reference_uid,
        sop_instance_uids=phantom.sop_instance_uids,
        orthanc_ids=phantom.orthanc_ids(),
    )


if __name__ == "__main__":
    main()
