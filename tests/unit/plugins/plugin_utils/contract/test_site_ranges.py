# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every variable by the program that reads it: the least and the greatest value that it takes, and what is just beyond.

The table is the contract of the inventory: variable, what is taken, what is refused, and who says so.
"""

from __future__ import annotations

import pathlib

import pytest
from ansible_collections.threedpc.pacs.plugins.plugin_utils.contract.declared import declared
from ansible_collections.threedpc.pacs.plugins.plugin_utils.contract.site import site_problems

ROLES = pathlib.Path(__file__).resolve().parents[5] / "roles"
SITE = {
    "pacs_domain": "pacs.example.org",
    "pacs_staff_users": {"anna": "tuba-velvet-cargo-9"},
    "pacs_database_password": "w7-kettle-orbit-mango",
    "pacs_auth_service_password": "w7-saddle-pixel-onion",
    "pacs_share_signing_key": "7d0f3ac16be2954893b1e6f2a80c5d47",
}
PORTS = ([1, 21, 23, 80, 32767, 61000, 65535], [0, -1, 22, 32768, 49152, 60999, 65536, 99999])
CT = {"name": "ct1", "aet": "CT1", "address": "10.1.2.3"}
LONG = ".".join(["a" * 63, "b" * 63, "c" * 63, "d" * 61])


def modality(key, values):
    return [[CT | {key: value}] for value in values]


def key_of(name, values):
    return [{name: value} for value in values]


# Variable, accepted, refused.
TABLE = [
    # The kernel: 16 bits, ssh's port, and ip_local_port_range.
    ("pacs_https_port", *[[v for v in values if v != 80] for values in PORTS]),
    ("pacs_http_port", *PORTS),
    ("pacs_dicom_port", *[[v for v in values if v != 80] for values in PORTS]),
    ("pacs_dicom_tls_port", *[[v for v in values if v != 80] for values in PORTS]),
    ("tls_acme_dns_port", [1, 22, 53, 49152, 65535], [0, 65536]),
    # Browsers: RFC 1123, RFC 5891, WHATWG URL.
    (
        "pacs_domain",
        [
            "pacs",
            "a" * 52 + ".example.org",
            "192.0.2.1",
            "2001:db8::1",
            "xn--mnchen-3ya.example",
            "10.0.0.1",
            "3.example",
        ],
        [
            LONG + "x",
            "a" * 64 + ".example",
            "pacs.example.",
            "pacs_1.example",
            "*.example",
            "-a.example",
            "a-.example",
            "a..b",
            "1.2.3",
            "256.1.1.1",
            "010.1.2.3",
            "0x7f.0.0.1",
            "pacs.0x10",
            "127.1",
            "::",
            "::ffff:10.1.2.3",
            "fe80::1",
            "169.254.1.1",
            "fe80::1%eth0",
            "224.0.0.1",
            "ff02::1",
            "0.0.0.0",
            "xn--a",
            "xn--.example",
            "pacs\u00a0.example",
            "pacs.example\u200b",
            "\ufeffpacs.example",
            "pacs．example",
            "ｐacs.example",
            "\u201cpacs.example\u201d",
            "user:pw@pacs.example",
            "pacs.example:443",
            "",
            "pacs example",
            "pacs\\example",
            "https://pacs.example/",
            "PACS.example",
            "münchen.example",
            "pacs.example\r",
        ],
    ),
    ("pacs_shares_domain", ["", "s.example.org"], ["192.0.2.8", "s.example.org/", "*.example.org", "pacs.example.org"]),
    # Docker: an address space of its own, not its default bridge's.
    (
        "pacs_network",
        ["10.0.0.0/24", "192.168.255.240/28", "172.16.0.0/25", "172.18.0.0/24"],
        [
            "10.0.0.0/23",
            "10.0.0.0/29",
            "172.17.0.0/24",
            "172.17.255.0/24",
            "172.32.0.0/24",
            "192.0.2.0/24",
            "127.0.0.0/24",
            "169.254.0.0/24",
            "224.0.0.0/24",
            "10.0.0.1/24",
            "fd00::/64",
            "10.0.0.0/24 ",
            "010.0.0.0/24",
        ],
    ),
    # nftables, and what is meant by a list of those who may.
    (
        "pacs_staff_networks",
        [[v] for v in ("10.0.0.0/8", "10.1.2.3", "fc00::/7", "2001:db8::/32", "203.0.113.0/24")],
        [
            [v]
            for v in (
                "0.0.0.0/0",
                "::/0",
                "0.0.0.0/1",
                "128.0.0.0/1",
                "10.0.0.0/7",
                "2000::/3",
                "::/1",
                "224.0.0.0/8",
                "ff00::/8",
                "10.1.2.3/8",
                "::ffff:10.0.0.0/104",
                "010.0.0.0/8",
                "10.0.0.0/33",
                "fe80::1%eth0",
                "10.1.2",
                "ward",
                "",
            )
        ],
    ),
    (
        "pacs_modalities",
        modality("sources", [["10.0.0.0/8"], ["fc00::/7"], []]),
        modality("sources", [["0.0.0.0/0"], ["10.0.0.0/7"], ["224.0.0.0/24"], ["10.1.2.3/24"], [""]]),
    ),
    (
        "pacs_modalities",
        modality("address", ["10.1.2.3", "2001:db8::1", "169.254.3.4"]),
        modality(
            "address",
            [
                "127.0.0.1",
                "::1",
                "0.0.0.0",
                "0.1.2.3",
                "255.255.255.255",
                "224.0.0.1",
                "ff02::1",
                "::",
                "010.1.2.3",
                "::ffff:10.1.2.3",
                "fe80::1%eth0",
                "10.1.2.3/32",
                "10.1.2.3 ",
                "ct1",
                "2001:DB8::1",
                "10.1.2.3\u200b",
            ],
        ),
    ),
    # Orthanc refuses the last port.
    (
        "pacs_modalities",
        modality("port", [1, 104, 11112, 65534]),
        modality("port", [0, 65535, -1, "0x68", "1e3", 104.5]),
    ),
    (
        "pacs_modalities",
        modality("name", ["a", "A-9", "a" * 64]),
        modality("name", ["", "a" * 65, "a_b", "a b", "ä", "verify"]),
    ),
    # DICOM PS3.5, value representation AE.
    *(
        (
            name,
            ["A", "A" * 16, "A B", "3"],
            ["A" * 17, "A\\B", " A", "A ", "Ä", "A\n", "A\u00a0B", "Ａ"] + ([""] if name == "pacs_aet" else []),
        )
        for name in ("pacs_aet", "pacs_verify_aet")
    ),
    (
        "pacs_modalities",
        modality("aet", ["A", "A" * 16, "A B"]),
        modality("aet", ["", "A" * 17, "A\\B", " A", "Ä", "A\tB"]),
    ),
    (
        "pacs_verify_address",
        ["", "10.1.2.3", "2001:db8::1"],
        ["127.0.0.1", "::1", "224.0.0.1", "10.1.2.3/32", "host", "010.1.2.3"],
    ),
    (
        "upgrade_let_in",
        [["10.1.2.3"], ["fd00::1"], []],
        [["10.1.2.0/24"], ["host"], ["0.0.0.0"], ["fe80::1%eth0"], ["::ffff:10.1.2.3"]],
    ),
    ("verify_outside_address", ["", "10.1.2.3"], ["host", "0.0.0.0"]),
    ("pacs_site", ["W", "W" * 50, "Sankt Jürgen, 3D"], ["", " ", "W" * 51, "a\nb", "a\x00b"]),
    # Paths on the server.
    *(
        (
            name,
            ["/srv/a", "/srv/" + "a" * 195],
            [
                "/srv/" + "a" * 196,
                "/srv/a b",
                "/srv/../a",
                "/srv/a/",
                "/srv/./a",
                "srv",
                "~",
                "/",
                "/srv/a\x00",
                "/srv/\udcff",
                "/srv/ä",
                "/etc/x",
                "/tmp/x",
                "/srv",
            ],
        )
        for name in ("pacs_dir", "pacs_data_dir")
    ),
    *(
        (name, ["", "/etc/ssl/a b.pem"], ["etc/x", "~/x", "/etc/ssl/", "/etc/\x00", "/" + "a" * 4095])
        for name in ("tls_provided_certificate_path", "tls_provided_private_key_path")
    ),
    ("pacs_local_dir", ["local dir/ä", "/x"], ["", " ", "a\x00", "a" * 4096]),
    ("verify_report_dir", ["reports"], ["", "a\nb"]),
    ("pacs_ca_path", ["", "/x/ca.pem"], [" ", "a\nb"]),
    ("verify_dicom_certificate", ["", "/x.pem"], [" ", "a\nb"]),
    ("pacs_image_archives", [["/a.tar"], ["a b.tar"], []], [[""], ["a\x00"], ["/a/x.tar", "/b/x.tar"]]),
    # Docker: RAMInBytes, and its least of 6 MB.
    *(
        (
            "pacs_memory_limits",
            key_of(service, ["6m", "512m", "3g", "4096g"]),
            key_of(
                service,
                [
                    "5m",
                    "4m",
                    "1m",
                    "0m",
                    "0g",
                    "4097g",
                    "99999999999g",
                    "3G",
                    "3GB",
                    "3 g",
                    "3",
                    "-1g",
                    "1.5g",
                    "1e3m",
                    "",
                    "３g",
                ],
            ),
        )
        for service in ("orthanc", "orthanc-for-shares", "orthanc-auth-service", "share-gate", "nginx")
    ),
    ("pacs_memory_limits", key_of("postgres", ["512m", "4096g"]), key_of("postgres", ["5m", "511m", "6M"])),
    # PostgreSQL: guc.c's units, 16 pages of 8 kB, and half of what its container has.
    (
        "database_shared_buffers",
        ["128kB", "1MB", "256MB", "512MB"],
        [
            "127kB",
            "1kB",
            "0MB",
            "513MB",
            "1GB",
            "64GB",
            "1TB",
            "256KB",
            "256K",
            "256k",
            "256mb",
            "256 MB",
            "256M",
            "25%",
            "",
            "-1MB",
        ],
    ),
    ("database_max_connections", [39, 10000], [19, 38, 0, 10001]),
    (
        "database_settings",
        [
            {},
            {"work_mem": "16MB"},
            {"work_mem": "8192kB"},
            {"work_mem": 4096},
            {"random_page_cost": 1.1},
            {"jit": "off"},
            {"wal_compression": True},
            {"max_wal_size": "4GB"},
            {"pg_stat_statements.track": "all"},
            {"effective_cache_size": "1 GB"},
            {"fsync": "on"},
        ],
        [
            {"work_mem": "16KB"},
            {"work_mem": "16M"},
            {"work_mem": "1GB"},
            {"work_mem": 1048576},
            {"fsync": "off"},
            {"fsync": False},
            {"full_page_writes": "false"},
            {"synchronous_commit": "OFF"},
            {"autovacuum": 0},
            {"shared_buffers": "1GB"},
            {"max_connections": 9},
            {"listen_addresses": "*"},
            {"hba_file": "/x"},
            {"data_directory": "/x"},
            {"archive_command": "cp"},
            {"shared_preload_libraries": "x"},
            {"log_statement": "all"},
            {"password_encryption": "md5"},
            {"zero_damaged_pages": True},
            {"Work_mem": "1MB"},
            {"a b": 1},
            {"a": []},
            {"a": "x\ny"},
            {"": 1},
            {1: 2},
            {"work-mem": 1},
        ],
    ),
    (
        "pacs_index_connections",
        [{"orthanc": 1, "orthanc-for-shares": 1}, {"orthanc": 200, "orthanc-for-shares": 200}],
        [{"orthanc": 0, "orthanc-for-shares": 1}, {"orthanc": 1, "orthanc-for-shares": 201}, {"orthanc": 1}],
    ),
    # nginx: ngx_parse_time; 0 is over at once.
    (
        "proxy_read_timeout",
        ["1s", "1000ms", "1", "300s", "5m", "24h", "1d", "86400"],
        [
            "0",
            "0s",
            "0ms",
            "0m",
            "999ms",
            "25h",
            "2d",
            "86401",
            "9999999999s",
            "5 min",
            "5min",
            "300S",
            "-1s",
            "1.5m",
            "",
            "３00s",
            "1h30m",
        ],
    ),
    ("proxy_hsts_seconds", [0, 300, 63072000, 10**9], [-1, 10**9 + 1]),
    # HAProxy: the greatest table of connections that its memory holds.
    ("pacs_dicom_connections_at_once", [8, 64, 400], [0, 7, 401]),
    ("dicom_connections_in_10_seconds", [20, 600, 100000], [0, 19, 100001]),
    # The kernel, and systemd's users that come and go.
    ("pacs_first_uid", [1000, 61000, 61177, 65536, 2**31 - 8], [-1, 0, 999, 61178, 65530, 65535, 2**31 - 7, 2**32]),
    # curl, Python and certbot.
    (
        "pacs_proxy",
        ["", "http://10.1.2.3:1", "http://proxy.hospital.example:3128/", "http://a:p%40ss@[2001:db8::1]:65535"],
        [
            "10.1.2.3:3128",
            "http://10.1.2.3",
            "http://10.1.2.3:0",
            "http://10.1.2.3:65536",
            "socks5://10.1.2.3:1080",
            "http://a b@10.1.2.3:3128",
            "http://10.1.2.3:3128/x",
            "http://10.1.2.3:3128\n",
        ],
    ),
    ("pacs_no_proxy", [[], ["hospital.example"], [".hospital.example", "10.1.2.3"]], [[""], ["a b"], ["a,b"], ["x\n"]]),
    ("pacs_other_variables", [[], ["proxy_environment", "host_*"]], [["proxy-x"], [""], ["a b"], ["x\n"]]),
    # nftables.
    (
        "pacs_egress",
        [
            [],
            [
                {"address": "10.1.2.3", "port": 1, "reason": "peer"},
                {"address": "192.0.2.9", "port": 65535, "reason": "p"},
            ],
        ],
        [
            [{"address": address, "port": port, "reason": reason}]
            for address, port, reason in (
                ("10.1.2.0/24", 104, "peer"),
                ("2001:db8::1", 104, "peer"),
                ("peer.example", 104, "peer"),
                ("127.0.0.1", 104, "peer"),
                ("0.0.0.0", 104, "peer"),
                ("224.0.0.1", 104, "peer"),
                ("10.1.2.3", 0, "peer"),
                ("10.1.2.3", 65536, "peer"),
                ("10.1.2.3", 104, ""),
            )
        ],
    ),
    # X.509 and browsers.
    ("tls_selfsigned_days", [1, 397, 825], [0, -1, 826, 3650]),
    ("tls_selfsigned_ca_days", [397, 3650, 36500], [396, 0, 36501]),
    ("tls_dicom_days", [1, 1095, 3650], [0, 3651]),
    ("tls_acme_dns_wait", [1, 600], [0, 601]),
    (
        "tls_acme_email",
        ["", "it@hospital.example", "it+pacs@a.b.example"],
        [
            "it",
            "it@",
            "@a.example",
            "it@a",
            "it@a..example",
            "it@-a.example",
            "it @a.example",
            "a@b@c.example",
            "ä@a.example",
            "it@a.example\n",
            "it@a.example ",
            ".it@a.example",
            "it..x@a.example",
            "it@192.0.2.1",
            "it@" + "a" * 250 + ".de",
            "it@a.example\u200b",
        ],
    ),
    (
        "tls_acme_server",
        ["https://ca.example/acme", "https://192.0.2.1:14000/dir", "https://[2001:db8::1]:1/d", "https://ca:65535/d"],
        [
            "http://ca.example/d",
            "https://",
            "https://ca.example:0/d",
            "https://ca.example:65536/d",
            "https://a b/d",
            "https://ca_x/d",
            "ca.example",
            "https://ca.example/d\n",
            "https://u:p@ca.example/d",
            "https://ca.example /d",
            "https://999.1.1.1/d",
        ],
    ),
    (
        "tls_acme_dns_server",
        ["", "10.1.2.53", "2001:db8::53"],
        ["ns.example", "10.1.2.53:53", "172.30.42.9", "010.1.2.3"],
    ),
    ("tls_acme_dns_key_secret", ["", "aGVsbG8=", "aGVsbG8"], ["a b", "aGVsbG8/===", "aGVs-bG8_", "ä"]),
    ("tls_acme_dns_key_name", ["", "pacs.key"], ["a b", "ä"]),
    # Shares.
    ("pacs_share_days", [1, 90], [0, -1, 91, 3651, "1e3", "7 days", 1.5, True]),
    ("pacs_share_max_days", [15, 3650], [14, 0, 3651]),
    # Orthanc: 32 bits.
    ("orthanc_find_results_limit", [0, 10**9], [-1, 10**9 + 1]),
    ("orthanc_find_instances_limit", [0, 10**9], [-1, 10**9 + 1]),
    # restic.
    ("backup_keep_daily", [0, 3650], [-1, 3651]),
    ("backup_keep_weekly", [0, 520], [-1, 521]),
    ("backup_keep_monthly", [0, 240], [-1, 241]),
    ("backup_check_percent", [1, 100], [0, 101]),
    (
        "pacs_backup_repository",
        ["", "/mnt/b", "rest:https://u:p@b.example:8000/n"],
        [
            "/mnt/b c",
            "/mnt/../b",
            "/",
            "/etc",
            "/opt/pacs/b",
            "/var/lib/pacs/b",
            "b2:x:y",
            "rest:http://b.example/",
            "rest:https://b.example:0/n",
            "rest:https://b.example:65536/n",
            "local:/x",
            "x",
            "rest:https://b.example/n\u200b",
        ],
    ),
    (
        "backup_schedule",
        ["", "0 1 * * *", "*/15 * * * *", "@daily"],
        ["0 24 * * *", "60 1 * * *", "30 1 32 * *", "30 2 30 2 *", "* * * * *"],
    ),
    ("backup_check_schedule", ["", "0 * * * *", "@weekly"], ["0 24 * * *", "*/30 * * * *", "@reboot"]),
    ("backup_rehearsal_schedule", ["", "0 4 1 * *"], ["0 4 31 2 *", "*/15 * * * *", "0 0 29 2 *"]),
    # The rest.
    ("pacs_wait_timeout", [1, 86400], [0, 86401]),
    ("stack_drain_timeout", [0, 86400], [-1, 86401]),
    ("verify_parallel", [1, 256], [0, 257]),
    ("verify_timeout", [0.1, 20, "2.5", 3600], [0, -1, 3601, float("inf"), float("nan"), "1e3"]),
    ("verify_certificate_warn_days", [7, 3650], [6, 3651]),
    ("verify_certificate_fail_days", [0, 21], [22, -1]),
    ("verify_space_warn_days", [7, 3650], [6]),
    ("verify_space_fail_days", [0, 60], [61, -1]),
    ("verify_space_warn_percent", [2, 100], [1, 101]),
    ("verify_space_fail_percent", [0, 10], [11]),
    ("verify_orthanc_version", ["1.12.5", "1"], ["", "new", "1.12.5-rc", "v1"]),
    ("verify_required_plugins", [{}, {"stl": ""}, {"stl": "1.3"}], [{"stl": 1.3}, {"stl": "new"}, {1: "2"}]),
    (
        "host_extra_packages",
        [[], ["htop"], ["libstdc++6", "g++"], ["python3=3.13.5-1"]],
        [[""], ["a b"], ["-y"], ["--reinstall"], ["Htop"], ["ä"], [1]],
    ),
    (
        "pacs_images",
        key_of("nginx", ["nginx:1.30", "r.example:5000/a/b:1@sha256:" + "0" * 64, "nginx:" + "a" * 128]),
        key_of(
            "nginx",
            ["nginx", "nginx:latest", "nginx:" + "a" * 129, "nginx@sha256:" + "0" * 63, "nginx:1.30 ", "nginx:１"],
        ),
    ),
]

CASES = [(name, value, True) for name, right, _wrong in TABLE for value in right]
CASES += [(name, value, False) for name, _right, wrong in TABLE for value in wrong]
# What else such a value needs.
WITH = {
    "pacs_backup_repository": {"backup_repository_password": "w7-mango-orbit-kettle", "backup_sftp_known_hosts": "x"}
}


@pytest.fixture(scope="module")
def roles():
    return declared(ROLES)


@pytest.mark.parametrize(("name", "value", "right"), CASES, ids=ascii)
def test_the_extremes_are_taken_and_what_is_just_beyond_is_refused(roles, name, value, right):
    found = site_problems(roles, SITE | WITH.get(name, {}) | {name: value}, "clinic")
    assert bool(found) != right, found
    for sentence in found:
        assert "\n" not in sentence and sentence.isprintable()


def test_every_variable_has_its_place(roles):
    """Choices and truths have no range; what is text of its own kind is in the other tables."""
    elsewhere = {
        "pacs_staff_users",
        "pacs_database_password",
        "pacs_auth_service_password",
        "pacs_share_signing_key",
        "pacs_orthanc_config",
        "pacs_share_previous_signing_keys",
        "pacs_orthanc_for_shares_config",
        "backup_repository_password",
        "backup_repository_ca",
        "backup_sftp_private_key",
        "backup_sftp_known_hosts",
        "backup_s3_access_key",
        "backup_s3_secret_key",
        "tls_acme_ca",
        "tls_provided_certificate",
        "tls_provided_private_key",
        "tls_acme_eab_kid",
        "tls_acme_eab_hmac_key",
        "tls_dicom_provided_certificate",
        "tls_dicom_provided_private_key",
        "tls_dicom_provided_ca",
    }
    free = {name for name, option in roles.options.items() if option.get("type") != "bool" and "choices" not in option}
    assert free - elsewhere <= {name for name, _right, _wrong in TABLE}
