# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a site may say about nginx."""

from __future__ import annotations

from ..fields.text import between, nginx_time
from ..fields.types import Relation

RULES = {
    "proxy_hsts_seconds": between(0, 10**9),
    "proxy_read_timeout": nginx_time(1, 86400),
}
RELATIONS: tuple[Relation, ...] = ()
