# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What every reader of files has in common: one sentence for whatever goes wrong, and limits before memory is taken."""

from __future__ import annotations

import io
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from ansible_collections.threedpc.pacs.plugins.module_utils.errors import PacsError

# Of the values of one volume. A CT of 512 x 512 x 1000 voxels has a quarter of it as 8-bit labels.
MAX_BYTES = 1 << 30
# Voxels along one axis: more than any scanner of patients has.
MAX_AXIS = 4096
# The most that gzip makes of one byte is 1032 bytes.
GZIP_RATIO = 1040


@contextmanager
def reading(path: str, what: str) -> Iterator[None]:
    """Whatever a library raises becomes one sentence with the file's name.

    Each library has errors of its own, and damaged files bring out ever other ones: a list of them is never complete.
    """
    try:
        yield
    except PacsError as error:
        # What a file says of itself may be quoted in there.
        raise PacsError(_plain(error.message, 1500), **error.result) from None
    except MemoryError:
        raise PacsError("%s needs more memory than there is. Export it with fewer voxels or triangles" % path) from None
    except OSError as error:
        if error.strerror:
            raise PacsError("%s can't be read: %s" % (path, error.strerror)) from None
        raise PacsError(_damaged(path, what, error)) from None
    except Exception as error:
        raise PacsError(_damaged(path, what, error)) from None


def _plain(text: str, most: int) -> str:
    """One line that a terminal can show."""
    return "".join(one if one.isprintable() else " " for one in text[:most])


def _damaged(path: str, what: str, error: Exception) -> str:
    said = " ".join(_plain(str(error), 200).split()).rstrip(".") or type(error).__name__
    return "%s is not a %s that can be read: %s. It may be damaged: export or copy it again" % (path, what, said)


class Bounded(io.BufferedReader):
    """A file of which no more is read than there is: Python takes memory for all that a damaged length asks for."""

    def __init__(self, path: str) -> None:
        super().__init__(io.FileIO(path))
        self._length = os.path.getsize(path)

    def read(self, size: int | None = -1, /) -> bytes:
        left = max(self._length - self.tell(), 0)
        return super().read(left if size is None or size < 0 else min(size, left))


def check_size(path: str, shape: Iterable[int], bytes_each: int) -> int:
    """Refuse a volume that is empty or too large, by what its header says."""
    shape = [int(length) for length in shape]
    said = " x ".join(map(str, shape))
    if any(length < 1 for length in shape):
        raise PacsError("%s holds no voxels: its size is %s" % (path, said))
    total = int(bytes_each)
    for length in shape:
        total *= length
    if max(shape) > MAX_AXIS or total > MAX_BYTES:
        raise PacsError(
            "%s says that it has %s voxels, which need %d MB: at most %d voxels along an axis and %d MB are read. "
            "Export it with whole numbers of 8 or 16 bits, or cut out the part that is needed"
            % (path, said, total / 1e6, MAX_AXIS, MAX_BYTES / 1e6)
        )
    return total


def check_packed(path: str, packed: int, unpacked: int) -> None:
    """Refuse what can't hold as much as its header says, before memory is taken for it."""
    if packed * GZIP_RATIO < unpacked:
        raise PacsError(
            "%s says that it holds %d bytes of voxels, but is far too short for that. It may be damaged: export or "
            "copy it again" % (path, unpacked)
        )
