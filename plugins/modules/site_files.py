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
  - Everything is looked at before anything is written, so what can be refused is refused while all is as it was.
  - Then directories are made, secrets written, files written in their order, and what must be absent removed. A file
    that tells others of a change, such as a Compose fragment with a digest, comes last, so that a run that was
    interrupted is finished by the next one.
  - Check mode works on a host where no directory exists yet.
  - The content of a secret appears neither in the result nor in a diff nor in the server's journal.
author:
  - threedpc.pacs contributors (@threedpc)
extends_documentation_fragment:
  - threedpc.pacs.attributes
attributes:
  check_mode:
    support: full
    details: Reports what would change and writes nothing.
  diff_mode:
    support: full
    details:
      - Shows every changed file; of a secret it says only that it differs.
      - The old content of a file that not everybody was allowed to read is not shown either.
  idempotent:
    support: full
options:
  directories:
    description:
      - Directories to make. A link to a directory is as good as one.
      - Parents that are missing are made with mode V(0755), owned by the user who runs the module.
    type: list
    elements: dict
    default: []
    suboptions:
      path:
        description: Absolute path.
        type: path
        required: true
      mode:
        description: Octal mode with its leading zero, in quotes.
        type: str
        default: "0755"
      owner:
        description: Numeric user ID. By default that of the user who runs the module.
        type: int
      group:
        description: Numeric group ID. By default that of the user who runs the module.
        type: int
  files:
    description: Files that everybody on the server may know.
    type: list
    elements: dict
    default: []
    suboptions:
      path:
        description: Absolute path.
        type: path
        required: true
      content:
        description: The whole content. It must be text; a number or a dictionary is refused.
        type: raw
        required: true
      encoding:
        description: V(base64) if O(files[].content) is that of a file that is not text. A diff only shows its size.
        type: str
        choices: [text, base64]
        default: text
      inputs_digest:
        description:
          - Whether V(@inputs_digest@) in the content becomes twelve hexadecimal digits that are others whenever
            something else in O(files) or O(secrets) is, such as for a label that makes Compose recreate a container.
          - The digest is slow to compute (scrypt), so that nobody who reads it can try many secrets.
        type: bool
        default: false
      mode:
        description: Octal mode with its leading zero, in quotes.
        type: str
        default: "0644"
      owner:
        description: Numeric user ID. By default that of the user who runs the module.
        type: int
      group:
        description: Numeric group ID. By default that of the user who runs the module.
        type: int
  secrets:
    description: Files whose content nobody may see.
    type: list
    elements: dict
    default: []
    suboptions:
      path:
        description: Absolute path.
        type: path
        required: true
      content:
        description: The whole content. It must be text; a number or a dictionary is refused.
        type: raw
        required: true
      mode:
        description: Octal mode with its leading zero, in quotes.
        type: str
        default: "0400"
      owner:
        description: Numeric user ID. By default that of the user who runs the module.
        type: int
      group:
        description: Numeric group ID. By default that of the user who runs the module.
        type: int
  absent:
    description: Files that must not exist. A directory is refused.
    type: list
    elements: path
    default: []
  validate:
    description:
      - A command that must succeed before any path of this task is changed.
      - It is run only if the content of a file in O(files) changes. V(%s) becomes a directory that holds all of
        O(files) by their base names.
      - Not run in check mode.
    type: list
    elements: str
  parts:
    description:
      - Several services in one round trip. Each has the options O(directories), O(files), O(secrets), O(absent) and
        O(validate), with which its files are validated and its digest is made.
      - All of them are looked at, and what is to be validated is, before anything of any of them is written. Then they
        are written one after the other, after what is given beside this option.
    type: list
    elements: dict
    default: []
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
  description:
    - The paths that were, or in check mode would be, changed.
    - If the task fails, those that were changed before it did.
  returned: always
  type: list
  elements: str
  sample: [/opt/pacs/config/orthanc/orthanc.json]
