# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files of a service: every state in check mode, applied, and again; every fault with all as it was."""

from __future__ import annotations

import base64
import json
import os
import pathlib
import re
import shutil
import stat
import subprocess
import sys
import sysconfig

import pytest
from ansible_collections.threedpc.pacs.plugins.modules import site_files

OWN = {"owner": os.getuid(), "group": os.getgid()}
SECRETS = ["p$ss\"w'o\\rd#1 ü", "12345678", "$HOME", 'two\nlines "of" \\ it\n']


@pytest.fixture
def run(run_module):
    """Run the module in diff mode with directories and files of our own."""

    def call(check_mode=False, diff=True, **params):
        for kind in ("directories", "files", "secrets"):
            params[kind] = [OWN | {"path": None} | entry for entry in params.get(kind, [])]
            for entry in params[kind]:
                entry["path"] = str(entry["path"])
        if "absent" in params:
            params["absent"] = [str(path) for path in params["absent"]]
        return run_module(site_files, check_mode, _ansible_diff=diff, **params)

    return call


def mode(path):
    return stat.S_IMODE(os.stat(path).st_mode)


def snapshot(folder):
    """Everything under a folder, with what a write would change."""
    return {
        str(path): (path.lstat().st_mode, path.lstat().st_ino, path.lstat().st_mtime_ns)
        for path in [folder, *folder.rglob("*")]
    }


def sequence(run, folder, **params):
    """Check mode, apply, check mode again, apply again. Returns what the first two said."""
    before = snapshot(folder)
    foreseen = run(check_mode=True, **params)
    assert snapshot(folder) == before, "check mode wrote"
    applied = run(**params)
    assert not applied.get("failed"), applied
    assert foreseen["changed"] is True
    assert applied["changed"] is True
    assert foreseen["paths"] == applied["paths"]
    assert foreseen["diff"] == applied["diff"]
    before = snapshot(folder)
    for check_mode in (True, False):
        again = run(check_mode=check_mode, **params)
        assert (again["changed"], again["paths"], again["diff"]) == (False, [], [])
    assert snapshot(folder) == before
    return applied


def refused(run, folder, **params):
    """Refused in both modes with the same sentence, and nothing touched."""
    before = snapshot(folder)
    foreseen = run(check_mode=True, **params)
    result = run(**params)
    assert foreseen["failed"] is True
    assert result["failed"] is True
    assert foreseen["msg"] == result["msg"]
    assert snapshot(folder) == before
    return result["msg"]


# What each state comes to.


def test_directory(run, tmp_path):
    path = tmp_path / "a" / "b" / "c"
    old = os.umask(0o077)
    try:
        result = sequence(run, tmp_path, directories=[{"path": path, "mode": "0750"}])
    finally:
        os.umask(old)
    assert result["paths"] == [str(path)]
    # The parents don't depend on the umask.
    assert [mode(tmp_path / "a"), mode(tmp_path / "a" / "b"), mode(path)] == [0o755, 0o755, 0o750]
    changed = sequence(run, tmp_path, directories=[{"path": path, "mode": "0700"}])
    assert changed["diff"][0]["before"].startswith("mode 0750")
    assert changed["diff"][0]["after"].startswith("mode 0700")
    assert mode(path) == 0o700


def test_directory_keeps_what_is_in_it(run, tmp_path):
    (tmp_path / "kept").write_text("data")
    sequence(run, tmp_path, directories=[{"path": tmp_path, "mode": "0711"}])
    assert (tmp_path / "kept").read_text() == "data"


