# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    # What every module says about itself; each adds how far it supports it.
    DOCUMENTATION = r"""
attributes:
  check_mode:
    description: Whether it can run in check mode, and tell what would change without changing it.
  diff_mode:
    description: Whether it can show what changes, or would change.
  idempotent:
    description: Whether a second run with the same options changes nothing.
"""

    # A module that only asks.
    INFO_MODULE = r"""
attributes:
  check_mode:
    support: full
    details: It changes nothing, so it does the same in check mode.
  diff_mode:
    support: N/A
    details: There is nothing to differ.
  idempotent:
    support: full
    details: It changes nothing.
"""
