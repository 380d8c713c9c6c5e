# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every variable of a site, right and wrong, and the sentence that an operator gets."""

from __future__ import annotations

import inspect
import pathlib
import time

import pytest
from ansible_collections.threedpc.pacs.plugins.plugin_utils.contract.declared import declared
from ansible_collections.threedpc.pacs.plugins.plugin_utils.contract.site import (
    ARGUMENTS,
    RELATIONS,
    ROLES,
    RULES,
    argument_problems,
    site_problems,
)
from ansible_collections.threedpc.pacs.tests.unit.plugins.plugin_utils.contract.own_certificate import own_certificate

FOLDER = pathlib.Path(__file__).resolve().parents[5] / "roles"

KEY = "7d0f3ac16be2954893b1e6f2a80c5d47"
CERTIFICATE = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
PRIVATE_KEY = "-----BEGIN PRIVATE KEY-----\nMIIB\n-----END PRIVATE KEY-----\n"
REAL, REAL_KEY, REAL_EC_KEY = own_certificate("pacs.example.org")
DIGITS = "90210447318266035"
HOME = "$HOME/$1-${PATH}"
AWKWARD = "p$ss\"w'o\\rd#1 ü"

SITE = {
    "pacs_domain": "pacs.example.org",
    "pacs_staff_users": {"anna": "correct horse", "bert": "battery staple"},
    "pacs_database_password": "database-s3cret",
    "pacs_auth_service_password": "service-s3cret",
    "pacs_share_signing_key": KEY,
}
SCANNER = {"name": "ct1", "aet": "CT1", "address": "10.1.2.3"}


@pytest.fixture(scope="session")
def roles():
    """What all roles declare."""
    return declared(FOLDER)


@pytest.fixture(scope="session")
def options(roles):
    return roles.options


@pytest.fixture
def problems(roles):
    """The sentences on a right site with some variables changed; None removes one."""

    def ask(**changes):
        site = {name: value for name, value in (SITE | changes).items() if value is not None}
        return site_problems(roles, site, "clinic")

    return ask


def modality(**changes):
    return [{key: value for key, value in (SCANNER | changes).items() if value is not None}]


DNS = {
    "tls_acme_challenge": "dns-01",
    "tls_acme_dns_server": "10.1.2.53",
    "tls_acme_dns_key_name": "pacs.key",
    "tls_acme_dns_key_secret": "aGVsbG8/+w==",
}
DICOM = {
    "tls_dicom_provided_certificate": REAL,
    "tls_dicom_provided_private_key": REAL_KEY,
    "tls_dicom_provided_ca": CERTIFICATE,
}

RIGHT = [
    *({"pacs_domain": value} for value in (
        "pacs", "localhost", "3d.clinic-1.example", "192.0.2.7", "2001:db8::7", "a" * 51 + ".example.org",
        "xn--mnchen-3ya.example",
    )),
    *({"pacs_staff_users": {"anna": value}} for value in (
        AWKWARD, DIGITS, HOME, "{{ no }} {{ never }}", " spaces at both ends ", "日本語の合言葉は十二文字以上",
        KEY * 30,
    )),
    *({"pacs_staff_users": {name: "correct horse"}} for name in ("anna@clinic", "Jörg", "a b", "12")),
    *({"pacs_database_password": value} for value in (AWKWARD, DIGITS, HOME, "x7$Qw!m2Lp#9")),
    *({"pacs_auth_service_password": value} for value in (AWKWARD[:-1], DIGITS, HOME, "~ ! x7Qw m2Lp")),
    *({"pacs_share_signing_key": value} for value in (KEY, AWKWARD[:-2] + KEY[:20], DIGITS + "604127735590186")),
    *({"pacs_aet": value} for value in ("A", "A" * 16, "CT 1_2-[x]^~!", "3")),
    {"pacs_http_port": 1, "pacs_https_port": 65535, "pacs_dicom_port": "104"},
    {"pacs_share_previous_signing_keys": []},
    {"pacs_share_previous_signing_keys": [{"key": KEY, "until": "2026-12-24T18:00:00+01:00"}]},
    {"pacs_share_days": 1, "pacs_share_max_days": 1},
    {"pacs_share_days": 3650, "pacs_share_max_days": 3650},
    {"pacs_share_allow_never": True, "pacs_share_download": True},
    {"pacs_shares_domain": ""},
    {"pacs_shares_domain": "shares.example.org"},
    {"pacs_shares_domain": "shares.example.org", "pacs_domain": "192.0.2.7"},
    {"pacs_shares_domain": "a" * 60 + ".example.org", "pacs_tls_source": "none"},
    {"pacs_site": "Sankt Jürgen, 3D"},
    {"pacs_site": "x" * 50},
    {"pacs_verify_aet": ""},
    {"pacs_verify_aet": "PROBE", "pacs_verify_address": "2001:db8::1"},
    {"pacs_staff_networks": ["10.0.0.0/8", "192.168.7.9", "2001:db8::/32"]},
    {"pacs_staff_networks": ["172.16.0.0/12"], "pacs_network": "10.255.0.0/24"},
    {"pacs_egress": [{"address": "10.7.7.7", "port": 8443, "reason": "the research archive"}]},
    {"pacs_staff_networks": ["172.30.41.0/24", "172.30.43.0/24"], "pacs_staff_networks_guard": "paths"},
    {"pacs_staff_networks": ["10.0.0.0/8", "192.168.7.9"], "pacs_staff_networks_guard": "paths"},
    {"pacs_tls_source": "acme", "pacs_staff_networks": ["10.0.0.0/8"], "pacs_staff_networks_guard": "paths"},
    *({"pacs_proxy": value} for value in (
        "", "http://proxy:3128", "http://10.1.2.3:8080/", "http://[fd00::3]:8080", "http://DOM%5Canna:p%40ss%3A@proxy:80",
    )),
    {"pacs_no_proxy": ["mirror", ".hospital.example", "10.1.2.3"]},
    *({"pacs_network": value} for value in ("10.0.0.0/24", "172.31.255.240/28", "192.168.1.128/25")),
    *({"pacs_dir": value} for value in ("/srv/pacs", "/opt/a_b-c.d/e", "/etcetera", "/home/pacs")),
    {"pacs_dir": "/srv/pacs", "pacs_data_dir": "/srv/pacs-data"},
    *({"pacs_local_dir": value} for value in ("local/x", "/home/me/Documents and more")),
    {"pacs_database": "sqlite", "pacs_shares_enabled": False, "pacs_database_password": None},
    {"pacs_shares_enabled": False, "pacs_auth_service_password": None, "pacs_share_signing_key": None},
    *({"pacs_images": {"nginx": value}} for value in (
        "nginx:1.28", "registry.example.org:5000/a/b__c:x_1.2-3", f"nginx@sha256:{'a' * 64}",
        f"nginx:latest@sha256:{'0' * 64}", "pacs-lab/nginx:1.26",
    )),
    {"pacs_image_source": "present"},
    {"pacs_image_source": "archive", "pacs_image_archives": ["/media/usb/pacs.tar", "other.tar"]},
    {"pacs_index_connections": {"orthanc": 1, "orthanc-for-shares": 200}},
    {"pacs_memory_limits": {"orthanc": "12g", "nginx": "100m"}},
    {"pacs_orthanc_config": {"StableAge": 30, "HttpTimeout": 5}},
    {"pacs_orthanc_config": {"MaximumStorageSize": 500000, "MaximumStorageMode": "Reject"}},
    {"pacs_modalities": modality(port="11112", manufacturer="GE", allow=["find", "storage_commitment"])},
    {"pacs_modalities": modality(sources=["10.1.2.0/24", "10.9.9.9", "2001:db8::/32"], allow=[])},
    {"pacs_modalities": modality() + modality(name="ct2", aet="CT2", address="10.1.2.4") + modality(name="3", aet="3")},
    {"pacs_dicom_tls_enabled": True,
     "pacs_modalities": modality(tls=True, sources=["10.1.0.0/16"]) + modality(name="ct2", aet="CT2")},
    {"pacs_dicom_enabled": False, "pacs_dicom_tls_enabled": True, "pacs_modalities": modality(tls=True)},
    {"pacs_dicom_enabled": False, "pacs_modalities": []},
    {"pacs_tls_source": "none"},
    {"pacs_tls_source": "none", "pacs_domain": ".".join(["a" * 63, "b" * 63, "c" * 63, "d" * 61])},
    {"pacs_tls_source": "provided", "tls_provided_certificate": REAL * 2, "tls_provided_private_key": REAL_KEY},
    {"pacs_tls_source": "provided", "tls_provided_certificate": REAL, "tls_provided_private_key": REAL_EC_KEY},
    {"pacs_tls_source": "selfsigned", "pacs_domain": "a" * 52 + ".example.org"},
    {"database_max_connections": 39},
    {"database_max_connections": 35, "pacs_shares_enabled": False},
    {"pacs_tls_source": "provided", "tls_provided_certificate_path": "/etc/x.crt",
     "tls_provided_private_key_path": "/etc/x.key"},
    {"pacs_tls_source": "acme", "tls_acme_email": "it@clinic.example"},
    {"pacs_tls_source": "acme", "tls_acme_server": "https://[fd00::1]:9000/acme/directory", "tls_acme_ca": CERTIFICATE,
     "tls_acme_eab_kid": "kid 1", "tls_acme_eab_hmac_key": "ab_-", "pacs_staff_networks": ["10.0.0.0/8"]},
    {"pacs_tls_source": "acme", "pacs_staff_networks": ["10.0.0.0/8"], **DNS},
    {"pacs_dicom_tls_enabled": True, "pacs_dicom_tls_source": "provided", **DICOM},
    {"proxy_hsts_seconds": 63072000},
    {"orthanc_find_instances_limit": 0, "orthanc_find_results_limit": 0},
    {"verify_send": "true"},
    {"verify_timeout": "2.5"},
    {"proxy_read_timeout": "5m"},
    *({"pacs_backup_repository": value, "backup_repository_password": "correct horse"} for value in (
        "/mnt/backup/pacs", "rest:https://user:p@backup.example:8000/pacs", "",
    )),
    *({"pacs_backup_repository": value, "backup_repository_password": "correct horse", "backup_sftp_known_hosts": "x A",
       "backup_sftp_private_key": PRIVATE_KEY.replace("PRIVATE", "OPENSSH PRIVATE")}
      for value in ("sftp:pacs@backup.example:/srv/pacs", "sftp://pacs@192.0.2.7:2222//srv/pacs")),
    {"pacs_backup_repository": "s3:https://s3.example/bucket/pacs", "backup_repository_password": "correct horse",
     "backup_s3_access_key": "AKIA4711", "backup_s3_secret_key": "secret/4711"},
    {"backup_schedule": "*/15 1-5 * * 1,3", "backup_check_schedule": "", "backup_rehearsal_schedule": "0 4 1 * *"},
]  # fmt: skip


