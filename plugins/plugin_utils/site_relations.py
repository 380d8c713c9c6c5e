# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What several variables must be together.

A relation takes the variables it names, each of which is right by itself, and yields sentences.
It is left out if one of them is wrong or belongs to a role that the site does not use.
"""

from __future__ import annotations

import ipaddress

from .password_rules import example_secrets, passwords_apart_from
from .range_rules import database_memory_fits

# Slots that PostgreSQL keeps for the superuser, and two for backups.
RESERVED_CONNECTIONS = 5
# What the gate of the shares holds open.
GATE_CONNECTIONS = 4
# An X.509 common name has no more room.
COMMON_NAME = 64

PORTS = ("pacs_http_port", "pacs_https_port", "pacs_dicom_port", "pacs_dicom_tls_port")


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


def shares_domain_is_another(shares_domain, domain, tls_source):
    if shares_domain and shares_domain == domain:
        yield f"pacs_shares_domain is '{shares_domain}'; that is pacs_domain already, choose another or leave it empty"
    elif tls_source == "selfsigned" and len(shares_domain) > COMMON_NAME:
        yield (
            f"pacs_shares_domain is '{shares_domain}'; the site's own CA can certify at most {COMMON_NAME} characters"
        )


def share_days_fit(days, max_days):
    if days > max_days:
        yield f"pacs_share_days is {days}; it must be at most pacs_share_max_days ({max_days})"


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
    """Orthanc looks for a caller by the AE title alone, without regard to case, and takes the first it finds."""
    network = ipaddress.ip_network(network)
    names, seen = {}, {}
    if verify_aet and verify_address:
        seen[verify_aet.casefold()] = "pacs_verify_aet"
        if ipaddress.ip_address(verify_address) in network:
            yield f"pacs_verify_address is '{verify_address}'; pacs_network ('{network}') holds that address"
    for number, modality in enumerate(modalities):
        where = f"pacs_modalities[{number}] ({modality['name']})"
        name, title = modality["name"], modality["aet"].casefold()
        if name.casefold() in names:
            yield f"{where}: name is '{name}'; pacs_modalities[{names[name.casefold()]}] has it already, choose another"
        names.setdefault(name.casefold(), number)
        if title in seen:
            yield (
                f"{where}: aet is '{modality['aet']}'; that is {seen[title]} already, and Orthanc would not find the"
                " second one. Give each an AE title of its own; one machine with several addresses lists the others as"
                " sources"
            )
        seen.setdefault(title, where)
        if ipaddress.ip_address(modality["address"]) in network:
            yield (
                f"{where}: address is '{modality['address']}'; pacs_network ('{network}') holds that address, choose"
                " another network for the containers"
            )


def lists_leave_out_containers(staff_networks, modalities, network):
    """Docker's gateway is in that network, and has the address of everybody who calls over IPv6."""
    network = ipaddress.ip_network(network)
    lists = [(f"pacs_staff_networks[{number}]", entry) for number, entry in enumerate(staff_networks)]
    for number, modality in enumerate(modalities):
        where = f"pacs_modalities[{number}] ({modality['name']})"
        lists += [(f"{where}: sources[{at}]", entry) for at, entry in enumerate(modality.get("sources") or [])]
    for where, entry in lists:
        listed = ipaddress.ip_network(entry)
        if listed.version == network.version and listed.overlaps(network):
            yield (
                f"{where} is '{entry}'; pacs_network ('{network}') overlaps it. Whoever is there could not be answered,"
                " and callers over IPv6 come in with an address of pacs_network. Choose another pacs_network, or list"
                " networks that leave it out"
            )


