# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""New secrets in an encrypted file of variables.

It runs on the controller, and no secret is an argument or a result.
"""

from __future__ import annotations

import contextlib
import datetime
import os
import tempfile

from ansible.errors import AnsibleActionFail, AnsibleError
from ansible.module_utils.common.text.converters import to_bytes, to_text
from ansible.parsing.vault import VaultLib, VaultSecretsContext, parse_vaulttext_envelope
from ansible.plugins.action import ActionBase
from ansible_collections.threedpc.pacs.plugins.plugin_utils import rotation, vault_text

ARGUMENTS = {
    "path": {"type": "path", "required": True},
    "secrets": {
        "type": "list",
        "elements": "dict",
        "required": True,
        "no_log": False,
        "options": {
            "variable": {"type": "list", "elements": "str", "required": True},
            "length": {"type": "int", "default": 40},
        },
    },
    "keep_days": {"type": "int", "default": 0},
}


class ActionModule(ActionBase):
    """Rotates secrets in a vault."""

    _supports_check_mode = True
    _requires_connection = False

    def run(self, tmp=None, task_vars=None):
        super().run(tmp, task_vars)
        _validated, arguments = self.validate_argument_spec(argument_spec=ARGUMENTS)
        path = os.path.realpath(arguments["path"])
        variables = [entry["variable"] for entry in arguments["secrets"]]
        result = {"changed": bool(variables), "rotated": [": ".join(variable) for variable in variables]}
        if not variables:
            return result
        try:
            envelope, vault_id, plain, secret = self._opened(path)
            now = datetime.datetime.now(datetime.UTC)
            text = rotated(plain, arguments["secrets"], arguments["keep_days"], now)
            if not self._task.check_mode:
                # With the password and under the name with which it was encrypted.
                result["backup_file"] = replace(path, envelope, VaultLib().encrypt(text, secret, vault_id))
        except vault_text.CannotEdit as error:
            raise AnsibleActionFail(f"{path} {error}. Nothing was changed.") from None
        except OSError as error:
            raise AnsibleActionFail(f"{path} can't be replaced: {error.strerror}. It is as it was.") from None
        return result

    def _opened(self, path):
        """The file, the name and the secret of its password, and its text."""
        try:
            with open(path, "rb") as stream:
                envelope = stream.read()
        except OSError as error:
            raise vault_text.CannotEdit(f"can't be read: {error.strerror}") from None
        if not VaultLib.is_encrypted(envelope):
            raise vault_text.CannotEdit("is not encrypted; encrypt it with ansible-vault encrypt")
        vault_id = parse_vaulttext_envelope(envelope)[3]
        try:
            vault = VaultLib(VaultSecretsContext.current().secrets)
            plain, _used, secret = vault.decrypt_and_get_vault_id(envelope)
        except AnsibleError:
            raise vault_text.CannotEdit("can't be opened with the vault password that was given") from None
        return envelope, vault_id, to_text(plain, errors="surrogate_or_strict"), secret


def rotated(text, wanted, keep_days, now):
    """The text of the file with new secrets."""
    for entry in wanted:
        path = entry["variable"]
        old = vault_text.get(vault_text.load(text), path)
        text = vault_text.changed(text, path, rotation.new_secret(entry["length"]))
        if path == [rotation.SERVICES["signing_key"][0]]:
            text = with_previous_key(text, old, keep_days, now)
    return text


def with_previous_key(text, old, keep_days, now):
    until = now + datetime.timedelta(days=keep_days) if keep_days else None
    before = vault_text.load(text).get(rotation.PREVIOUS_KEYS)
    after = rotation.previous_keys(before, old, until, now)
    return vault_text.changed(text, [rotation.PREVIOUS_KEYS], after) if after != (before or []) else text


def replace(path, old, new):
    """Put a file in the place of another in one step; the other one is kept beside it."""
    status = os.stat(path)
    kept = keep(path, old, status)
    handle, name = tempfile.mkstemp(dir=os.path.dirname(path), prefix=f".{os.path.basename(path)}.")
    write(handle, to_bytes(new), status)
    os.replace(name, path)
    folder = os.open(os.path.dirname(path), os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
    return kept


def keep(path, content, status):
    """Under a name that nobody has yet, and that Ansible does not take for a file of variables."""
    base = f"{path}.{datetime.datetime.now(datetime.UTC):%Y%m%dT%H%M%SZ}"
    for number in range(1000):
        name = f"{base}{f'-{number}' if number else ''}.bak"
        try:
            handle = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            continue
        write(handle, content, status)
        return name
    raise vault_text.CannotEdit("has a thousand copies of this second already")


def write(handle, content, status):
    """Content with the rights and the owner of what it replaces, on the disk."""
    with os.fdopen(handle, "wb") as stream:
        stream.write(content)
        stream.flush()
        os.fchmod(stream.fileno(), status.st_mode & 0o777)
        with contextlib.suppress(PermissionError):
            os.fchown(stream.fileno(), status.st_uid, status.st_gid)
        os.fsync(stream.fileno())
