# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one error type of the modules."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule


class PacsError(Exception):
    """A failure that an operator can read. Raised anywhere, caught once at the end of a module's C(main)."""

    def __init__(self, message: str, /, **result: Any) -> None:
        super().__init__(message)
        self.message = message
        self.result = result

    def fail(self, module: AnsibleModule) -> NoReturn:
        module.fail_json(msg=self.message, **self.result)
        raise AssertionError("fail_json ends the module")
