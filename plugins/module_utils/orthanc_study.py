# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One study in Orthanc: which one is meant, what it is, and where its images lie in the patient."""

from __future__ import annotations

import hashlib
import itertools
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from ansible_collections.threedpc.pacs.plugins.module_utils.errors import PacsError

if TYPE_CHECKING:
    from ansible_collections.threedpc.pacs.plugins.module_utils.orthanc_client import OrthancClient

# Right to left, front to back, foot to head, and the corners of a box.
Point = Sequence[float]
Box = tuple[Point, Point]

ORTHANC_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{8}){4}")
# Series that are made from images and are none.
DERIVED = {"M3D", "SEG", "RTSTRUCT", "RTPLAN", "RTDOSE", "REG", "PR", "SR", "KO", "DOC", "FID"}


def orthanc_id(identifiers: Iterable[str | None]) -> str:
    """Orthanc's name of a resource, from PatientID and the UIDs of its ancestors and its own.

    As in Orthanc's DicomInstanceHasher: the values in UTF-8 and as a whole, also with backslashes in them, a missing
    PatientID as an empty one.
    """
    joined = "|".join(str(identifier or "") for identifier in identifiers)
    digest = hashlib.sha1(joined.encode(), usedforsecurity=False).hexdigest()
    return "-".join(re.findall(".{8}", digest))


def named(study: dict[str, Any]) -> str:
    """A study as a sentence can name it, without the patient."""
    tags = study["MainDicomTags"]
    parts = (tags.get("StudyInstanceUID"), tags.get("StudyDate"), tags.get("StudyDescription"))
    return " ".join(part for part in parts if part)


def find_study(client: OrthancClient, name: str) -> dict[str, Any]:
    """The one study that a text names, or an error that says what was found."""
    name = name.strip()
    if not name or set(name) & set("*?\\"):
        raise PacsError(
            "study is %r, but must be a Study Instance UID, an accession number or Orthanc's identifier of a study"
            % name
        )
    found = {}
    # A UID that breaks the rules of DICOM is one as well: Orthanc stores what it is sent.
    queries = [{"StudyInstanceUID": name}, {"AccessionNumber": name}]
    if ORTHANC_ID.fullmatch(name):
        try:
            study = client.get("/studies/" + name)
            found[study["ID"]] = study
        except PacsError as error:
            if error.result.get("status") != 404:
                raise
    for query in queries:
        asked = dict(Level="Study", Expand=True, CaseSensitive=True, Query=query)
        for study in client.request("POST", "/tools/find", asked) or []:
            found[study["ID"]] = study
    if len(found) == 1:
        study = next(iter(found.values()))
        if study["ID"] != name:
            expect_one_of_uid(client, study["MainDicomTags"]["StudyInstanceUID"])
        return study
    if not found:
        raise PacsError(
            "no study at %s has %r as Study Instance UID, accession number or Orthanc's identifier"
            % (client.root, name)
        )
    for uid in {study["MainDicomTags"]["StudyInstanceUID"] for study in found.values()}:
        expect_one_of_uid(client, uid)
    raise PacsError(
        "%d studies at %s have %r. Give the Study Instance UID of one of them: %s"
        % (len(found), client.root, name, "; ".join(sorted(map(named, found.values()))))
    )


def expect_one_of_uid(client: OrthancClient, uid: str) -> None:
    """Orthanc has several studies with one UID if their PatientIDs differ: one of them is some other patient's."""
    asked = dict(Level="Study", Expand=True, CaseSensitive=True, Query={"StudyInstanceUID": uid})
    found = [study["ID"] for study in client.request("POST", "/tools/find", asked) or []]
    if len(found) > 1:
        raise PacsError(
            "%d studies at %s have the Study Instance UID %s, each of another PatientID, so it does not say whose is "
            "meant. Delete the wrong one, or give Orthanc's identifier of the right one: %s"
            % (len(found), client.root, uid, ", ".join(sorted(found)))
        )


def numbers(text: Any) -> list[float]:
    """The numbers of a DICOM value, or an empty list."""
    try:
        return [float(part) for part in str(text or "").split("\\")]
    except ValueError:
        return []