def modalities_have_a_way(modalities, plain, tls):
    """A modality speaks either in plain text or over TLS, so the site must do so too."""
    for number, modality in enumerate(modalities):
        where = f"pacs_modalities[{number}] ({modality['name']})"
        if modality.get("tls") and not tls:
            yield f"{where}: tls is true; set pacs_dicom_tls_enabled to true as well"
        elif not modality.get("tls") and not plain:
            yield (
                f"{where}: tls is false; pacs_dicom_enabled is false, so without TLS it can't reach the archive"
                f"{'' if tls else ', and pacs_dicom_tls_enabled is false too: this site speaks no DICOM'}"
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
    if tls_source != "provided":
        return
    for name in ("tls_provided_certificate", "tls_provided_private_key"):
        text, path = name in given, f"{name}_path" in given
        other = "tls_provided_private_key" if name.endswith("certificate") else "tls_provided_certificate"
        if text and path:
            yield f"{name} and {name}_path are both set; keep one of them"
        elif not text and not path:
            wanted = f"{name}_path" if f"{other}_path" in given else name
            yield f"{wanted} isn't set; it is needed when tls_source is 'provided'"
        elif path and other in given:
            yield f"{name}_path is set, but {other} is text; both must be of one kind"


def staff_paths_are_of_ipv4(networks, guard, verify_address):
    if not networks or guard != "paths":
        return
    for name, value in [(f"pacs_staff_networks[{number}]", value) for number, value in enumerate(networks)] + [
        ("pacs_verify_address", verify_address)
    ]:
        if ":" in value:
            yield (
                f"{name} is '{value}'; with pacs_staff_networks_guard 'paths' it must be IPv4, because nginx does not"
                " see the address of an IPv6 caller; name an IPv4 network, or set pacs_staff_networks_guard to 'ports'"
            )


def acme_certifies_names(tls_source, domain, challenge, server, staff_networks, guard):
    if tls_source != "acme":
        return
    try:
        ipaddress.ip_address(domain)
    except ValueError:
        pass
    else:
        yield f"pacs_domain is '{domain}'; with tls_source 'acme' it must be a name, no address"
    if challenge == "http-01" and "letsencrypt.org" in server and staff_networks and guard == "ports":
        yield (
            "pacs_staff_networks is set, so Let's Encrypt can't reach pacs_http_port; leave the list empty, or set"
            " tls_acme_challenge to 'dns-01'"
        )


def challenge_needs_key(tls_source, challenge, given):
    for name in ("tls_acme_dns_server", "tls_acme_dns_key_name", "tls_acme_dns_key_secret"):
        if tls_source == "acme" and challenge == "dns-01" and name not in given:
            yield f"{name} isn't set; it is needed when tls_acme_challenge is 'dns-01'"


def account_binding_is_complete(given):
    kid, key = "tls_acme_eab_kid", "tls_acme_eab_hmac_key"
    if (kid in given) != (key in given):
        there, missing = (kid, key) if kid in given else (key, kid)
        yield f"{missing} isn't set; it is needed with {there}"


def dicom_needs_files(dicom_tls, source, given):
    for name in ("tls_dicom_provided_certificate", "tls_dicom_provided_private_key", "tls_dicom_provided_ca"):
        if dicom_tls and source == "provided" and name not in given:
            yield f"{name} isn't set; it is needed when tls_dicom_source is 'provided'"


def authority_outlives_certificate(days, authority_days):
    if authority_days < days:
        yield f"tls_selfsigned_ca_days is {authority_days}; the CA must last as long as tls_selfsigned_days ({days})"


def connections_fit(database, limit, connections, shares):
    gate = GATE_CONNECTIONS if shares else 0
    needed = sum(connections.values()) + gate + RESERVED_CONNECTIONS
    if database == "postgresql" and needed > limit:
        yield (
            f"database_max_connections is {limit}; it must be at least {needed}, which are the connections of"
            f" pacs_index_connections, {gate} for the gate of the shares and {RESERVED_CONNECTIONS} for administration"
        )


def backup_needs(repository, given):
    """What each kind of repository can't be opened without."""
    if not repository:
        return
    needed = {"sftp:": ["backup_sftp_private_key", "backup_sftp_known_hosts"]}
    needed["s3:"] = ["backup_s3_access_key", "backup_s3_secret_key"]
    for name in ["backup_repository_password"] + needed.get(repository.partition(":")[0] + ":", []):
        if name not in given:
            yield f"{name} isn't set; it is needed for this backup_repository"


def backup_lies_elsewhere(repository, configuration, data):
    for name, path in (("pacs_dir", configuration), ("pacs_data_dir", data)):
        if repository == path or repository.startswith(path + "/"):
            yield f"backup_repository lies in {name} ('{path}'); it would burn with what it holds, choose another disk"


def warns_before_it_fails(warn, fail):
    """A relation: a warning comes first."""

    def relation(warned, failed):
        if warned < failed:
            yield f"{warn} is {warned}; it must be at least {fail} ({failed}), or the warning never comes"

    return relation


# RFC 6761, 6762, 8375 and 9476, and what hospitals use inside: no public CA certifies these.
INSIDE = ("local", "localhost", "lan", "internal", "intranet", "home.arpa", "corp", "home", "private", "alt", "onion")


def is_inside(name):
    """Whether a host name can't be known outside of its own network."""
    return "." not in name or any(name.endswith("." + suffix) for suffix in INSIDE)


def public_names_only(tls_source, server, domain, shares_domain):
    for variable, name in (("pacs_domain", domain), ("pacs_shares_domain", shares_domain)):
        if tls_source == "acme" and "letsencrypt.org" in server and name and ":" not in name and is_inside(name):
            yield (
                f"{variable} is '{name}', a name inside the hospital, for which Let's Encrypt makes no certificate; set"
                " tls_source to 'selfsigned' or 'provided', or tls_acme_server to the hospital's own"
            )


def name_server_outside_containers(server, network):
    if server and ipaddress.ip_address(server) in ipaddress.ip_network(network):
        yield f"tls_acme_dns_server is '{server}'; pacs_network ('{network}') holds that address, choose another one"


# `given` stands for the names of the variables that have a value, with the value of those that nobody may see.
RELATIONS = (
    (distinct_ports, PORTS),
    (example_secrets, ("pacs_domain", "given")),
    (passwords_apart_from("the domain", "pacs_domain"), ("pacs_staff_users", "pacs_domain")),
    (passwords_apart_from("the site's name", "pacs_site"), ("pacs_staff_users", "pacs_site")),
    (shares_need_postgresql, ("pacs_database", "pacs_shares_enabled")),
    (shares_need_secrets, ("pacs_shares_enabled", "given")),
    (shares_domain_is_another, ("pacs_shares_domain", "pacs_domain", "tls_source")),
    (share_days_fit, ("pacs_share_days", "pacs_share_max_days")),
    (postgresql_needs_password, ("pacs_database", "given")),
    (archive_needs_files, ("pacs_image_source", "pacs_image_archives")),
    (separate_directories, ("pacs_dir", "pacs_data_dir")),
    (callers, ("pacs_modalities", "pacs_verify_aet", "pacs_verify_address", "pacs_network")),
    (lists_leave_out_containers, ("pacs_staff_networks", "pacs_modalities", "pacs_network")),
    (modalities_have_a_way, ("pacs_modalities", "pacs_dicom_enabled", "pacs_dicom_tls_enabled")),
    (staff_paths_are_of_ipv4, ("pacs_staff_networks", "pacs_staff_networks_guard", "pacs_verify_address")),
    (domain_outside_containers, ("pacs_domain", "pacs_network")),
    (domain_fits_certificate, ("pacs_domain", "tls_source")),
    (provided_needs_files, ("tls_source", "given")),
    (
        acme_certifies_names,
        (
            "tls_source",
            "pacs_domain",
            "tls_acme_challenge",
            "tls_acme_server",
            "pacs_staff_networks",
            "pacs_staff_networks_guard",
        ),
    ),
    (challenge_needs_key, ("tls_source", "tls_acme_challenge", "given")),
    (account_binding_is_complete, ("given",)),
    (dicom_needs_files, ("pacs_dicom_tls_enabled", "tls_dicom_source", "given")),
    (authority_outlives_certificate, ("tls_selfsigned_days", "tls_selfsigned_ca_days")),
    (
        connections_fit,
        ("pacs_database", "database_max_connections", "pacs_index_connections", "pacs_shares_enabled"),
    ),
    (
        database_memory_fits,
        ("pacs_memory_limits", "database_shared_buffers", "database_settings", "pacs_index_connections"),
    ),
    (
        warns_before_it_fails("verify_certificate_warn_days", "verify_certificate_fail_days"),
        ("verify_certificate_warn_days", "verify_certificate_fail_days"),
    ),
    (
        warns_before_it_fails("verify_space_warn_days", "verify_space_fail_days"),
        ("verify_space_warn_days", "verify_space_fail_days"),
    ),
    (
        warns_before_it_fails("verify_space_warn_percent", "verify_space_fail_percent"),
        ("verify_space_warn_percent", "verify_space_fail_percent"),
    ),
    (public_names_only, ("tls_source", "tls_acme_server", "pacs_domain", "pacs_shares_domain")),
    (name_server_outside_containers, ("tls_acme_dns_server", "pacs_network")),
    (backup_needs, ("backup_repository", "given")),
    (backup_lies_elsewhere, ("backup_repository", "pacs_dir", "pacs_data_dir")),
)
