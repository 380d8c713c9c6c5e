# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a site may say about upgrades."""

from __future__ import annotations

from ..fields.network import machine_address
from ..fields.types import Relation

RULES = {"upgrade_let_in[]": machine_address}
RELATIONS: tuple[Relation, ...] = ()