@pytest.mark.parametrize("changes", RIGHT, ids=lambda changes: str(changes)[:80])
def test_a_right_site_has_no_problem(problems, changes):
    assert problems(**changes) == []


# Changes, and what the one sentence about them must say.
WRONG = [
    # A wrong type of every kind
    ({"pacs_site": 12}, ["pacs_site is 12;", "text in quotes"]),
    ({"pacs_domain": ["a"]}, ["pacs_domain is a list;", "text in quotes"]),
    ({"pacs_domain": 10.5}, ["pacs_domain is 10.5;", "text in quotes"]),
    ({"pacs_http_port": "abc"}, ["pacs_http_port is 'abc';", "whole number"]),
    ({"pacs_http_port": ""}, ["pacs_http_port is '';", "whole number"]),
    ({"pacs_http_port": "-80"}, ["pacs_http_port is '-80';", "whole number"]),
    ({"pacs_http_port": "８０"}, ["pacs_http_port is '８０';", "whole number"]),
    ({"pacs_https_port": True}, ["pacs_https_port is true;", "whole number"]),
    ({"pacs_https_port": 443.0}, ["pacs_https_port is 443.0;", "whole number"]),
    ({"pacs_dicom_port": {}}, ["pacs_dicom_port is a dictionary;", "whole number"]),
    ({"pacs_dicom_port": "9" * 5000}, ["pacs_dicom_port is '999", "whole number"]),
    ({"pacs_aet": 3}, ["pacs_aet is 3;", "text in quotes"]),
    ({"pacs_modalities": {"ct1": {}}}, ["pacs_modalities is a dictionary;", "must be a list"]),
    ({"pacs_modalities": "ct1"}, ["pacs_modalities is 'ct1';", "must be a list"]),
    ({"pacs_modalities": ["ct1"]}, ["pacs_modalities[0] is 'ct1';", "must be a dictionary"]),
    ({"pacs_modalities": modality(port=None) + [None]}, ["pacs_modalities[1] is empty;", "must be a dictionary"]),
    ({"pacs_verify_aet": False}, ["pacs_verify_aet is false;", "text in quotes"]),
    ({"pacs_verify_address": 10}, ["pacs_verify_address is 10;", "text in quotes"]),
    ({"pacs_dir": ["/srv"]}, ["pacs_dir is a list;", "text in quotes"]),
    ({"pacs_data_dir": 1}, ["pacs_data_dir is 1;", "text in quotes"]),
    ({"pacs_local_dir": True}, ["pacs_local_dir is true;", "text in quotes"]),
    ({"pacs_first_uid": 999}, ["pacs_first_uid is 999;", "from 1000"]),
    ({"pacs_first_uid": "999"}, ["pacs_first_uid is", "999"]),
    ({"pacs_no_proxy": "mirror.hospital.example"}, ["pacs_no_proxy", "must be a list"]),
    ({"pacs_no_proxy": ["*, everything"]}, ["pacs_no_proxy[0] is '*, everything';", "a host name, a domain"]),
    ({"pacs_network": 172.30}, ["pacs_network is 172.3;", "text in quotes"]),
    ({"pacs_database": True}, ["pacs_database is true;", "text in quotes"]),
    ({"pacs_shares_enabled": "false"}, ["pacs_shares_enabled is 'false';", "true or false, without quotes"]),
    ({"pacs_shares_enabled": 1}, ["pacs_shares_enabled is 1;", "true or false"]),
    ({"pacs_share_days": "15 days"}, ["pacs_share_days is '15 days';", "whole number"]),
    ({"pacs_images": ["nginx:1.28"]}, ["pacs_images is a list;", "must be a dictionary"]),
    ({"pacs_images": {"nginx": 1.28}}, ["pacs_images: nginx is 1.28;", "text in quotes"]),
    ({"pacs_image_source": 1}, ["pacs_image_source is 1;", "text in quotes"]),
    ({"pacs_image_archives": "/a.tar"}, ["pacs_image_archives is '/a.tar';", "must be a list"]),
    ({"pacs_image_archives": [1]}, ["pacs_image_archives[0] is 1;", "text in quotes"]),
    ({"pacs_index_connections": 20}, ["pacs_index_connections is 20;", "must be a dictionary"]),
    ({"pacs_tls_source": False}, ["pacs_tls_source is false;", "text in quotes"]),
    ({"tls_selfsigned_days": "a year"}, ["tls_selfsigned_days is 'a year';", "whole number"]),
    ({"host_extra_packages": "vim"}, ["host_extra_packages is 'vim';", "must be a list"]),
    ({"database_settings": []}, ["database_settings is a list;", "must be a dictionary"]),
    ({"verify_send": "perhaps"}, ["verify_send is 'perhaps';", "true or false"]),
    ({"verify_timeout": "long"}, ["verify_timeout is 'long';", "must be a number"]),
    ({"pacs_other_variables": "proxy_environment"}, ["pacs_other_variables is", "must be a list"]),
    ({"pacs_other_variables": ["proxy-environment"]}, ["pacs_other_variables[0] is", "name of a variable"]),
    # The name and the domain
    ({"pacs_site": ""}, ["pacs_site is '';", "1 to 50"]),
    ({"pacs_site": "x" * 51}, ["pacs_site is 'xxx", "1 to 50"]),
    ({"pacs_site": "a\nb"}, ["pacs_site is 'a\\nb';", "no line breaks"]),
    ({"pacs_domain": None}, ["pacs_domain isn't set"]),
    ({"pacs_domain": ""}, ["pacs_domain is '';", "host name"]),
    ({"pacs_domain": "https://pacs.example.org"}, ["'https://pacs.example.org'", "write 'pacs.example.org'"]),
    ({"pacs_domain": "pacs.example.org:8443"}, ["pacs_domain is", "write 'pacs.example.org'"]),
    ({"pacs_domain": "pacs.example.org/orthanc"}, ["pacs_domain is", "write 'pacs.example.org'"]),
    ({"pacs_domain": "pacs.example.org."}, ["pacs_domain is", "write 'pacs.example.org'"]),
    ({"pacs_domain": "PACS.example.org"}, ["pacs_domain is", "lower case", "write 'pacs.example.org'"]),
    ({"pacs_domain": "[2001:db8::7]:8443"}, ["pacs_domain is", "write '2001:db8::7'"]),
    ({"pacs_domain": "2001:DB8::0:7"}, ["pacs_domain is", "write '2001:db8::7'"]),
    ({"pacs_domain": "münchen.example"}, ["pacs_domain is 'münchen.example'", "write 'xn--mnchen-3ya.example'"]),
    ({"pacs_domain": "my_pacs.example.org"}, ["pacs_domain is 'my_pacs.example.org'", "underscore"]),
    ({"pacs_domain": "pacs.example.org\n"}, ["pacs_domain is 'pacs.example.org\\n'", "write 'pacs.example.org'"]),
    *(({"pacs_domain": value}, [f"pacs_domain is '{value}'", "host name"]) for value in (
        "pacs example", "-pacs", "pacs-.org", "pacs..org", ".org", "999.1.1.1", "1.2.3", "0.0.0.0", "::",
        "fe80::1%eth0", "a" * 64, "*.example.org", "user@pacs", "224.0.0.1", "münchen..example",
    )),
    ({"pacs_domain": ".".join(["a" * 50] * 6)}, ["pacs_domain is", "host name"]),
    ({"pacs_domain": ".".join(["a" * 40] * 2), "pacs_tls_source": "selfsigned"}, ["pacs_domain is", "64 characters"]),
    ({"pacs_domain": "172.30.42.9"}, ["pacs_domain is '172.30.42.9'", "pacs_network", "choose another network"]),
    # Ports
    *(({name: value}, [f"{name} is {value};", "from 1 to 65535"])
      for name in ("pacs_http_port", "pacs_https_port", "pacs_dicom_port", "pacs_dicom_tls_port")
      for value in (70000, 65536, 0, -1)),
    ({"pacs_dicom_port": 2762}, ["pacs_dicom_tls_port is 2762;", "pacs_dicom_port already"]),
    ({"pacs_https_port": 80}, ["pacs_https_port is 80;", "pacs_http_port already"]),
    ({"pacs_dicom_port": "80"}, ["pacs_dicom_port is 80;", "pacs_http_port already"]),
    ({"pacs_dicom_port": 443}, ["pacs_dicom_port is 443;", "pacs_https_port already"]),
    # AE titles
    ({"pacs_firewall_enabled": "no"}, ["pacs_firewall_enabled is 'no';", "true or false, without quotes"]),
    ({"pacs_dicom_connections_at_once": 7}, ["pacs_dicom_connections_at_once is 7;", "from 8 to 400"]),
    ({"pacs_ca_path": "/x\n"}, ["pacs_ca_path is"]),
    ({"pacs_wait_timeout": 0}, ["pacs_wait_timeout is 0;", "from 1 to 86400"]),
    ({"pacs_aet": "A" * 17}, ["pacs_aet is 'AAAAAAAAAAAAAAAAA';", "1 to 16", "this has 17"]),
    *(({"pacs_aet": value}, [f"pacs_aet is '{value}';", "1 to 16", "no backslash"])
      for value in ("A\\B", "", " ", " A", "A ", "Ä", "CT\x7f".replace("\x7f", "é"))),
    ({"pacs_aet": "A\tB"}, ["pacs_aet is 'A\\tB';", "no control character"]),
    ({"pacs_aet": "CT1\n"}, ["pacs_aet is 'CT1\\n';", "no control character"]),
    ({"pacs_aet": "A\x7f"}, ["pacs_aet is 'A\\x7f';", "no control character"]),
    ({"pacs_verify_aet": "A\\B"}, ["pacs_verify_aet is 'A\\B';", "no backslash"]),
    ({"pacs_verify_address": "verify.example"}, ["pacs_verify_address is 'verify.example';", "not a host name"]),
    ({"pacs_verify_address": "fe80::1%eth0"}, ["pacs_verify_address is 'fe80::1%eth0';", "without the network"]),
    ({"pacs_verify_address": "::ffff:10.1.2.3"}, ["pacs_verify_address is", "IPv4 address '10.1.2.3'"]),
    ({"pacs_staff_networks": "10.0.0.0/8"}, ["pacs_staff_networks is '10.0.0.0/8';", "must be a list"]),
    ({"pacs_staff_networks": ["10.1.2.3/24"]}, ["pacs_staff_networks[0] is '10.1.2.3/24';", "write '10.1.2.0/24'"]),
    ({"pacs_staff_networks": ["::/0"]}, ["pacs_staff_networks[0] is '::/0';", "leave the list empty"]),
    ({"pacs_staff_networks_guard": "path"}, ["pacs_staff_networks_guard is 'path';", "choose one of ports, paths"]),
    ({"pacs_staff_networks": ["10.0.0.0/8", "2001:db8::/32"], "pacs_staff_networks_guard": "paths"},
     ["pacs_staff_networks[1] is '2001:db8::/32';", "must be IPv4"]),
    ({"pacs_staff_networks": ["10.0.0.0/8"], "pacs_staff_networks_guard": "paths", "pacs_verify_address": "fd00::1"},
     ["pacs_verify_address is 'fd00::1';", "must be IPv4"]),
    *(({"pacs_staff_networks": ["10.0.0.0/8", value], "pacs_staff_networks_guard": guard},
       [f"pacs_staff_networks[1] is '{value}';", "pacs_network ('172.30.42.0/24') overlaps it", "IPv6"])
      for value in ("172.16.0.0/12", "172.30.42.0/24", "172.30.42.1") for guard in ("ports", "paths")),
    ({"pacs_modalities": modality(sources=["10.1.2.0/24", "172.16.0.0/12"])},
     ["pacs_modalities[0] (ct1): sources[1] is '172.16.0.0/12';", "overlaps it"]),
    *(({"pacs_egress": [{"address": value, "port": 443, "reason": "a peer"}]},
       [f"pacs_egress[0]: address is '{value}';", told])
      for value, told in (("peer.example", "look up no name"), ("2001:db8::1", "no IPv6"), ("10.0.0.0/8", "no name"),
                          ("169.254.169.254", "one machine"), ("0.0.0.0", "one machine"), ("127.0.0.1", "beyond"))),
    ({"pacs_egress": [{"address": "10.7.7.7", "port": 0, "reason": "a peer"}]}, ["port is 0;", "from 1 to 65535"]),
    ({"pacs_egress": [{"address": "10.7.7.7", "port": 443}]}, ["pacs_egress[0] has no reason"]),
    ({"pacs_staff_networks": ["ward.example"]}, ["pacs_staff_networks[0] is 'ward.example';", "network such as"]),
    ({"pacs_staff_networks": ["fe80::1%eth0"]}, ["pacs_staff_networks[0]", "without the network"]),
    ({"pacs_verify_address": "172.30.42.1"}, ["pacs_verify_address is '172.30.42.1';", "pacs_network"]),
    # Modalities
    ({"pacs_modalities": modality(aet="A" * 17)}, ["pacs_modalities[0] (ct1): aet is 'AAAAAAAAAAAAAAAAA';", "1 to 16"]),
    ({"pacs_modalities": modality(aet="A\\B")}, ["pacs_modalities[0] (ct1): aet is 'A\\B';", "no backslash"]),
    ({"pacs_modalities": modality(aet=None)}, ["pacs_modalities[0] (ct1) has no aet"]),
    ({"pacs_modalities": [SCANNER | {"aet": None}]}, ["pacs_modalities[0] (ct1) has no aet"]),
    ({"pacs_modalities": [SCANNER | {"port": None}]}, ["pacs_modalities[0] (ct1): port is empty;", "whole number"]),
    ({"pacs_modalities": modality(address=None)}, ["pacs_modalities[0] (ct1) has no address"]),
    ({"pacs_modalities": modality(name=None)}, ["pacs_modalities[0] has no name"]),
    ({"pacs_modalities": modality(adress="10.1.2.3")}, ["(ct1) has the key 'adress'", "did you mean address?"]),
    ({"pacs_modalities": modality(address="ct1.example.org")}, ["address is 'ct1.example.org';", "not a host name"]),
    ({"pacs_modalities": modality(address="10.1.2.0/24")}, ["address is '10.1.2.0/24';", "IPv4 or IPv6 address"]),
    ({"pacs_modalities": modality(address="010.1.2.3")}, ["address is '010.1.2.3';", "IPv4 or IPv6 address"]),
    ({"pacs_modalities": modality(address="2001:DB8::1")}, ["address is '2001:DB8::1';", "write it as '2001:db8::1'"]),
    ({"pacs_modalities": modality(address="0.0.0.0")}, ["address is '0.0.0.0';", "one machine"]),
    ({"pacs_modalities": modality(address="172.30.42.77")}, ["address is '172.30.42.77';", "pacs_network"]),
    ({"pacs_modalities": modality(port=65535)}, ["pacs_modalities[0] (ct1): port is 65535;", "from 1 to 65534"]),
    ({"pacs_modalities": modality(manufacturer="ge")}, ["manufacturer is 'ge';", "choose one of Generic"]),
    ({"pacs_modalities": modality(allow=["ech"])}, ["allow[0] is 'ech';", "echo, store", "did you mean echo?"]),
    ({"pacs_modalities": modality(allow="echo")}, ["allow is 'echo';", "must be a list"]),
    ({"pacs_modalities": modality(sources=["10.1.2.3/24"])}, ["sources[0] is '10.1.2.3/24';", "write '10.1.2.0/24'"]),
    ({"pacs_modalities": modality(sources=["2001:db8::1/32"])}, ["sources[0] is", "write '2001:db8::/32'"]),
    ({"pacs_modalities": modality(sources=["10.1.2.0/33"])}, ["sources[0] is '10.1.2.0/33';", "network such as"]),
    ({"pacs_modalities": modality(sources=["ct.example"])}, ["sources[0] is 'ct.example';", "network such as"]),
    ({"pacs_modalities": modality(sources=["0.0.0.0/0"])}, ["sources[0] is '0.0.0.0/0';", "everybody"]),
    *(({"pacs_modalities": modality(name=value)}, [f"name is '{value}';", "letters, digits and dashes"])
      for value in ("", "ct/1", "ct 1", "ct_1", "ct.1", "..", "ü", "x" * 65)),
    ({"pacs_modalities": modality(name="verify")}, ["name is 'verify';", "belongs to"]),
    ({"pacs_modalities": modality() + modality(aet="CT2")}, ["[1] (ct1): name is 'ct1';", "pacs_modalities[0] has it"]),
    ({"pacs_modalities": modality() + modality(name="CT1", aet="CT2")}, ["[1] (CT1): name is 'CT1';", "[0] has it"]),
    ({"pacs_modalities": modality() + modality(name="ct2")},
     ["[1] (ct2): aet is 'CT1';", "pacs_modalities[0] (ct1) already"]),
    ({"pacs_modalities": modality() + modality(name="ct2", aet="ct1", address="10.1.2.4")},
     ["[1] (ct2): aet is 'ct1';", "already", "as sources"]),
    ({"pacs_modalities": modality(aet="PacsVerify"), "pacs_verify_address": "10.1.2.3"},
     ["aet is 'PacsVerify';", "pacs_verify_aet already"]),
    ({"pacs_modalities": modality(tls=True)}, ["[0] (ct1): tls is true;", "pacs_dicom_tls_enabled"]),
    ({"pacs_modalities": modality(tls="yes")}, ["[0] (ct1): tls is 'yes';", "true or false"]),
    ({"pacs_dicom_enabled": False, "pacs_dicom_tls_enabled": True, "pacs_modalities": modality()},
     ["[0] (ct1): tls is false;", "pacs_dicom_enabled is false"]),
    ({"pacs_dicom_enabled": False, "pacs_modalities": modality()},
     ["[0] (ct1): tls is false;", "this site speaks no DICOM"]),
    # Directories and the network
    *(({name: value}, [f"{name} is '{value}';", "outside the system's directories"])
      for name in ("pacs_dir", "pacs_data_dir")
      for value in ("/etc", "/etc/pacs", "/usr/local/pacs", "/bin", "/proc/1", "/sys", "/dev/shm", "/run/pacs",
                    "/tmp/pacs", "/opt", "/var/lib", "/root")),
    *(({"pacs_dir": value}, [f"pacs_dir is '{value}';", "absolute path"])
      for value in ("", "/", "pacs", "/srv/pacs/", "/srv//pacs", "/srv/../etc", "/srv/pa cs", "/srv/pa:cs", "/srv/$x",
                    "~/x", "/srv/pacs\u0661")),
    ({"pacs_dir": "/var/lib/pacs"}, ["pacs_data_dir is '/var/lib/pacs';", "outside pacs_dir"]),
    ({"pacs_dir": "/srv/x", "pacs_data_dir": "/srv/x/data"}, ["pacs_data_dir is '/srv/x/data';", "outside pacs_dir"]),
    ({"pacs_dir": "/srv/x/conf", "pacs_data_dir": "/srv/x"}, ["pacs_data_dir is '/srv/x';", "outside pacs_dir"]),
    ({"pacs_local_dir": " "}, ["pacs_local_dir is ' ';", "path on the controller"]),
    *(({"pacs_network": value}, [f"pacs_network is '{value}';", "RFC 1918"]) for value in (
        "", "172.30.42.0/23", "172.30.42.0/29", "172.30.42.0", "8.8.8.0/24", "172.32.0.0/24", "fd00::/64", "x",
    )),
    ({"pacs_network": "172.30.42.1/24"}, ["pacs_network is '172.30.42.1/24';", "write '172.30.42.0/24'"]),
    # Database, shares, images
    ({"pacs_database": "postgres"}, ["pacs_database is 'postgres';", "did you mean postgresql?"]),
    ({"pacs_database": "sqlite"}, ["pacs_database is 'sqlite';", "shares need 'postgresql'", "pacs_shares_enabled"]),
    ({"pacs_database_password": None}, ["pacs_database_password isn't set"]),
    ({"pacs_auth_service_password": None}, ["pacs_auth_service_password isn't set", "pacs_shares_enabled"]),
    ({"pacs_share_signing_key": None}, ["pacs_share_signing_key isn't set", "pacs_shares_enabled"]),
    *(({"pacs_share_days": value}, [f"pacs_share_days is {value};", "from 1 to 3650"]) for value in (0, -1, 3651)),
    *(({"pacs_share_max_days": value}, [f"pacs_share_max_days is {value};", "from 1 to 3650"]) for value in (0, 3651)),
    ({"pacs_share_days": 91}, ["pacs_share_days is 91;", "at most pacs_share_max_days (90)"]),
    ({"pacs_share_max_days": 14}, ["pacs_share_days is 15;", "at most pacs_share_max_days (14)"]),
    ({"pacs_share_allow_never": "yes"}, ["pacs_share_allow_never is 'yes';", "true or false"]),
    ({"pacs_share_download": 1}, ["pacs_share_download is 1;", "true or false"]),
    ({"pacs_shares_domain": "192.0.2.8"}, ["pacs_shares_domain is '192.0.2.8';", "host name", "leave it empty"]),
    ({"pacs_shares_domain": "https://s.example"}, ["pacs_shares_domain is", "write 's.example'"]),
    ({"pacs_shares_domain": "pacs.example.org"}, ["pacs_shares_domain is", "is pacs_domain already"]),
    ({"pacs_shares_domain": "a" * 60 + ".example.org"}, ["pacs_shares_domain is", "at most 64 characters"]),
    ({"pacs_index_connections": {"orthanc": 20}}, ["pacs_index_connections has no orthanc-for-shares"]),
    ({"pacs_index_connections": {"orthanc": 0, "orthanc-for-shares": 1}}, ["orthanc is 0;", "from 1 to 200"]),
    ({"pacs_index_connections": {"orthanc": 5, "orthanc-for-shares": 201}}, ["shares is 201;", "from 1 to 200"]),
    ({"database_max_connections": 38}, ["database_max_connections is 38;", "at least 39", "gate"]),
    ({"database_max_connections": 34, "pacs_shares_enabled": False}, ["is 34;", "at least 35"]),
    ({"pacs_memory_limits": {"orthanc": "3 GB"}}, ["orthanc is '3 GB';", "size such as 512m or 2g"]),
    *(({"pacs_images": {name: "x:latest"}}, [f"pacs_images: {name} is 'x:latest';", "version or a digest"])
      for name in ("orthanc", "auth_service", "postgres", "nginx", "haproxy", "certbot")),
    ({"pacs_images": {"orthanc": "o/o:latest-full"}}, ["orthanc is 'o/o:latest-full';", "version or a digest"]),
    ({"pacs_images": {"orthanc": "localhost:5000/o"}}, ["orthanc is 'localhost:5000/o';", "needs a tag"]),
    *(({"pacs_images": {"nginx": value}}, [f"nginx is '{value}';", "image reference such as"])
      for value in ("", "nginx: 1.28", "Nginx:1.28", "https://x/nginx:1", "nginx:", "nginx@sha256:abc", "n:1\u00e4")),
    ({"pacs_image_source": "archives"}, ["pacs_image_source is 'archives';", "did you mean archive?"]),
    ({"pacs_image_source": "archive"}, ["pacs_image_archives is empty;", "docker save"]),
    ({"pacs_image_archives": ["/a/x.tar", "/b/x.tar"]}, ["pacs_image_archives:", "called 'x.tar'"]),
    ({"pacs_image_archives": [""]}, ["pacs_image_archives[0] is '';", "path"]),
    ({"pacs_dicom_connections_at_once": 7}, ["pacs_dicom_connections_at_once is 7;", "from 8 to 400"]),
    # The certificate and the other roles
    ({"pacs_tls_source": "letsencrypt"}, ["pacs_tls_source is 'letsencrypt';", "acme, provided, selfsigned, none"]),
    ({"pacs_tls_source": "provided", "tls_provided_certificate": CERTIFICATE, "tls_provided_private_key": PRIVATE_KEY,
      "tls_provided_private_key_path": "/x"}, ["tls_provided_private_key_path are both set"]),
    ({"pacs_tls_source": "provided", "tls_provided_certificate_path": "/x"},
     ["tls_provided_private_key_path isn't set"]),
    ({"pacs_tls_source": "provided", "tls_provided_certificate_path": "/x", "tls_provided_private_key": PRIVATE_KEY},
     ["tls_provided_certificate_path is set, but tls_provided_private_key is text"]),
    ({"pacs_tls_source": "provided", "tls_provided_certificate": REAL, "tls_provided_private_key": REAL_KEY,
      "pacs_domain": "other.example"}, ["tls_provided_certificate: certificate 1", "must have DNS:other.example"]),
    ({"pacs_tls_source": "provided", "tls_provided_certificate": REAL, "tls_provided_private_key": REAL_KEY,
      "pacs_shares_domain": "links.example"}, ["certificate 1 (CN=pacs.example.org)", "must have DNS:links.example"]),
    ({"pacs_tls_source": "provided", "tls_provided_certificate": REAL, "tls_provided_private_key": PRIVATE_KEY},
     ["tls_provided_private_key can't be read"]),
    ({"pacs_dicom_tls_enabled": True, "pacs_dicom_tls_source": "provided", **DICOM,
      "tls_dicom_provided_private_key": own_certificate("x")[1]},
     ["tls_dicom_provided_private_key does not belong to tls_dicom_provided_certificate"]),
    ({"tls_provided_certificate_path": "x.pem"}, ["tls_provided_certificate_path is 'x.pem';", "absolute path"]),
    ({"tls_provided_private_key_path": "x.pem"}, ["tls_provided_private_key_path is 'x.pem';", "absolute path"]),
    ({"pacs_tls_source": "acme", "pacs_domain": "192.0.2.7"}, ["pacs_domain is '192.0.2.7';", "must be a name"]),
    ({"pacs_tls_source": "acme", "pacs_staff_networks": ["10.0.0.0/8"]}, ["Let's Encrypt can't reach", "dns-01"]),
    ({"tls_acme_server": "http://ca.example/"}, ["tls_acme_server is 'http://ca.example/';", "https://"]),
    ({"tls_acme_ca": "/srv/ca.pem"}, ["tls_acme_ca is", "BEGIN CERTIFICATE"]),
    ({"tls_acme_email": "nobody"}, ["tls_acme_email is 'nobody';", "e-mail"]),
    ({"tls_acme_eab_kid": "kid"}, ["tls_acme_eab_hmac_key isn't set", "tls_acme_eab_kid"]),
    ({"tls_acme_eab_kid": "a\nb", "tls_acme_eab_hmac_key": "x"}, ["tls_acme_eab_kid is", "one line"]),
    ({"tls_acme_key_type": "dsa"}, ["tls_acme_key_type is 'dsa';", "ecdsa, rsa"]),
    ({"tls_acme_challenge": "tls-alpn-01"}, ["tls_acme_challenge is", "http-01, dns-01"]),
    *(({"pacs_tls_source": "acme", **DNS, name: None}, [f"{name} isn't set", "dns-01"]) for name in list(DNS)[1:]),
    ({"tls_acme_dns_server": "ns.example"}, ["tls_acme_dns_server is 'ns.example';", "address of the name server"]),
    ({"tls_acme_dns_port": 0}, ["tls_acme_dns_port is 0;", "65535"]),
    ({"tls_acme_dns_key_name": "a b"}, ["tls_acme_dns_key_name is 'a b';", "TSIG key"]),
    ({"tls_acme_dns_key_algorithm": "MD5"}, ["tls_acme_dns_key_algorithm is 'MD5';", "HMAC-SHA256"]),
    ({"tls_acme_dns_wait": 0}, ["tls_acme_dns_wait is 0;", "from 1 to 600"]),
    ({"pacs_dicom_tls_source": "none"}, ["pacs_dicom_tls_source is 'none';", "selfsigned, provided"]),
    *(({"pacs_dicom_tls_enabled": True, "pacs_dicom_tls_source": "provided", **DICOM, name: None},
       [f"{name} isn't set"])
      for name in DICOM),
    ({"tls_dicom_provided_certificate": "x"}, ["tls_dicom_provided_certificate is", "BEGIN CERTIFICATE"]),
    ({"tls_dicom_provided_ca": "x"}, ["tls_dicom_provided_ca is", "BEGIN CERTIFICATE"]),
    ({"tls_dicom_days": 0}, ["tls_dicom_days is 0;", "from 1 to"]),
    ({"proxy_hsts_seconds": -1}, ["proxy_hsts_seconds is -1;", "from 0 to"]),
    ({"pacs_tls_source": "provided", "tls_provided_certificate": CERTIFICATE}, ["tls_provided_private_key isn't set"]),
    ({"pacs_tls_source": "provided", "tls_provided_private_key": PRIVATE_KEY, "tls_provided_certificate": ""},
     ["tls_provided_certificate isn't set"]),
    ({"tls_provided_certificate": "/etc/ssl/x.pem"}, ["tls_provided_certificate is", "BEGIN CERTIFICATE"]),
    ({"tls_selfsigned_days": 0}, ["tls_selfsigned_days is 0;", "from 1 to"]),
    ({"tls_selfsigned_ca_days": 100}, ["tls_selfsigned_ca_days is 100;", "tls_selfsigned_days (397)"]),
    ({"tls_selfsigned_ca_days": 0}, ["tls_selfsigned_ca_days is 0;", "from 1 to"]),
    ({"database_shared_buffers": "a lot"}, ["database_shared_buffers is 'a lot';", "'256MB'"]),
    ({"proxy_read_timeout": "5 min"}, ["proxy_read_timeout is '5 min';", "'300s'"]),
    ({"verify_space_warn_percent": 101}, ["verify_space_warn_percent is 101;", "from 0 to 100"]),
    ({"verify_space_fail_days": -1}, ["verify_space_fail_days is -1;", "from 0 to"]),
    ({"stack_drain_timeout": -1}, ["stack_drain_timeout is -1;", "from 0 to"]),
    ({"pacs_wait_timeout": 0}, ["pacs_wait_timeout is 0;", "from 1 to"]),
    ({"upgrade_let_in": ["controller"]}, ["upgrade_let_in[0]", "IPv4 or IPv6 address"]),
    ({"orthanc_find_results_limit": -1}, ["orthanc_find_results_limit is -1;", "from 0 to"]),
    ({"orthanc_find_instances_limit": -1}, ["orthanc_find_instances_limit is -1;", "from 0 to"]),
    ({"database_max_connections": 1}, ["database_max_connections is 1;", "from 20 to"]),
    *(({name: value}, [f"{name} is '{value}';", "five fields"])
      for name in ("backup_schedule", "backup_check_schedule", "backup_rehearsal_schedule")
      for value in ("daily", "0 1 * *", "0 1 * * * reboot")),
    *(({name: value}, [f"{name} is {value};"]) for name, value in (
        ("backup_keep_daily", -1), ("backup_keep_weekly", -1), ("backup_keep_monthly", 241),
        ("backup_check_percent", 0), ("backup_check_percent", 101),
    )),
    ({"backup_repository_ca": "/etc/ca.pem"}, ["backup_repository_ca is", "BEGIN CERTIFICATE"]),
    ({"backup_sftp_known_hosts": 5}, ["backup_sftp_known_hosts is 5;", "text"]),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "words"), WRONG, ids=lambda entry: str(entry)[:80])
