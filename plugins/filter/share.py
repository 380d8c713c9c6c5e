# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filters that show a share to the person who made it."""

from __future__ import annotations

import base64
import io

from ansible.errors import AnsibleFilterError
from ansible.module_utils.common.text.converters import to_text

# Two rows of light (1) and dark (0) modules in one line of text, on a dark terminal. No ordinary space, at which
# Ansible would break a line.
BLOCKS = {(1, 1): "\u2588", (1, 0): "\u2580", (0, 1): "\u2584", (0, 0): "\u00a0"}
QUIET = 2


def _code(link):
    # Here, because to find a filter each process of Ansible loads every file of this folder.
    try:
        import segno
    except ImportError as error:
        raise AnsibleFilterError(
            "A QR code needs the Python package segno: pip install -r requirements.txt brings it."
        ) from error
    try:
        return segno.make(to_text(link), error="L", micro=False)
    except segno.DataOverflowError as error:
        raise AnsibleFilterError("The link is too long for a QR code.") from error


def qr_png(link):
    """A QR code as a PNG file in base64."""
    stream = io.BytesIO()
    _code(link).save(stream, kind="png", scale=4, border=4)
    return base64.b64encode(stream.getvalue()).decode()


def qr_lines(link):
    """A QR code as lines of text for a terminal."""
    rows = [[1 - (module & 1) for module in row] for row in _code(link).matrix_iter(border=QUIET)]
    if len(rows) % 2:
        rows.append([1] * len(rows[0]))
    return ["".join(BLOCKS[pair] for pair in zip(*pair_of_rows)) for pair_of_rows in zip(rows[::2], rows[1::2])]


def share_lines(shares):
    """A line for each share, newest last, and one for each time it was opened."""
    lines = []
    for share in shares:
        states = [share["state"]] + (["locked"] if share["locked"] else []) + (["PIN"] if share["pin"] else [])
        lines.append(f"{share['id']}  {', '.join(states)}, until {share['expires_at'] or 'it is revoked'}")
        lines.append(f"  made {share['created_at']} by {share['creator']}")
        if share["recipient"]:
            lines.append(f"  for {share['recipient']}")
        lines += [f"  study {study['study_instance_uid']}" for study in share["studies"]]
        lines += [f"  opened {opening['at']} from {opening['address']}" for opening in share["openings"]]
        if share["revoked_at"]:
            lines.append(f"  revoked {share['revoked_at']} by {share['revoked_by']}")
    return lines


class FilterModule:
    """Filters of the collection."""

    def filters(self):
        return {"qr_lines": qr_lines, "qr_png": qr_png, "share_lines": share_lines}