"""

import base64
import binascii
import errno
import glob
import hashlib
import json
import os
import re
import stat
import tempfile

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.threedpc.pacs.plugins.module_utils.errors import PacsError

# An unquoted 0644 is the number 420 in YAML, so the leading zero is what tells that the quotes are there.
MODE = re.compile(r"0[0-7]{3,4}")

KINDS = ("directories", "files", "secrets")

DIGEST = b"@inputs_digest@"


class JournalModule(AnsibleModule):
    """A module that tells the server's journal which paths it is about, and nothing of their content.

    The journal entry of AnsibleModule holds lists in Python's notation, in which a secret with a quote, a
    backslash or a line break is not found, and so not masked.
    """

    def log(self, msg, log_args=None):
        # Only the entry that holds the arguments comes with them.
        super().log(msg if log_args is None else f"Invoked for {' '.join(self.paths())}")

    def paths(self):
        """All that it is about. The journal takes no NUL, and nobody should write lines of their own into it."""
        for part in [self.params, *self.params["parts"]]:
            entries = [entry.get("path") for name in KINDS for entry in part.get(name) or []]
            for path in map(str, entries + (part.get("absent") or [])):
                yield path if path.isprintable() else ascii(path)


class SiteFiles:
    """What it takes to bring the declared paths to their state: planned first, then done."""

    def __init__(self, parts):
        self.parts = parts
        self.steps = []
        # The parts of which the content of a file changes.
        self.changing = []

    def step(self, path, before, after, action, *arguments):
        diff = {"before_header": path, "after_header": path, "before": before, "after": after}
        self.steps.append({"path": path, "diff": diff, "action": action, "arguments": arguments})

    def plan(self):
        """Look at everything and write nothing."""
        check(self.parts)
        for part in self.parts:
            for entry in part["directories"]:
                self.plan_directory(entry)
            for entry in part["secrets"]:
                self.plan_file(entry, secret=True)
            changes = [self.plan_file(entry, secret=False) for entry in part["files"]]
            if any(changes):
                self.changing.append(part)
            for path in part["absent"]:
                self.plan_absent(path)

    def plan_directory(self, entry):
        path, after = entry["path"], attributes(entry["mode"], entry["owner"], entry["group"])
        if not os.path.lexists(path):
            self.step(path, "", after, make_directory, entry)
            return
        if not os.path.isdir(path):
            raise PacsError(f"{path} must be a directory, but something else is there. Move it away.")
        before = found_attributes(os.stat(path))
        if before != after:
            self.step(path, before, after, set_attributes, entry)

    def plan_file(self, entry, secret):
        """Plan a file or secret; returns whether its content changes."""
        path, new = entry["path"], entry["content"]
        for leftover in leftovers(path):
            self.step(leftover, "left behind by an interrupted run\n", "", os.unlink, leftover)
        after = attributes(entry["mode"], entry["owner"], entry["group"])
        if not os.path.lexists(path):
            self.step(path, "", after + ("(secret)\n" if secret else shown_content(new)), write, entry)
            return True
        found = os.lstat(path)
        if not stat.S_ISREG(found.st_mode):
            raise PacsError(f"{path} must be a regular file, but something else is there. Move it away.")
        with open(path, "rb") as stream:
            old = stream.read()
        before = found_attributes(found)
        if old == new and before == after:
            return False
        if secret:
            shown = "(secret)\n", "(secret)\n" if old == new else "(another secret)\n"
        elif found.st_mode & stat.S_IROTH or not int(entry["mode"], 8) & stat.S_IROTH:
            shown = shown_content(old), shown_content(new)
        else:
            # What only some may read may be a secret that an older configuration had here.
            shown = "(not everybody may read this)\n", shown_content(new)
        self.step(path, before + shown[0], after + shown[1], set_attributes if old == new else write, entry)
        return old != new

    def plan_absent(self, path):
        if os.path.isdir(path) and not os.path.islink(path):
            raise PacsError(f"{path} is a directory; this module only removes files.")
        if os.path.lexists(path):
            self.step(path, "present\n", "absent\n", os.unlink, path)

    def apply(self):
        done = []
        for step in self.steps:
            try:
                step["action"](*step["arguments"])
            except OSError as error:
                message = f"{step['path']} could not be changed: {error.strerror or error}{full_disk(step, error)}"
                raise PacsError(message, changed=bool(done), paths=done) from error
            done.append(step["path"])


def full_disk(step, error):
    """Which disk is full, and what to do."""
    if error.errno not in (errno.ENOSPC, errno.EDQUOT):
        return ""
    place = step["path"]
    while not os.path.ismount(place):
        place = os.path.dirname(place)
    return f". The disk {place} is full; make space there and run the playbook again."


def attributes(mode, owner, group):
    return f"mode {int(mode, 8):04o}, owner {owner}:{group}\n"


def shown_content(content):
    """What a diff shows of a file."""
    return f"({len(content)} bytes, not text)\n" if b"\0" in content else content.decode(errors="replace")


def found_attributes(found):
    return f"mode {stat.S_IMODE(found.st_mode):04o}, owner {found.st_uid}:{found.st_gid}\n"


def check(parts):
    """Refuse what can't be meant, and bring paths and contents to the form that the plan is made of."""
    seen = set()
    files = set()
    for part in parts:
        for kind in KINDS:
            for entry in part[kind]:
                entry["path"] = checked_path(entry["path"], seen)
                check_entry(entry)
                if kind != "directories":
                    files.add(entry["path"])
        part["absent"] = [checked_path(path, seen) for path in part["absent"]]
        fill_in_digest(part)
    for path in seen:
        check_parents(path, files)


