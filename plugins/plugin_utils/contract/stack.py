# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a site may say about its images and about how its services start."""

from __future__ import annotations

import re

from ..fields.text import between, local_path
from ..fields.types import Problems

IMAGE = re.compile(
    r"(?P<name>([A-Za-z0-9.-]+(:[0-9]+)?/)?[a-z0-9]+([._-]+[a-z0-9]+)*(/[a-z0-9]+([._-]+[a-z0-9]+)*)*)"
    r"(:(?P<tag>[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}))?(?P<digest>@sha256:[0-9a-f]{64})?"
)
KIB = 1024
# Docker refuses less: "Minimum memory limit allowed is 6MB".
DOCKER_LEAST = 6 * KIB**2
# More than any server has, and far from where the number overflows.
DOCKER_MOST = 4 * KIB**4


def image(value: str) -> Problems:
    """A reference that means the same image tomorrow."""
    found = IMAGE.fullmatch(value)
    if not found:
        yield "it must be an image reference such as 'nginx:1.28' or 'registry.example.org/pacs/nginx:1.28'"
    elif not found["digest"] and not found["tag"]:
        yield f"it needs a tag or a digest, such as '{value}:1.0'"
    elif not found["digest"] and (found["tag"] == "latest" or found["tag"].startswith("latest-")):
        yield "the tag latest means another image every week; name a version or a digest"


def archives(value: list[str]) -> Problems:
    """The files are brought to one directory on the server under their own names."""
    names = [str(path).rsplit("/", 1)[-1] for path in value]
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield f"two files are called '{name}'; give them different names"


def memory_bytes(text: str) -> int:
    """A size as Docker reads it, in bytes."""
    return int(text[:-1]) * {"m": KIB**2, "g": KIB**3}[text[-1]]


def memory_limit(value: str) -> Problems:
    """What a container may have."""
    if not re.fullmatch(r"[1-9][0-9]{0,8}[mg]", value, re.ASCII):
        yield "it must be a size such as 512m or 2g"
    elif memory_bytes(value) < DOCKER_LEAST:
        yield "it must be at least 6m, the least that Docker takes"
    elif memory_bytes(value) > DOCKER_MOST:
        yield "it must be at most 4096g"


def archive_needs_files(pacs_image_source: str, pacs_image_archives: list[str]) -> Problems:
    if pacs_image_source == "archive" and not pacs_image_archives:
        yield "pacs_image_archives is empty; it must name files made by docker save when pacs_image_source is 'archive'"


RULES = {
    "pacs_images.*": image,
    "pacs_image_archives": archives,
    "pacs_image_archives[]": local_path,
    "pacs_memory_limits.*": memory_limit,
    "pacs_wait_timeout": between(1, 86400),
    "stack_drain_timeout": between(0, 86400),
}
RELATIONS = (archive_needs_files,)
