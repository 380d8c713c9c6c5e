# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter that says in sentences what is wrong with a site's variables."""

from __future__ import annotations


def site_problems(contract, name):
    """Sentences on what is wrong with a site's variables, an empty list if nothing is."""
    # Here, because to find a filter each process of Ansible loads every file of this folder.
    from ..plugin_utils import site_problems

    return site_problems.site_problems(contract, name)


class FilterModule:
    """Filters of the collection."""

    def filters(self):
        return {"site_problems": site_problems}
