# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""STL files: what they hold, and whether it can be a model of something in a body.

Everything works on portions of a file, so that a model of hundreds of megabytes needs a few of them in memory.
"""

from __future__ import annotations

import hashlib
import io
import mmap
import os
import re
import traceback
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO, cast

from ansible_collections.threedpc.pacs.plugins.module_utils.errors import PacsError
from ansible_collections.threedpc.pacs.plugins.module_utils.reading import reading

try:
    import numpy as np
except ImportError:
    NUMPY_ERROR: str | None = traceback.format_exc()
else:
    NUMPY_ERROR = None
    FACET = np.dtype([("normal", "<f4", 3), ("points", "<f4", (3, 3)), ("attribute", "<u2")])

HEADER_BYTES = 84
FACET_BYTES = 50
PORTION = 1 << 18
# Orthanc needs four times as much memory while it stores a model.
MAX_BYTES = 1 << 30
# The longest side of the box around a model, in millimeters: a screw's head, and more than a body.
MIN_SIDE, MAX_SIDE = 1.0, 2500.0

NUMBER = rb"\s+(\S+)"
# Some programs write "end solid", "end loop" and "end facet".
SOLID = re.compile(rb"\s*solid(?:[ \t]([^\r\n]*))?[\r\n]", re.IGNORECASE)
END = re.compile(rb"\s*end[ \t]*solid[^\r\n\x00\x1a]*\s*", re.IGNORECASE)
# What editors and old systems leave behind a text: the end of file of CP/M, and the rest of a block.
BEHIND = re.compile(rb"[\s\x00\x1a]*\Z")
UTF8 = b"\xef\xbb\xbf"
# The byte order marks of UTF-16 and UTF-32, and how a text looks in them without one.
WIDE = (b"\xff\xfe", b"\xfe\xff", b"\0\0\xfe\xff", b"s\0o\0", b"\0s\0o", b"s\0\0\0", b"\0\0\0s")
# What some programs say in the header or in the name of a solid: 3D Slicer the space, others the unit.
SAID = re.compile(rb"\b(space|units?)\s*[=:]\s*([A-Za-z-]+)", re.IGNORECASE)
LPS = {"lps", "left-posterior-superior"}
OTHER_UNITS = {"in", "inch", "inches", "ft", "foot", "feet", "cm", "m", "um", "nm", "km", "micron", "microns"}
OTHER_UNITS |= {front + end for front in ("", "centi", "micro") for end in ("meter", "meters", "metre", "metres")}
TEXT_FACET = re.compile(
    rb"\s*facet\s+normal"
    + NUMBER * 3
    + rb"\s+outer\s+loop"
    + (rb"\s+vertex" + NUMBER * 3) * 3
    + rb"\s+end[ \t]*loop\s+end[ \t]*facet(?=\s)",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Measures:
    """What a surface is like. Lengths in millimeters, if its coordinates are."""

    triangles: int
    lower: tuple[float, ...]
    upper: tuple[float, ...]
    # Enclosed volume and its center of mass; they mean something if the surface is closed.
    volume: float
    center: tuple[float, ...]
    # Every edge belongs to two triangles.
    closed: bool
    # And these two face the same way, so that inside and outside are told apart.
    watertight: bool

    @property
    def sides(self) -> tuple[float, ...]:
        return tuple(high - low for low, high in zip(self.lower, self.upper))

    @property
    def size(self) -> dict[str, float]:
        """In the patient's directions: from right to left, from head to foot, from front to back."""
        width, depth, height = self.sides
        return dict(width=width, height=height, depth=depth)


def facets(points: np.ndarray) -> np.ndarray:
    """Records of a binary STL for triangles of three points each."""
    result = np.zeros(len(points), dtype=FACET)
    result["points"] = points
    exact = points.astype(np.float64)
    normal = np.cross(exact[:, 1] - exact[:, 0], exact[:, 2] - exact[:, 0])
    length = np.linalg.norm(normal, axis=1, keepdims=True)
    result["normal"] = np.divide(normal, length, out=np.zeros_like(normal), where=length > 0)
    return result


def write(stream: BinaryIO, count: int, portions: Iterable[np.ndarray]) -> None:
    """A binary STL of so many triangles. A reader would take a header that begins with "solid" for a text."""
    stream.write(b"binary STL, patient coordinates LPS, millimeters".ljust(80) + count.to_bytes(4, "little"))
    for portion in portions:
        stream.write(facets(portion).tobytes())


def in_portions(points: np.ndarray) -> list[np.ndarray]:
    """Triangles in memory as what comes from a file."""
    return [points[start : start + PORTION] for start in range(0, len(points), PORTION)]


def binary_stl(points: np.ndarray) -> bytes:
    """A binary STL in memory."""
    content = io.BytesIO()
    write(content, len(points), in_portions(points))
    return content.getvalue()


# Reading


