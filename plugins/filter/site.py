# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filters that turn a site's variables into what its services read."""

from __future__ import annotations

import datetime
import hashlib
import hmac
import ipaddress
import json
from collections.abc import Iterable, Mapping, Set
from urllib.parse import quote

from ansible.errors import AnsibleFilterError
from ansible.module_utils.common.text.converters import to_text
from ansible.parsing.vault import EncryptedString

# What Orthanc reads as a dollar: the default of a variable that is not set. Without a name it would not start.
DOLLAR = "${PACS_DOLLAR:-$}"


def _plain(value):
    """A copy of plain Python types: Ansible hands out tagged, lazy and encrypted ones that can't be serialized."""
    if isinstance(value, Mapping):
        return {_plain(key): _plain(entry) for key, entry in value.items()}
    if isinstance(value, bool) or value is None:
        return value
    for kind in (int, float):
        if isinstance(value, kind):
            return kind(value)
    if isinstance(value, (datetime.date, datetime.time)):
        return value.isoformat()
    if isinstance(value, (str, EncryptedString)):
        # str() of a tagged text is tagged as well, a text joined of its characters is not.
        return "".join(str(value))
    if isinstance(value, Set):
        # Its order changes from run to run.
        return sorted((_plain(entry) for entry in value), key=json.dumps)
    if isinstance(value, Iterable) and not isinstance(value, (bytes, bytearray)):
        return [_plain(entry) for entry in value]
    raise AnsibleFilterError(f"A value of type {type(value).__name__} can't be written into a configuration.")


def orthanc_json(config):
    """Serialize a dictionary as a configuration file of Orthanc.

    Orthanc's image substitutes `$NAME` in every JSON file, so a dollar is written as its escape. Orthanc itself then
    substitutes `${...}` in what the image has put together, so that is written as a dollar by default (DOLLAR).
    """
    try:
        text = json.dumps(_plain(config), indent=2, sort_keys=True, allow_nan=False)
    except TypeError as error:
        raise AnsibleFilterError("The keys of Orthanc's configuration must all be text; put them in quotes.") from error
    except ValueError as error:
        raise AnsibleFilterError("Infinity and not-a-number can't be written into Orthanc's configuration.") from error
    return text.replace("${", DOLLAR + "{").replace("$", "\\u0024") + "\n"


def source_networks(sources):
    """The networks and addresses of each family in their order, without those that another one holds."""
    found = {4: [], 6: []}
    try:
        networks = [ipaddress.ip_network(to_text(entry)) for entry in sources if entry]
    except ValueError as error:
        raise AnsibleFilterError(f"This is neither a network nor an address: {error}.") from error
    # A network comes right before what it holds.
    for network in sorted(networks, key=lambda entry: (entry.version, entry)):
        family = found[network.version]
        if not family or not network.subnet_of(family[-1]):
            family.append(network)
    return {
        f"ipv{version}": [
            str(network.network_address) if network.num_addresses == 1 else str(network) for network in family
        ]
        for version, family in found.items()
    }


def postgresql_uri(password, host, application):
    """The connection URI of Orthanc's database.

    In the plugin's single settings a space or a quote breaks the password.
    """
    return (
        f"postgresql://orthanc:{quote(to_text(password), safe='')}@{host}:5432/orthanc"
        f"?sslmode=disable&application_name={quote(to_text(application), safe='')}"
    )


def derived_secret(secret, purpose):
    """A password for one purpose, from which the secret can't be found again."""
    return hmac.new(to_text(secret).encode(), to_text(purpose).encode(), hashlib.sha256).hexdigest()


class FilterModule:
    """Filters of the collection."""

    def filters(self):
        return {
            "derived_secret": derived_secret,
            "orthanc_json": orthanc_json,
            "postgresql_uri": postgresql_uri,
            "source_networks": source_networks,
        }
