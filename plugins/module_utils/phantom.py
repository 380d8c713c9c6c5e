# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A CT study of a head that never lived, and the surface of its skull.

Everything follows from the parameters, so that the same parameters give the same bytes on every machine.
Coordinates are those of DICOM: x to the patient's left, y to the back, z to the head, in millimeters.

The skull is described by its radius in every direction from a center (a star-shaped body). The slices and the
surface come from the same radii, so the surface lies where the bone is. The radii are built with nothing but
arithmetic and square roots, which every processor rounds in the same way.
"""

from __future__ import annotations

import hashlib
import io
import os
import re
import traceback
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from ansible_collections.threedpc.pacs.plugins.module_utils.encapsulated_stl import IMPLEMENTATION
from ansible_collections.threedpc.pacs.plugins.module_utils.errors import PacsError
from ansible_collections.threedpc.pacs.plugins.module_utils.local_file import put
from ansible_collections.threedpc.pacs.plugins.module_utils.orthanc_study import orthanc_id
from ansible_collections.threedpc.pacs.plugins.module_utils.stl_model import binary_stl

try:
    import numpy as np
except ImportError:
    NUMPY_ERROR: str | None = traceback.format_exc()
else:
    NUMPY_ERROR = None

try:
    from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
    from pydicom.uid import UID, CTImageStorage, ExplicitVRLittleEndian
except ImportError:
    PYDICOM_ERROR: str | None = traceback.format_exc()
else:
    PYDICOM_ERROR = None

NAMESPACE = uuid.UUID("6a1c9d0e-53b7-4f6e-9a55-0c1f4b7d2e83")
# Raised when the same parameters give another study.
VERSION = "1"
DATE, TIME = "20260102", "030405"
SLICE_FILE = re.compile(r"slice-\d{4}\.dcm")

# Hounsfield units
AIR, SKIN, EYE, BRAIN, BONE = -1000, 60, 15, 35, 1000
INTERCEPT = -1024
NOISE = 8

# The head, in millimeters
CENTER = (0.0, 14.0, 12.0)
SKULL = (72.0, 88.0, 74.0)
BRAIN_CAVITY = (65.0, 80.0, 66.0)
SKIN_THICKNESS = 6.0
MARKER_RADIUS = 7.0
# Stuck on the skin of the left temple, so that left can be told from right in slices and surface.
MARKER = (88.0, 4.0, 22.0)
# The neck goes on beyond the first slice, as in a real study; its only vertebra ends there.
NECK, NECK_CENTER = (54.0, 56.0), (0.0, 12.0)
VERTEBRA, VERTEBRA_CENTER = (20.0, 17.0, 16.0), (0.0, 24.0, -96.0)
AIRWAY, AIRWAY_CENTER, AIRWAY_TOP = 8.0, (0.0, -14.0), -84.0

# Swellings and hollows of the skull: direction, cosine of the half angle that they cover, height
Bump = tuple[tuple[float, float, float], float, float]
JAW = ((0.0, -0.8, -0.6), 0.45, 26.0)
SOCKETS = (((0.36, -0.9, -0.245), 0.95, -24.0), ((-0.36, -0.9, -0.245), 0.95, -24.0))
NOSE = ((0.0, -0.84, -0.543), 0.975, -28.0)


@dataclass(frozen=True)
class Phantom:
    """The study that follows from these parameters."""

    slices: int = 100
    rows: int = 256
    columns: int = 256
    pixel_spacing: float = 0.9
    slice_thickness: float = 2.0
    patient_id: str = "PHANTOM"
    patient_name: str = "Phantom^Skull"
    accession_number: str = ""
    study_description: str = "CT head phantom"
    seed: str = "phantom"

    def __post_init__(self) -> None:
        for name, least, most in (
            ("slices", 1, 2000),
            ("rows", 16, 2048),
            ("columns", 16, 2048),
            ("pixel_spacing", 0.05, 20),
            ("slice_thickness", 0.05, 50),
        ):
            if not least <= getattr(self, name) <= most:
                raise PacsError(f"{name} is {getattr(self, name)}, but must be from {least} to {most}.")
        for name, length in (
            ("patient_id", 64),
            ("patient_name", 64),
            ("accession_number", 16),
            ("study_description", 64),
        ):
            text = getattr(self, name)
            if len(text) > length or "\\" in text or not text.isprintable() or text != text.strip():
                raise PacsError(
                    f"{name} is {text!r}, but must have at most {length} characters, none of them a backslash or a "
                    "control character, and no space at either end."
                )
        if not self.patient_id:
            raise PacsError("patient_id is empty, but Orthanc files a study under it.")

    # What identifies the study

    def uid(self, *what: Any) -> str:
        """Other content has another name: an archive that keeps what it has would ignore it otherwise."""
        name = repr((VERSION, sorted(asdict(self).items()), what))
        return f"2.25.{uuid.uuid5(NAMESPACE, name).int}"

    @property
    def study_instance_uid(self) -> str:
        return self.uid("study")

    @property
    def series_instance_uid(self) -> str:
        return self.uid("series")

    @property
    def frame_of_reference_uid(self) -> str:
        return self.uid("frame of reference")

    @property
    def sop_instance_uids(self) -> list[str]:
        return [self.uid("instance", index) for index in range(self.slices)]

    def orthanc_ids(self) -> dict[str, str | list[str]]:
        """The names that Orthanc computes for what it stores."""
        names = [self.patient_id, self.study_instance_uid, self.series_instance_uid]
        return {
            "patient": orthanc_id(names[:1]),
            "study": orthanc_id(names[:2]),
            "series": orthanc_id(names),
            "instances": [orthanc_id([*names, uid]) for uid in self.sop_instance_uids],
        }

    # Slices

    @property
    def origin(self) -> tuple[float, float, float]:
        """The center of the first voxel; the volume is centered on zero."""
        return (
            -(self.columns - 1) / 2 * self.pixel_spacing,
            -(self.rows - 1) / 2 * self.pixel_spacing,
            -(self.slices - 1) / 2 * self.slice_thickness,
        )

    def hounsfield(self, index: int) -> np.ndarray:
        """One slice in Hounsfield units, seen from the feet as radiologists do."""
        x0, y0, z0 = self.origin
        x = np.float32(x0 - CENTER[0]) + np.arange(self.columns, dtype=np.float32) * np.float32(self.pixel_spacing)
        y = np.float32(y0 - CENTER[1]) + np.arange(self.rows, dtype=np.float32) * np.float32(self.pixel_spacing)
        z = np.array(z0 - CENTER[2] + index * self.slice_thickness, dtype=np.float32)
        return head(x[None, :], y[:, None], z)

    def noise(self) -> np.ndarray:
        """The grain of a scanner, the same for all slices; this generator's stream never changes."""
        digest = hashlib.sha256(self.seed.encode()).digest()
        generator = np.random.RandomState(int.from_bytes(digest[:4], "big"))
        return generator.randint(-NOISE, NOISE + 1, size=(self.rows, self.columns)).astype(np.float32)

    def dataset(self, index: int, noise: np.ndarray | None = None) -> FileDataset:
        """One slice as a CT Image."""
        grain = self.noise() if noise is None else noise
        # Shifted from slice to slice, or it would show as lines in the other planes.
        grain = np.roll(grain, (37 * index, 101 * index), axis=(0, 1))
        pixels = np.rint(self.hounsfield(index) + grain - INTERCEPT).clip(0, 4095).astype("<u2")

        meta = FileMetaDataset()
        meta.MediaStorageSOPClassUID = CTImageStorage
        meta.MediaStorageSOPInstanceUID = UID(self.uid("instance", index))
        meta.TransferSyntaxUID = ExplicitVRLittleEndian
        meta.ImplementationClassUID = UID(IMPLEMENTATION)
        meta.ImplementationVersionName = "THREEDPC_PACS"

        image = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
        image.update(self.describe_study())
        image.update(self.describe_image(index))
        image.SOPInstanceUID = meta.MediaStorageSOPInstanceUID
        image.PixelData = pixels.tobytes()
        return image

    def describe_study(self) -> Dataset:
        common = Dataset()
        common.SpecificCharacterSet = "ISO_IR 192"
        common.PatientID = self.patient_id
        common.PatientName = self.patient_name
        common.PatientBirthDate = ""
        common.PatientSex = "O"
        common.StudyInstanceUID = self.study_instance_uid
        common.StudyID = "1"
        common.StudyDescription = self.study_description
        common.AccessionNumber = self.accession_number
        common.ReferringPhysicianName = ""
        for what in ("Study", "Series", "Acquisition", "Content"):
            setattr(common, f"{what}Date", DATE)
            setattr(common, f"{what}Time", TIME)
        common.Modality = "CT"
        common.SeriesInstanceUID = self.series_instance_uid
        common.SeriesNumber = 1
        common.SeriesDescription = "Bone and brain, synthetic"
        common.BodyPartExamined = "HEAD"
        common.PatientPosition = "HFS"
        common.FrameOfReferenceUID = self.frame_of_reference_uid
        common.PositionReferenceIndicator = ""
        common.Manufacturer = "threedpc.pacs"
        common.ManufacturerModelName = "Phantom"
        common.SoftwareVersions = VERSION
        common.BurnedInAnnotation = "NO"
        common.SOPClassUID = CTImageStorage
        return common

    def describe_image(self, index: int) -> Dataset:
        x, y, z = self.origin
        image = Dataset()
        image.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
        image.AcquisitionNumber = 1
        image.InstanceNumber = index + 1
        image.ImagePositionPatient = [decimal(x), decimal(y), decimal(z + index * self.slice_thickness)]
        image.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
        image.PixelSpacing = [decimal(self.pixel_spacing)] * 2
        image.SliceThickness = decimal(self.slice_thickness)
        image.SliceLocation = image.ImagePositionPatient[2]
        image.KVP = 120
        image.SamplesPerPixel = 1
        image.PhotometricInterpretation = "MONOCHROME2"
        image.Rows = self.rows
        image.Columns = self.columns
        image.BitsAllocated = 16
        image.BitsStored = 12
        image.HighBit = 11
        image.PixelRepresentation = 0
        image.RescaleIntercept = INTERCEPT
        image.RescaleSlope = 1
        image.RescaleType = "HU"
        image.WindowCenter = [400, 40]
        image.WindowWidth = [2000, 100]
        image.WindowCenterWidthExplanation = ["BONE", "BRAIN"]
        return image

    def names(self) -> list[str]:
        return [f"slice-{index + 1:04d}.dcm" for index in range(self.slices)]

    def files(self) -> Iterator[tuple[str, bytes]]:
        """Name and content of every file, one after the other."""
        noise = self.noise()
        for index, name in enumerate(self.names()):
            stream = io.BytesIO()
            self.dataset(index, noise).save_as(stream, enforce_file_format=True)
            yield name, stream.getvalue()

    def write(self, dest: str, model: str | None = None, dry_run: bool = False) -> list[str]:
        """Bring a directory, and perhaps a model, to this state; returns the paths that differed."""
        changed = []
        for name, content in self.files():
            if put(os.path.join(dest, name), content, dry_run):
                changed.append(os.path.join(dest, name))
        # What an earlier call with more slices left would be sent together with the study.
        for name in sorted(os.listdir(dest)) if os.path.isdir(dest) else []:
            if SLICE_FILE.fullmatch(name) and name not in self.names():
                changed.append(os.path.join(dest, name))
                if not dry_run:
                    os.unlink(os.path.join(dest, name))
        if model and put(model, binary_stl(skull_surface()), dry_run):
            changed.append(model)
        return changed