def is_binary(path: str, size: int) -> bool:
    with open(path, "rb") as stream:
        start = stream.read(HEADER_BYTES)
    if len(start) == HEADER_BYTES and size == HEADER_BYTES + int.from_bytes(start[80:], "little") * FACET_BYTES:
        check_said(start[:80], path)
        return True
    if start.startswith(WIDE):
        raise PacsError("%s is a text STL in UTF-16 or UTF-32. Save it as plain text (ASCII) or as binary STL" % path)
    if start.removeprefix(UTF8).lstrip().lower().startswith(b"solid"):
        return False
    if len(start) < HEADER_BYTES:
        raise PacsError("%s is not an STL file: it has only %d bytes" % (path, size))
    count = int.from_bytes(start[80:], "little")
    raise PacsError(
        "%s is not an STL file, or a part of one: it has %d bytes, but as a binary STL of %d triangles, as its "
        "header says, it would have %d. Export it again" % (path, size, count, HEADER_BYTES + count * FACET_BYTES)
    )


def check_said(text: bytes, path: str) -> None:
    """Refuse a file that says that its coordinates are others than these: the format itself has no place for it."""
    for what, value in SAID.findall(text):
        value = value.decode()
        space = what.lower() == b"space"
        if value.lower() not in LPS if space else value.lower() in OTHER_UNITS:
            raise PacsError(
                "%s says that its %s is %s, but models are kept in %s. Export it again in %s"
                % (path, "space" if space else "unit", value, *("LPS" if space else "mm",) * 2)
            )


class Text:
    """A text STL, which may hold several solids."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.solids = 0

    def portions(self) -> Iterator[np.ndarray]:
        """Arrays of triangles, or an error that names the line that is wrong."""
        self.solids = 0
        with open(self.path, "rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as content:
            position, values = len(UTF8) if content[:3] == UTF8 else 0, []
            while self.solids == 0 or not BEHIND.match(content, position):
                start = SOLID.match(content, position)
                if not start:
                    raise unreadable(self.path, content, position, "solid")
                check_said(start[1] or b"", self.path)
                position = start.end()
                self.solids += 1
                while True:
                    found = TEXT_FACET.match(content, position)
                    if not found:
                        break
                    position = found.end()
                    values.append(found.groups()[3:])
                    if len(values) == PORTION:
                        yield numbers(self.path, values)
                        values = []
                end = END.match(content, position)
                if not end:
                    raise unreadable(self.path, content, position, "facet or endsolid")
                position = end.end()
            if values:
                yield numbers(self.path, values)


def unreadable(path: str, content: mmap.mmap, position: int, expected: str) -> PacsError:
    blank = cast(re.Match[bytes], re.compile(rb"\s*").match(content, position)).end()
    line = content[:blank].count(b"\n") + 1
    where = "ends" if blank >= len(content) else "is not understood from line %d on" % line
    return PacsError("%s begins as a text STL, but %s where %s is expected. Export it again" % (path, where, expected))


def numbers(path: str, values: list[tuple[bytes, ...]]) -> np.ndarray:
    try:
        return np.array(values).astype(np.float32).reshape(-1, 3, 3)
    except ValueError as error:
        raise PacsError("%s holds a coordinate that is no number: %s" % (path, error)) from None


def binary_portions(path: str) -> Iterator[np.ndarray]:
    size = os.path.getsize(path)
    if size == HEADER_BYTES:
        return
    records = np.memmap(path, dtype=FACET, mode="r", offset=HEADER_BYTES)
    for start in range(0, len(records), PORTION):
        yield np.ascontiguousarray(records["points"][start : start + PORTION])


# Measuring


def mixed(value: np.ndarray) -> np.ndarray:
    """Other bits for each value, as a hash wants them (the finalizer of splitmix64)."""
    value = (value ^ (value >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    value = (value ^ (value >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return value ^ (value >> np.uint64(31))


class Measuring:
    """Takes a surface in portions.

    A surface is closed if every edge comes up an even number of times, and watertight if it comes up as often in one
    direction as in the other. Sums of hashes over the edges tell both without a list of the edges: they cancel out,
    and in an open surface the chance that they do so is one in 2 to the power of 64.
    """

    def __init__(self) -> None:
        self.triangles = 0
        self.lower, self.upper = np.full(3, np.inf), np.full(3, -np.inf)
        self.finite = True
        self.origin = np.full(3, np.nan)
        self.volume, self.moment = 0.0, np.zeros(3)
        self.directed, self.undirected = np.uint64(0), np.uint64(0)

    def add(self, points: np.ndarray) -> None:
        self.triangles += len(points)
        if not np.isfinite(points).all():
            self.finite = False
            return
        self.lower = np.minimum(self.lower, points.min(axis=(0, 1)))
        self.upper = np.maximum(self.upper, points.max(axis=(0, 1)))
        if np.isnan(self.origin).any():
            self.origin = points[0, 0].astype(np.float64)
        first, second, third = np.moveaxis(points.astype(np.float64) - self.origin, 1, 0)
        volumes = np.einsum("ij,ij->i", first, np.cross(second, third)) / 6
        self.volume += volumes.sum()
        self.moment += volumes @ (first + second + third) / 4
        with np.errstate(over="ignore"):
            self._add_edges(points)

    def _add_edges(self, points: np.ndarray) -> None:
        # Adding 0 turns -0.0 into 0.0.
        bits = (points + np.float32(0)).view(np.uint32).astype(np.uint64)
        names = mixed(mixed(bits[..., 0] | bits[..., 1] << np.uint64(32)) + bits[..., 2])
        for start, end in ((0, 1), (1, 2), (2, 0)):
            one, two = names[:, start], names[:, end]
            ahead, back = mixed(one + two * np.uint64(3)), mixed(two + one * np.uint64(3))
            self.directed += (ahead - back).sum(dtype=np.uint64)
            self.undirected ^= np.bitwise_xor.reduce(np.where(one == two, np.uint64(0), ahead ^ back))

    def result(self) -> Measures:
        center = self.origin + self.moment / self.volume if self.volume else (self.lower + self.upper) / 2
        return Measures(
            triangles=self.triangles,
            lower=tuple(map(float, self.lower)),
            upper=tuple(map(float, self.upper)),
            volume=float(self.volume),
            center=tuple(map(float, center)),
            closed=not self.undirected,
            watertight=not self.undirected and not self.directed,
        )


def measure(portions: Iterable[np.ndarray], name: str) -> Measures:
    """The measures of a surface, or an error that says why it can't be a model."""
    measuring = Measuring()
    for portion in portions:
        measuring.add(portion)
    if not measuring.triangles:
        raise PacsError("%s holds no triangle" % name)
    if not measuring.finite:
        raise PacsError("%s holds coordinates that are not finite numbers. Repair or export it again" % name)
    result = measuring.result()
    longest = max(result.sides)
    if not MIN_SIDE <= longest <= MAX_SIDE:
        raise PacsError(
            "%s is %s mm large if its unit is the millimeter, as DICOM wants it here, but the longest side must be "
            "from %g to %g mm. Is the unit another one, such as meters or inches? Scale it and export it again"
            % (name, " x ".join("%.4g" % side for side in result.sides), MIN_SIDE, MAX_SIDE)
        )
    return result