def test_directory_that_is_a_link_to_one(run, tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir(0o755)
    link = tmp_path / "link"
    link.symlink_to(disk)
    sequence(run, tmp_path, directories=[{"path": link, "mode": "0711"}])
    assert link.is_symlink()
    assert mode(disk) == 0o711


def test_file(run, tmp_path):
    path = tmp_path / "config" / "nginx" / "nginx.conf"
    result = sequence(run, tmp_path, files=[{"path": path, "content": "first ü\n"}])
    assert path.read_text() == "first ü\n"
    assert mode(path) == 0o644
    assert result["diff"][0]["before"] == ""
    assert result["diff"][0]["after"].endswith("first ü\n")
    changed = sequence(run, tmp_path, files=[{"path": path, "content": "second\n"}])
    assert changed["diff"][0]["before"].endswith("first ü\n")
    assert changed["diff"][0]["after"].endswith("second\n")
    assert path.read_text() == "second\n"
    stricter = sequence(run, tmp_path, files=[{"path": path, "content": "second\n", "mode": "0600"}])
    assert stricter["paths"] == [str(path)]
    assert mode(path) == 0o600


def test_mode_alone_keeps_the_file(run, tmp_path):
    """A container that has the file mounted goes on to see it."""
    path = tmp_path / "file"
    path.write_text("same")
    path.chmod(0o600)
    inode = path.stat().st_ino
    sequence(run, tmp_path, files=[{"path": path, "content": "same"}])
    assert (path.stat().st_ino, mode(path)) == (inode, 0o644)


@pytest.mark.parametrize("content", ["", "no line break", "a\r\nb\n", "\ufeffü€\U0001f600", "$HOME {{ x }} %s"])
def test_content_is_written_as_it_is(run, tmp_path, content):
    sequence(run, tmp_path, files=[{"path": tmp_path / "new" / "file", "content": content}])
    assert (tmp_path / "new" / "file").read_bytes() == content.encode()


# The names of the cases become part of paths, which may show.
each_secret = pytest.mark.parametrize("secret", SECRETS, ids=["special", "digits", "dollar", "lines"])


@each_secret
def test_secret(run, tmp_path, secret):
    path = tmp_path / "secrets" / "password"
    params = {"directories": [{"path": path.parent, "mode": "0700"}]}
    result = sequence(run, tmp_path, secrets=[{"path": path, "content": secret}], **params)
    assert path.read_bytes() == secret.encode()
    assert mode(path) == 0o400
    assert [entry["after"].splitlines()[1:] for entry in result["diff"]] == [[], ["(secret)"]]
    changed = sequence(run, tmp_path, secrets=[{"path": path, "content": "x" + secret}], **params)
    assert [entry["after"].splitlines()[1:] for entry in changed["diff"]] == [["(another secret)"]]
    assert path.read_bytes() == ("x" + secret).encode()
    stricter = sequence(run, tmp_path, secrets=[{"path": path, "content": "x" + secret, "mode": "0440"}], **params)
    assert [entry["after"].splitlines()[1:] for entry in stricter["diff"]] == [["(secret)"]]
    for answer in (result, changed, stricter):
        assert secret not in json.dumps(answer, ensure_ascii=False)
        assert json.dumps(secret)[1:-1] not in json.dumps(answer)


def test_old_content_that_not_everybody_could_read_is_not_shown(run, tmp_path):
    path = tmp_path / "orthanc.json"
    path.write_text("an old password")
    path.chmod(0o600)
    result = run(files=[{"path": path, "content": "{}"}])
    assert "an old password" not in json.dumps(result)
    assert path.read_text() == "{}"


def test_absent(run, tmp_path):
    path, link = tmp_path / "fragment.yml", tmp_path / "link"
    path.write_text("x")
    link.symlink_to(tmp_path / "nowhere")
    result = sequence(run, tmp_path, absent=[path, link, tmp_path / "never" / "there"])
    assert result["paths"] == [str(path), str(link)]
    assert not os.path.lexists(path)
    assert not os.path.lexists(link)


def test_everything_at_once_in_the_safe_order(run, tmp_path):
    """The fragment, which tells Compose of the change, is written after what it tells of."""
    (tmp_path / "old").write_text("x")
    result = sequence(
        run,
        tmp_path,
        files=[{"path": tmp_path / "config", "content": "c"}, {"path": tmp_path / "fragment", "content": "f"}],
        secrets=[{"path": tmp_path / "s" / "secret", "content": "swordfish"}],
        directories=[{"path": tmp_path / "s", "mode": "0700"}],
        absent=[tmp_path / "old"],
    )
    assert [pathlib.Path(path).name for path in result["paths"]] == ["s", "secret", "config", "fragment", "old"]


def test_paths_are_normalized(run, tmp_path):
    result = sequence(run, tmp_path, directories=[{"path": f"/{tmp_path}/a/../b//"}])
    assert result["paths"] == [str(tmp_path / "b")]


def test_nothing_declared(run, tmp_path):
    result = run(directories=[], files=[], secrets=[], absent=[])
    assert (result["changed"], result["paths"], result["diff"]) == (False, [], [])


def test_diff_only_if_asked_for(run, tmp_path):
    assert "diff" not in run(diff=False, files=[{"path": tmp_path / "f", "content": "x"}])


@pytest.mark.skipif(os.getuid() != 0, reason="only root gives files away")
def test_owner(run, tmp_path):
    params = {
        "directories": [{"path": tmp_path / "d", "owner": 999, "group": 998}],
        "secrets": [{"path": tmp_path / "d" / "s", "content": "secret", "owner": 999, "group": 997}],
    }
    sequence(run, tmp_path, **params)
    assert [((tmp_path / name).stat().st_uid, (tmp_path / name).stat().st_gid) for name in ("d", "d/s")] == [
        (999, 998),
        (999, 997),
    ]
    os.chown(tmp_path / "d" / "s", 0, 0)
    assert sequence(run, tmp_path, **params)["paths"] == [str(tmp_path / "d" / "s")]


# What is refused, in check mode too, with nothing touched.


@pytest.mark.parametrize("kind", ["directories", "files", "secrets"])
def test_parent_that_is_a_file(run, tmp_path, kind):
    (tmp_path / "file").write_text("x")
    entry = {"path": tmp_path / "file" / "a" / "b"} | ({} if kind == "directories" else {"content": "swordfish"})
    assert f"{tmp_path}/file must be a directory" in refused(run, tmp_path, **{kind: [entry]})


def test_parent_that_is_a_link_to_nowhere(run, tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    message = refused(run, tmp_path, files=[{"path": tmp_path / "link" / "a", "content": "c"}])
    assert f"{tmp_path}/link must be a directory" in message


def test_declared_file_as_a_parent(run, tmp_path):
    files = [{"path": tmp_path / "a", "content": "c"}, {"path": tmp_path / "a" / "b", "content": "c"}]
    assert f"{tmp_path}/a must be a directory" in refused(run, tmp_path, files=files)


def make_file(path):
    path.write_text("x")


def make_link(path):
    target = path.with_name("target")
    target.write_text("x")
    path.symlink_to(target)


def make_broken_link(path):
    path.symlink_to(path.with_name("nowhere"))


@pytest.mark.parametrize("make", [make_file, make_broken_link, os.mkfifo])
def test_something_else_where_a_directory_belongs(run, tmp_path, make):
    make(tmp_path / "d")
    message = refused(run, tmp_path, directories=[{"path": tmp_path / "d"}])
    assert f"{tmp_path}/d must be a directory" in message


@pytest.mark.parametrize("make", [os.mkdir, make_link, make_broken_link, os.mkfifo])
@pytest.mark.parametrize("kind", ["files", "secrets"])
def test_something_else_where_a_file_belongs(run, tmp_path, make, kind):
    make(tmp_path / "f")
    message = refused(run, tmp_path, **{kind: [{"path": tmp_path / "f", "content": "swordfish"}]})
    assert f"{tmp_path}/f must be a regular file" in message


def test_absent_directory(run, tmp_path):
    (tmp_path / "d").mkdir()
    assert "only removes files" in refused(run, tmp_path, absent=[tmp_path / "d"])


def test_last_of_many_is_wrong_and_the_first_is_not_touched(run, tmp_path):
    (tmp_path / "d").mkdir()
    refused(
        run,
        tmp_path,
        directories=[{"path": tmp_path / "new"}],
        files=[{"path": tmp_path / "f", "content": "x"}],
        absent=[tmp_path / "d"],
    )


@pytest.mark.parametrize("value", ["420", "644", 420, "0999", "u=rw", "", "00644x", 1023])
def test_mode_that_lost_its_quotes(run, tmp_path, value):
    message = refused(run, tmp_path, files=[{"path": tmp_path / "f", "content": "x", "mode": value}])
    assert "octal and in quotes" in message


@pytest.mark.parametrize("content", [{"a": 1}, ["a"], 12345678, True, None, 1.5])
@pytest.mark.parametrize("kind", ["files", "secrets"])
def test_content_that_is_not_text(run, tmp_path, content, kind):
    message = refused(run, tmp_path, **{kind: [{"path": tmp_path / "f", "content": content}]})
    assert "content" in message
    assert "12345678" not in message


def test_content_that_is_not_unicode():
    # Some releases of ansible-core let it come this far.
    entry = {"path": "/f", "mode": "0644", "owner": 0, "group": 0, "content": "a\udc80"}
    with pytest.raises(site_files.PacsError, match="UTF-8"):
        site_files.check_entry(entry)


@pytest.mark.parametrize("path", ["relative", "./f", "a\0b", ""])
def test_path_that_is_not_absolute(run, tmp_path, path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert "must be an absolute path" in refused(run, tmp_path, files=[{"path": path, "content": "x"}])


def test_owner_below_zero(run, tmp_path):
    """The system would take it for: leave it as it is."""
    message = refused(run, tmp_path, files=[{"path": tmp_path / "f", "content": "x", "owner": -1}])
    assert "0 or more" in message


def test_declared_twice(run, tmp_path):
    path = tmp_path / "f"
    for params in (
        {"files": [{"path": path, "content": "x"}, {"path": f"{path}/", "content": "y"}]},
        {"files": [{"path": path, "content": "x"}], "secrets": [{"path": path, "content": "y"}]},
        {"files": [{"path": path, "content": "x"}], "absent": [path]},
        {"directories": [{"path": path}], "absent": [path]},
    ):
        assert "declared twice" in refused(run, tmp_path, **params)


# Faults while writing.


def failing(error):
    """A function that only fails."""

    def call(*arguments, **keywords):
        raise error

    return call


@pytest.mark.parametrize("name", ["replace", "fchown", "fchmod", "fsync"])
def test_fault_keeps_the_old_file_and_leaves_nothing_behind(run, tmp_path, monkeypatch, name):
    path = tmp_path / "f"
    path.write_text("old")
    path.chmod(0o644)
    with monkeypatch.context() as patch:
        patch.setattr(site_files.os, name, failing(OSError(28, "No space left on device")))
        result = run(files=[{"path": path, "content": "new"}])
    assert result["failed"] is True
    assert result["msg"].startswith(f"{path} could not be changed: No space left on device. The disk /")
    assert "is full; make space there" in result["msg"]
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]
    sequence(run, tmp_path, files=[{"path": path, "content": "new"}])


def test_unwritable_directory(run, tmp_path, monkeypatch):
    monkeypatch.setattr(site_files.tempfile, "mkstemp", failing(PermissionError(13, "Permission denied")))
    result = run(secrets=[{"path": tmp_path / "f", "content": "a secret"}])
    assert result["msg"] == f"{tmp_path}/f could not be changed: Permission denied"
    assert "a secret" not in json.dumps(result)


@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="needs /proc")
def test_place_where_nobody_can_write(run):
    result = run(files=[{"path": "/proc/threedpc/f", "content": "x"}])
    assert result["failed"] is True
    assert result["msg"].startswith("/proc/threedpc/f could not be changed: ")


def test_fault_tells_what_was_done_before(run, tmp_path, monkeypatch):
    real, calls = os.replace, []

    def second_fails(*arguments):
        calls.append(arguments)
        if len(calls) == 2:
            raise OSError(5, "Input/output error")
        return real(*arguments)

    files = [{"path": tmp_path / name, "content": name} for name in ("a", "b", "c")]
    with monkeypatch.context() as patch:
        patch.setattr(site_files.os, "replace", second_fails)
        result = run(files=files)
    assert (result["failed"], result["changed"], result["paths"]) == (True, True, [str(tmp_path / "a")])
    assert sequence(run, tmp_path, files=files)["paths"] == [str(tmp_path / "b"), str(tmp_path / "c")]


def test_file_is_whole_and_on_disk_before_it_gets_its_name(run, tmp_path, monkeypatch):
    events = []
    for name in ("fsync", "replace"):
        real = getattr(os, name)
        monkeypatch.setattr(site_files.os, name, lambda *a, n=name, r=real: (events.append(n), r(*a))[1])
    run(files=[{"path": tmp_path / "f", "content": "x"}])
    assert events == ["fsync", "replace", "fsync"]


KILLED = """
import os, signal, sys
from ansible_collections.threedpc.pacs.plugins.modules import site_files
os.replace = lambda *arguments: os.kill(os.getpid(), signal.SIGKILL)
site_files.write({"path": sys.argv[1], "content": b"half of a secret", "owner": os.getuid(), "group": os.getgid(),
                  "mode": "0400"})
"""


@pytest.mark.parametrize("stale", [True, False])
def test_killed_run_is_cleaned_up_by_the_next(run, tmp_path, stale):
    path = tmp_path / "password"
    path.write_text("old" if stale else "new")
    path.chmod(0o400)
    environment = dict(os.environ, PYTHONPATH=os.pathsep.join(sys.path))
    killed = subprocess.run([sys.executable, "-c", KILLED, str(path)], env=environment, check=False, timeout=60)
    assert killed.returncode == -9
    (leftover,) = set(tmp_path.iterdir()) - {path}
    assert mode(leftover) == 0o400
    result = sequence(run, tmp_path, secrets=[{"path": path, "content": "new"}])
    assert result["paths"] == [str(leftover)] + ([str(path)] if stale else [])
    assert list(tmp_path.iterdir()) == [path]
    assert "half of a secret" not in json.dumps(result)


def test_leftovers_of_others_are_kept(run, tmp_path):
    """The file a.b must not lose what a is about to be, nor the other way round."""
    for name in (".a.b.12345678.staged", ".other", ".a.staged"):
        (tmp_path / name).write_text("x")
    run(files=[{"path": tmp_path / "a", "content": "x"}])
    assert sorted(path.name for path in tmp_path.iterdir()) == [".a.b.12345678.staged", ".a.staged", ".other", "a"]


# The checker.

ACCEPT = [
    sys.executable,
    "-c",
    "import sys, os; sys.exit(0 if open(sys.argv[1]+'/f').read() == 'good' else 'bad %')",
    "%s",
]


def test_validate(run, tmp_path):
    path, other = tmp_path / "f", tmp_path / "new"
    good = {"files": [{"path": path, "content": "good"}], "validate": ACCEPT}
    sequence(run, tmp_path, **good)
    inode = path.stat().st_ino
    before = snapshot(tmp_path)
    result = run(
        files=[{"path": path, "content": "wrong"}],
        validate=ACCEPT,
        directories=[{"path": other}],
        secrets=[{"path": tmp_path / "s", "content": "a secret"}],
    )
    assert result["failed"] is True
    assert result["msg"] == "The new configuration is not valid, so the old one stays in place: bad %"
    assert snapshot(tmp_path) == before
    assert (path.read_text(), path.stat().st_ino) == ("good", inode)


def test_validate_sees_all_files_under_their_names(run, tmp_path):
    command = [sys.executable, "-c", "import os, sys; sys.exit(str(sorted(os.listdir(sys.argv[1]))))", "%s"]
    files = [{"path": tmp_path / "x" / "a", "content": "1"}, {"path": tmp_path / "y" / "b", "content": "2"}]
    assert "['a', 'b']" in run(files=files, validate=command)["msg"]
    files[1]["path"] = tmp_path / "y" / "a"
    assert "different base names" in run(files=files, validate=command)["msg"]
    assert list(tmp_path.iterdir()) == []


def test_validate_only_if_content_changes(run, tmp_path):
    path = tmp_path / "f"
    path.write_text("x")
    path.chmod(0o600)
    never = [sys.executable, "-c", "raise SystemExit('was run')"]
    files = [{"path": path, "content": "x"}]
    assert run(files=files, validate=never)["changed"] is True
    assert run(files=files, validate=never)["changed"] is False
    assert run(files=files, validate=never, secrets=[{"path": tmp_path / "s", "content": "s"}])["changed"] is True


def test_validate_not_in_check_mode(run, tmp_path):
    marker = tmp_path / "marker"
    command = [sys.executable, "-c", f"open({str(marker)!r}, 'w')"]
    assert run(check_mode=True, files=[{"path": tmp_path / "f", "content": "x"}], validate=command)["changed"] is True
    assert list(tmp_path.iterdir()) == []


def test_checker_that_is_not_there(run, tmp_path):
    result = run(files=[{"path": tmp_path / "f", "content": "x"}], validate=["/no/such/checker", "%s"])
    assert result["msg"] == "'/no/such/checker', which checks the new configuration, could not be run: " + (
        "No such file or directory"
    )
    assert list(tmp_path.iterdir()) == []


def test_checker_gets_dollars_as_they_are(run, tmp_path):
    command = [sys.executable, "-c", "import sys; sys.exit(sys.argv[1])", "$HOME ~"]
    assert run(files=[{"path": tmp_path / "f", "content": "x"}], validate=command)["msg"].endswith("$HOME ~")


def test_checker_that_says_nothing(run, tmp_path):
    result = run(files=[{"path": tmp_path / "f", "content": "x"}], validate=["false"])
    assert "ended with 1 and said nothing" in result["msg"]


# No secret anywhere.


@each_secret
def test_journal_learns_the_paths_alone(run, tmp_path, monkeypatch, secret):
    logged = []
    monkeypatch.setattr(
        site_files.AnsibleModule, "log", lambda self, text, log_args=None: logged.append((text, log_args))
    )
    run(
        secrets=[{"path": tmp_path / "password", "content": secret}],
        files=[{"path": tmp_path / "f", "content": "content of a file"}],
    )
    text = str(logged)
    assert str(tmp_path / "password") in text
    for part in (secret, repr(secret)[1:-1], json.dumps(secret)[1:-1], secret.split("\n", maxsplit=1)[0], "content of"):
        assert part not in text


PLAY = """
- hosts: localhost
  gather_facts: false
  tasks:
    - name: Write
      threedpc.pacs.site_files:
        directories: [{path: "{{ folder }}/secrets", mode: "0700", owner: "{{ uid }}", group: "{{ gid }}"}]
        files: [{path: "{{ folder }}/public", content: "{{ public }}", owner: "{{ uid }}", group: "{{ gid }}"}]
        secrets:
          - {path: "{{ folder }}/secrets/plain", content: "{{ secret }}", owner: "{{ uid }}", group: "{{ gid }}"}
          - path: "{{ folder }}/secrets/json"
            content: "{{ {'Password': secret} | threedpc.pacs.orthanc_json }}"
            owner: "{{ uid }}"
            group: "{{ gid }}"
      loop: "{{ range(cases | length) | list }}"
      vars: &case {secret: "{{ cases[item] }}", folder: "{{ base }}/{{ item }}"}
    - name: Fail
      threedpc.pacs.site_files:
        files: [{path: "{{ folder }}/public/x", content: "x"}, {path: "{{ folder }}/public", content: "x"}]
        secrets: [{path: "{{ folder }}/secrets/other", content: "{{ secret }}"}]
      loop: "{{ range(cases | length) | list }}"
      vars: *case
      register: refused
      failed_when: refused is not failed or refused is not search("must be a directory")
"""


def play(tmp_path, *arguments):
    """Run the real module by the real ansible-playbook, as loud as an operator may make it."""
    programs = [sysconfig.get_path("scripts"), *os.environ["PATH"].split(os.pathsep)]
    program = shutil.which("ansible-playbook", path=os.pathsep.join(programs))
    if program is None:
        pytest.skip("needs ansible-playbook")
    (tmp_path / "play.yml").write_text(PLAY)
    values = {"cases": SECRETS, "public": "what everybody may know\n", "base": str(tmp_path / "site")}
    values |= {"uid": os.getuid(), "gid": os.getgid(), "ansible_python_interpreter": sys.executable}
    (tmp_path / "vars.json").write_text(json.dumps(values))
    # Where the collection lies, whatever made it importable here.
    roots = [str(path) for path in pathlib.Path(site_files.__file__).parents if path.name == "ansible_collections"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")} | {
        "ANSIBLE_COLLECTIONS_PATH": str(pathlib.Path(roots[0]).parent),
        "ANSIBLE_HOME": str(tmp_path / "home"),
        "ANSIBLE_LOCALHOST_WARNING": "false",
        "ANSIBLE_NOCOLOR": "true",
        "ANSIBLE_LOG_PATH": str(tmp_path / "log"),
    }
    command = [program, "-i", "localhost,", "-c", "local", "-vvv", "--diff", "-e", f"@{tmp_path}/vars.json", *arguments]
    result = subprocess.run(
        [*command, str(tmp_path / "play.yml")],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout + result.stderr + (tmp_path / "log").read_text()


def test_real_run_shows_no_secret(tmp_path):
    outputs = [play(tmp_path, "--check")]
    assert not (tmp_path / "site").exists()
    outputs.append(play(tmp_path))
    for number, secret in enumerate(SECRETS):
        folder = tmp_path / "site" / str(number) / "secrets"
        assert (folder / "plain").read_bytes() == secret.encode()
        assert json.loads((folder / "json").read_text()) == {"Password": secret}
        (folder / "plain").chmod(0o600)
        (folder / "plain").write_text("was another")
    outputs.append(play(tmp_path))
    assert outputs[2].count("+(another secret)") == 2 * len(SECRETS)
    for output in outputs:
        assert "+what everybody may know" in output or output is outputs[2]
        assert "was another" not in output
        for secret in SECRETS:
            # Neither as it is nor in the notation of Python or of JSON, once or twice.
            quoted = json.dumps(secret)
            for form in (secret, repr(secret)[1:-1], quoted[1:-1], repr(quoted)[2:-2], json.dumps(quoted)[3:-3]):
                assert form not in output


def test_a_file_that_is_no_text_is_written_and_its_diff_shows_its_size_alone(run, tmp_path):
    data = b"PK\0\xff\x00" * 7
    entry = {"path": tmp_path / "driver.zip", "content": base64.b64encode(data).decode(), "encoding": "base64"}
    applied = sequence(run, tmp_path, files=[entry])
    assert (tmp_path / "driver.zip").read_bytes() == data
    assert "(35 bytes, not text)" in applied["diff"][0]["after"]
    entry["content"] = base64.b64encode(b"text").decode()
    changed = sequence(run, tmp_path, files=[entry])
    assert "(35 bytes, not text)" in changed["diff"][0]["before"]


@pytest.mark.parametrize("content", ["not base64!", "AAA", "ü"])
def test_what_is_not_base64_is_refused(run, tmp_path, content):
    entry = {"path": tmp_path / "driver.zip", "content": content, "encoding": "base64"}
    assert "driver.zip is not base64" in refused(run, tmp_path, files=[entry])


def part(**kinds):
    """What a service declares, owned by whoever runs the tests."""
    kinds = {"directories": [], "files": [], "secrets": []} | kinds
    for kind in ("directories", "files", "secrets"):
        kinds[kind] = [OWN | entry | {"path": str(entry["path"])} for entry in kinds[kind]]
    return kinds


def test_services_are_written_in_one_go(run, tmp_path):
    services = [
        part(directories=[{"path": tmp_path / "a"}], files=[{"path": tmp_path / "a" / "f", "content": "1"}]),
        part(secrets=[{"path": tmp_path / "b" / "s", "content": SECRETS[0]}]),
    ]
    applied = sequence(run, tmp_path, parts=services)
    assert applied["paths"] == [str(tmp_path / name) for name in ("a", "a/f", "b/s")]
    assert (tmp_path / "b" / "s").read_text() == SECRETS[0]
    assert SECRETS[0] not in json.dumps(applied, ensure_ascii=False)


@pytest.mark.parametrize("wrong", ["validate", "path"])
def test_what_one_service_refuses_changes_nothing_of_another(run, tmp_path, wrong):
    (tmp_path / "directory").mkdir()
    right = part(files=[{"path": tmp_path / "f", "content": "1"}])
    other = part(files=[{"path": tmp_path / ("g" if wrong == "validate" else "directory"), "content": "2"}])
    other["validate"] = [sys.executable, "-c", "raise SystemExit('not valid')"]
    before = snapshot(tmp_path)
    assert run(parts=[right, other])["failed"]
    assert snapshot(tmp_path) == before


def test_each_service_is_validated_with_its_own_files_and_only_if_they_change(run, tmp_path):
    listed = [sys.executable, "-c", "import os, sys; sys.exit(os.listdir(sys.argv[1]) != ['g'])", "%s"]
    never = [sys.executable, "-c", "raise SystemExit('was run')"]
    (tmp_path / "f").write_text("1")
    (tmp_path / "f").chmod(0o644)
    services = [
        part(files=[{"path": tmp_path / "f", "content": "1"}]) | {"validate": never},
        part(files=[{"path": tmp_path / "g", "content": "2"}]) | {"validate": listed},
    ]
    assert run(parts=services)["paths"] == [str(tmp_path / "g")]


def test_two_services_may_not_declare_the_same_path(run, tmp_path):
    both = part(files=[{"path": tmp_path / "f", "content": "1"}])
    assert "declared twice" in run(parts=[both, both])["msg"]


# The digest of what a service reads.

DIGEST_OF = {"content": "inputs: @inputs_digest@\n", "inputs_digest": True}


@pytest.fixture
def digest(run, tmp_path):
    """What becomes of the fragment of a service with these files and secrets."""

    def written(files, secrets, **fragment):
        files = [dict(entry, path=tmp_path / entry["path"]) for entry in files]
        secrets = [dict(entry, path=tmp_path / entry["path"]) for entry in secrets]
        fragment = {"path": tmp_path / "fragment.yml"} | DIGEST_OF | fragment
        sequence(run, tmp_path, files=[*files, fragment], secrets=secrets)
        return (tmp_path / "fragment.yml").read_text()

    return written


INPUTS = {
    "files": [{"path": "a", "content": "one"}, {"path": "b", "content": "two"}],
    "secrets": [{"path": "s", "content": "secret"}],
}
OTHER_INPUTS = {
    "content": {"files": [{"path": "a", "content": "One"}, {"path": "b", "content": "two"}]},
    "swapped": {"files": [{"path": "a", "content": "two"}, {"path": "b", "content": "one"}]},
    "less": {"files": [{"path": "a", "content": "one"}]},
    "more": {"files": [*INPUTS["files"], {"path": "c", "content": ""}]},
    "path": {"files": [{"path": "a", "content": "one"}, {"path": "c", "content": "two"}]},
    "mode": {"files": [{"path": "a", "content": "one", "mode": "0600"}, {"path": "b", "content": "two"}]},
    "secret": {"secrets": [{"path": "s", "content": "secret "}]},
    "no secret": {"secrets": []},
    "secret's mode": {"secrets": [{"path": "s", "content": "secret", "mode": "0440"}]},
}


@pytest.mark.parametrize("change", OTHER_INPUTS.values(), ids=OTHER_INPUTS)
def test_digest_differs_with_every_input(digest, change):
    first = digest(**INPUTS)
    assert re.fullmatch("inputs: [0-9a-f]{12}\n", first)
    assert digest(**INPUTS | change) != first


def test_digest_depends_on_nothing_else(digest, run, tmp_path):
    first = digest(**INPUTS)
    for path in tmp_path.iterdir():
        path.unlink()
    assert digest(files=INPUTS["files"][::-1], secrets=INPUTS["secrets"]) == first
    # Nor on what tells it, nor on other services.
    told = DIGEST_OF | {"path": str(tmp_path / "fragment.yml")} | OWN
    inputs = {
        kind: [dict(entry, path=str(tmp_path / entry["path"]), **OWN) for entry in INPUTS[kind]] for kind in INPUTS
    }
    other = {"files": [OWN | DIGEST_OF | {"path": str(tmp_path / "other"), "content": "@inputs_digest@ x"}]}
    told["content"] = "again, " + told["content"]
    inputs["files"].append(told)
    assert run(parts=[other, inputs])["paths"] == [str(tmp_path / "other"), told["path"]]
    assert (tmp_path / "fragment.yml").read_text() == "again, " + first
    assert (tmp_path / "other").read_text()[:12] not in first


def test_digest_only_where_it_is_asked_for(digest, run, tmp_path):
    assert digest(**INPUTS, inputs_digest=False) == "inputs: @inputs_digest@\n"
    told = refused(run, tmp_path, files=[{"path": tmp_path / "x", "content": "nothing", "inputs_digest": True}])
    assert told == f"The content of {tmp_path}/x has no @inputs_digest@, but inputs_digest is true."


def test_digest_is_slow_for_whoever_guesses(digest, monkeypatch):
    """It stands in a label that everybody may read, next to all inputs but the secret ones."""
    costs = []
    real = site_files.hashlib.scrypt
    monkeypatch.setattr(site_files.hashlib, "scrypt", lambda text, **cost: (costs.append(cost), real(text, **cost))[1])
    digest(**INPUTS)
    assert min(cost["n"] * cost["r"] * 128 for cost in costs) >= 16 * 2**20
