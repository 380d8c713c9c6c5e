# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Damaged files, read one after the other: python fuzz_readers.py FOLDER COUNT SEED NAME...

Each NAME is a file in FOLDER. Each number from SEED on changes it in a way of its own, so a number that fails can be
run again. Whatever comes out but a result or one sentence is a failure, as is more than SECONDS or BYTES.
"""

import gzip
import os
import pathlib
import random
import re
import resource
import signal
import sys
import traceback

SECONDS = 20
BYTES = 2 << 30
EXTREME = [0, 1, 2, 127, 128, 255, 256, 32767, 32768, 65535, 2**31 - 1, 2**31, 2**32 - 1, 2**63 - 1, 2**64 - 1]
WORDS = [b"nan", b"inf", b"-1", b"0", b"1e300", b"99999999999999999999", b"none", b"", b" ", b"\0", b"\xff\xfe", b"\n"]


class Slow(BaseException):
    """Not an Exception: no reader may take it for an error of its own."""


def damaged(content, number):
    """The content with some changes, the same ones for the same number."""
    dice = random.Random(number)
    data = bytearray(content)
    # Most of what can go wrong is said at the beginning.
    near = min(len(data), 600)
    for _change in range(dice.choice((1, 1, 1, 2, 3, 8))):
        place = dice.randrange(dice.choice((near, len(data) or 1)) or 1)
        kind = dice.randrange(8)
        if kind == 0:
            data[place : place + 1] = bytes([dice.randrange(256)])
        elif kind == 1 and place < len(data):
            data[place] ^= 1 << dice.randrange(8)
        elif kind == 2:
            size = dice.choice((1, 2, 4, 8))
            data[place : place + size] = (dice.choice(EXTREME) % (1 << 8 * size)).to_bytes(size, "little")
        elif kind == 3:
            del data[place : place + dice.choice((1, 4, 100, 5000))]
        elif kind == 4:
            data[place:place] = data[place : place + dice.choice((1, 8, 200))]
        elif kind == 5:
            del data[place:]
        elif kind == 6:
            numbers = list(re.finditer(rb"-?\d+(\.\d+)?", bytes(data[:4000])))
            if numbers:
                found = dice.choice(numbers)
                data[found.start() : found.end()] = dice.choice(WORDS)
        else:
            data[place:place] = dice.choice(WORDS)
    return bytes(data)


def variant(name, content, number):
    # Behind the checksum of a packed file nothing damaged would ever be read.
    if name.endswith(".gz") and number % 2:
        return gzip.compress(damaged(gzip.decompress(content), number), 1)
    return damaged(content, number)


def read(path, folder):
    from ansible_collections.threedpc.pacs.plugins.module_utils.stl_model import Model
    from ansible_collections.threedpc.pacs.plugins.modules import stl_from_segmentation

    if path.endswith(".stl"):
        model = Model(path, folder)
        return model.describe(), list(model.doubts())
    options = dict(src=path, dest=folder, segments=None, title=None, smooth=0, reduce=0.0)
    return stl_from_segmentation.make(options, True)


def limit():
    """No more memory than that, beyond what is reserved for the libraries and not used."""
    pages = [int(number) for number in pathlib.Path("/proc/self/statm").read_text(encoding="ascii").split()]
    reserved, used = (number * resource.getpagesize() for number in pages[:2])
    resource.setrlimit(resource.RLIMIT_AS, (reserved + BYTES - used,) * 2)


def late(*_args):
    raise Slow


def fuzz(name, folder, count, first):
    """Whether something failed."""
    from ansible_collections.threedpc.pacs.plugins.module_utils.errors import PacsError

    content = (pathlib.Path(folder) / name).read_bytes()
    place = pathlib.Path(folder) / ("damaged-" + name)
    place.mkdir()
    file = place / name
    file.write_bytes(content)
    refused = failed = 0
    for number in range(first, first + count):
        file.write_bytes(variant(name, content, number))
        # If it never comes back, the last number is the one.
        (place / "number").write_text(str(number), encoding="ascii")
        signal.alarm(SECONDS)
        try:
            read(str(file), str(place))
        except PacsError as error:
            refused += 1
            said = error.message
            if not said.isprintable() or str(file) not in said or "memory than there is" in said or len(said) > 1500:
                failed += 1
                print(f"{name} {number}: {said!r}")
        except (Exception, Slow):
            failed += 1
            print(f"{name} {number}: {traceback.format_exc()}")
        finally:
            signal.alarm(0)
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(f"{name}: {count} read, {refused} refused, {failed} failed, {used >> 20} MiB")
    # Nothing is learned from files that are all refused at the first byte, or not at all.
    return bool(failed or used > BYTES or not refused)


def main(folder, count, first, *names):
    for name in names:
        # What the undamaged file needs is loaded before the limit.
        read(os.path.join(folder, name), folder)
    limit()
    signal.signal(signal.SIGALRM, late)
    return max(fuzz(name, folder, int(count), int(first)) for name in names)


if __name__ == "__main__":
    sys.exit(bool(main(*sys.argv[1:])))
