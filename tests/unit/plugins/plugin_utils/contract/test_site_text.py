# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Text that was edited on another system is taken where that does no harm, and else its odd character is named."""

from __future__ import annotations

import pathlib

import pytest
import yaml
from ansible_collections.threedpc.pacs.plugins.plugin_utils.contract.declared import declared
from ansible_collections.threedpc.pacs.plugins.plugin_utils.contract.site import site_problems
from ansible_collections.threedpc.pacs.tests.unit.plugins.plugin_utils.contract.own_certificate import own_certificate

ROLES = pathlib.Path(__file__).resolve().parents[5] / "roles"
SITE = {
    "pacs_domain": "pacs.example.org",
    "pacs_staff_users": {"anna": "tuba-velvet-cargo-9"},
    "pacs_database_password": "w7-kettle-orbit-mango",
    "pacs_auth_service_password": "w7-saddle-pixel-onion",
    "pacs_share_signing_key": "7d0f3ac16be2954893b1e6f2a80c5d47",
}
CERTIFICATE = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
KEY = CERTIFICATE.replace("CERTIFICATE", "PRIVATE KEY")
REAL, REAL_KEY, _ec = own_certificate("pacs.example.org")
PROVIDED = {"pacs_tls_source": "provided", "tls_provided_certificate": REAL, "tls_provided_private_key": REAL_KEY}


@pytest.fixture(scope="module")
def problems():
    roles = declared(ROLES)
    return lambda **changes: site_problems(roles, SITE | changes, "clinic")


@pytest.mark.parametrize("ends", ["\r\n", " \n", "\n\n", "\t\r\n"])
def test_line_ends_of_other_systems_are_taken_in_files(problems, ends):
    changed = {name: text.replace("\n", ends) if "\n" in text else text for name, text in PROVIDED.items()}
    # Lines between the lines of a certificate OpenSSL itself does not read.
    assert bool(problems(**changed)) == (ends == "\n\n")
    assert (
        problems(backup_sftp_private_key=KEY.replace("\n", ends), backup_repository_ca=CERTIFICATE.replace("\n", ends))
        == []
    )


def test_yaml_with_a_byte_order_mark_and_other_line_ends_is_the_same_yaml(problems):
    text = yaml.safe_dump(SITE).replace("\n", "\r\n")
    assert yaml.safe_load(("\ufeff" + text).encode()) == SITE
    assert yaml.safe_load(text.encode("utf-16")) == SITE


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"pacs_domain": "\ufeffpacs.example.org"}, "character 1 is a byte order mark (U+FEFF)"),
        ({"pacs_domain": "pacs.example.org\u200b"}, "character 17 is a zero-width space (U+200B)"),
        ({"pacs_domain": "\u201cpacs.example.org\u201d"}, "character 1 is left double quotation mark (U+201C)"),
        ({"pacs_domain": "pacs\u00a0.example.org"}, "character 5 is a no-break space (U+00A0)"),
        ({"pacs_domain": "pacs‑1.example.org"}, "character 5 is non-breaking hyphen (U+2011)"),
        ({"pacs_aet": "CT\u00a01"}, "character 3 is a no-break space (U+00A0)"),
        ({"pacs_aet": "CT1\r"}, "character 4 is a carriage return, as Windows ends lines (U+000D)"),
        ({"pacs_aet": "ＣＴ１"}, "character 1 is fullwidth latin capital letter c (U+FF23)"),
        ({"pacs_http_port": "８０"}, "character 1 is fullwidth digit eight (U+FF18)"),
        ({"pacs_http_port": "80\u00a0"}, "character 3 is a no-break space"),
        ({"pacs_staff_networks": ["10.0.0.0\u200b/8"]}, "character 9 is a zero-width space"),
        ({"pacs_network": "172.30.42.0∕24"}, "pacs_network is"),
        ({"pacs_shares_enabled": "true\u00a0"}, "character 5 is a no-break space"),
        ({"pacs_tls_source": "acme\u200b"}, "character 5 is a zero-width space"),
        ({"backup_schedule": "0\u00a01 * * *"}, "character 2 is a no-break space"),
        ({"proxy_read_timeout": "300\u202fs"}, "character 4 is narrow no-break space (U+202F)"),
        ({"pacs_local_dir": "reports\u200b"}, "character 8 is a zero-width space"),
        ({"tls_provided_certificate": "\ufeff" + CERTIFICATE}, "character 1 is a byte order mark"),
        ({"tls_provided_certificate": "".join(c + "\0" for c in CERTIFICATE)}, "save the file as UTF-8"),
        ({"tls_provided_private_key": KEY.replace("-----", "—----", 1)}, "character 1 is em dash (U+2014)"),
        ({"pacs_auth_service_password": "w7-saddle–pixel-onion"}, "character 10 is en dash (U+2013)"),
        ({"pacs_staff_users": {"anna\u200b": "tuba-velvet-cargo-9"}}, "invisible character"),
        ({"pacs_staff_users": {"anna ": "tuba-velvet-cargo-9"}}, "no space at either end"),
    ],
    ids=ascii,
)
def test_the_odd_character_is_named(problems, changes, words):
    (sentence,) = problems(**changes)
    assert words in sentence
    assert sentence.isprintable()