def decimal(value: float) -> str:
    """A number as a DICOM decimal string, which holds 16 characters."""
    return f"{value:.10g}"


# The shape. x, y, z are relative to the center of the head; arrays of any shapes that fit together.


def ellipsoid(x: np.ndarray, y: np.ndarray, z: np.ndarray, axes: Sequence[float]) -> np.ndarray:
    """The distance from the center as a multiple of the ellipsoid's radius in that direction."""
    return np.sqrt((x / axes[0]) ** 2 + (y / axes[1]) ** 2 + (z / axes[2]) ** 2)


def ellipse(x: np.ndarray, y: np.ndarray, center: Sequence[float], axes: Sequence[float]) -> np.ndarray:
    """The same in a slice."""
    return np.sqrt(((x - center[0]) / axes[0]) ** 2 + ((y - center[1]) / axes[1]) ** 2)


def bump(x: np.ndarray, y: np.ndarray, z: np.ndarray, distance: np.ndarray, where: Bump) -> np.ndarray:
    """A smooth hill of height 1 in a direction, 0 outside of the angle that it covers."""
    (dx, dy, dz), cosine, height = where
    length = (dx * dx + dy * dy + dz * dz) ** 0.5
    toward = (x * (dx / length) + y * (dy / length) + z * (dz / length)) / distance
    rise = ((toward - cosine) / (1 - cosine)).clip(0, 1)
    return rise * rise * (3 - 2 * rise)


