# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Change values in the text of a YAML file and leave every other character, comments included, as it is."""

from __future__ import annotations

import json
from typing import Any

import yaml


class CannotEdit(Exception):
    """A sentence, without any value."""


class _Loader(yaml.SafeLoader):
    """Takes what Ansible marks with tags of its own for what is written there."""


def _scalar(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> Any:
    return loader.construct_scalar(node)


for _tag in ("!unsafe", "!vault", "!vault-encrypted"):
    _Loader.add_constructor(_tag, _scalar)


def load(text: str) -> dict[str, Any]:
    """The variables in the text."""
    try:
        values = yaml.load(text, _Loader)
    except yaml.YAMLError as error:
        # Its own message repeats lines of the file.
        mark = getattr(error, "problem_mark", None)
        raise CannotEdit("is no YAML" + (f", see its line {mark.line + 1}" if mark else "")) from None
    if not isinstance(values, dict):
        raise CannotEdit("holds no variables")
    return values


def get(values: Any, path: list[str]) -> Any:
    """The value at a path of keys."""
    for key in path:
        if not isinstance(values, dict) or key not in values:
            raise CannotEdit(f"has no {': '.join(path)}")
        values = values[key]
    return values


def changed(text: str, path: list[str], value: Any) -> str:
    """The text with another value, in the style of JSON, which is YAML; a variable that is missing comes last."""
    wanted = _with(load(text), path, value)
    written = json.dumps(value, ensure_ascii=False)
    node = _node(yaml.compose(text, _Loader), path)
    if node is None:
        result = f"{text.rstrip()}\n\n{path[0]}: {written}\n"
    else:
        before, after = text[: node.start_mark.index], text[_end(text, node) :]
        if isinstance(node, yaml.CollectionNode) and not node.flow_style:
            # It began on a line of its own.
            before = before.rstrip() + " "
        elif before.endswith(":"):
            # It was empty.
            before += " "
        result = before + written + after
    # Anchors, for instance, are not what they seem.
    try:
        right = load(result) == wanted
    except CannotEdit:
        right = False
    if not right:
        raise CannotEdit(f"has {': '.join(path)} in a form that only a person can change; write it as plain text")
    return result


def _with(values: dict[str, Any], path: list[str], value: Any) -> dict[str, Any]:
    first, *others = path
    if others:
        return values | {first: _with(get(values, [first]), others, value)}
    return values | {first: value}


def _end(text: str, node: yaml.Node) -> int:
    """Where a value ends. The parser lets a block end where the next key begins, behind the comments between."""
    if isinstance(node, yaml.CollectionNode) and not node.flow_style and node.value:
        last = node.value[-1]
        return _end(text, last[1] if isinstance(last, tuple) else last)
    end = node.end_mark.index
    if isinstance(node, yaml.ScalarNode) and node.style in ("|", ">"):
        end = node.start_mark.index + len(text[node.start_mark.index : end].rstrip())
    return end


def _node(node: Any, path: list[str]) -> yaml.Node | None:
    """The node of a value; None if the first key is missing."""
    for number, key in enumerate(path):
        found = next((child for name, child in node.value if name.value == key), None)
        if found is None and number == 0 and len(path) == 1:
            return None
        node = found
    return node
