# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The judge of the pictures is judged: it must not take an empty viewer for an image."""

from __future__ import annotations

import numpy as np
import pixels
import pytest

SIZE = 400
y, x = np.mgrid[-1 : 1 : SIZE * 1j, -1 : 1 : SIZE * 1j]
radius = np.sqrt((x / 0.5) ** 2 + (y / 0.6) ** 2)
grain = np.random.RandomState(1).randint(0, 8, (SIZE, SIZE))
shades = (40 * (x + 1)).astype(int)

BLACK = np.zeros((SIZE, SIZE), dtype=int)
HEAD = np.where(radius < 1, np.where(radius > 0.8, 120 + (80 * (x + 1)).astype(int), 80 + grain), 0)
NECK = np.where(radius < 1, 80 + shades // 2 + grain, 0)
DRAWING = np.where(radius < 1, np.where(radius > 0.8, 255, 80), 0)
HALF_LOADED = np.where(y < 0, HEAD, 0)
BODY = np.where(radius < 1, 60 + shades, 30)
FLAT_BODY = np.where(radius < 1, 120, 30)
MESSAGE = np.where((abs(y) < 0.03) & (grain > 4), 255, 30)
NOISE = np.random.RandomState(2).randint(0, 256, (SIZE, SIZE))


def test_head():
    assert pixels.is_head(HEAD)


@pytest.mark.parametrize(
    "picture", [BLACK, BLACK + 255, NECK, DRAWING, HALF_LOADED, BODY, FLAT_BODY, MESSAGE, NOISE, HEAD // 4]
)
def test_no_head(picture):
    assert not pixels.is_head(picture)


def test_model():
    assert pixels.is_model(BODY)


@pytest.mark.parametrize("picture", [BLACK, BLACK + 255, FLAT_BODY, MESSAGE])
def test_no_model(picture):
    assert not pixels.is_model(picture)


@pytest.mark.parametrize("picture", [BLACK, BLACK + 255, MESSAGE])
def test_empty(picture):
    assert pixels.is_empty(picture)


@pytest.mark.parametrize("picture", [HEAD, NECK, HALF_LOADED, BODY, FLAT_BODY, NOISE])
def test_not_empty(picture):
    assert not pixels.is_empty(picture)
