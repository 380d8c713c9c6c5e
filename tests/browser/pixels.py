# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What can be seen in a picture. A page may say anything; only its pixels show that the image arrived."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image


def gray(png):
    return np.asarray(Image.open(io.BytesIO(png)).convert("L")).astype(int)


def middle(picture, part=0.8):
    """The square in the middle, without the writing at the border."""
    side = int(min(picture.shape) * part)
    top, left = ((length - side) // 2 for length in picture.shape)
    return picture[top : top + side, left : left + side]


def skull_seen(picture):
    """How many of 72 rays from the middle of a head go through dim brain and bright bone into black air."""
    picture = middle(picture)
    rows, columns = np.nonzero(picture > 40)
    if len(rows) < picture.size // 50:
        return 0.0
    center = np.array([rows.mean(), columns.mean()])
    seen = 0
    for angle in np.linspace(0, 2 * np.pi, 72, endpoint=False):
        reach = np.arange(0, min(picture.shape) / 2)
        points = (center + np.outer(reach, [np.sin(angle), np.cos(angle)])).astype(int)
        ray = picture[tuple(points[((points >= 0) & (points < picture.shape)).all(axis=1)].T)]
        bone = int(ray.argmax())
        brain = np.median(ray[: max(bone // 2, 1)])
        seen += 20 < brain < 150 and ray[bone] > brain + 50 and ray[-1] < 20
    return seen / 72


def is_head(picture):
    """A slice through a skull: bone around the brain nearly everywhere, and more shades than a drawing has."""
    return skull_seen(picture) > 0.75 and len(np.unique(middle(picture))) > 60


def body(picture):
    """Where a picture differs from its background, the most frequent gray."""
    return np.abs(picture - np.bincount(picture.ravel()).argmax()) > 24


def is_model(picture):
    """A shaded body before one background."""
    picture = middle(picture)
    return 0.05 < body(picture).mean() < 0.95 and len(np.unique(picture[body(picture)])) > 30


def is_empty(picture):
    """Nothing but a background and perhaps a few words."""
    return body(middle(picture)).mean() < 0.05
