# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How people type the server that ssh reaches."""

from __future__ import annotations

import pytest
from ansible_collections.threedpc.pacs.plugins.filter.ssh_target import FilterModule, ssh_target


@pytest.mark.parametrize(
    ("typed", "user", "host", "port"),
    [
        ("pacs.hospital.example", "", "pacs.hospital.example", 0),
        ("root@10.1.2.3", "root", "10.1.2.3", 0),
        ("root@10.1.2.3:2222", "root", "10.1.2.3", 2222),
        ("ssh://root@10.1.2.3:2222/", "root", "10.1.2.3", 2222),
        ("pacs_alias", "", "pacs_alias", 0),
        ("2001:DB8::7", "", "2001:db8::7", 0),
        ("root@2001:db8::7", "root", "2001:db8::7", 0),
        ("root@[2001:db8::7]:22", "root", "2001:db8::7", 22),
        (" root@pacs ", "root", "pacs", 0),
    ],
)
def test_what_is_clear(typed, user, host, port):
    assert ssh_target(typed) == {"user": user, "host": host, "port": port}


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "@",
        "root@",
        "root@a b",
        "a@b@c",
        "pacs:0",
        "pacs:65536",
        "pacs:x",
        "https://pacs",
        "-oProxyCommand=x",
        "root@-x",
        "256.1.1.1",
        "[10.1.2.3]:22",
        "1:2:3",
        "pacs/",
        "root:pw@pacs",
        "pacs;x",
        "pacs\u200b",
        "p\u00a0cs",
        "münchen",
        "[::1",
    ],
)
def test_what_is_no_server(typed):
    assert ssh_target(typed) == ({"user": "", "host": "pacs", "port": 0} if typed == "pacs/" else {})


def test_the_filter_has_its_name():
    assert FilterModule().filters() == {"ssh_target": ssh_target}
