#!/usr/bin/python
# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: stl_from_segmentation
short_description: Makes one STL model of each segment of a segmentation
version_added: 1.0.0
description:
  - Reads NRRD (V(.nrrd) and 3D Slicer's V(.seg.nrrd), also with overlapping segments), NIfTI (V(.nii), V(.nii.gz)) and
    DICOM SEG (V(.dcm)), and writes the surface of each segment as binary STL.
  - The surface is at the resolution of the data, in the patient's coordinates (LPS) and millimeters, so that it lies on
    the images that were segmented. It runs half-way between a voxel of the segment and its neighbor, and is watertight,
    also where the segment touches the border of the volume.
  - Nothing is smoothed and no triangle left out unless asked for.
  - A file that does not say where it lies in the patient, says it twice and differently, or holds an image instead of
    labels, is refused.
  - RTSTRUCT is not read, for want of a well-kept library.
author:
  - threedpc.pacs contributors (@threedpc)
extends_documentation_fragment:
  - threedpc.pacs.attributes
requirements:
  - numpy
  - vtk
  - pynrrd (for NRRD)
  - nibabel (for NIfTI)
  - highdicom (for DICOM SEG)
attributes:
  check_mode:
    support: full
    details: Makes the surfaces in memory, reports which files differ and writes nothing.
  diff_mode:
    support: none
    details: The files are binary; RV(models[].changed) tells which differ.
  idempotent:
    support: full
options:
  src:
    description: The segmentation. The end of its name tells the format.
    type: path
    required: true
  dest:
    description: Directory for the models. It is made if it is missing, its parents too.
    type: path
    required: true
  segments:
    description:
      - Names or numbers of the segments to make models of. By default all.
      - Names are compared without regard to case.
    type: list
    elements: str
  title:
    description:
      - Title of the model. If there are several, each is named after its segment, with this in front.
      - By default the segment's name, or the file's if segments have no names.
    type: str
  smooth:
    description:
      - Rounds of smoothing (a windowed sinc filter, which keeps the volume). 20 takes away the steps between voxels.
        0 is none.
      - It moves the surface by up to about half a voxel, and rounds what is thinner than a few voxels.
    type: int
    default: 0
  reduce:
    description:
      - The part of the triangles to do without, from 0 to 0.95 (quadric decimation that keeps the volume). 0 is none.
    type: float
    default: 0.0
"""

EXAMPLES = r"""
- name: Make a model of each segment
  threedpc.pacs.stl_from_segmentation:
    src: /srv/cases/17/Segmentation.seg.nrrd
    dest: /srv/cases/17/models
  delegate_to: localhost
  register: made

- name: Make a smoother and smaller model of one of them
  threedpc.pacs.stl_from_segmentation:
    src: /srv/cases/17/Segmentation.seg.nrrd
    dest: /srv/cases/17/models
    segments: [Mandible]
    smooth: 20
    reduce: 0.5
  delegate_to: localhost
"""

RETURN = r"""
models:
  description: The models, in the order of the segments. Lengths are in millimeters.
  returned: success
  type: list
  elements: dict
  contains:
    path:
      description: The STL file.
      returned: success
      type: str
      sample: /srv/cases/17/models/mandible.stl
    changed:
      description: Whether it was, or in check mode would be, written.
      returned: success
      type: bool
      sample: true
    title:
      description: Title for people.
      returned: success
      type: str
      sample: Mandible
    number:
      description: Number of the segment, or value of the label.
      returned: success
      type: int
      sample: 1
    name:
      description: Name of the segment; empty if the file has none.
      returned: success
      type: str
      sample: Mandible
    voxels:
      description: Number of voxels of the segment.
      returned: success
      type: int
      sample: 1031
    voxels_volume:
      description: Their volume in cubic millimeters.
      returned: success
      type: float
      sample: 40912.1
    volume:
      description: Volume of the model in cubic millimeters.
      returned: success
      type: float
      sample: 40887.0
    center:
      description: Center of mass of the model.
      returned: success
      type: list
      elements: float
      sample: [1.5, -38.2, -60.1]
    lower:
      description: Least coordinates.
      returned: success
      type: list
      elements: float
      sample: [-50.1, -70.0, -91.5]
    upper:
      description: Greatest coordinates.
      returned: success
      type: list
      elements: float
      sample: [49.5, 10.2, -31.0]
    size:
      description: Sides of the box around the model.
      returned: success
      type: dict
      contains:
        width:
          description: From the patient's right to left.
          returned: success
          type: float
          sample: 99.6
        height:
          description: From the patient's feet to head.
          returned: success
          type: float
          sample: 60.5
        depth:
          description: From the patient's front to back.
          returned: success
          type: float
          sample: 80.2
    triangles:
      description: Number of triangles.
      returned: success
      type: int
      sample: 120442
    watertight:
      description: Whether the surface is closed. Reducing may open it.
      returned: success
      type: bool
      sample: true
frame_of_reference_uid:
  description: Frame of Reference UID of the segmentation, which only DICOM has; otherwise empty.
  returned: success
  type: str
  sample: ""
study_instance_uid:
  description: Study Instance UID of the segmentation, which only DICOM has; otherwise empty.
  returned: success
  type: str
  sample: ""
geometry:
  description: By which statement of the file it is known where its voxels lie in the patient, and in which unit.
  returned: success
  type: str
  sample: its sform, in the scanner's space (code 1), in mm
"""

import os
import re
import unicodedata

from ansible.module_utils.basic import AnsibleModule, missing_required_lib
from ansible_collections.threedpc.pacs.plugins.module_utils.errors import PacsError
from ansible_collections.threedpc.pacs.plugins.module_utils.local_file import put
from ansible_collections.threedpc.pacs.plugins.module_utils.segmentation import ERRORS, library_for, read
from ansible_collections.threedpc.pacs.plugins.module_utils.stl_model import binary_stl, in_portions, measure
from ansible_collections.threedpc.pacs.plugins.module_utils.surface import VTK_ERROR, surface

TITLE_LENGTH = 64
# Of the volume of the voxels, by which a model may differ before it is said.
TOLERANCE = 0.01


def chosen(names, wanted):
    """The numbers of the wanted segments in the order of the file, or an error that lists what there is."""
    if wanted is None:
        return list(names)
    result = set()
    for text in wanted:
        found = [number for number, name in names.items() if name and name.casefold() == text.strip().casefold()]
        if not found and text.strip().isdigit() and int(text) in names:
            found = [int(text)]
        if not found:
            there = ", ".join("%d (%s)" % item if item[1] else str(item[0]) for item in names.items())
            raise PacsError("there is no segment %s. There are: %s" % (text, there))
        result.update(found)
    return [number for number in names if number in result]


def titles(names, numbers, title, path):
    """A title for each segment, all of them different."""
    stem = re.sub(r"(\.seg)?\.(nrrd|nii|nii\.gz|dcm)$", "", os.path.basename(path), flags=re.IGNORECASE)
    result = {}
    for number in numbers:
        if len(numbers) == 1:
            text = title or names[number] or stem
        else:
            own = names[number] or "%d" % number
            front = title or ("" if names[number] else stem)
            text = "%s %s" % (front, own) if front else own
        text = "".join(character if character.isprintable() and character != "\\" else " " for character in text)
        text = " ".join(text.split())[:TITLE_LENGTH].strip()
        if text in result.values():
            text = "%s (%d)" % (text[: TITLE_LENGTH - 12].strip(), number)
        result[number] = text
    return result


def file_name(title, taken):
    plain = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode()
    base = re.sub(r"[^a-z0-9]+", "-", plain.lower()).strip("-") or "model"
    name, count = base, 1
    while name in taken:
        count += 1
        name = "%s-%d" % (base, count)
    taken.add(name)
    return name + ".stl"


def make(params, check_mode):
    """The result of the module, and sentences about what is doubtful."""
    if not 0 <= params["smooth"] <= 200:
        raise PacsError("smooth is %d, but must be from 0 to 200" % params["smooth"])
    if not 0 <= params["reduce"] <= 0.95:
        raise PacsError("reduce is %g, but must be from 0 to 0.95" % params["reduce"])
    path = params["src"]
    segmentation = read(path)
    if not segmentation.names:
        raise PacsError("%s holds no segment: all of its voxels are 0" % path)
    numbers = chosen(segmentation.names, params["segments"])
    named = titles(segmentation.names, numbers, params["title"], path)
    models, doubts, taken = [], list(segmentation.doubts), set()
    for number in numbers:
        segment = segmentation.make(number)
        if not segment.voxels:
            doubts.append("segment %d (%s) of %s holds no voxel" % (number, segment.name, path))
            continue
        points = surface(segment.mask, segment.affine, params["smooth"], params["reduce"])
        measures = measure(in_portions(points), "segment %d (%s) of %s" % (number, named[number], path))
        expected = segment.voxels * segment.voxel_volume
        if abs(measures.volume - expected) > TOLERANCE * expected:
            doubts.append(
                "the model %s has %.0f mm3, its voxels %.0f: what is only a few voxels thick loses its edges"
                % (named[number], measures.volume, expected)
            )
        if not measures.watertight:
            doubts.append("the model %s is not watertight: reduce less" % named[number])
        target = os.path.join(params["dest"], file_name(named[number], taken))
        models.append(
            dict(
                path=target,
                changed=put(target, binary_stl(points), check_mode),
                title=named[number],
                number=number,
                name=segment.name,
                voxels=segment.voxels,
                voxels_volume=expected,
                volume=measures.volume,
                center=list(measures.center),
                lower=list(measures.lower),
                upper=list(measures.upper),
                size=measures.size,
                triangles=measures.triangles,
                watertight=measures.watertight,
            )
        )
    if not models:
        raise PacsError("%s holds no segment with a voxel" % path)
    return dict(
        changed=any(model["changed"] for model in models),
        models=models,
        frame_of_reference_uid=segmentation.frame_of_reference_uid,
        study_instance_uid=segmentation.study_instance_uid,
        geometry=segmentation.geometry,
    ), doubts


def main():
    module = AnsibleModule(
        argument_spec=dict(
            src=dict(type="path", required=True),
            dest=dict(type="path", required=True),
            segments=dict(type="list", elements="str"),
            title=dict(type="str"),
            smooth=dict(type="int", default=0),
            reduce=dict(type="float", default=0.0),
        ),
        supports_check_mode=True,
    )
    try:
        for library in ("numpy", library_for(module.params["src"])):
            if library in ERRORS:
                module.fail_json(msg=missing_required_lib(library), exception=ERRORS[library])
        if VTK_ERROR:
            module.fail_json(msg=missing_required_lib("vtk"), exception=VTK_ERROR)
        result, doubts = make(module.params, module.check_mode)
    except PacsError as error:
        error.fail(module)
    except OSError as error:
        module.fail_json(msg="%s could not be written: %s" % (error.filename or module.params["dest"], error.strerror))
    for doubt in doubts:
        module.warn(doubt)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
