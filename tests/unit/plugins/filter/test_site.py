# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the services read is what the site said, whatever characters and types it said it with."""

from __future__ import annotations

import datetime
import json
import pathlib
import re
import urllib.parse

import pytest
import yaml
from ansible.errors import AnsibleFilterError
from ansible.parsing.dataloader import DataLoader
from ansible.parsing.vault import VaultLib, VaultSecret, VaultSecretsContext
from ansible.plugins.filter import AnsibleJinja2Filter
from ansible.plugins.loader import filter_loader
from ansible.template import Templar, trust_as_template
from ansible_collections.threedpc.pacs.plugins.filter import site

PASSWORDS = [
    "p$ss\"w'o\\rd#1 ü",
    "12345678",
    "$HOME",
    "${A:-b}",
    "${PATH}",
    "a${b",
    "${}${:-x}$${x",
    "${PACS_DOLLAR:-$}{",
    "$$",
    "yes",
    "null",
    "0x1F",
    "€\U0001f600",
    "a\tb\n",
    "",
]
VAULT_PASSWORD = "vault"


@pytest.fixture
def template(monkeypatch):
    """Evaluate an expression with variables as Ansible does: tagged, lazy, and vaulted where they say so."""
    secret = VaultSecret(VAULT_PASSWORD.encode())
    loader = DataLoader()
    monkeypatch.setattr(VaultSecretsContext, "_current", VaultSecretsContext([("default", secret)]))
    vault = VaultLib([("default", secret)])

    def evaluate(expression, text, **vaulted):
        indented = {
            name: "".join(f"  {line}\n" for line in vault.encrypt(value, secret).decode().splitlines())
            for name, value in vaulted.items()
        }
        text += "".join(f"{name}: !vault |\n{block}" for name, block in indented.items())
        variables = loader.load(trust_as_template(text), file_name="/vars.yml")
        return Templar(loader=loader, variables=variables).template(trust_as_template("{{ " + expression + " }}"))

    return evaluate


def types(value):
    """The exact types in a structure."""
    yield type(value)
    for entry in [*value, *value.values()] if isinstance(value, dict) else value if isinstance(value, list) else []:
        yield from types(entry)


# Orthanc's JSON.


def as_orthanc_reads(text):
    """Its own substitution, in what its image has put together from the files; seen with Orthanc 1.12 and 1.13."""

    def value(found):
        assert found["name"], "Orthanc stops at a variable without a name"
        return {"PATH": "/bin"}.get(found["name"], found["default"] or "")

    return re.sub(r"\$\{(?P<name>[^:]*?)(:-(?P<default>[^}]*?))?\}", value, json.dumps(json.loads(text)))


@pytest.mark.parametrize("password", PASSWORDS)
def test_orthanc_json_reads_back_and_has_nothing_to_substitute(password):
    config = {"RegisteredUsers": {f"user {password}": password}, "List": [password, 1, 1.5, True, None]}
    text = site.orthanc_json(config)
    assert json.loads(as_orthanc_reads(text)) == config
    assert "$" not in text
    assert text.isascii()
    assert text.endswith("}\n")


def test_orthanc_json_does_not_depend_on_the_order_of_keys():
    assert site.orthanc_json({"a": 1, "b": {"c": 2, "d": 3}}) == site.orthanc_json({"b": {"d": 3, "c": 2}, "a": 1})


def test_orthanc_json_keeps_the_types_apart():
    text = site.orthanc_json({"a": "12345678", "b": 12345678, "c": "true", "d": True})
    assert json.loads(text) == {"a": "12345678", "b": 12345678, "c": "true", "d": True}
    assert '"a": "12345678"' in text
    assert '"d": true' in text


@pytest.mark.parametrize(
    ("config", "told"),
    [
        ({"a": object()}, "object"),
        ({"a": b"x"}, "bytes"),
        ({"a": float("nan")}, "not-a-number"),
        ({1: 1, "b": 2}, "keys"),
    ],
)
def test_orthanc_json_refuses_what_orthanc_can_not_read(config, told):
    with pytest.raises(AnsibleFilterError, match=told):
        site.orthanc_json(config)


def test_values_of_ansible(template):
    text = template(
        "{'a': plain, 'b': nested, 'c': secret, 'd': day, 'e': numbers | map('int')} | combine(more) | to_plain",
        "plain: 'a $b ü'\nname: x\nnested: {key: ['{{ name }}y', {deep: '{{ name * 2 }}'}]}\nday: 2026-01-31\n"
        "numbers: ['1', '2']\nmore: {f: true, g: 1.5, h: null}\n",
        secret=PASSWORDS[0],
    )
    expected = {
        "a": "a $b ü",
        "b": {"key": ["xy", {"deep": "xx"}]},
        "c": PASSWORDS[0],
        "d": "2026-01-31",
        "e": [1, 2],
        "f": True,
        "g": 1.5,
        "h": None,
    }
    assert text == expected


