# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter that says what a rotation of secrets would rotate."""

from __future__ import annotations


def rotation_plan(wanted, site):
    """What is rotated when these secrets are asked for, and what is wrong with asking."""
    # Here, because to find a filter each process of Ansible loads every file of this folder.
    from ..plugin_utils import rotation
    from ..plugin_utils.fields.types import plain

    return rotation.plan(plain(wanted), plain(site))


class FilterModule:
    """Filters of the collection."""

    def filters(self):
        return {"rotation_plan": rotation_plan}