class Model:
    """An STL file as it will be stored: binary, which is what DICOM asks for."""

    def __init__(self, path: str, scratch: str) -> None:
        self.source = path
        self.solids = 1
        with reading(path, "STL file"):
            size = os.path.getsize(path)
            if not os.path.isfile(path):
                raise PacsError("%s is not a file" % path)
            if size > MAX_BYTES:
                raise PacsError("%s has %d bytes, but a model must not have more than %d" % (path, size, MAX_BYTES))
            self.was_text = not is_binary(path, size)
            self.path = self._as_binary(path, scratch) if self.was_text else path
            self.measures = measure(binary_portions(self.path), path)
            self.size = os.path.getsize(self.path)
            with open(self.path, "rb") as stream:
                self.sha256 = hashlib.file_digest(stream, "sha256").hexdigest()

    def _as_binary(self, path: str, scratch: str) -> str:
        text = Text(path)
        count = sum(len(portion) for portion in text.portions())
        self.solids = text.solids
        if HEADER_BYTES + count * FACET_BYTES > MAX_BYTES:
            raise PacsError("%s has %d triangles, which are more than a model may have" % (path, count))
        converted = os.path.join(scratch, "binary.stl")
        with open(converted, "wb") as stream:
            write(stream, count, text.portions())
        return converted

    def doubts(self) -> Iterator[str]:
        """Sentences about what may be wrong with the model and can't be told from here."""
        if not self.measures.closed:
            yield "%s is not watertight: some edges belong to one triangle only. A printer's software may repair it" % (
                self.source
            )
        elif not self.measures.watertight:
            yield (
                "%s is closed, but not all of its triangles face the same way, so inside and outside are not clear"
                % (self.source)
            )
        elif self.measures.volume < 0:
            yield "%s is inside out: its triangles face inward" % self.source
        if min(self.measures.sides) == 0:
            yield "%s is flat: all of its points lie in one plane" % self.source
        if self.solids > 1:
            yield "%s holds %d solids, which become one model" % (self.source, self.solids)

    def describe(self) -> dict[str, Any]:
        """For a module's result."""
        return dict(
            bytes=self.size,
            sha256=self.sha256,
            triangles=self.measures.triangles,
            lower=list(self.measures.lower),
            upper=list(self.measures.upper),
            volume=self.measures.volume,
            watertight=self.measures.watertight,
            converted=self.was_text,
        )
