# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes the server's program importable as it is on a server, and a site for it."""

from __future__ import annotations

import json
import os
import pathlib
import sys

import pytest

FILES = pathlib.Path(__file__).resolve().parents[3] / "roles/host/files"
sys.path.insert(0, str(FILES))


def settle(directory, **changes):
    """Write what the role host writes about a site; returns the site."""
    from pacs.settings import Site

    found = {
        "site": "Ward 7", "host": "ward7", "data_dir": str(directory / "data"), "database": "postgresql",
        "users": {"orthanc": os.getuid(), "postgres": os.getuid()}, "network": "172.30.42.0/24",
        "ports": [80, 443, 4242], "drained_ports": [4242], "orthanc_url": "http://x", "space": [str(directory)],
    } | changes  # fmt: skip
    file = directory / "pacs/config/pacs/site.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(found))
    site = Site(directory / "pacs")
    site.data.mkdir(exist_ok=True)
    return site


@pytest.fixture
def settled(tmp_path):
    """Makes a site whose settings are these."""
    return lambda **changes: settle(tmp_path, **changes)


@pytest.fixture
def site(tmp_path):
    return settle(tmp_path)
