#!/usr/bin/python
# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: vault_rotate
short_description: Puts new secrets into an encrypted file of variables
version_added: 1.0.0
description:
  - Makes new random values for variables in a file that P(ansible.builtin.vault#filter) or C(ansible-vault encrypt) has
    encrypted as a whole, and encrypts it again with the same password under the same name.
  - Everything else in the file stays as it is, comments included.
  - The file is replaced in one step. What it was stays beside it, encrypted as it was, under a name that no file has.
  - It runs on the controller with the vault passwords that Ansible was given. No secret is an argument or a result.
author:
  - threedpc.pacs contributors (@threedpc)
extends_documentation_fragment:
  - threedpc.pacs.attributes
attributes:
  check_mode:
    support: full
    details: Reports what would be rotated, and fails where that could not be done.
  diff_mode:
    support: none
    details: The file is a secret.
  idempotent:
    support: none
    details: Each run makes other secrets.
options:
  path:
    description: The file.
    type: path
    required: true
  secrets:
    description: What is rotated. Each must be there already.
    type: list
    elements: dict
    required: true
    suboptions:
      variable:
        description: Where the value is, as keys from the variable's name inwards.
        type: list
        elements: str
        required: true
      length:
        description: How many letters and digits the new value has.
        type: int
        default: 40
  keep_days:
    description:
      - For how many days links still open that C(pacs_share_signing_key) signed before. The old key is added to
        C(pacs_share_previous_signing_keys) for so long.
      - V(0) ends all links, and empties that list.
    type: int
    default: 0
"""

EXAMPLES = r"""
- name: Make another database password and another one for a user
  threedpc.pacs.vault_rotate:
    path: inventories/ward7/group_vars/all/vault.yml
    secrets:
      - variable: [pacs_database_password]
      - {variable: [pacs_staff_users, anna], length: 24}
"""

RETURN = r"""
rotated:
  description: What was rotated, or would be.
  returned: success
  type: list
  elements: str
  sample: ["pacs_staff_users: anna"]
backup_file:
  description: The file as it was.
  returned: when something was written
  type: str
  sample: /srv/pacs/inventories/ward7/group_vars/all/vault.yml.20261201T023445Z.bak
"""
