# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter that fills a template once for each of some rows."""

from __future__ import annotations


def checks_for_each(template, rows):
    """One check per row: `{name}` in the template stands for what the row has under that name.

    A row that is no dictionary stands for `{item}`.
    """
    return [_filled(template, row if isinstance(row, dict) else {"item": row}) for row in rows]


def _filled(thing, row):
    if isinstance(thing, dict):
        return {key: _filled(entry, row) for key, entry in thing.items()}
    if isinstance(thing, list):
        return [_filled(entry, row) for entry in thing]
    if not isinstance(thing, str):
        return thing
    for key, value in row.items():
        if thing == f"{{{key}}}":
            return value
        thing = thing.replace(f"{{{key}}}", str(value))
    return thing


class FilterModule:
    """Filters of the collection."""

    def filters(self):
        return {"checks_for_each": checks_for_each}
