# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sites of several shapes, to ask for their checks."""

from __future__ import annotations

import pytest
from ansible_collections.threedpc.pacs.plugins.plugin_utils.verify_plan.site import site_of

SITE = {
    "name": "Ward 7",
    "domain": "pacs.ward.test",
    "shares_domain": "",
    "base_url": "https://pacs.ward.test",
    "url_host": "pacs.ward.test",
    "staff_url": "https://pacs.ward.test/orthanc",
    "shares_url": "https://pacs.ward.test/shares",
    "http_port": 80,
    "staff_users": {"anna": "correct horse", "zoe": "battery staple"},
    "staff_networks": [],
    "shares_enabled": True,
    "share_signing_key": "0123456789abcdef0123456789abcdef",
    "share_max_days": 30,
    "database": "postgresql",
    "orthanc_config": {},
    "services": ["postgres", "orthanc", "nginx"],
    "publishing": ["nginx"],
    "checks": [],
    "has_backups": True,
    "firewall_enabled": True,
    "dicom_enabled": True,
    "dicom_port": 4242,
    "dicom_tls_enabled": False,
    "dicom_tls_port": 2762,
    "aet": "WARD7",
    "verify_aet": "PACSVERIFY",
    "verify_address": "10.1.2.3",
    "outside_address": "",
    "dicom_certificate": "",
    "foreign_certificate": "/tmp/nobody.pem",
    "sends": False,
    "required_plugins": {"authorization": "0.9", "dicom-web": "1.20", "postgresql-index": "5.0"},
    "orthanc_version": "1.12.5",
    "certificate_limits": {"fail_days": 7, "warn_days": 21},
    "space_limits": {"fail_days": 7, "warn_days": 60, "fail_percent": 2, "warn_percent": 10},
}


@pytest.fixture
def make_site():
    """Make a site that differs in some fields from an ordinary one."""
    return lambda **other: site_of(SITE | other)


@pytest.fixture
def by_id():
    """Checks by their id."""
    return lambda checks: {check["id"]: check for check in checks}
