#!/usr/bin/python
# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: orthanc_stl
short_description: Attaches an STL model to a study, or removes it
version_added: 1.0.0
description:
  - Stores an STL file in a study as a DICOM instance, an Encapsulated STL as in DICOM PS3.3, A.85.1.
  - The title names the model within its study. The same content again changes nothing. Other content becomes a new
    version, an instance of its own in the same series; older versions stay until they are removed.
  - The file is checked before anything is sent. It must be an STL that can be read to its end, with finite coordinates
    and a longest side from 1 to 2500 millimeters. Whether it is watertight, lies where the images are, and has a size
    that fits them is said but not enforced.
  - The size is kept in the instance as its Content Description, width, height and depth in millimeters, so that it can
    be shown without the model.
  - DICOM wants binary STL. A text STL is converted, with the same triangles; a binary one is stored byte for byte.
  - It runs where the file is, usually the controller. Apart from the file itself it needs as much room again in the
    temporary directory.
author:
  - threedpc.pacs contributors (@threedpc)
requirements:
  - numpy
  - pydicom >= 3.0
extends_documentation_fragment:
  - threedpc.pacs.attributes
  - threedpc.pacs.orthanc
attributes:
  check_mode:
    support: full
    details: Checks the file, asks Orthanc what is there, and sends and removes nothing.
  diff_mode:
    support: full
    details: Shows the versions of the model before and after.
  idempotent:
    support: full
options:
  study:
    description:
      - The study, by its Study Instance UID, its accession number or Orthanc's identifier.
      - Exactly one study must have it.
    type: str
    required: true
  src:
    description:
      - The STL file, binary or text, in millimeters. Its coordinates should be those of the images (LPS).
      - Required if O(state=present). With O(state=absent), only the version with this content is removed.
    type: path
  title:
    description:
      - Name of the model within the study, at most 64 characters. It is what people see.
      - By default the name of the file without V(.stl). Required if O(state=absent) and there is no O(src).
    type: str
  frame_of_reference_uid:
    description:
      - Frame of Reference UID of the images that the model was made from.
      - By default that of the images of the study. It must be given if they have several, and must be one of them.
    type: str
  made_from_study:
    description:
      - Study Instance UID of the study that the model was made from, if that is known, as the module
        M(threedpc.pacs.stl_from_segmentation) returns it. It must be that of O(study).
    type: str
    version_added: 1.1.0
  state:
    description: Whether the model should be there. V(absent) removes all of its versions, or the one that is O(src).
    type: str
    choices: [present, absent]
    default: present
"""

EXAMPLES = r"""
- name: Attach a model
  threedpc.pacs.orthanc_stl:
    url: https://pacs.example.org/orthanc
    url_username: staff
    url_password: "{{ staff_password }}"
    study: "2026-0815"
    src: /srv/models/mandible.stl
    title: Mandible, for printing
  delegate_to: localhost

- name: Remove it with all its versions
  threedpc.pacs.orthanc_stl:
    url: https://pacs.example.org/orthanc
    url_username: staff
    url_password: "{{ staff_password }}"
    study: "2026-0815"
    title: Mandible, for printing
    state: absent
  delegate_to: localhost
"""

RETURN = r"""
study:
  description: The study.
  returned: success
  type: dict
  contains:
    id:
      description: Orthanc's identifier.
      returned: success
      type: str
      sample: be22b8eb-a9a2fdec-4732d62e-d46fd7ed-d2e3c02f
    study_instance_uid:
      description: Study Instance UID.
      returned: success
      type: str
      sample: "2.25.250223077809677958941738567124439101672"
title:
  description: Title of the model.
  returned: success
  type: str
  sample: Mandible, for printing
model:
  description: What the file holds, if O(src) is given. Lengths are in millimeters.
  returned: success
  type: dict
  contains:
    bytes:
      description: Length of what is, or would be, stored.
      returned: success
      type: int
      sample: 3300084
    sha256:
      description: Its SHA-256.
      returned: success
      type: str
      sample: 7c8de1d160b2b2c360c88b498f1e86b2484ffcb01677d61aee6ad84ec2c40e93
    triangles:
      description: Number of triangles.
      returned: success
      type: int
      sample: 66000
    lower:
      description: Least coordinates.
      returned: success
      type: list
      elements: float
      sample: [-72.0, -95.2, -100.0]
    upper:
      description: Greatest coordinates.
      returned: success
      type: list
      elements: float
      sample: [95.0, 102.0, 86.0]
    size:
      description: Sides of the box around the model.
      returned: success
      type: dict
      contains:
        width:
          description: From the patient's right to left.
          returned: success
          type: float
          sample: 167.0
        height:
          description: From the patient's feet to head.
          returned: success
          type: float
          sample: 186.0
        depth:
          description: From the patient's front to back.
          returned: success
          type: float
          sample: 197.2
    volume:
      description: Volume in cubic millimeters. It means something if the surface is closed.
      returned: success
      type: float
      sample: 823204.5
    watertight:
      description: Whether the surface is closed and all triangles face the same way.
      returned: success
      type: bool
      sample: true
    converted:
      description: Whether the file was a text STL and is stored as a binary one.
      returned: success
      type: bool
      sample: false