@pytest.fixture(autouse=True)
def filters(monkeypatch):
    """Let expressions find the filters of this file, and one that only makes values plain."""

    def plain(value):
        result = site._plain(value)
        assert {*types(result)} <= {dict, list, str, int, float, bool, type(None)}
        return result

    known = site.FilterModule().filters() | {"to_plain": plain}
    get = filter_loader.get

    def find(name, *arguments, **options):
        if name not in known:
            return get(name, *arguments, **options)
        found = AnsibleJinja2Filter(known[name])
        found._load_name = name
        return found

    monkeypatch.setattr(filter_loader, "get", find)


def test_plain_is_a_copy():
    original = {"a": [1]}
    copy = site._plain(original)
    copy["a"].append(2)
    assert original == {"a": [1]}


def test_plain_takes_everything_that_can_be_written():
    values = (item for item in ["a", (1, 2), {"b", "a"}, datetime.datetime(2026, 1, 31, 12, 0)])
    assert site._plain(values) == ["a", [1, 2], ["a", "b"], "2026-01-31T12:00:00"]


# Sources.


@pytest.mark.parametrize(
    ("sources", "ipv4", "ipv6"),
    [
        ([], [], []),
        (["", ""], [], []),
        (["10.1.2.11", "10.1.2.11", "10.1.2.3"], ["10.1.2.3", "10.1.2.11"], []),
        (["10.1.2.11/32", "2001:db8::7/128"], ["10.1.2.11"], ["2001:db8::7"]),
        (["10.1.2.9", "10.1.2.0/24", "10.1.2.0", "10.1.2.0/25", "10.1.3.0"], ["10.1.2.0/24", "10.1.3.0"], []),
        (["2001:db8::/32", "10.0.0.1", "2001:db8:1::1", "fd00::1"], ["10.0.0.1"], ["2001:db8::/32", "fd00::1"]),
        # Neighbors stay as the site wrote them.
        (["10.0.0.0/25", "10.0.0.128/25"], ["10.0.0.0/25", "10.0.0.128/25"], []),
    ],
)
def test_source_networks(sources, ipv4, ipv6):
    assert site.source_networks(sources) == {"ipv4": ipv4, "ipv6": ipv6}


def test_source_networks_of_500_scanners():
    sources = [f"10.0.{number // 250}.{number % 250}" for number in range(500)] * 2
    assert len(site.source_networks(sources)["ipv4"]) == 500


@pytest.mark.parametrize("source", ["ct1.example.org", "10.1.2.3/24", "10.1.2.0/33", "10.1.2"])
def test_source_networks_of_nonsense(source):
    with pytest.raises(AnsibleFilterError, match="neither a network nor an address"):
        site.source_networks([source])


# PostgreSQL.
def test_a_derived_secret_is_another_for_each_secret_and_purpose():
    made = {site.derived_secret(secret, purpose) for secret in ("a", "ü", "ab") for purpose in ("x", "y")}
    assert len(made) == 6
    assert all(re.fullmatch("[0-9a-f]{64}", one) for one in made)
    assert site.derived_secret("a", "x") in made


@pytest.mark.parametrize("password", PASSWORDS)
def test_postgresql_uri_reads_back(password):
    uri = urllib.parse.urlsplit(site.postgresql_uri(password, "10.0.0.14", f"app {password}"))
    assert urllib.parse.unquote(uri.password or "") == password
    assert (uri.scheme, uri.username, uri.hostname, uri.port, uri.path) == (
        "postgresql",
        "orthanc",
        "10.0.0.14",
        5432,
        "/orthanc",
    )
    assert dict(urllib.parse.parse_qsl(uri.query)) == {"sslmode": "disable", "application_name": f"app {password}"}


def test_every_filter_is_documented():
    folder = pathlib.Path(site.__file__).parent
    for name, function in site.FilterModule().filters().items():
        document = yaml.safe_load((folder / f"{name}.yml").read_text())
        assert document["DOCUMENTATION"]["name"] == name
        arguments = function.__code__.co_varnames[1 : function.__code__.co_argcount]
        assert list(document["DOCUMENTATION"]["options"]) == ["_input", *arguments]
        assert document["DOCUMENTATION"].get("positional", "") == ", ".join(arguments)
