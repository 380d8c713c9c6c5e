# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter that says in sentences what on a server is in the way of a site."""

from __future__ import annotations


def server_problems(there, wanted):
    """Sentences on what is somebody else's, an empty list if nothing is."""
    # Here, because to find a filter each process of Ansible loads every file of this folder.
    from ..plugin_utils import server_rules

    return server_rules.server_problems(there, wanted)


class FilterModule:
    """Filters of the collection."""

    def filters(self):
        return {"server_problems": server_problems}
