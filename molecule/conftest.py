# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What `make soak` runs and `make test` leaves out, because it would take too long every time."""

import os


def pytest_configure(config):
    config.addinivalue_line("markers", "soak: left to `make soak`")


def pytest_collection_modifyitems(config, items):
    if not os.environ.get("SOAK"):
        left = [item for item in items if item.get_closest_marker("soak")]
        items[:] = [item for item in items if item not in left]
        config.hook.pytest_deselected(items=left)
