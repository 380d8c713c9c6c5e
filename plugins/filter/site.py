# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filters that turn a site's variables into what its services read."""

from __future__ import annotations

import hashlib
import ipaddress
import json

import yaml
from ansible.errors import AnsibleFilterError
from ansible.module_utils.common.text.converters import to_text

# What a modality may be allowed to do, and Orthanc's key for it.
ALLOW = {
    "echo": "AllowEcho",
    "store": "AllowStore",
    "find": "AllowFind",
    "find_worklist": "AllowFindWorklist",
    "get": "AllowGet",
    "move": "AllowMove",
    "storage_commitment": "AllowStorageCommitment",
}


def _plain(value):
    """A copy of plain Python types: Ansible hands out tagged subclasses that YAML can't represent."""
    if isinstance(value, dict):
        return {_plain(key): _plain(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(entry) for entry in value]
    if isinstance(value, bool) or value is None:
        return value
    for kind in (int, float):
        if isinstance(value, kind):
            return kind(value)
    return "".join(to_text(value))


def orthanc_json(config):
    """Serialize a dictionary as a configuration file of Orthanc.

    Orthanc's image substitutes `$NAME` in every JSON file, so a dollar is written as its escape.
    """
    return json.dumps(_plain(config), indent=2, sort_keys=True).replace("$", "\\u0024") + "\n"


def compose_yaml(fragment):
    """Serialize a dictionary as a Compose file, in which a literal dollar is doubled."""
    return yaml.safe_dump(_plain(fragment), sort_keys=False, allow_unicode=True).replace("$", "$$")


def orthanc_modalities(modalities):
    """Orthanc's `DicomModalities` of a list of modalities, every `Allow*` written out: Orthanc's default is yes."""
    result = {}
    for modality in modalities:
        allow = modality.get("allow", ["echo", "store"])
        entry = {
            "AET": modality["aet"],
            "Host": modality["address"],
            "Port": int(modality.get("port", 104)),
            "Manufacturer": modality.get("manufacturer", "Generic"),
        }
        entry.update({key: name in allow for name, key in ALLOW.items()})
        result[modality["name"]] = entry
    return result


def network_address(network, number):
    """The address with this number in a network."""
    try:
        return str(ipaddress.ip_network(to_text(network))[int(number)])
    except (ValueError, IndexError) as error:
        raise AnsibleFilterError(f"pacs_network: {network!r} has no address number {number}: {error}") from error


def postgres_option(setting):
    """A setting, as an item of a dictionary, in the form that PostgreSQL's command line takes."""
    return ["-c", f"{setting['key']}={setting['value']}"]


def config_digest(*inputs):
    """A short digest of everything a container reads; another digest makes Compose recreate it.

    Short on purpose: it stands in a label, and the inputs contain secrets.
    """
    return hashlib.sha256(json.dumps(_plain(inputs), sort_keys=True).encode()).hexdigest()[:12]


class FilterModule:
    """Filters of the collection."""

    def filters(self):
        return {
            "compose_yaml": compose_yaml,
            "config_digest": config_digest,
            "network_address": network_address,
            "orthanc_json": orthanc_json,
            "orthanc_modalities": orthanc_modalities,
            "postgres_option": postgres_option,
        }