def radii(x: np.ndarray, y: np.ndarray, z: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """In the direction of every point: its distance, and the radii of brain, skull and skin."""
    distance = np.sqrt(x * x + y * y + z * z).clip(1e-3)
    brain = distance / ellipsoid(x, y, z, BRAIN_CAVITY).clip(1e-6)
    face = distance / ellipsoid(x, y, z, SKULL).clip(1e-6) + JAW[2] * bump(x, y, z, distance, JAW)
    skull = face
    for hollow in (*SOCKETS, NOSE):
        skull = skull + hollow[2] * bump(x, y, z, distance, hollow)
    return distance, brain, skull, face + SKIN_THICKNESS


def head(x: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
    """Hounsfield units of the tissue at every point."""
    x, y, z = np.broadcast_arrays(x, y, z)
    distance, brain, skull, skin = radii(x, y, z)
    image = np.full(distance.shape, AIR, dtype=np.float32)
    image[distance <= skin] = SKIN
    # The hollows that the skull leaves under the skin: eyes, and air in the nose.
    hollow = (distance > skull) & (distance <= skin - SKIN_THICKNESS)
    image[hollow] = EYE
    image[hollow & (bump(x, y, z, distance, NOSE) > 0)] = AIR
    image[(z < 0) & (distance > skin) & (ellipse(x, y, NECK_CENTER, NECK) <= 1)] = SKIN
    image[(z < AIRWAY_TOP) & (ellipse(x, y, AIRWAY_CENTER, (AIRWAY, AIRWAY)) <= 1)] = AIR
    # Dense bone outside, spongy bone in the middle of the wall.
    depth = ((distance - brain) / (skull - brain)).clip(0, 1)
    image = np.where(distance <= skull, BONE - 400 * (4 * depth * (1 - depth)), image)
    # Folds, so that the brain is not one gray level.
    folds = 6 * np.sign(np.rint(distance / 4) % 2 - np.float32(0.5))
    image = np.where(distance <= brain, BRAIN + folds, image)
    for center, axes in ((MARKER, [MARKER_RADIUS] * 3), (VERTEBRA_CENTER, VERTEBRA)):
        inside = ellipsoid(x - center[0], y - center[1], z - center[2], axes)
        image = np.where(inside <= 1, BONE - 400 * (1 - inside), image)
    return image


# The surface


def sphere(rings: int, sectors: int) -> tuple[np.ndarray, np.ndarray]:
    """Directions and the triangles between them: a closed sphere whose triangles look outward."""
    polar = np.linspace(0, np.pi, rings + 1)[1:-1]
    around = np.arange(sectors) * (2 * np.pi / sectors)
    ring = np.stack(
        [
            np.outer(np.sin(polar), np.cos(around)),
            np.outer(np.sin(polar), np.sin(around)),
            np.outer(np.cos(polar), np.ones(sectors)),
        ],
        axis=-1,
    )
    points = np.concatenate([ring.reshape(-1, 3), [[0, 0, 1], [0, 0, -1]]])
    top, bottom = len(points) - 2, len(points) - 1

    number = np.arange((rings - 1) * sectors).reshape(rings - 1, sectors)
    after = np.roll(number, -1, axis=1)
    upper, upper_after, lower, lower_after = number[:-1], after[:-1], number[1:], after[1:]
    triangles = [
        np.stack([upper, lower, lower_after], axis=-1).reshape(-1, 3),
        np.stack([upper, lower_after, upper_after], axis=-1).reshape(-1, 3),
        np.stack([np.full(sectors, top), number[0], after[0]], axis=-1),
        np.stack([np.full(sectors, bottom), after[-1], number[-1]], axis=-1),
    ]
    return points, np.concatenate(triangles)


def skull_surface(rings: int = 90, sectors: int = 180) -> np.ndarray:
    """The surface of all bone and of the marker, as an array of triangles of three points."""
    points, triangles = sphere(rings, sectors)
    _distance, brain, skull, _skin = radii(*points.T)
    ball, ball_triangles = sphere(16, 32)
    surfaces = [
        (points * skull[:, None])[triangles],
        # The wall of the brain cavity: bone is outside of it, so its triangles look inward.
        (points * brain[:, None])[triangles[:, ::-1]],
        (ball * MARKER_RADIUS + np.array(MARKER))[ball_triangles],
        (ball * np.array(VERTEBRA) + np.array(VERTEBRA_CENTER))[ball_triangles],
    ]
    return np.concatenate(surfaces) + np.array(CENTER)