def test_a_wrong_value_is_named_and_put_right(problems, changes, words):
    found = problems(**changes)
    assert len(found) == 1, found
    assert found[0].startswith("clinic: ")
    assert found[0].endswith((".", "?"))
    assert "\n" not in found[0]
    for word in words:
        assert word in found[0]


# Like WRONG, for what nobody may see: the text that must not be repeated is "hide" or a number with 4711 in it.
SECRET = [
    *(({"pacs_proxy": value}, ["pacs_proxy", "a URL with a port"]) for value in (
        "hide", "proxy:3128", "http://proxy", "https://proxy:3128", "http://a:hi de@proxy:1", "http://a:hide@b@proxy:1",
        "http://proxy:3128/\nhide", "socks5://proxy:1080", "http://a:hide\"@proxy:3128",
    )),
    ({"pacs_staff_users": None}, ["pacs_staff_users isn't set"]),
    ({"pacs_staff_users": {}}, ["pacs_staff_users:", "at least one user"]),
    ({"pacs_staff_users": ["hide"]}, ["pacs_staff_users is a list;", "dictionary"]),
    ({"pacs_staff_users": "anna:hide"}, ["pacs_staff_users is text;", "dictionary"]),
    ({"pacs_staff_users": {"anna": 47114711}}, ["pacs_staff_users: the password of 'anna'", "text in quotes"]),
    ({"pacs_staff_users": {"anna": None}}, ["the password of 'anna'", "text in quotes"]),
    ({"pacs_staff_users": {"anna": ["hide"]}}, ["the password of 'anna'", "text in quotes"]),
    ({"pacs_staff_users": {"anna": ""}}, ["the password of 'anna': it is empty"]),
    ({"pacs_staff_users": {"anna": "hide"}}, ["the password of 'anna'", "at least 12 characters"]),
    ({"pacs_staff_users": {"anna": "hide\nhide"}}, ["the password of 'anna'", "no line break"]),
    ({"pacs_staff_users": {"anna": "hide\0hide"}}, ["the password of 'anna'", "control character"]),
    ({"pacs_staff_users": {"anna": "hide\x85hide"}}, ["the password of 'anna'", "control character"]),
    ({"pacs_staff_users": {"anna": "hide\ud800hide"}}, ["the password of 'anna'", "control character"]),
    ({"pacs_staff_users": {"hidehide": "Hidehide"}}, ["is the user name"]),
    ({"pacs_staff_users": {"anna:hide": "correct horse"}}, ["begins with 'anna' has a colon"]),
    ({"pacs_staff_users": {"": "correct horse"}}, ["a user name is empty"]),
    ({"pacs_staff_users": {" ": "correct horse"}}, ["a user name is empty"]),
    ({"pacs_staff_users": {"an\nna": "correct horse"}}, ["user name 'anna'", "no line break"]),
    ({"pacs_staff_users": {12: "correct horse"}}, ["user name 12 must be text"]),
    *(({"pacs_staff_users": {"anna": value}}, ["the password of 'anna'", "placeholder"])
      for value in ("change-me", "changeme", "CHANGE_ME", "password", "Password!", "please-change-me", "orthanc")),
    ({"pacs_database_password": 47114711}, ["pacs_database_password is a number;", "text in quotes"]),
    ({"pacs_database_password": ["hide"]}, ["pacs_database_password is a list;", "text in quotes"]),
    ({"pacs_database_password": "hide\n"}, ["pacs_database_password:", "no line break"]),
    ({"pacs_database_password": "hide\0"}, ["pacs_database_password:", "control character"]),
    ({"pacs_database_password": "change-me"}, ["pacs_database_password:", "placeholder"]),
    ({"pacs_auth_service_password": 47114711}, ["pacs_auth_service_password is a number;", "text in quotes"]),
    ({"pacs_auth_service_password": "hide ü"}, ["pacs_auth_service_password:", "printable ASCII", "auth service"]),
    ({"pacs_auth_service_password": "hide\t"}, ["pacs_auth_service_password:", "control character"]),
    ({"pacs_auth_service_password": "change-me"}, ["pacs_auth_service_password:", "placeholder"]),
    ({"pacs_share_previous_signing_keys": "hide" * 9}, ["pacs_share_previous_signing_keys is text;", "must be a list"]),
    ({"pacs_share_previous_signing_keys": [{"key": "hide" * 8}]}, ["_signing_keys[0] has no until;"]),
    *(
        (
            {"pacs_share_previous_signing_keys": [{"key": key, "until": until}]},
            [f"pacs_share_previous_signing_keys[0]: {name}", right],
        )
        for key, until, name, right in (
            ("hide", "2026-12-24T18:00:00+00:00", "key", "at least 32"),
            ("hide" * 8, "2026-12-24", "until", "a time with its zone"),
            ("hide" * 8, "soon", "until", "a time with its zone"),
        )
    ),
    ({"pacs_share_signing_key": 47114711}, ["pacs_share_signing_key is a number;", "text in quotes"]),
    ({"pacs_share_signing_key": "hide" * 7 + "hid"}, ["pacs_share_signing_key:", "at least 32", "openssl"]),
    ({"pacs_share_signing_key": "hide" * 8 + " "}, ["pacs_share_signing_key:", "white space"]),
    ({"pacs_share_signing_key": "hide\u00a0hide" * 4}, ["pacs_share_signing_key:", "printable ASCII"]),
    ({"pacs_share_signing_key": "hide" * 8 + "ü"}, ["pacs_share_signing_key:", "printable ASCII"]),
    ({"pacs_share_signing_key": "hide" * 8 + "\x1b[1m"}, ["pacs_share_signing_key:", "control character"]),
    ({"pacs_share_signing_key": "change-me-" * 4}, ["pacs_share_signing_key:", "placeholder"]),
    ({"tls_acme_eab_hmac_key": "hide!", "tls_acme_eab_kid": "x"}, ["tls_acme_eab_hmac_key:", "base64url"]),
    ({"tls_acme_dns_key_secret": "hide!"}, ["tls_acme_dns_key_secret:", "base64"]),
    ({"tls_dicom_provided_private_key": "hide"}, ["tls_dicom_provided_private_key:", "BEGIN PRIVATE KEY"]),
    ({"tls_provided_private_key": "hide"}, ["tls_provided_private_key:", "BEGIN PRIVATE KEY"]),
    ({"tls_provided_private_key": PRIVATE_KEY.replace("PRIVATE", "ENCRYPTED PRIVATE").replace("MIIB", "hide")},
     ["tls_provided_private_key:", "must not be encrypted"]),
    ({"tls_provided_private_key": "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nhide"},
     ["tls_provided_private_key:", "must not be encrypted"]),
    ({"tls_provided_certificate": CERTIFICATE + PRIVATE_KEY.replace("MIIB", "hide")},
     ["tls_provided_certificate", "tls_provided_private_key"]),
    ({"pacs_orthanc_config": '{"RegisteredUsers": {"anna": "hide"}}'}, ["pacs_orthanc_config is text;", "dictionary"]),
    ({"pacs_orthanc_config": {"SyncStorageArea": False}}, ["SyncStorageArea", "the power"]),
    ({"pacs_orthanc_config": {"MaximumStorageSize": 500000}}, ["MaximumStorageSize", "deletes the oldest patients"]),
    ({"pacs_orthanc_config": {"MaximumPatientCount": 9, "MaximumStorageMode": "Recycle"}}, ["MaximumPatientCount"]),
    ({"pacs_orthanc_config": {"RegisteredUsers": {"anna": "hide"}}}, ["no RegisteredUsers", "pacs_staff_users"]),
    ({"pacs_orthanc_config": {"PostgreSQL": {"Password": "hide"}}}, ["no Password", "pacs_database_password"]),
    ({"pacs_orthanc_for_shares_config": {"PostgreSQL": {"ConnectionUri": "hide"}}}, ["no ConnectionUri"]),
    ({"pacs_orthanc_for_shares_config": {"Authorization": {"WebServicePassword": "hide"}}}, ["no WebServicePassword"]),
    ({"pacs_orthanc_for_shares_config": 5}, ["pacs_orthanc_for_shares_config is a number;", "dictionary"]),
    *(({"pacs_orthanc_for_shares_config": {key: False}}, [f"must not change {key}"])
      for key in ("ReadOnly", "DicomServerEnabled", "AuthenticationEnabled")),
    *(({"pacs_backup_repository": value, "backup_repository_password": "correct horse"},
       ["pacs_backup_repository:", "sftp:"])
      for value in ("hide", "rest:http://hide@x/", "s3:http://hide/b", "sftp:hide:/x", "b2:hide:x", "mnt/hide")),
    ({"pacs_backup_repository": "/etc/hide", "backup_repository_password": "correct horse"},
     ["pacs_backup_repository:", "own"]),
    ({"pacs_backup_repository": "/mnt/hide"}, ["backup_repository_password isn't set"]),
    *(({"pacs_backup_repository": f"{path}/hide", "backup_repository_password": "correct horse"},
       ["burn", "another disk"])
      for path in ("/opt/pacs", "/var/lib/pacs")),
    ({"pacs_backup_repository": "sftp:hide@hide:/x", "backup_repository_password": "correct horse",
      "backup_sftp_known_hosts": "x"}, ["backup_sftp_private_key isn't set"]),
    ({"pacs_backup_repository": "s3:https://hide/x", "backup_repository_password": "correct horse",
      "backup_s3_access_key": "hide"}, ["backup_s3_secret_key isn't set"]),
    ({"backup_repository_password": "hide\n"}, ["backup_repository_password:", "no line break"]),
    ({"backup_sftp_private_key": "hide"}, ["backup_sftp_private_key:", "BEGIN PRIVATE KEY"]),
    ({"backup_s3_access_key": "hide\n"}, ["backup_s3_access_key:", "no line break"]),
    ({"backup_s3_secret_key": "hide\n"}, ["backup_s3_secret_key:", "no line break"]),
    ({"pacs_databse_password": "hide"}, ["is not a variable", "did you mean pacs_database_password?"]),
    ({"pacs_zzz": "hide"}, ["pacs_zzz is not a variable of this collection; names that begin with pacs_"]),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "words"), SECRET, ids=lambda entry: ascii(entry)[:80])
