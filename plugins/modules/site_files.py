#!/usr/bin/python
# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: site_files
short_description: Keeps a service's directories, configuration files and secrets in their declared state
version_added: 1.0.0
description:
  - Writes all files of a service in one round trip, each of them atomically.
  - Check mode works on a host where no directory exists yet.
  - The content of a secret appears neither in the result nor in a diff.
author:
  - threedpc.pacs contributors (@threedpc)
attributes:
  check_mode:
    support: full
    description: Reports what would change and writes nothing.
  diff_mode:
    support: full
    description: Shows every changed file; of a secret it says only that it differs.
options:
  directories:
    description: Directories to make. Parents that are missing are made with mode V(0755), owned by root.
    type: list
    elements: dict
    default: []
    suboptions:
      path:
        description: Absolute path.
        type: path
        required: true
      mode:
        description: Octal mode.
        type: str
        default: "0755"
      owner:
        description: Numeric user ID.
        type: int
        default: 0
      group:
        description: Numeric group ID.
        type: int
        default: 0
  files:
    description: Files that everybody on the server may know.
    type: list
    elements: dict
    default: []
    suboptions: &file
      path:
        description: Absolute path.
        type: path
        required: true
      content:
        description: The whole content.
        type: str
        required: true
      mode:
        description: Octal mode.
        type: str
        default: "0644"
      owner:
        description: Numeric user ID.
        type: int
        default: 0
      group:
        description: Numeric group ID.
        type: int
        default: 0
  secrets:
    description: Files whose content nobody may see.
    type: list
    elements: dict
    default: []
    suboptions:
      <<: *file
      mode:
        description: Octal mode.
        type: str
        default: "0400"
  absent:
    description: Files that must not exist. A directory is refused.
    type: list
    elements: path
    default: []
  validate:
    description:
      - A command that must succeed before any file in O(files) replaces an old one.
      - It is run only if a file changes. V(%s) becomes a directory that holds all of O(files) by their base names.
      - Not run in check mode.
    type: list
    elements: str
"""

EXAMPLES = r"""
- name: Write the configuration of a service
  threedpc.pacs.site_files:
    directories:
      - {path: /opt/pacs/secrets, mode: "0700"}
    files:
      - path: /opt/pacs/config/orthanc/orthanc.json
        content: "{{ orthanc_config | threedpc.pacs.orthanc_json }}"
    secrets:
      - path: /opt/pacs/secrets/orthanc/orthanc.json
        content: "{{ orthanc_secrets | threedpc.pacs.orthanc_json }}"
        owner: 999
"""

RETURN = r"""
paths:
  description: The paths that were, or in check mode would be, changed.
  returned: always
  type: list
  elements: str
  sample: [/opt/pacs/config/orthanc/orthanc.json]