frame_of_reference_uid:
  description: Frame of Reference UID of the model. Empty if a model is removed by its title.
  returned: success
  type: str
  sample: "2.25.66116366823352513262937346716043218370"
series_instance_uid:
  description: Series Instance UID of the model. Empty if a model is removed by its title.
  returned: success
  type: str
  sample: "2.25.39876377427441412254478541963312094717"
sop_instance_uid:
  description: SOP Instance UID of this content. Empty if a model is removed by its title.
  returned: success
  type: str
  sample: "2.25.330141722946339146352363712318323170829"
instance_id:
  description: Orthanc's identifier of the instance with this content. Empty in check mode if it is not there yet.
  returned: success
  type: str
  sample: 5ebb3c12-b5a8a0d3-23dd0fb3-7f0bd2b5-9b6a0a3b
versions:
  description: Orthanc's identifiers of the versions of the model, oldest first, as they are or in check mode would be.
  returned: success
  type: list
  elements: str
  sample: [5ebb3c12-b5a8a0d3-23dd0fb3-7f0bd2b5-9b6a0a3b]
removed:
  description: Orthanc's identifiers of the instances that were, or in check mode would be, removed.
  returned: success
  type: list
  elements: str
  sample: []
inside:
  description:
    - The part of the box around the model that lies in the box around the images of the same frame of reference, from
      0 to 1.
    - Null if the study has no images that tell where they are, slice by slice.
  returned: success
  type: float
  sample: 1.0
