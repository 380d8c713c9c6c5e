# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is rotated when somebody asks for it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from ansible_collections.threedpc.pacs.plugins.plugin_utils import rotation

SITE = {
    "users": ["anna", "otto"],
    "database": "postgresql",
    "shares": True,
    "pacs_tls_source": "selfsigned",
    "dicom_tls": False,
    "pacs_dicom_tls_source": "selfsigned",
}
NOW = datetime(2026, 11, 25, tzinfo=UTC)


def variables(plan):
    return [": ".join(entry["variable"]) for entry in plan["secrets"]]


@pytest.mark.parametrize(
    ("wanted", "found", "tls"),
    [
        ("", [], False),
        ("database", ["pacs_database_password"], False),
        ("staff", ["pacs_staff_users: anna", "pacs_staff_users: otto"], False),
        ("staff:otto, signing_key", ["pacs_staff_users: otto", "pacs_share_signing_key"], False),
        (["staff:otto", "staff"], ["pacs_staff_users: otto", "pacs_staff_users: anna"], False),
        ("tls", [], True),
        (
            "all",
            [
                "pacs_staff_users: anna", "pacs_staff_users: otto", "pacs_database_password",
                "pacs_auth_service_password", "pacs_share_signing_key",
            ],
            True,
        ),
    ],
)  # fmt: skip
def test_names_mean_secrets(wanted, found, tls):
    plan = rotation.plan(wanted, SITE)
    assert plan["problems"] == []
    assert variables(plan) == found
    assert plan["tls"] == tls


@pytest.mark.parametrize(
    ("wanted", "more", "sentence"),
    [
        ("databse", {}, "did you mean database?"),
        ("staff:eva", {}, "there is no such secret, only all, staff, staff:anna"),
        ("database", {"database": "sqlite"}, "has no PostgreSQL"),
        ("signing_key", {"shares": False}, "has no shares"),
        ("tls", {"pacs_tls_source": "provided"}, "come from elsewhere"),
    ],
)
def test_what_is_not_there_is_a_sentence(wanted, more, sentence):
    plan = rotation.plan(wanted, SITE | more)
    assert sentence in plan["problems"][0]
    assert plan["secrets"] == []


def test_all_means_what_the_site_has():
    plan = rotation.plan("all", SITE | {"database": "sqlite", "shares": False, "pacs_tls_source": "provided"})
    assert plan["problems"] == []
    assert variables(plan) == ["pacs_staff_users: anna", "pacs_staff_users: otto"]
    assert not plan["tls"]


def test_new_secrets_are_long_and_never_the_same():
    made = {rotation.new_secret(40) for _number in range(50)}
    assert len(made) == 50
    assert all(len(secret) == 40 and secret.isascii() and secret.isalnum() for secret in made)


def test_old_keys_stay_as_long_as_they_have_time():
    live = {"key": "a" * 32, "until": (NOW + timedelta(days=1)).isoformat()}
    over = {"key": "b" * 32, "until": NOW.isoformat()}
    until = NOW + timedelta(days=7)
    assert rotation.previous_keys([live, over], "c" * 32, until, NOW) == [
        live, {"key": "c" * 32, "until": "2026-12-02T00:00:00+00:00"},
    ]  # fmt: skip
    assert rotation.previous_keys([live, over], "c" * 32, None, NOW) == []
    assert rotation.previous_keys(None, "c" * 32, None, NOW) == []