def test_a_secret_is_not_repeated(problems, changes, words):
    found = problems(**changes)
    assert len(found) == 1, found
    for word in words:
        assert word in found[0]
    told = found[0].replace("hidehide' is the user name", "")
    assert "hide" not in told.casefold()
    assert "4711" not in told


def test_the_secrets_of_a_right_site_are_in_no_sentence(roles, options):
    site = SITE | {name: "pacs_x" for name in options if name not in SITE} | {"pacs_domain": "https://x"}
    found = "\n".join(site_problems(roles, site, "clinic"))
    for secret in ("correct horse", "battery staple", "database-s3cret", "service-s3cret", KEY):
        assert secret not in found


def test_every_variable_has_a_wrong_value_in_these_tables(options):
    tried = {name for changes, _words in WRONG + SECRET for name in changes}
    assert {name for name in options if name.startswith(("pacs_", "tls_", "database_", "orthanc_"))} <= tried


def test_rules_and_relations_name_declared_variables(roles, options):
    declared_options = options | roles.arguments_of(roles.arguments)
    for path in RULES:
        name, _dot, key = path.removesuffix("[]").partition(".")
        assert name in declared_options
        # A star stands for keys that the roles of services declare.
        assert not key or key == "*" or key in declared_options[name]["options"]
    needs = {need for relation in RELATIONS for need in inspect.signature(relation).parameters}
    assert needs - {"given", "right"} <= {*options}
    assert {*ARGUMENTS} <= {*roles.arguments}