class Study:
    """A study, asked from Orthanc when needed."""

    def __init__(self, client: OrthancClient, name: str) -> None:
        self.client = client
        found = find_study(client, name)
        self.id = found["ID"]
        self.attributes = dict(found.get("PatientMainDicomTags", {}), **found["MainDicomTags"])
        self.uid = self.attributes["StudyInstanceUID"]
        self.patient_id = self.attributes.get("PatientID", "")
        self.series = client.get("/studies/%s/series" % self.id)
        self._frames: dict[str, list[tuple[dict[str, Any], dict[str, Any]]]] | None = None

    def series_number(self, uid: str) -> int:
        """That of a series, or the next one for a new series."""
        taken = [0]
        for series in self.series:
            text = str(series["MainDicomTags"].get("SeriesNumber", "")).strip()
            if not text.isdigit():
                continue
            if series["MainDicomTags"].get("SeriesInstanceUID") == uid:
                return int(text)
            taken.append(int(text))
        return max(taken) + 1

    @property
    def frames(self) -> dict[str, list[tuple[dict[str, Any], dict[str, Any]]]]:
        """The series of images by their frame of reference, each with the tags of its first instance."""
        if self._frames is None:
            self._frames = {}
            for series in self.series:
                if series["MainDicomTags"].get("Modality") in DERIVED or not series.get("Instances"):
                    continue
                tags = self.client.get("/instances/%s/simplified-tags" % series["Instances"][0])
                if tags.get("FrameOfReferenceUID"):
                    self._frames.setdefault(tags["FrameOfReferenceUID"], []).append((series, tags))
        return self._frames

    def listed_frames(self) -> Iterator[str]:
        for uid, members in sorted(self.frames.items()):
            for series, tags in members:
                yield "%s (%s, %d instances, %s)" % (
                    uid,
                    series["MainDicomTags"].get("SeriesDescription") or "no description",
                    len(series["Instances"]),
                    tags.get("Modality", ""),
                )

    def extent(self, frame: str) -> Box | None:
        """The corners of the box around the images of a frame of reference, or None if they don't say."""
        points: list[Point] = []
        for series, tags in self.frames.get(frame, []):
            points += self._corners(series, tags)
        if not points:
            return None
        return tuple(map(min, zip(*points))), tuple(map(max, zip(*points)))

    def _corners(self, series: dict[str, Any], tags: dict[str, Any]) -> Iterator[Point]:
        rows, columns, spacing, thickness = (
            numbers(tags.get(name)) for name in ("Rows", "Columns", "PixelSpacing", "SliceThickness")
        )
        if not rows or not columns or len(spacing) != 2:
            return
        half = thickness[0] / 2 if thickness else 0.0
        for instance in self.client.get("/series/%s/instances" % series["ID"]):
            plane = instance.get("MainDicomTags", {})
            position = numbers(plane.get("ImagePositionPatient"))
            orientation = numbers(plane.get("ImageOrientationPatient") or tags.get("ImageOrientationPatient"))
            if len(position) != 3 or len(orientation) != 6:
                continue
            across, down = orientation[:3], orientation[3:]
            normal = [across[i - 2] * down[i - 1] - across[i - 1] * down[i - 2] for i in range(3)]
            # The outer edges of the voxels; DICOM gives their centers.
            for column, row, depth in itertools.product(
                (-0.5 * spacing[1], (columns[0] - 0.5) * spacing[1]),
                (-0.5 * spacing[0], (rows[0] - 0.5) * spacing[0]),
                (-half, half),
            ):
                yield tuple(
                    position[axis] + across[axis] * column + down[axis] * row + normal[axis] * depth
                    for axis in range(3)
                )


def required_study(study: Study, made_from: str | None) -> None:
    """Refuse to attach to one study what says that it was made from another one."""
    if made_from and made_from != study.uid:
        raise PacsError(
            "the segmentation belongs to study %s, but the model is to be attached to study %s. Attach it to its own "
            "study. If both are of the same patient and the same images, save it as .seg.nrrd and attach that"
            % (made_from, study.uid)
        )


def required_frame(study: Study, wanted: str | None) -> str:
    """The frame of reference of a model: the wanted one if the study can have it, or the only one."""
    if wanted:
        if study.frames and wanted not in study.frames:
            raise PacsError(
                "no images of study %s have the frame of reference %s, so a model of it does not belong there. The "
                "study has: %s" % (study.uid, wanted, "; ".join(study.listed_frames()))
            )
        return wanted
    if not study.frames:
        raise PacsError(
            "no images of study %s have a frame of reference: give frame_of_reference_uid, that of the images from "
            "which the model was made" % study.uid
        )
    if len(study.frames) > 1:
        raise PacsError(
            "the images of study %s have %d frames of reference: give as frame_of_reference_uid that of the images "
            "from which the model was made: %s" % (study.uid, len(study.frames), "; ".join(study.listed_frames()))
        )
    return next(iter(study.frames))


def inside(lower: Point, upper: Point, low: Point, high: Point) -> float:
    """The part of one box that lies in another, from 0 to 1. A flat box counts by its other sides."""
    share = 1.0
    for least, most, start, end in zip(lower, upper, low, high):
        overlap = min(most, end) - max(least, start)
        if overlap < 0:
            return 0.0
        if most > least:
            share *= overlap / (most - least)
    return share


def mirrored(lower: Point, upper: Point) -> Box:
    """The box with the other sign of x and y: what is LPS in RAS."""
    return (-upper[0], -upper[1], lower[2]), (-lower[0], -lower[1], upper[2])