"""

import os
import stat
import tempfile

from ansible.module_utils.basic import AnsibleModule


class SiteFiles:
    """Brings the declared paths to their state and remembers what that took."""

    def __init__(self, module):
        self.module = module
        self.paths = []
        self.diff = []

    def changed(self, path, before, after):
        self.paths.append(path)
        self.diff.append({"before_header": path, "after_header": path, "before": before, "after": after})

    def attributes(self, path, entry):
        """Mode and owner of a path: what they are as text, or None where it does not exist; and what they shall be."""
        wanted = f"mode {int(entry['mode'], 8):04o}, owner {entry['owner']}:{entry['group']}\n"
        try:
            found = os.lstat(path)
        except FileNotFoundError:
            return None, wanted
        return f"mode {stat.S_IMODE(found.st_mode):04o}, owner {found.st_uid}:{found.st_gid}\n", wanted

    def set_attributes(self, path, entry):
        os.chown(path, entry["owner"], entry["group"])
        os.chmod(path, int(entry["mode"], 8))

    def directory(self, entry):
        path = entry["path"]
        before, after = self.attributes(path, entry)
        if before is not None and not os.path.isdir(path):
            self.module.fail_json(msg=f"{path} must be a directory, but a file is there. Move it away.")
        if before == after:
            return
        self.changed(path, before or "", after)
        if not self.module.check_mode:
            os.makedirs(path, mode=0o755, exist_ok=True)
            self.set_attributes(path, entry)

    def stale(self, entry):
        """Whether a file's content or attributes differ from the declared ones, with what stands there now."""
        path = entry["path"]
        before, after = self.attributes(path, entry)
        if before is None:
            return True, None, before, after
        if not stat.S_ISREG(os.lstat(path).st_mode):
            self.module.fail_json(msg=f"{path} must be a regular file, but something else is there. Move it away.")
        with open(path, "rb") as stream:
            content = stream.read()
        return content != entry["content"].encode() or before != after, content, before, after

    def file(self, entry, secret):
        path = entry["path"]
        differs, content, before, after = self.stale(entry)
        if not differs:
            return
        if secret:
            same = content == entry["content"].encode()
            self.changed(
                path,
                "" if content is None else before + "(secret)\n",
                after + ("(secret)\n" if same else "(another secret)\n"),
            )
        else:
            self.changed(
                path,
                "" if content is None else before + content.decode(errors="replace"),
                after + entry["content"],
            )
        if self.module.check_mode:
            return
        os.makedirs(os.path.dirname(path), mode=0o755, exist_ok=True)
        handle, staged = tempfile.mkstemp(dir=os.path.dirname(path), prefix="." + os.path.basename(path))
        try:
            with os.fdopen(handle, "wb") as stream:
                stream.write(entry["content"].encode())
                stream.flush()
                os.fsync(stream.fileno())
            self.set_attributes(staged, entry)
            os.replace(staged, path)
        except BaseException:
            os.unlink(staged)
            raise

    def absent(self, path):
        if not os.path.lexists(path):
            return
        if os.path.isdir(path) and not os.path.islink(path):
            self.module.fail_json(msg=f"{path} is a directory; this module removes files alone.")
        self.changed(path, "present\n", "absent\n")
        if not self.module.check_mode:
            os.unlink(path)

    def validate(self, command, files):
        """Run the checker over a copy of the files, so that a wrong one never replaces a right one."""
        if not command or self.module.check_mode or not any(self.stale(entry)[0] for entry in files):
            return
        with tempfile.TemporaryDirectory(dir=self.module.tmpdir) as folder:
            os.chmod(folder, 0o755)
            for entry in files:
                path = os.path.join(folder, os.path.basename(entry["path"]))
                with open(path, "wb") as stream:
                    stream.write(entry["content"].encode())
                os.chmod(path, 0o644)
            code, out, err = self.module.run_command([word.replace("%s", folder) for word in command])
        if code:
            self.module.fail_json(
                msg=f"The new configuration is not valid, so the old one stays in place: {(err or out).strip()}"
            )


def main():
    entry = {
        "path": {"type": "path", "required": True},
        "mode": {"type": "str", "default": "0755"},
        "owner": {"type": "int", "default": 0},
        "group": {"type": "int", "default": 0},
    }
    content = {"type": "str", "required": True}
    file_entry = entry | {"content": content, "mode": {"type": "str", "default": "0644"}}
    secret_entry = entry | {"content": content | {"no_log": True}, "mode": {"type": "str", "default": "0400"}}
    module = AnsibleModule(
        argument_spec={
            "directories": {"type": "list", "elements": "dict", "default": [], "options": entry},
            "files": {"type": "list", "elements": "dict", "default": [], "options": file_entry},
            "secrets": {"type": "list", "elements": "dict", "default": [], "options": secret_entry, "no_log": False},
            "absent": {"type": "list", "elements": "path", "default": []},
            "validate": {"type": "list", "elements": "str"},
        },
        supports_check_mode=True,
    )
    site = SiteFiles(module)
    try:
        for directory in module.params["directories"]:
            site.directory(directory)
        site.validate(module.params["validate"], module.params["files"])
        for declared in module.params["files"]:
            site.file(declared, secret=False)
        for declared in module.params["secrets"]:
            site.file(declared, secret=True)
        for path in module.params["absent"]:
            site.absent(path)
    except OSError as error:
        module.fail_json(msg=f"{error.filename or 'A file'} could not be written: {error.strerror}")
    module.exit_json(changed=bool(site.paths), paths=site.paths, diff=site.diff)


if __name__ == "__main__":
    main()
