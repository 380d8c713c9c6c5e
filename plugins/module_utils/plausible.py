# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a model can be as large as it is, beside the images that it belongs to.

An STL does not name its unit. In another one than the millimeter a model is too small or too large by a known factor,
and so are its distances from the origin. Small parts are real, so nothing is refused here.
"""

from __future__ import annotations

from collections.abc import Iterator

from ansible_collections.threedpc.pacs.plugins.module_utils.orthanc_study import Box, Point, inside, mirrored

# In millimeters.
UNITS = (("inch", 25.4), ("centimeter", 10.0), ("meter", 1000.0), ("micrometer", 0.001))
# A model of which less lies where the images are was probably made in other coordinates.
MOSTLY = 0.5
# Of the longest side of the images: all that they show, in centimeters, is a tenth of it and perhaps some more.
SMALL, TINY, LARGE = 0.11, 0.02, 1.1
# If there are no images to compare with: most of what is printed is between these, in millimeters.
USUAL = (20.0, 500.0)


def sides(lower: Point, upper: Point) -> list[float]:
    return [high - low for low, high in zip(lower, upper)]


def written(lower: Point, upper: Point, factor: float = 1.0) -> str:
    """Width, height and depth."""
    width, depth, height = sides(lower, upper)
    return " x ".join("%.3g" % (side * factor) for side in (width, height, depth)) + " mm"


def compared(name: str, lower: Point, upper: Point, extent: Box | None) -> tuple[float | None, list[str]]:
    """How much of a model lies where the images are, or None, and sentences about what is doubtful."""
    if extent is None:
        return None, list(_alone(name, lower, upper))
    share = inside(lower, upper, *extent)
    return share, [*_place(name, lower, upper, extent, share), *_size(name, lower, upper, extent, share)]


def _alone(name: str, lower: Point, upper: Point) -> Iterator[str]:
    if not USUAL[0] <= max(sides(lower, upper)) <= USUAL[1]:
        yield (
            "%s is %s large (width x height x depth), and the images do not say how large they are. Is its unit really "
            "the millimeter?" % (name, written(lower, upper))
        )


def _place(name: str, lower: Point, upper: Point, extent: Box, share: float) -> Iterator[str]:
    if share >= MOSTLY:
        return
    said = "%s does not lie where the images are: it reaches from %s to %s mm, they reach from %s to %s" % (
        name,
        *("(%s)" % ", ".join("%.0f" % value for value in corner) for corner in (lower, upper, *extent)),
    )
    if inside(*mirrored(lower, upper), *extent) >= MOSTLY:
        said += ". With x and y of the other sign it would: it was probably exported in RAS instead of LPS coordinates"
    yield said


def _size(name: str, lower: Point, upper: Point, extent: Box, share: float) -> Iterator[str]:
    longest, images = max(sides(lower, upper)), max(sides(*extent))
    small, large = longest < SMALL * images, longest > LARGE * images
    units = [unit for unit in UNITS if (small and unit[1] > 1) or (large and unit[1] < 1)]
    units = [unit for unit in units if _fits(lower, upper, extent, share, unit[1])]
    if not (units or large or longest < TINY * images):
        return
    said = "%s is %s (width x height x depth), and the images beside it are %s: too %s for most of what they show" % (
        name,
        written(lower, upper),
        written(*extent),
        "large" if large else "small",
    )
    if units:
        said += ". " + ", ".join(
            "%s its unit is the %s, it is %s" % ("if" if number else "If", unit, written(lower, upper, factor))
            for number, (unit, factor) in enumerate(units)
        )
    yield said + ". If its unit is not the millimeter, remove it, export it in millimeters and attach it again"


def _fits(lower: Point, upper: Point, extent: Box, share: float, factor: float) -> bool:
    """Whether a model would be where the images are in another unit, or as large as they are if it is elsewhere."""
    box = [value * factor for value in lower], [value * factor for value in upper]
    if inside(*box, *extent) >= MOSTLY:
        return True
    size = max(sides(*box)) / max(sides(*extent))
    return share < MOSTLY and SMALL <= size <= LARGE
