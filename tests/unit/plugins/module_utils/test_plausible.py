# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sizes that a model can and can't have beside its images."""

from __future__ import annotations

import pytest
from ansible_collections.threedpc.pacs.plugins.module_utils.plausible import compared

# A CT of a head around the origin, and one of a body whose table stood elsewhere.
HEAD = (-115.0, -115.0, -100.0), (115.0, 115.0, 100.0)
BODY = (-250.0, -250.0, -1400.0), (250.0, 250.0, -600.0)
# Corners in millimeters.
MANDIBLE = (-50.0, -90.0, -80.0), (50.0, -10.0, -20.0)
PELVIS = (-150.0, -100.0, -1300.0), (150.0, 100.0, -1080.0)
UNITS = {"inch": 25.4, "centimeter": 10, "meter": 1000, "micrometer": 0.001}


def doubts(box, images, unit=None, scale=1):
    factor = UNITS[unit] if unit else scale
    return compared("a.stl", *([value / factor for value in corner] for corner in box), images)[1]


@pytest.mark.parametrize("box, images", [(MANDIBLE, HEAD), (PELVIS, BODY)])
@pytest.mark.parametrize("unit", ["inch", "centimeter"])
def test_the_likely_unit_is_named_with_the_size_that_would_follow(box, images, unit):
    [*_place, said] = doubts(box, images, unit)
    size = " x ".join("%.3g" % (box[1][axis] - box[0][axis]) for axis in (0, 2, 1))
    assert f"its unit is the {unit}, it is {size} mm" in said
    assert "a.stl" in said and "too small" in said


def test_meters_and_micrometers():
    leg = (-200.0, -100.0, -1390.0), (200.0, 100.0, -390.0)
    images = (-250.0, -250.0, -1400.0), (250.0, 250.0, -300.0)
    assert "its unit is the meter, it is 400 x 1e+03 x 200 mm" in doubts(leg, images, "meter")[-1]
    screw = (10.0, -60.0, -40.0), (10.5, -59.5, -38.0)
    [_place, said] = doubts(screw, HEAD, "micrometer")
    assert "its unit is the micrometer, it is 0.5 x 2 x 0.5 mm" in said and "too large" in said


@pytest.mark.parametrize("box", [MANDIBLE, ((-70, -90, -100), (70, 100, 90)), HEAD])
def test_what_is_as_large_as_what_the_images_show_raises_no_doubt(box):
    assert doubts(box, HEAD) == []


@pytest.mark.parametrize("box", [((20, -80, -60), (28, -70, -40)), ((60, 10, 30), (66, 16, 45))])
def test_a_tooth_and_a_screw_in_their_place_raise_no_doubt(box):
    assert doubts(box, HEAD) == []


def test_a_small_part_that_was_designed_at_the_origin_raises_one_doubt():
    [said] = doubts(((-2, -2, 0), (2, 2, 12)), HEAD)
    assert "too small" in said


def test_a_part_that_is_elsewhere_is_judged_by_its_size_only():
    [place, said] = doubts(MANDIBLE, BODY, "inch")
    assert "does not lie where the images are" in place and "its unit is the inch, it is 100 x 60 x 80 mm" in said


def test_without_images_that_say_where_they_are_only_what_is_unusual_is_said():
    assert compared("a.stl", *MANDIBLE, None) == (None, [])
    assert "really the millimeter" in doubts(MANDIBLE, None, "inch")[0]
    assert "really the millimeter" in doubts(MANDIBLE, None, scale=0.1)[0]
