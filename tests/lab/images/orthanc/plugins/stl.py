# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Extract and show STL models that are stored as DICOM."""

from pathlib import Path

import labkit
import orthanc

PAGES = Path(__file__).resolve().parent / "pages" / "stl"
LIBRARY = Path("/usr/share/orthanc/o3dv")
TYPES = {".html": "text/html", ".js": "text/javascript"}
ENCAPSULATED_STL = "1.2.840.10008.5.1.4.1.1.104.3"
SOP_CLASS, MIME_TYPE, DOCUMENT = "0008-0016", "0042-0012", "0042-0011"


def tag(instance, name):
    """The bytes of one tag, without DICOM's padding of texts; None if it isn't there."""
    try:
        return orthanc.RestApiGet(f"/instances/{instance}/content/{name}").rstrip(b"\0 ")
    except orthanc.OrthancException:
        return None


def extract(output, request, instance):
    if labkit.get(f"/instances/{instance}") is None:
        raise labkit.Refused(404, "Unknown resource")
    if tag(instance, SOP_CLASS) != ENCAPSULATED_STL.encode() or tag(instance, MIME_TYPE) != b"model/stl":
        raise labkit.Refused(400, f"DICOM instance not encapsulating a STL model: {instance}")
    # With the byte that makes an odd length even, as the plugin's ExtractStl does (version 1.3, Plugin.cpp).
    output.AnswerBuffer(orthanc.RestApiGet(f"/instances/{instance}/content/{DOCUMENT}"), "model/stl")


def structures(output, request, instance):
    tags = labkit.get(f"/instances/{instance}/tags?simplify")
    if tags is None:
        raise labkit.Refused(404, "Unknown resource")
    if "StructureSetROISequence" not in tags:
        raise labkit.Refused(400, "Not an RT-STRUCT")
    labkit.answer_json(output, [item.get("ROIName", "") for item in tags["StructureSetROISequence"]])


def encode(output, request):
    raise labkit.Refused(501, "The lab does not make models")


def page(output, request, name):
    path = LIBRARY / name[len("o3dv/") :] if name.startswith("o3dv/") else PAGES / name
    if path.parent not in (LIBRARY, PAGES) or path.suffix not in TYPES or not path.is_file():
        raise labkit.Refused(404, "Unknown resource")
    output.AnswerBuffer(path.read_bytes(), TYPES[path.suffix])


def register():
    labkit.route(r"/stl/app/(.*)", "GET", page)
    labkit.route(r"/instances/([0-9a-f-]+)/stl", "GET", extract)
    labkit.route(r"/stl/rt-struct/([0-9a-f-]+)", "GET", structures)
    labkit.route("/stl/encode-rtstruct", "POST", encode)
    labkit.route("/stl/encode-nifti", "POST", encode)