def checked_path(path, seen):
    if not os.path.isabs(path) or "\0" in path:
        raise PacsError(f"{path!r} must be an absolute path.")
    # POSIX gives two leading slashes a meaning of their own, and so normpath keeps them.
    path = "/" + os.path.normpath(path).lstrip("/")
    if path in seen:
        raise PacsError(f"{path} is declared twice.")
    seen.add(path)
    return path


def check_entry(entry):
    path = entry["path"]
    if not MODE.fullmatch(entry["mode"]):
        raise PacsError(f"The mode of {path} is '{entry['mode']}'; it must be octal and in quotes, such as '0644'.")
    if entry["owner"] < 0 or entry["group"] < 0:
        raise PacsError(f"The owner and group of {path} must be 0 or more.")
    if "content" not in entry:
        return
    if not isinstance(entry["content"], str):
        kind = type(entry["content"]).__name__
        raise PacsError(f"The content of {path} must be text, but it is of type {kind}.")
    if entry.get("encoding") == "base64":
        try:
            entry["content"] = base64.b64decode(entry["content"], validate=True)
        except (binascii.Error, ValueError):
            raise PacsError(f"The content of {path} is not base64.") from None
        return
    try:
        entry["content"] = entry["content"].encode()
    except UnicodeEncodeError:
        # The cause names the characters, which may be a secret's.
        raise PacsError(f"The content of {path} can't be written as UTF-8.") from None


def fill_in_digest(part):
    """Put the digest of a service's inputs where it belongs."""
    telling = [entry for entry in part["files"] if entry["inputs_digest"]]
    if not telling:
        return
    inputs = [
        [entry["path"], entry["mode"], entry["owner"], entry["group"], hashlib.sha256(entry["content"]).hexdigest()]
        for entry in part["files"] + part["secrets"]
        if not entry.get("inputs_digest")
    ]
    # Everybody on the server may read it, and could try passwords; it takes as long as a login.
    digest = hashlib.scrypt(json.dumps(sorted(inputs)).encode(), salt=b"threedpc.pacs", n=2**14, r=8, p=1, dklen=6)
    for entry in telling:
        if DIGEST not in entry["content"]:
            raise PacsError(f"The content of {entry['path']} has no {DIGEST.decode()}, but inputs_digest is true.")
        entry["content"] = entry["content"].replace(DIGEST, digest.hex().encode())


def check_parents(path, files):
    parent = os.path.dirname(path)
    while parent != "/":
        if parent in files or (os.path.lexists(parent) and not os.path.isdir(parent)):
            raise PacsError(f"{path} can't be there: {parent} must be a directory, but it is something else.")
        parent = os.path.dirname(parent)


def check_by_command(module, command, entries):
    """Run the checker over a copy of the files, so that a wrong one never replaces a right one."""
    names = [os.path.basename(entry["path"]) for entry in entries]
    if len(set(names)) < len(names):
        raise PacsError("Files that are validated together must have different base names.")
    with tempfile.TemporaryDirectory(dir=module.tmpdir) as folder:
        os.chmod(folder, 0o755)
        for name, entry in zip(names, entries):
            with open(os.path.join(folder, name), "wb") as stream:
                stream.write(entry["content"])
                os.fchmod(stream.fileno(), int(entry["mode"], 8) | 0o444)
        try:
            code, out, err = module.run_command(
                [word.replace("%s", folder) for word in command], handle_exceptions=False, expand_user_and_vars=False
            )
        except OSError as error:
            message = f"'{command[0]}', which checks the new configuration, could not be run: {error.strerror}"
            raise PacsError(message) from error
    if code:
        said = (err.strip() or out.strip() or f"the checker ended with {code} and said nothing").replace(folder, "")
        raise PacsError(f"The new configuration is not valid, so the old one stays in place: {said}")


