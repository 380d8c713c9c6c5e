# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lookup that brings a folder of a role to the server."""

from __future__ import annotations

import base64
import pathlib

from ansible.errors import AnsibleError
from ansible.plugins.lookup import LookupBase


def declared(folder, name, dest):
    """A file as C(site_files) wants it, or without a destination as a service's role says it."""
    content = (folder / name).read_bytes()
    entry = {"path": f"{dest}/{name}"} if dest else {"name": str(name)}
    try:
        return entry | {"content": content.decode()}
    except UnicodeDecodeError:
        return entry | {"content": base64.b64encode(content).decode(), "encoding": "base64"}


class LookupModule(LookupBase):
    """Reads the files of a folder."""

    def run(self, terms, variables=None, **kwargs):
        folder = pathlib.Path(self.find_file_in_search_path(variables, "files", terms[0]))
        names = sorted(file.relative_to(folder) for file in folder.rglob("*") if file.is_file())
        wanted = [name for name in names if not any(part.startswith((".", "__pycache__")) for part in name.parts)]
        if not wanted:
            raise AnsibleError(f"{folder} holds no file")
        return [[declared(folder, name, kwargs.get("dest")) for name in wanted]]
