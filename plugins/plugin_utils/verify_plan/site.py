# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the acceptance test has to know of a site."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

from ansible.module_utils.parsing.convert_bool import boolean
from ansible_collections.threedpc.pacs.plugins.plugin_utils.fields.types import plain
from ansible_collections.threedpc.pacs.plugins.plugin_utils.verify_plan.checks import HttpCheck

# What is given on the command line arrives as text.
CONVERTED: dict[str, Callable[[Any], Any]] = {
    "bool": boolean,
    "int": int,
    "str": str,
    "dict[str, int]": lambda limits: {name: int(limit) for name, limit in limits.items()},
}

# Who logs in with a wrong password.
WRONG_PASSWORD = "wrong password"
# How a check names the token that no ledger knows.
UNKNOWN_TOKEN = "<unknown_token>"
# Our own studies, always the same ones.
PATIENT_ID = "THREEDPC-VERIFY"


@dataclasses.dataclass(frozen=True)
class Site:
    """A site, in plain values. Where a comment does not say more, a field is the variable of that name."""

    name: str
    domain: str
    shares_domain: str
    base_url: str
    # Without the scheme and the port.
    url_host: str
    staff_url: str
    shares_url: str
    http_port: int
    staff_users: dict[str, str]
    staff_networks: list[str]
    shares_enabled: bool
    share_signing_key: str
    share_max_days: int
    database: str
    orthanc_config: dict[str, Any]
    services: list[str]
    # Those of them that others reach at ports of the server.
    publishing: list[str]
    # What their roles want to be asked.
    checks: list[HttpCheck]
    has_backups: bool
    firewall_enabled: bool
    dicom_enabled: bool
    dicom_port: int
    dicom_tls_enabled: bool
    dicom_tls_port: int
    aet: str
    # The title and the address of the machine that verifies.
    verify_aet: str
    verify_address: str
    outside_address: str
    # Files on this machine: a certificate that the archive trusts for DICOM, and one that nobody does.
    dicom_certificate: str
    foreign_certificate: str
    # Whether studies of our own are sent.
    sends: bool
    required_plugins: dict[str, str]
    orthanc_version: str
    # Each with fail_days and warn_days, that of space with fail_percent and warn_percent too.
    certificate_limits: dict[str, int]
    space_limits: dict[str, int]

    @property
    def staff(self) -> str:
        """The one of the staff who asks for all of them."""
        return next(iter(self.staff_users))

    @property
    def speaks_dicom(self) -> bool:
        return self.dicom_enabled or self.dicom_tls_enabled

    @property
    def uses_https(self) -> bool:
        return self.base_url.startswith("https:")

    @property
    def plain_url(self) -> str:
        """Where plain HTTP is spoken."""
        return f"http://{self.url_host}" + ("" if self.http_port == 80 else f":{self.http_port}")


def as_it_is(value: Any) -> Any:
    return value


def site_of(variables: Mapping[str, Any]) -> Site:
    """The site that Ansible's variables describe, by the names of the fields."""
    found = plain(dict(variables))
    return Site(
        **{
            field.name: CONVERTED.get(str(field.type), as_it_is)(found[field.name])
            for field in dataclasses.fields(Site)
        }
    )