def make_parents(path):
    parent = os.path.dirname(path)
    if not os.path.isdir(parent):
        make_parents(parent)
        os.mkdir(parent, 0o755)


def make_directory(entry):
    make_parents(entry["path"])
    # Closed until it has its owner.
    os.mkdir(entry["path"], 0o700)
    set_attributes(entry)


def set_attributes(entry):
    os.chown(entry["path"], entry["owner"], entry["group"])
    # Second, because a change of owner clears the bits that set a user or group.
    os.chmod(entry["path"], int(entry["mode"], 8))


def leftovers(path):
    """What runs that were killed before they could rename a staged file have left behind."""
    folder, name = os.path.split(path)
    # The question marks are the random part of a name that mkstemp makes.
    return sorted(glob.glob(os.path.join(glob.escape(folder), f".{glob.escape(name)}.????????.staged")))


def write(entry):
    """Replace a file at once: a reader sees the old one or the new one, also after a power failure."""
    make_parents(entry["path"])
    folder, name = os.path.split(entry["path"])
    handle, staged = tempfile.mkstemp(dir=folder, prefix=f".{name}.", suffix=".staged")
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(entry["content"])
            stream.flush()
            os.fchown(stream.fileno(), entry["owner"], entry["group"])
            os.fchmod(stream.fileno(), int(entry["mode"], 8))
            os.fsync(stream.fileno())
        os.replace(staged, entry["path"])
    except BaseException:
        os.unlink(staged)
        raise
    sync_directory(folder)


def sync_directory(folder):
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def part_spec():
    """The options of what one service needs."""
    entry = {
        "path": {"type": "path", "required": True},
        "mode": {"type": "str", "default": "0755"},
        "owner": {"type": "int"},
        "group": {"type": "int"},
    }
    content = {"type": "raw", "required": True}
    file_entry = entry | {
        "content": content,
        "encoding": {"type": "str", "choices": ["text", "base64"], "default": "text"},
        "inputs_digest": {"type": "bool", "default": False},
        "mode": {"type": "str", "default": "0644"},
    }
    secret_entry = entry | {"content": content | {"no_log": True}, "mode": {"type": "str", "default": "0400"}}
    return {
        "directories": {"type": "list", "elements": "dict", "default": [], "options": entry},
        "files": {"type": "list", "elements": "dict", "default": [], "options": file_entry},
        "secrets": {"type": "list", "elements": "dict", "default": [], "options": secret_entry, "no_log": False},
        "absent": {"type": "list", "elements": "path", "default": []},
        "validate": {"type": "list", "elements": "str"},
    }


def checked_parts(module):
    """What is given beside the option parts, and each of the parts by the same rules."""
    spec = part_spec()
    parts = [{name: module.params[name] for name in spec}]
    validator = ArgumentSpecValidator(spec)
    for part in module.params["parts"]:
        # Only the arguments of a module itself are masked by Ansible.
        module.no_log_values.update(
            str(entry["content"]) for entry in part.get("secrets") or [] if entry.get("content")
        )
        result = validator.validate(part)
        if result.error_messages:
            raise PacsError(f"A part can't be read: {'; '.join(result.error_messages)}.")
        parts.append(result.validated_parameters)
    return [
        {name: [owned(entry) if isinstance(entry, dict) else entry for entry in part[name] or []] for name in spec}
        for part in parts
    ]


def owned(entry):
    """A copy with the owner and group that it gets."""
    own = {"owner": os.geteuid(), "group": os.getegid()}
    return entry | {name: number for name, number in own.items() if entry[name] is None}


def main():
    module = JournalModule(
        argument_spec=part_spec() | {"parts": {"type": "list", "elements": "dict", "default": []}},
        supports_check_mode=True,
    )
    # The modes of new parents must not depend on how strict the server's administrator is.
    os.umask(0o022)
    try:
        site = SiteFiles(checked_parts(module))
        site.plan()
        if not module.check_mode:
            for part in site.changing:
                if part["validate"]:
                    check_by_command(module, part["validate"], part["files"])
            site.apply()
    except PacsError as error:
        error.result.setdefault("paths", [])
        error.fail(module)
    except OSError as error:
        module.fail_json(msg=f"{error.filename or 'A path'} could not be looked at: {error.strerror}", paths=[])
    result = {"changed": bool(site.steps), "paths": [step["path"] for step in site.steps]}
    if module._diff:
        result["diff"] = [step["diff"] for step in site.steps]
    module.exit_json(**result)


if __name__ == "__main__":
    main()
