# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whom the containers may call."""

from __future__ import annotations

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.threedpc.pacs.plugins.filter.egress import archive_sends

ORTHANC, PROXY = "172.30.42.11", "172.30.42.10"


def test_orthanc_sends_in_plain_text_and_the_proxy_over_tls():
    modalities = [
        {"address": "10.1.2.4", "port": 11112},
        {"address": "10.1.2.3"},
        {"address": "10.1.2.5", "port": 2762, "tls": True, "sources": ["10.9.0.0/16"]},
    ]
    assert archive_sends(modalities, ORTHANC, PROXY) == [
        "172.30.42.10 . 10.1.2.5 . 2762",
        "172.30.42.11 . 10.1.2.3 . 104",
        "172.30.42.11 . 10.1.2.4 . 11112",
    ]


def test_each_place_is_there_once_and_none_over_ipv6():
    modalities = [{"address": "10.1.2.3"}, {"address": "10.1.2.3", "port": "104"}, {"address": "2001:db8::1"}]
    assert archive_sends(modalities, ORTHANC, PROXY) == ["172.30.42.11 . 10.1.2.3 . 104"]


def test_other_places_are_orthancs():
    place = {"address": "10.7.7.7", "port": 8443, "reason": "research"}
    assert archive_sends([], ORTHANC, PROXY, [place]) == ["172.30.42.11 . 10.7.7.7 . 8443"]
    assert archive_sends([], ORTHANC, PROXY) == []


@pytest.mark.parametrize("wrong", [{"address": "ct1.example"}, {"port": 104}, {"address": "10.1.2.3", "port": "x"}])
def test_what_is_no_place_is_refused(wrong):
    with pytest.raises(AnsibleFilterError, match="no place"):
        archive_sends([wrong], ORTHANC, PROXY)
