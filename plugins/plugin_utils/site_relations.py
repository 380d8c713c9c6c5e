# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What several variables must be together.

A relation takes the variables it names, each of which is right by itself, and yields sentences.
It is left out if one of them is wrong or belongs to a role that the site does not use.
"""

from __future__ import annotations

import ipaddress

# Slots that PostgreSQL keeps for the superuser, and two for backups.
RESERVED_CONNECTIONS = 5
# An X.509 common name has no more room.
COMMON_NAME = 64

PORTS = ("pacs_http_port", "pacs_https_port", "pacs_dicom_port")


def distinct_ports(*ports):
    seen = {}
    for name, number in zip(PORTS, ports, strict=True):
        if number in seen:
            yield f"{name} is {number}; that is {seen[number]} already, choose another port"
        seen.setdefault(number, name)


def shares_need_postgresql(database, shares):
    if database == "sqlite" and shares:
        yield (
            "pacs_database is 'sqlite'; shares need 'postgresql', because SQLite serves one Orthanc alone and shares"
            " are a second one (or set pacs_shares_enabled to false)"
        )


def shares_need_secrets(shares, given):
    for name in ("pacs_auth_service_password", "pacs_share_signing_key"):
        if shares and name not in given:
            yield f"{name} isn't set; it is needed when pacs_shares_enabled is true"


def postgresql_needs_password(database, given):
    if database == "postgresql" and "pacs_database_password" not in given:
        yield "pacs_database_password isn't set; it is needed when pacs_database is 'postgresql'"


def archive_needs_files(image_source, archives):
    if image_source == "archive" and not archives:
        yield "pacs_image_archives is empty; it must name files made by docker save when pacs_image_source is 'archive'"


def separate_directories(configuration, data):
    if configuration == data or data.startswith(configuration + "/") or configuration.startswith(data + "/"):
        yield (
            f"pacs_data_dir is '{data}'; it must lie outside pacs_dir ('{configuration}') and not hold it, so that"
            " removing the one never removes the other"
        )


def callers(modalities, verify_aet, verify_address, network):
    """One caller is one AE title at one address; Orthanc compares titles without regard to case."""
    network = ipaddress.ip_network(network)
    names, seen = {}, {}
    if verify_aet and verify_address:
        seen[verify_aet.casefold(), verify_address] = "pacs_verify_aet"
        if ipaddress.ip_address(verify_address) in network:
            yield f"pacs_verify_address is '{verify_address}'; pacs_network ('{network}') holds that address"
    for number, modality in enumerate(modalities):
        where = f"pacs_modalities[{number}] ({modality['name']})"
        name, caller = modality["name"], (modality["aet"].casefold(), modality["address"])
        if name in names:
            yield f"{where}: name is '{name}'; pacs_modalities[{names[name]}] has it already, choose another"
        names.setdefault(name, number)
        if caller in seen:
            yield (
                f"{where}: aet '{modality['aet']}' at address '{modality['address']}' is {seen[caller]} already; give"
                " one of them another AE title, or remove it"
            )
        seen.setdefault(caller, where)
        if ipaddress.ip_address(modality["address"]) in network:
            yield (
                f"{where}: address is '{modality['address']}'; pacs_network ('{network}') holds that address, choose"
                " another network for the containers"
            )


def domain_fits_certificate(domain, tls_source):
    if tls_source == "selfsigned" and len(domain) > COMMON_NAME:
        yield f"pacs_domain is '{domain}'; the site's own CA can certify at most {COMMON_NAME} characters"


def domain_outside_containers(domain, network):
    try:
        inside = ipaddress.ip_address(domain) in ipaddress.ip_network(network)
    except ValueError:
        return
    if inside:
        yield f"pacs_domain is '{domain}'; pacs_network ('{network}') holds that address, choose another network"


def provided_needs_files(tls_source, given):
    for name in ("tls_provided_certificate", "tls_provided_private_key"):
        if tls_source == "provided" and name not in given:
            yield f"{name} isn't set; it is needed when tls_source is 'provided'"


def authority_outlives_certificate(days, authority_days):
    if authority_days < days:
        yield f"tls_selfsigned_ca_days is {authority_days}; the CA must last as long as tls_selfsigned_days ({days})"


def connections_fit(database, limit, connections):
    needed = sum(connections.values()) + RESERVED_CONNECTIONS
    if database == "postgresql" and needed > limit:
        yield (
            f"database_max_connections is {limit}; it must be at least {needed}, which are the connections of"
            f" pacs_index_connections and {RESERVED_CONNECTIONS} for administration"
        )


# `given` stands for the names of the variables that have a value.
RELATIONS = (
    (distinct_ports, PORTS),
    (shares_need_postgresql, ("pacs_database", "pacs_shares_enabled")),
    (shares_need_secrets, ("pacs_shares_enabled", "given")),
    (postgresql_needs_password, ("pacs_database", "given")),
    (archive_needs_files, ("pacs_image_source", "pacs_image_archives")),
    (separate_directories, ("pacs_dir", "pacs_data_dir")),
    (callers, ("pacs_modalities", "pacs_verify_aet", "pacs_verify_address", "pacs_network")),
    (domain_outside_containers, ("pacs_domain", "pacs_network")),
    (domain_fits_certificate, ("pacs_domain", "tls_source")),
    (provided_needs_files, ("tls_source", "given")),
    (authority_outlives_certificate, ("tls_selfsigned_days", "tls_selfsigned_ca_days")),
    (connections_fit, ("pacs_database", "database_max_connections", "pacs_index_connections")),
)
