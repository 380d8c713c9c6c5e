# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Passwords and keys that somebody would guess, and secrets that everybody can read, are refused."""

from __future__ import annotations

import pathlib

import pytest
import yaml
from ansible_collections.threedpc.pacs.plugins.plugin_utils.contract.declared import declared
from ansible_collections.threedpc.pacs.plugins.plugin_utils.contract.site import site_problems

ROOT = pathlib.Path(__file__).resolve().parents[5]
KEY = "7d0f3ac16be2954893b1e6f2a80c5d47"
SITE = {
    "pacs_domain": "pacs.klinik-nord.de",
    "pacs_site": "Haus Sonnenblick",
    "pacs_staff_users": {"anna.meier": "tuba-velvet-cargo-9"},
    "pacs_database_password": "w7-kettle-orbit-mango",
    "pacs_auth_service_password": "w7-saddle-pixel-onion",
    "pacs_share_signing_key": KEY,
}


@pytest.fixture(scope="module")
def roles():
    return declared(ROOT / "roles")


@pytest.fixture
def problems(roles):
    return lambda **changes: site_problems(roles, SITE | changes, "clinic")


def test_the_site_is_right(problems):
    assert problems() == []


@pytest.mark.parametrize(
    "password",
    [
        "12345",
        "qwerty",
        "12345678901",
        "tuba-velvet",
        "123456789012",
        "12345678901234567890",
        "000000000000",
        "qwertyuiop12",
        "qwertzuiopü+",
        "Password1234",
        "password1234!",
        "Passwort1234",
        "iloveyou1234",
        "administrator1",
        "adminadminadmin",
        "abcabcabcabc",
        "aaaaaaaaaaaaaaaaaaaaaaaa",
        "letmeinletmein",
        "P@ssw0rd1234",
        "changeme1234",
        "Krankenhaus1",
        "zaq12wsxcde3",
        "Radiologie12",
        "orthancorthanc",
        "hospital2026",
        "anna.meier12",
        "meiermeiermeier",
        "AnnaMeier2026",
        "19701970197019",
        "ABCDEFGHIJKL",
        "1q2w3e4r5t6z",
        "klinik-nord.de",
        "pacs.klinik-nord.de",
        "kliniknord12",
        "haussonnenblick",
        "Sonnenblick1",
        "haus sonnenblick",
        "日本語日本語日本語日本語",
    ],
)
def test_what_is_tried_first_opens_nothing(problems, password):
    (sentence,) = problems(pacs_staff_users={"anna.meier": password})
    assert "pacs_staff_users: the password of 'anna.meier'" in sentence
    assert password not in sentence.replace("'anna.meier'", "")


@pytest.mark.parametrize(
    "password",
    [
        "tuba-velvet-",
        "90210447318266",
        "831415926535",
        "correct horse",
        "x7$Qw!m2Lp#9",
        "ärgerlich blaue Gurke",
        "日本語の合言葉は十二文字以上",
        " spaces at both ends ",
        "$HOME/$1-${PATH}",
        "{{ no }} {{ never }}",
        "p$ss\"w'o\\rd#1 ü",
        "tr0ub4dor&3 xylophone",
        KEY * 40,
    ],
)
def test_any_character_is_allowed_in_a_long_and_odd_one(problems, password):
    assert problems(pacs_staff_users={"anna.meier": password}, pacs_database_password=password) == []


@pytest.mark.parametrize("name", ["pacs_database_password", "pacs_auth_service_password", "backup_repository_password"])
@pytest.mark.parametrize(
    "value",
    ["x", "12345678", "kettle-orbi", "aaaaaaaaaaaaaaaa", "1234567890123456", "databasedatabase", "qwertyuiopasdf"],
)
def test_a_secret_between_programs_is_no_word(problems, name, value):
    (sentence,) = problems(**{name: value})
    assert sentence.startswith(f"clinic: {name}: ")
    assert value not in sentence


@pytest.mark.parametrize(
    "value",
    [
        "a" * 32,
        "a" * 64,
        "ab" * 20,
        "0" * 32,
        "1234567890" * 4,
        "0123456789abcdef" * 2,
        "password" * 8,
        "abcdefghijklmnopqrstuvwxyz0123456789",
    ],
)
def test_a_signing_key_is_random(problems, value):
    (sentence,) = problems(pacs_share_signing_key=value)
    assert sentence.startswith("clinic: pacs_share_signing_key: it is too easy to guess")


def test_a_weak_key_of_before_may_still_open_its_links(problems):
    old = [{"key": "0123456789abcdef" * 2, "until": "2026-12-24T18:00:00+00:00"}]
    assert problems(pacs_share_previous_signing_keys=old) == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("pacs_staff_users", {"m.baker": "example-DwbgHxbYz3jXh5X2p3EU"}),
        ("pacs_database_password", "example-ThBe7IOt2n-WQSxomPzsQWficdGBRRG9"),
        ("pacs_auth_service_password", "Example-lWI8rTPhnURwofw3BQJIVxbVf_GuFp8S"),
        ("pacs_share_signing_key", "example-fbe4133f2296cd61e5acf32bbd01e3a0c8f7a4c4"),
        ("backup_repository_password", "example-fbe4133f2296cd61e5acf32bbd01e3a0c8f7a4c4"),
    ],
)
def test_the_secrets_of_an_example_go_live_nowhere(problems, name, value):
    for domain in (
        "pacs.klinik-nord.de",
        "10.20.30.40",
        "example.klinik-nord.de",
        "pacs",
        "fd00::1",
        "example-hospital.org",
    ):
        (sentence,) = problems(**{name: value, "pacs_domain": domain})
        assert f"clinic: {name} is an example's" in sentence
    for domain in (
        "pacs.hospital.example",
        "pacs.example.org",
        "192.0.2.7",
        "198.51.100.1",
        "203.0.113.9",
        "2001:db8::7",
    ):
        assert problems(**{name: value, "pacs_domain": domain}) == []


@pytest.mark.parametrize("name", ["example_lan", "example_public"])
def test_the_worked_examples_are_right_and_nobodys(roles, name):
    from ansible.parsing.vault import VaultLib, VaultSecret

    folder = ROOT / "inventories" / name
    secret = VaultSecret((folder / "vault-password.txt").read_bytes().strip())
    vault = VaultLib([("default", secret)]).decrypt((folder / "group_vars/all/vault.yml").read_bytes())
    site = yaml.safe_load((folder / "group_vars/all/site.yml").read_text()) | yaml.safe_load(vault)
    assert site_problems(roles, site, name) == []
    live = site_problems(roles, site | {"pacs_domain": "pacs.klinik-nord.de"}, name)
    assert len(live) == 4
    assert all("is an example's" in sentence for sentence in live)
