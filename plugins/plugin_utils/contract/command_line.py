# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What was typed behind -e that nobody would read, or not as it was meant."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ansible.errors import AnsibleError
from ansible.module_utils.common.yaml import yaml_load
from ansible.parsing.splitter import parse_kv

from ..fields.types import Problems, nearest, show
from .declared import Declared, is_among

OPEN = 'a quote in its value is open; write it as JSON, such as -e \'{"name": "value"}\''
CUT = "Ansible cuts its value at a space; put quotes around it as well, as in -e \"model_title='A B'\""


def typed(texts: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Each name that was typed, and what Ansible would not take as it was meant. No value, which may be a secret."""
    for text in texts:
        if text.startswith("@"):
            # A file may hold what the inventory needs.
            continue
        if text.lstrip().startswith(("{", "[")):
            # libyaml takes no text that carries a tag of Ansible's, as those of the command line do.
            given = yaml_load(str(text))
            yield from ((str(name), "") for name in given if isinstance(given, dict))
            continue
        try:
            given = dict(parse_kv(text))
        except AnsibleError:
            yield text.partition("=")[0], OPEN
            continue
        lost = CUT if given.pop("_raw_params", None) else ""
        yield from ((name, lost) for name in given)


def command_line_problems(
    declared: Declared, texts: Iterable[str], entry_points: Iterable[str] = (), others: Iterable[str] = ()
) -> list[str]:
    """What is wrong with what was typed for a playbook that hands it to these entry points; without full stops."""
    arguments = declared.arguments_of(entry_points)
    problems = []
    for name, lost in typed(texts):
        if lost:
            problems.append(f"-e {show(name)}: {lost}")
        elif name not in arguments and not name.startswith("ansible_") and not is_among(name, others):
            problems.extend(_unknown(name, declared, [*arguments]))
    return problems


def _unknown(name: str, declared: Declared, arguments: list[str]) -> Problems:
    if name in declared.options:
        return
    if name in declared.arguments_of(declared.arguments):
        yield f"-e {name}: another playbook reads it, this one does not"
    elif name in declared.derived:
        yield f"-e {name}: it is derived from other variables and can't be set"
    else:
        reads = f"{', '.join(arguments)} and " if arguments else ""
        yield f"-e {show(name)}: this playbook reads no such variable" + (
            nearest(name, [*arguments, *declared.options, *declared.arguments_of(declared.arguments)])
            or f", only {reads}those of an inventory. If your inventory reads it, add it to pacs_other_variables"
        )
