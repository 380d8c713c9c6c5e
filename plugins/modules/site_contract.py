#!/usr/bin/python
# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: site_contract
short_description: Checks what an inventory and the command line say, all at once
version_added: 1.0.0
description:
  - Compares the variables of a site with the argument specs of the collection's roles and with the rules that types
    can't express. Every sentence names the site, the variable, its value unless it is a secret, and what would be
    right.
  - Refuses a variable that begins as a role's do and that no role declares, with the nearest one that is declared. What
    something else reads is named in C(pacs_other_variables).
  - Refuses what is given behind C(-e) and is read by nobody, or not as it was meant, because Ansible cuts
    C(-e model_title=Left mandible) at the space.
  - It runs on the controller and changes nothing.
author:
  - threedpc.pacs contributors (@threedpc)
attributes:
  check_mode:
    support: full
    description: It only reads.
  diff_mode:
    support: none
    description: It changes nothing.
options:
  arguments:
    description: Entry points of roles, such as V(gate.share), to which the playbook hands what is behind C(-e).
    type: list
    elements: str
    default: []
  inventory:
    description: Whether the variables of a site are checked as well.
    type: bool
    default: true
"""

EXAMPLES = r"""
- name: Check what the inventory and the command line say about this site
  threedpc.pacs.site_contract:
    arguments: [backup.restore, backup.study]
"""

RETURN = r"""#"""
