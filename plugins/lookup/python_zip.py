# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lookup that takes a pure Python package, with all that it needs, from the controller to where no pip is."""

from __future__ import annotations

import base64
import functools
import importlib.metadata
import io
import re
import zipfile

from ansible.errors import AnsibleError
from ansible.plugins.lookup import LookupBase

# Ansible itself needs it; only the sanity tests have none.
try:
    from packaging.requirements import Requirement
except ImportError:
    Requirement = None


def normal(name):
    return re.sub(r"[-_.]+", "-", name).lower()


def closure(name, found=None):
    """The installed distributions that a package is made of, by their normal names."""
    found = {} if found is None else found
    if normal(name) in found:
        return found
    try:
        found[normal(name)] = distribution = importlib.metadata.distribution(name)
    except importlib.metadata.PackageNotFoundError as error:
        raise AnsibleError(
            f"the Python package {name} is not installed beside Ansible; pip install -r requirements.txt brings it"
        ) from error
    for line in distribution.requires or []:
        requirement = Requirement(line)
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            closure(requirement.name, found)
    return found


def members(distribution):
    """Its modules, and the metadata in which some of them look up their own version."""
    for file in distribution.files or []:
        # What lies outside of the packages' folder, such as a command, is no module.
        if ".." in file.parts or "__pycache__" in file.parts:
            continue
        if file.suffix in (".so", ".pyd"):
            raise AnsibleError(f"{distribution.name} is not pure Python: {file}")
        if file.suffix == ".py" or file.name == "METADATA":
            yield file.as_posix(), file.read_binary()


@functools.lru_cache(maxsize=4)
def packed(name):
    """The same bytes whenever the same versions are installed: the archive holds no time."""
    stream = io.BytesIO()
    contents = {path: data for each in closure(name).values() for path, data in members(each)}
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(contents):
            info = zipfile.ZipInfo(path, (1980, 1, 1, 0, 0, 0))
            info.external_attr = 0o644 << 16
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, contents[path])
    return base64.b64encode(stream.getvalue()).decode()


class LookupModule(LookupBase):
    """Packs a package."""

    def run(self, terms, variables=None, **kwargs):
        return [packed(str(name)) for name in terms]
