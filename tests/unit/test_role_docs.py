# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The pages of the roles follow from their argument specs, and the specs agree with the defaults."""

from __future__ import annotations

import importlib.util
import pathlib

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]

SPEC = """
argument_specs:
  main:
    short_description: Makes tea
    description: [Boils water., Then waits.]
    options:
      tea_minutes: {description: How long. See O(tea_kind)., type: int, default: 3}
      tea_kind: {description: Which., type: str, required: true, choices: [green, black]}
      tea_sugar:
        {description: Or|milk., type: list, elements: dict, default: [], options: {cubes: {description: A, type: int}}}
      tea_password: {description: Whose., type: str, no_log: true}
"""


@pytest.fixture(scope="module")
def role_docs():
    spec = importlib.util.spec_from_file_location("role_docs", ROOT / "tests/role_docs.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def kitchen(tmp_path):
    """A role, written with a defaults file."""
    for name in ("tasks", "meta", "defaults"):
        (tmp_path / "roles/tea" / name).mkdir(parents=True)
    (tmp_path / "roles/tea/meta/argument_specs.yml").write_text(SPEC)

    def write(defaults="tea_minutes: 3\ntea_sugar: []\n"):
        (tmp_path / "roles/tea/defaults/main.yml").write_text(defaults)
        return tmp_path

    return write


def test_the_pages_of_this_collection_are_current(role_docs):
    assert role_docs.main(ROOT, check=True) == []


def test_a_page_is_written_once_and_checked(role_docs, kitchen):
    root = kitchen()
    page = root / "roles/tea/README.md"
    assert len(role_docs.main(root, check=True)) == 1
    assert not page.exists()
    assert role_docs.main(root, check=False) == []
    assert role_docs.main(root, check=True) == []
    lines = page.read_text().splitlines()
    assert lines[1:6] == ["# tea", "", "Makes tea.", "", "Boils water."]
    assert "| `tea_minutes` | int | `3` | How long. See `tea_kind`. |" in lines
    assert "| `tea_kind` | str | **required** | Which. One of `green`, `black`. |" in lines
    assert "| `tea_sugar` | list of dict | `[]` | Or\\|milk. |" in lines
    assert "| `tea_sugar[].cubes` | int |  | A |" in lines
    assert "| `tea_password` | str |  | Whose. Secret: vault it. |" in lines
    page.write_text(page.read_text() + "by hand\n")
    assert "README.md is not" in role_docs.main(root, check=True)[0]


@pytest.mark.parametrize(
    ("defaults", "problem"),
    [
        ("tea_minutes: 4\ntea_sugar: []\n", "the default of tea_minutes is 4, in the argument spec 3"),
        ("tea_minutes: '3'\ntea_sugar: []\n", "the default of tea_minutes is '3'"),
        ("tea_minutes: true\ntea_sugar: []\n", "the default of tea_minutes is True"),
        ("tea_sugar: []\n", "a default for tea_minutes, which defaults/main.yml doesn't set"),
        ("tea_minutes: 3\ntea_sugar: []\ntea_milk: 1\n", "tea_milk, which the argument spec doesn't declare"),
        ("tea_minutes: 3\ntea_sugar: []\ntea_kind: x\n", "tea_kind, for which the argument spec has no default"),
        ("tea_minutes: 3\ntea_sugar: []\nmilk: 1\n", "milk doesn't begin with the role's name"),
    ],
)
def test_a_disagreement_is_named(role_docs, kitchen, defaults, problem):
    root = kitchen()
    role_docs.main(root, check=False)
    kitchen(defaults)
    assert any(problem in found for found in role_docs.main(root, check=True))


def test_a_role_without_a_spec_is_named(role_docs, kitchen):
    root = kitchen()
    (root / "roles/tea/meta/argument_specs.yml").unlink()
    assert role_docs.main(root, check=True) == ["tea: meta/argument_specs.yml is missing"]
