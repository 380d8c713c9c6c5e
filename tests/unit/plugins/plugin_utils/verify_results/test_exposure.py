# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A site that the whole world can reach names the networks of its staff, or the verification warns."""

from __future__ import annotations

import pytest
from ansible_collections.threedpc.pacs.plugins.plugin_utils.verify_results import exposure


@pytest.mark.parametrize("domain", ["pacs.klinik-nord.de", "8.8.8.8", "2606:4700::1111"])
def test_a_public_site_without_networks_is_a_warning(domain):
    (result,) = exposure.results(domain, [])
    assert result["status"] == "warned"
    assert "pacs_staff_networks is empty" in result["got"]
    assert exposure.results(domain, ["10.0.0.0/8"])[0]["status"] == "passed"


@pytest.mark.parametrize(
    "domain",
    [
        "pacs",
        "pacs.ward.local",
        "10.1.2.3",
        "192.168.7.9",
        "fd00::7",
        "pacs.hospital.example",
        "192.0.2.7",
        "localhost",
    ],
)
def test_what_is_inside_a_house_is_none(domain):
    assert exposure.results(domain, [])[0]["status"] == "passed"
