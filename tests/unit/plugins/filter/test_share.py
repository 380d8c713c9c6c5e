# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import base64
import io

import pytest
import segno
from ansible.errors import AnsibleFilterError
from ansible_collections.threedpc.pacs.plugins.filter import share
from PIL import Image

LINK = "https://pacs.example.org/shares/open/?token=" + "eyJhbGciOiJIUzI1NiJ9." * 20


def test_the_picture_and_the_lines_are_the_same_code():
    modules = [list(row) for row in segno.make(LINK, error="L", micro=False).matrix_iter(border=2)]
    picture = Image.open(io.BytesIO(base64.b64decode(share.qr_png(LINK)))).convert("L")
    # Four pixels a module, and a border of four modules, of which the lines have two.
    seen = [
        [int(picture.getpixel((4 * (column + 2), 4 * (row + 2))) < 128) for column in range(len(modules))]
        for row in range(len(modules))
    ]
    assert seen == modules
    read = []
    for line in share.qr_lines(LINK):
        read.append([int(block in "\u2584\u00a0") for block in line])
        read.append([int(block in "\u2580\u00a0") for block in line])
    assert read[: len(modules)] == modules
    assert all(" " not in line for line in share.qr_lines(LINK))


def test_a_text_that_fits_no_code_is_refused():
    with pytest.raises(AnsibleFilterError, match="too long"):
        share.qr_png("x" * 4000)


def test_shares_are_lines_to_read():
    known = {
        "id": "21e755991359cd91",
        "state": "revoked",
        "creator": "anna",
        "recipient": "Dr. Müller",
        "studies": [{"study_instance_uid": "1.2.3", "orthanc_id": "x"}],
        "created_at": "2026-11-24T02:34:45+00:00",
        "expires_at": None,
        "revoked_at": "2026-11-25T02:34:45+00:00",
        "revoked_by": "bert",
        "pin": True,
        "locked": True,
        "openings": [{"at": "2026-11-24T03:00:00+00:00", "address": "192.0.2.1"}],
    }
    text = "\n".join(share.share_lines([known]))
    for words in ("21e755991359cd91  revoked, locked, PIN", "by anna", "Dr. Müller", "study 1.2.3", "from 192.0.2.1"):
        assert words in text
    assert "revoked 2026-11-25T02:34:45+00:00 by bert" in text
    assert max(map(len, share.share_lines([known]))) < 80