"""

import datetime
import hashlib
import os
import re

from ansible.module_utils.basic import AnsibleModule, missing_required_lib
from ansible_collections.threedpc.pacs.plugins.module_utils.encapsulated_stl import (
    MANUFACTURER,
    PYDICOM_ERROR,
    describe,
    instance_uid,
    series_uid,
    write,
)
from ansible_collections.threedpc.pacs.plugins.module_utils.errors import PacsError
from ansible_collections.threedpc.pacs.plugins.module_utils.orthanc_client import OrthancClient, orthanc_argument_spec
from ansible_collections.threedpc.pacs.plugins.module_utils.orthanc_study import (
    Study,
    orthanc_id,
    required_frame,
    required_study,
)
from ansible_collections.threedpc.pacs.plugins.module_utils.plausible import compared
from ansible_collections.threedpc.pacs.plugins.module_utils.stl_model import NUMPY_ERROR, Model

TITLE_LENGTH = 64


def wanted_title(params):
    title = params["title"]
    if title is None:
        if not params["src"]:
            raise PacsError("title is missing: state absent needs it, or src, to know which model to remove")
        title = re.sub(r"\.stl$", "", os.path.basename(params["src"]), flags=re.IGNORECASE)
    title = title.strip()
    if not title or len(title) > TITLE_LENGTH or "\\" in title or not title.isprintable():
        raise PacsError(
            "title is %r, but must have 1 to %d characters, none of them a backslash or a control character"
            % (title, TITLE_LENGTH)
        )
    return title


class Attachment:
    """One model of one study, and its versions in Orthanc."""

    def __init__(self, params, scratch):
        self.client = OrthancClient(params)
        self.title = wanted_title(params)
        self.scratch = scratch
        self.model = Model(params["src"], scratch) if params["src"] else None
        self.study = Study(self.client, params["study"])
        required_study(self.study, params["made_from_study"])
        self.frame = required_frame(self.study, params["frame_of_reference_uid"]) if self.model else ""
        self.series = self.sop_instance = ""
        if self.model:
            self.series = series_uid(self.study.uid, self.title, self.frame)
            self.sop_instance = instance_uid(self.study.uid, self.title, self.frame, self.model.sha256)

    def stored(self):
        """The versions of the model that Orthanc has, oldest first. What others attached is not ours."""
        found = []
        for series in self.study.series:
            tags = series["MainDicomTags"]
            if tags.get("Modality") != "M3D" or tags.get("Manufacturer") != MANUFACTURER:
                continue
            ours = tags.get("SeriesInstanceUID") == self.series if self.model else None
            if ours or (ours is None and tags.get("SeriesDescription") == self.title):
                found += self.client.get("/series/%s/instances" % series["ID"])
        return sorted(found, key=number)

    def result(self, before, after, **more):
        share, doubts = None, []
        if self.model:
            measures = self.model.measures
            share, doubts = compared(self.model.source, measures.lower, measures.upper, self.study.extent(self.frame))
            doubts = [*self.model.doubts(), *doubts]
        return dict(
            changed=before != after,
            study=dict(id=self.study.id, study_instance_uid=self.study.uid),
            title=self.title,
            model=dict(self.model.describe(), size=self.model.measures.size) if self.model else {},
            frame_of_reference_uid=self.frame,
            series_instance_uid=self.series,
            sop_instance_uid=self.sop_instance,
            versions=after,
            inside=share,
            diff=dict(
                before=dict(title=self.title, versions=before),
                after=dict(title=self.title, versions=after),
            ),
            **more,
        ), doubts

    def attach(self, check_mode):
        stored = self.stored()
        before = [instance["ID"] for instance in stored]
        for instance in stored:
            if instance["MainDicomTags"].get("SOPInstanceUID") == self.sop_instance:
                self._must_be_whole(instance)
                result, doubts = self.result(before, before, instance_id=instance["ID"], removed=[])
                if instance["ID"] != before[-1]:
                    doubts.append("This version of %r is there already, but a newer one is there too" % self.title)
                return result, doubts
        if check_mode:
            named = [self.study.patient_id, self.study.uid, self.series, self.sop_instance]
            result, doubts = self.result(before, [*before, orthanc_id(named)], instance_id="", removed=[])
            return result, doubts
        new = self._send(1 + max([number(instance) for instance in stored], default=0))
        return self.result(before, [*before, new], instance_id=new, removed=[])

    def _must_be_whole(self, instance):
        if not 0 <= instance.get("FileSize", 0) - self.model.size < 1 << 20:
            raise PacsError(
                "Orthanc's instance %s has the identifier of this model, but %s bytes, which can't be it. Remove it "
                "and try again" % (instance["ID"], instance.get("FileSize"))
            )

    def _send(self, instance_number):
        file = os.path.join(self.scratch, "model.dcm")
        described = describe(
            self.study.attributes,
            self.model,
            self.title,
            self.frame,
            self.study.series_number(self.series),
            instance_number,
            datetime.datetime.now(),
        )
        write(file, described, self.model)
        answer = self.client.post_file("/instances", file)
        new = answer.get("ID", "")
        if answer.get("ParentStudy") != self.study.id:
            self.client.request("DELETE", "/instances/%s" % new)
            raise PacsError(
                "Orthanc filed the model under another study (%s), so it was removed again. Is the Patient ID of study "
                "%s written in an unusual way?" % (answer.get("ParentStudy"), self.study.uid)
            )
        self._must_be_what_was_sent(new, file)
        return new

    def _must_be_what_was_sent(self, new, file):
        found = self.client.get("/instances/%s/attachments/dicom/info" % new)
        with open(file, "rb") as stream:
            sent = hashlib.file_digest(stream, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
        # An Orthanc can be told not to keep checksums.
        if found.get("UncompressedMD5") not in ("", None, sent):
            raise PacsError(
                "Orthanc did not store the model as it was sent, but changed it (instance %s). Does a script or an "
                "option such as IngestTranscoding change what it receives?" % new
            )

    def remove(self, check_mode):
        stored = self.stored()
        gone = [
            instance["ID"]
            for instance in stored
            if not self.model or instance["MainDicomTags"].get("SOPInstanceUID") == self.sop_instance
        ]
        before = [instance["ID"] for instance in stored]
        if not check_mode:
            for instance in gone:
                self.client.request("DELETE", "/instances/%s" % instance)
        after = [instance for instance in before if instance not in gone]
        result, _doubts = self.result(before, after, instance_id="", removed=gone)
        return result, []


def number(instance):
    text = str(instance.get("MainDicomTags", {}).get("InstanceNumber", ""))
    return int(text) if text.isdigit() else 0


def main():
    module = AnsibleModule(
        argument_spec=dict(
            orthanc_argument_spec(),
            study=dict(type="str", required=True),
            src=dict(type="path"),
            title=dict(type="str"),
            frame_of_reference_uid=dict(type="str"),
            made_from_study=dict(type="str"),
            state=dict(type="str", choices=["present", "absent"], default="present"),
        ),
        required_if=[("state", "present", ["src"])],
        supports_check_mode=True,
    )
    for library, error in (("numpy", NUMPY_ERROR), ("pydicom", PYDICOM_ERROR)):
        if error:
            module.fail_json(msg=missing_required_lib(library), exception=error)
    try:
        attachment = Attachment(module.params, module.tmpdir)
        act = attachment.attach if module.params["state"] == "present" else attachment.remove
        result, doubts = act(module.check_mode)
    except PacsError as error:
        error.fail(module)
    for doubt in doubts:
        module.warn(doubt)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
