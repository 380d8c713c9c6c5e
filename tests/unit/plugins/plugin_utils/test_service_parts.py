# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is written for a service: its files, its secrets, and a Compose fragment that Compose reads as it is meant."""

from __future__ import annotations

import json

import pytest
import yaml
from ansible_collections.threedpc.pacs.plugins.plugin_utils import service_parts, services

COMMON = {"restart": "unless-stopped", "environment": {"NO_PROXY": "*"}, "dns": ["127.0.0.1"]}
DECLARED = {
    "name": "archive",
    "role": "x.y.archive",
    "image": "archive",
    "image_default": "example/archive:1",
    "memory": "1g",
    "address": 11,
    "user": {"name": "pacs-archive", "number": 1},
    "account": "archive",
    "data": ["/srv/data"],
    "ports": [{"variable": "archive_port", "port": 104, "to": 4242}],
}
NEEDS = {
    "name": "archive",
    "files": [{"name": "a.json", "content": "{}"}, {"path": "/opt/pacs/config/archive/sub/b", "content": "b"}],
    "absent": ["c"],
    "secrets": {"password": "p$ss"},
    "validate": ["checker", "%s"],
    "compose": {"environment": {"A": "1"}, "command": ["$HOME"], "volumes": ["/x:/y"]},
}
PASSWORDS = [
    "p$ss",
    "$HOME",
    "a\u2028b\x7f\x85",
    "ü\"'\\",
    "90210",
    "0o17",
    "~",
    "\U0001f600",
    "#",
    "{}",
    "- x",
    "a: b",
    "",
]


def parts(declared=None, needs=None, only=(), others=()):
    found = services.overview([declared or DECLARED, *others], "10.0.0.0/24", 61000, {}, {})["services"]
    return service_parts.parts([needs or NEEDS], found, "/opt/pacs", "10.0.0.0/24", COMMON, list(only))


def fragment(part):
    entry = part["files"][-1]
    return entry, json.loads(entry["content"])


def test_a_service_with_all_that_it_needs():
    [part, project] = parts()
    assert part["directories"] == [
        {"path": "/opt/pacs/config/archive"},
        {"path": "/opt/pacs/secrets/archive", "mode": "0700"},
        {"path": "/srv/data", "mode": "0700", "owner": 61001, "group": 61001},
    ]
    assert [entry["path"].removeprefix("/opt/pacs/") for entry in part["files"]] == [
        "config/archive/a.json",
        "config/archive/sub/b",
        "config/archive/passwd",
        "config/archive/group",
        # The last, so that a run that was killed is finished by the next one.
        "compose.d/archive.json",
    ]
    assert part["files"][2]["content"].splitlines()[1] == "archive:x:61001:61001::/nonexistent:/usr/sbin/nologin"
    assert part["secrets"] == [
        {"path": "/opt/pacs/secrets/archive/password", "content": "p$ss", "owner": 61001, "group": 61001}
    ]
    assert part["absent"] == ["/opt/pacs/config/archive/c"]
    assert part["validate"] == ["checker", "%s"]
    assert project["files"][0]["content"] == "COMPOSE_FILE=compose.d/network.json:compose.d/archive.json\n"


def test_its_fragment():
    entry, content = fragment(parts()[0])
    assert entry["inputs_digest"]
    assert content["services"]["archive"] == {
        "restart": "unless-stopped",
        "environment": {"NO_PROXY": "*", "A": "1"},
        "dns": ["127.0.0.1"],
        "image": "example/archive:1",
        "hostname": "archive",
        "mem_limit": "1g",
        "networks": {"default": {"ipv4_address": "10.0.0.11"}},
        "user": "61001:61001",
        "ports": ["104:4242"],
        "secrets": [{"source": "archive_password", "target": "password"}],
        "labels": {"org.threedpc.pacs.inputs": "@inputs_digest@"},
        "command": ["$$HOME"],
        "volumes": [
            "/x:/y",
            "/opt/pacs/config/archive/passwd:/etc/passwd:ro",
            "/opt/pacs/config/archive/group:/etc/group:ro",
        ],
    }
    assert content["secrets"] == {"archive_password": {"file": "/opt/pacs/secrets/archive/password"}}


def test_the_secret_itself_is_in_no_fragment():
    assert "p$" not in fragment(parts()[0])[0]["content"].replace("$$", "$").replace("$HOME", "")


def test_a_service_that_loads_its_files_while_it_runs_is_not_recreated_for_them():
    files, own, _project = parts(needs=NEEDS | {"reloads": True})
    entry, content = fragment(own)
    assert len(own["files"]) == 1 and files["validate"] == ["checker", "%s"]
    assert not entry["inputs_digest"] and "labels" not in content["services"]["archive"]


def test_one_that_starts_as_root_or_on_demand():
    _entry, content = fragment(parts(DECLARED | {"starts_as_root": True, "on_demand": True})[0])
    assert not {"user", "labels"} & content["services"]["archive"].keys()


def test_little_is_enough():
    declared = {key: DECLARED[key] for key in ("name", "role", "image", "image_default", "memory", "address")}
    part, _project = parts(declared, {"name": "archive", "compose": {"dns": []}})
    assert part["directories"] == [] and part["secrets"] == [] and "validate" not in part
    _entry, content = fragment(part)
    assert [*content] == ["services"] and content["services"]["archive"]["dns"] == []


def test_a_service_that_the_site_does_not_have():
    assert len(parts(DECLARED | {"enabled": False})) == 1


OTHER = DECLARED | {"name": "other", "address": 12, "ports": [], "data": []}


def test_only_some():
    [part] = parts(only=["archive"], others=[OTHER])
    assert part["files"][-1]["path"] == "/opt/pacs/compose.d/archive.json"


def test_a_service_of_which_nothing_was_said():
    with pytest.raises(ValueError, match="the services other need"):
        parts(others=[OTHER])


def interpolated(text):
    """What Compose does with a value."""
    assert "$" not in text.replace("$$", "")
    return text.replace("$$", "$")


@pytest.mark.parametrize("text", PASSWORDS)
@pytest.mark.parametrize("read", [json.loads, yaml.safe_load])
def test_compose_reads_what_was_meant(text, read):
    """Compose reads JSON by a parser of YAML."""
    content = read(service_parts.compose_json({"$key": [text, {"a": text}], "b": 8, "c": True, "d": None}))
    assert interpolated(content["$key"][0]) == interpolated(content["$key"][1]["a"]) == text
    assert [content[key] for key in "bcd"] == [8, True, None]