def test_each_file_is_of_a_role_and_no_rule_is_lost(roles):
    assert {role.__name__.rpartition(".")[2] for role in ROLES} == {*roles.roles}
    assert len(RULES) == sum(len(role.RULES) for role in ROLES)


def test_all_problems_are_told_at_once(problems):
    found = problems(
        pacs_http_port=70000,
        pacs_aet="A\\B",
        pacs_domain=None,
        pacs_database="sqlite",
        pacs_auth_service_password="ü\n",
        pacs_modalities=[{"name": "a b", "aet": "", "address": "x", "port": 0, "alow": []}],
    )
    assert len(found) == 10
    assert all(sentence.startswith("clinic: ") for sentence in found)


def test_what_depends_on_a_wrong_value_is_not_told_twice(problems):
    assert len(problems(pacs_network="x", pacs_modalities=modality())) == 1
    assert len(problems(pacs_database="sqlite", pacs_shares_enabled="yes")) == 1


def test_a_value_that_cannot_be_read_is_told_without_a_secret(roles):
    unreadable = {
        "pacs_domain": "'clinic_domain' is undefined",
        "pacs_database_password": "Syntax error in template: hide{{",
        "pacs_auth_service_password": "Error in {{ 'hide' ~ x }}: 'vault_service' is undefined",
    }
    site = {name: value for name, value in SITE.items() if name not in unreadable}
    found = site_problems(roles, site, "clinic", unreadable)
    assert found[0] == "clinic: pacs_domain can't be read: 'clinic_domain' is undefined."
    assert "pacs_database_password can't be read: look at its quotes" in found[1]
    assert found[2] == "clinic: pacs_auth_service_password can't be read: 'vault_service' is undefined."
    assert len(found) == 3
    assert "hide" not in "".join(found)


