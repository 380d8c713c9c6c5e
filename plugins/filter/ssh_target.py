# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter that takes apart how somebody types the server that ssh reaches."""

from __future__ import annotations


def ssh_target(text):
    """User, host and port of `user@host:port`, where only the host has to be there; empty if it is none."""
    # Here, because to find a filter each process of Ansible loads every file of this folder.
    from ..plugin_utils.fields import network

    return network.ssh_target(text)


class FilterModule:
    """The filter of what ssh reaches."""

    def filters(self):
        return {"ssh_target": ssh_target}
