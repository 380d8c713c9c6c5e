# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The walls between the roles: they meet only in pacs_* variables and in arguments of an entry point."""

from __future__ import annotations

import functools
import re
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
ROLES = sorted(path.name for path in (ROOT / "roles").iterdir() if path.is_dir())
# What a task of one role hands to an entry point of another.
ARGUMENTS = {"host_packages", "stack_only"}
# A program in a shell's language, which belongs into a file with tests.
PROGRAM = re.compile(r"set -o |\bawk\b|<<<|declare -A|\| sed ")
COMMENT = re.compile(r"^\s*#|\{#.*?#\}|(?<=\s)#\s.*$", re.MULTILINE)


@functools.cache
def load(path):
    return (yaml.safe_load(path.read_text(encoding="utf-8")) or {}) if path.exists() else {}


def named(found):
    """Every variable that tasks register, set as a fact or loop with, at any depth."""
    if isinstance(found, list):
        for entry in found:
            yield from named(entry)
    elif isinstance(found, dict):
        yield from [found["register"]] if isinstance(found.get("register"), str) else []
        # A name that is an expression is that of a variable of the site.
        yield from (name for name in found.get("ansible.builtin.set_fact", {}) if "{{" not in name)
        for key in ("block", "rescue", "always"):
            yield from named(found.get(key, []))
        yield from [found["loop_control"]["loop_var"]] if "loop_var" in found.get("loop_control", {}) else []


def registered(role):
    for path in (ROOT / "roles" / role / "tasks").glob("*.yml"):
        yield from named(load(path))


@functools.cache
def own(role):
    """Every variable that is a role's own."""
    folder = ROOT / "roles" / role
    options = (load(folder / "meta/argument_specs.yml").get("argument_specs") or {}).values()
    names = {name for entry in options for name in entry.get("options") or {}}
    names |= {*load(folder / "defaults/main.yml"), *registered(role)}
    names |= {*load(folder / "vars/main.yml")}
    return {name for name in names if not name.startswith("pacs_")} - ARGUMENTS


def texts(role):
    folder = ROOT / "roles" / role
    for path in sorted([*folder.rglob("*.yml"), *folder.rglob("*.j2")]):
        # An inventory that a template makes has the variables of all roles.
        if path.parent.name not in ("meta", "new_site"):
            yield path, COMMENT.sub("", path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("role", ROLES)
def test_no_role_names_a_variable_of_another(role):
    others = {name: other for other in ROLES if other != role for name in own(other)} | dict.fromkeys(own(role))
    found = [
        f"{path.relative_to(ROOT)} names {word} of the role {others[word]}"
        for path, text in texts(role)
        for word in sorted(set(re.findall(r"(?<![$\w])\w+", text)))
        if others.get(word)
    ]
    assert found == []


@pytest.mark.parametrize("role", ROLES)
def test_names_of_variables_begin_with_the_role_or_are_the_sites(role):
    """The rule of ansible-lint, which knows no facts that roles hand over."""
    folder = ROOT / "roles" / role
    names = {*registered(role), *load(folder / "defaults/main.yml"), *load(folder / "vars/main.yml")}
    assert {name for name in names if not name.startswith((f"{role}_", f"__{role}_", "pacs_"))} == set()


@pytest.mark.parametrize("role", ROLES)
def test_no_role_reads_a_file_of_another(role):
    found = [
        f"{path.relative_to(ROOT)}: {line.strip()}"
        for path, text in texts(role)
        for line in text.splitlines()
        if re.search(r"role_path.*\.\.|roles_dir|/roles/", line)
    ]
    assert found == []


def test_no_program_is_in_a_variable():
    found = [
        f"{path.relative_to(ROOT)}: {line.strip()}"
        for path in sorted([*ROOT.glob("roles/*/vars/**/*.yml"), *ROOT.glob("roles/*/defaults/*.yml")])
        for line in COMMENT.sub("", path.read_text(encoding="utf-8")).splitlines()
        if PROGRAM.search(line)
    ]
    assert found == []


def test_variables_stay_few():
    """Logic is Python in a file with tests, and YAML a table of contents."""
    files = [*ROOT.glob("roles/*/vars/**/*.yml")]
    assert sum(len(path.read_text(encoding="utf-8").splitlines()) for path in files) <= 1100


# Asked of the role of each service, without arguments.
PLAIN = {"declare", "configure"}


def test_every_entry_point_has_a_specification():
    """So that Ansible checks its arguments, the contract knows what may stand behind -e, and the page lists it."""
    called = set()
    for path in [*(ROOT / "playbooks").rglob("*.yml"), *(ROOT / "roles").glob("*/tasks/*.yml")]:
        text = path.read_text(encoding="utf-8")
        called |= {*re.findall(r"name: threedpc\.pacs\.(\w+)\n(?: +\w+: .*\n)*? +tasks_from: (\w+)", text)}
        assert "rolespec_validate" not in text, path
    assert ("pacs", "contract") in called
    for role, entry_point in called:
        specs = load(ROOT / "roles" / role / "meta/argument_specs.yml")["argument_specs"]
        assert entry_point in {*specs, *PLAIN}, (role, entry_point)
        assert (ROOT / "roles" / role / "tasks" / f"{entry_point}.yml").exists()


@pytest.mark.parametrize("path", sorted(ROOT.glob("roles/*/tasks/configure.yml")), ids=lambda path: path.parts[-3])
def test_what_the_services_need_is_not_shown_because_it_holds_secrets(path):
    """With -v Ansible shows the whole list whenever somebody adds to it."""
    assert all(task.get("no_log") is True for task in load(path) if "ansible.builtin.set_fact" in task)


@pytest.mark.parametrize("path", sorted((ROOT / "playbooks").glob("*.yml")), ids=lambda path: path.stem)
def test_the_contract_comes_first_in_every_playbook(path):
    """Nothing is touched before it, and nothing is registered that it would take for the operator's."""
    for play in yaml.safe_load(path.read_text(encoding="utf-8")):
        if "ansible.builtin.import_playbook" in play:
            continue
        first = play["tasks"][0]
        if "ansible.builtin.import_tasks" in first:
            first = load(path.parent / first["ansible.builtin.import_tasks"])[0]
        role = first.get("ansible.builtin.import_role", {})
        assert "threedpc.pacs.site_contract" in first or role.get("tasks_from") == "contract"