def test_an_unreadable_unknown_variable_is_unknown(roles):
    found = site_problems(roles, SITE, "clinic", {"pacs_zzz": "hide"})
    assert ["pacs_zzz is not a variable" in sentence for sentence in found] == [True]


def test_a_derived_variable_cannot_be_set(problems):
    assert problems(pacs_base_url="hide") == [
        "clinic: pacs_base_url is derived from other variables and can't be set; remove it."
    ]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("backup_repositry", "did you mean pacs_backup_repository?"),
        ("tls_sorce", "did you mean pacs_tls_source?"),
        ("verify_sned", "did you mean verify_send?"),
        ("auth_token", "names that begin with auth_ are its own"),
        ("proxy_environment", "add it to pacs_other_variables"),
    ],
)
def test_a_name_that_begins_as_a_roles_and_is_not_declared_is_told(problems, roles, name, words):
    [sentence] = problems(**{name: "hide"})
    assert sentence.startswith(f"clinic: {name} is not a variable of this collection")
    assert words in sentence and "hide" not in sentence
    assert problems(**{name: 1}, pacs_other_variables=[name]) == []
    assert problems(**{name: 1}, pacs_other_variables=[name[:-3] + "*"]) == []
    assert site_problems(roles, SITE, "clinic", names=[name]) == [sentence]


