# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filters of the acceptance test: what it asks, what the answers say, and how that is shown."""

from __future__ import annotations

# What they need each of them imports: to find a filter every process of Ansible loads every file of this folder.


def verify_plan(site, studies=()):
    """The checks of a site, by how they are carried out."""
    from ansible_collections.threedpc.pacs.plugins.plugin_utils.fields.types import plain
    from ansible_collections.threedpc.pacs.plugins.plugin_utils.verify_plan import plan
    from ansible_collections.threedpc.pacs.plugins.plugin_utils.verify_plan.site import site_of

    return plan(site_of(plain(site)), plain(studies))


def verify_results(site, answers):
    """What the answers say: a result for each check."""
    from ansible_collections.threedpc.pacs.plugins.plugin_utils.fields.types import plain
    from ansible_collections.threedpc.pacs.plugins.plugin_utils.verify_plan.site import site_of
    from ansible_collections.threedpc.pacs.plugins.plugin_utils.verify_results import results

    return results(site_of(plain(site)), plain(answers))


def verify_report(results):
    """The results as something to read."""
    from ansible_collections.threedpc.pacs.plugins.plugin_utils.fields.types import plain
    from ansible_collections.threedpc.pacs.plugins.plugin_utils.verify_report import report

    return report(plain(results))


def verify_files(results, directory, site, url):
    """The report on the results as files."""
    import datetime

    from ansible_collections.threedpc.pacs.plugins.plugin_utils.fields.types import plain
    from ansible_collections.threedpc.pacs.plugins.plugin_utils.verify_report.files import files

    return files(plain(results), *map(str, (directory, site, url)), datetime.datetime.now(datetime.UTC))


class FilterModule:
    """Filters of the collection."""

    def filters(self):
        return {
            "verify_files": verify_files,
            "verify_plan": verify_plan,
            "verify_report": verify_report,
            "verify_results": verify_results,
        }