def test_what_others_call_theirs_is_nobodys_business(problems):
    assert problems(clinic_pacs_x=2, ansible_user="root", hosts=[], proxies={}, pacsx=1) == []


def test_arguments_of_an_entry_point_are_no_typos(problems):
    assert problems(restore_snapshot="1a2b", share_study="1.2.3") == []


@pytest.mark.parametrize(
    ("entry_point", "arguments", "words"),
    [
        ("gate.share", {"share_study": "1.2", "share_days": "0", "share_pin": "true", "share_user": "bert"}, None),
        ("gate.share", {}, "-e share_study=... is missing"),
        ("gate.share", {"share_action": "list"}, None),
        ("gate.share", {"share_action": "lst"}, "share_action is 'lst'; choose one of make, list, revoke"),
        ("gate.share", {"share_study": "1", "share_days": "x"}, "share_days is 'x'; it must be a whole number"),
        ("gate.share", {"share_study": "1", "share_days": "-1"}, "share_days is '-1'; it must be a whole number"),
        ("gate.share", {"share_study": "1", "share_user": "otto"}, "share_user is 'otto', which is none of pacs_staff"),
        ("gate.share", {"share_action": "revoke", "share_all": "yes"}, "share_all is 'yes'; it must be true or false"),
        ("pacs.rotate", {"rotate_secrets": "database, staff:anna", "rotate_keep_links": "0"}, None),
        ("pacs.rotate", {"rotate_secrets": "signing_key", "rotate_keep_links": "7"}, None),
        ("pacs.rotate", {"rotate_secrets": "databse"}, "-e rotate_secrets=databse: there is no such secret"),
        ("pacs.rotate", {"rotate_secrets": "database", "rotate_keep_links": "3"}, "together with -e rotate_secrets="),
        ("pacs.rotate", {"rotate_keep_links": "soon"}, "rotate_keep_links is 'soon'; it must be a whole number"),
        ("backup.study", {"restore_study": 12}, "restore_study is 12; it must be text in quotes"),
        ("upgrade.guard", {"site_may_change_images": "perhaps"}, "it must be true or false"),
        ("orthanc.model", {"model_study": "1", "model_file": __file__}, "its name must end with .stl"),
        ("orthanc.model", {"model_file": "no/x.stl"}, "model_study isn't set: accession number, Study Instance"),
        ("orthanc.model", {"model_study": "1"}, "-e model_file=... is missing"),
        ("orthanc.model", {"model_study": "1", "model_file": "no/x.stl"}, "there is no such file"),
        ("orthanc.model", {"model_study": "1", "model_state": "absent"}, "-e model_title=... is missing"),
        ("orthanc.model", {"model_study": "1", "model_state": "absent", "model_title": "Guide"}, None),
        ("orthanc.model", {"model_study": "1", "model_state": "absent", "model_title": "x", "model_file": "x.nrrd"},
         "to remove a model give its title"),
        ("orthanc.model", {"model_study": "1", "model_file": "", "model_reduce": "half"}, "model_reduce is 'half';"),
    ],
)  # fmt: skip
def test_arguments_are_checked_with_the_site(roles, entry_point, arguments, words):
    found = site_problems(roles, SITE | arguments, "clinic", entry_points=[entry_point])
    assert bool(found) == bool(words), found
    assert words is None or found[0].startswith("clinic: ") and words in "".join(found)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"new_site_name": "ward7", "new_site_domain": "pacs.hospital.example"}, []),
        ({"new_site_name": "ward7", "new_site_domain": "10.1.2.3", "new_site_server": "root@[2001:db8::7]:2222"}, []),
        ({}, ["new_site_name isn't set: name of the site", "new_site_domain isn't set: the host name or IP address"]),
        ({"new_site_name": "Ward 7", "new_site_domain": "x.example"}, ["digits and dashes, such as 'ward-7'"]),
        ({"new_site_name": "demo", "new_site_domain": "x.example"}, ["such as 'ward7', and none of all, demo"]),
        ({"new_site_name": "a", "new_site_domain": "http://x.example/", "new_site_server": "x"}, ["write 'x.example'"]),
        ({"new_site_name": "a", "new_site_domain": "x", "new_site_server": "a b"}, ["it must be what ssh takes"]),
    ],
)
def test_arguments_of_a_new_site(roles, arguments, words):
    found = argument_problems(roles, arguments, ["pacs.new_site"])
    assert len(found) == len(words), found
    assert all(word in sentence for word, sentence in zip(words, found, strict=True))


def test_a_long_value_is_shortened(problems):
    (sentence,) = problems(pacs_dicom_port="x" * 1000)
    assert len(sentence) < 200


def test_ten_times_as_many_modalities_do_not_take_a_hundred_times_as_long(problems):
    modalities = [
        SCANNER
        | {"name": f"ct{n}", "aet": f"CT{n}", "address": f"10.1.{n // 250}.{n % 250 + 1}", "sources": ["10.2.0.0/16"]}
        for n in range(500)
    ]

    def seconds(number):
        start = time.process_time()
        assert problems(pacs_modalities=modalities[:number]) == []
        return time.process_time() - start

    assert min(map(seconds, [500] * 3)) < 40 * min(map(seconds, [50] * 3))
    assert len(problems(pacs_modalities=modalities + modalities)) == 1000


def test_tagged_text_is_text(roles):
    class Tagged(str):
        """Like the types in which Ansible hands out what it read."""

    site = {Tagged(k): Tagged(v) if isinstance(v, str) else v for k, v in SITE.items()}
    assert site_problems(roles, site, "clinic") == []
