# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sizes, times, ports and settings as the program that reads them understands them: its form, and its range too."""

from __future__ import annotations

import re

KIB = 1024
# PostgreSQL's units, which are powers of 1024; it knows no other spelling (config.sgml, "Numeric with Unit").
POSTGRES_UNITS = {"B": 1, "kB": KIB, "MB": KIB**2, "GB": KIB**3, "TB": KIB**4}
# Docker refuses less: "Minimum memory limit allowed is 6MB".
DOCKER_LEAST = 6 * KIB**2
# More than any server has, and far from where the number overflows.
DOCKER_MOST = 4 * KIB**4
# PostgreSQL refuses less than 16 pages of 8 kB.
BUFFERS_LEAST = 128 * KIB
NGINX_SECONDS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400, "": 1}
# From here to 60999 Linux takes ports for connections that it begins (ip_local_port_range).
EPHEMERAL = (32768, 60999)


def memory_bytes(text):
    """A size as Docker reads it, in bytes."""
    return int(text[:-1]) * {"m": KIB**2, "g": KIB**3}[text[-1]]


def memory_limit(value):
    """What a container may have."""
    if not re.fullmatch(r"[1-9][0-9]{0,8}[mg]", value, re.ASCII):
        yield "it must be a size such as 512m or 2g"
    elif memory_bytes(value) < DOCKER_LEAST:
        yield "it must be at least 6m, the least that Docker takes"
    elif memory_bytes(value) > DOCKER_MOST:
        yield "it must be at most 4096g"


def postgres_bytes(text):
    """A size as PostgreSQL reads it, in bytes, or None if it would not."""
    found = re.fullmatch(r"([0-9]{1,9}) ?(B|kB|MB|GB|TB)", str(text), re.ASCII)
    return int(found[1]) * POSTGRES_UNITS[found[2]] if found else None


def shared_buffers(value):
    """PostgreSQL's cache."""
    size = postgres_bytes(value) if " " not in value else None
    if size is None:
        yield "it must be a size such as '256MB', in kB, MB or GB as PostgreSQL writes them"
    elif size < BUFFERS_LEAST:
        yield "it must be at least 128kB, the least that PostgreSQL takes"
    elif size > DOCKER_MOST:
        yield "it must be at most 4096GB"


def nginx_time(least, most):
    """A rule for a time in nginx's syntax, in seconds."""

    def rule(value):
        found = re.fullmatch(r"([0-9]{1,9})(ms|s|m|h|d|)", value, re.ASCII)
        if not found:
            yield "it must be a time as nginx writes it, such as '300s'"
        elif not least <= int(found[1]) * NGINX_SECONDS[found[2]] <= most:
            yield f"it must be from {least}s to {most}s; nginx gives up at once after 0"

    return rule


def port(value):
    """A port of the server on which the site listens."""
    if not 1 <= value <= 65535:
        yield "it must be a whole number from 1 to 65535"
    elif value == 22:
        yield "that is ssh's, without which nobody reaches the server"
    elif EPHEMERAL[0] <= value <= EPHEMERAL[1]:
        yield (
            f"Linux takes the ports from {EPHEMERAL[0]} to {EPHEMERAL[1]} for connections that it begins, so it may be"
            " taken when the services start; choose another port"
        )


SETTING_NAME = re.compile(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)?")
SETTINGS_OWNED = {
    "listen_addresses": "the containers must reach it, and nobody else can",
    "port": "the containers ask 5432",
    "hba_file": "it says who may log in",
    "ident_file": "it says who may log in",
    "config_file": "the collection gives the settings",
    "data_directory": "use pacs_data_dir",
    "external_pid_file": "the image decides",
    "unix_socket_directories": "backups use the image's",
    "max_connections": "use database_max_connections",
    "shared_buffers": "use database_shared_buffers",
    "password_encryption": "passwords are kept as SCRAM alone",
    "log_min_error_statement": "a refused statement could be one that sets a password",
    "log_statement": "statements hold patients' names and could set a password",
    "log_min_duration_statement": "statements hold patients' names",
    "log_duration": "statements hold patients' names",
    "log_min_duration_sample": "statements hold patients' names",
    "log_transaction_sample_rate": "statements hold patients' names",
    "log_parameter_max_length": "statements hold patients' names",
    "log_parameter_max_length_on_error": "statements hold patients' names",
    "debug_print_parse": "statements hold patients' names",
    "debug_print_plan": "statements hold patients' names",
    "debug_print_rewritten": "statements hold patients' names",
    "archive_command": "a command inside the database's container is no setting",
    "archive_library": "code inside the database is no setting",
    "archive_cleanup_command": "a command inside the database's container is no setting",
    "restore_command": "a command inside the database's container is no setting",
    "recovery_end_command": "a command inside the database's container is no setting",
    "ssl_passphrase_command": "a command inside the database's container is no setting",
    "shared_preload_libraries": "code inside the database is no setting",
    "session_preload_libraries": "code inside the database is no setting",
    "local_preload_libraries": "code inside the database is no setting",
    "dynamic_library_path": "code inside the database is no setting",
    "jit_provider": "code inside the database is no setting",
    "primary_conninfo": "a password may be in it, and everybody on the server can read it",
    "zero_damaged_pages": "it throws away what is damaged",
    "ignore_checksum_failure": "damage would go unnoticed",
    "allow_system_table_mods": "it lets the database be broken",
    "ignore_system_indexes": "it lets the database be broken",
    "row_security": "the gate of the shares has rights of its own",
}
# Off, these lose what a scanner was told is stored.
SETTINGS_ON = ("fsync", "full_page_writes", "synchronous_commit", "autovacuum")
OFF = ("off", "false", "no", "0", "of", "fa", "fal", "fals", "f", "n")
SIZES = (
    "work_mem",
    "maintenance_work_mem",
    "autovacuum_work_mem",
    "temp_buffers",
    "effective_cache_size",
    "wal_buffers",
    "logical_decoding_work_mem",
    "max_wal_size",
    "min_wal_size",
    "temp_file_limit",
)


def database_settings(value):
    """More settings of PostgreSQL: none that the collection owns, that opens something, or that loses data."""
    for name, entry in value.items():
        if not isinstance(name, str) or not SETTING_NAME.fullmatch(name):
            yield f"'{str(name)[:60]}' is no name of a setting; they are of lower-case letters, digits and underscores"
        elif name in SETTINGS_OWNED:
            yield f"it must not change {name}: {SETTINGS_OWNED[name]}"
        elif not isinstance(entry, (str, int, float)):
            yield f"{name} must be text, a number, or true or false"
        elif isinstance(entry, str) and (not entry.isprintable() or len(entry) > 500):
            yield f"{name} must be one line"
        elif name in SETTINGS_ON and str(entry).strip().casefold() in OFF:
            yield f"{name} must stay on, or the power could take what a scanner was told is stored"
        elif (
            name in SIZES
            and not isinstance(entry, bool)
            and not str(entry).lstrip("-").isdigit()
            and postgres_bytes(entry) is None
        ):
            yield f"{name} is a size, in kB, MB or GB as PostgreSQL writes them, such as '16MB'"


def memory_of(limits, service, default):
    return memory_bytes(limits.get(service, default))


# Beside the cache each connection takes memory of its own, and so does every sort.
def database_memory_fits(limits, buffers, settings, connections):
    """PostgreSQL is ended by the kernel where it takes more than its limit, again and again."""
    limit = memory_of(limits, "postgres", POSTGRES_DEFAULT)
    size = postgres_bytes(buffers)
    told = f"pacs_memory_limits: postgres ({limits.get('postgres', POSTGRES_DEFAULT)})"
    if size * 2 > limit:
        yield f"database_shared_buffers is '{buffers}'; it must be at most half of {told}, or raise that"
    work = settings.get("work_mem")
    each = postgres_bytes(work) if isinstance(work, str) else (work or 0) * KIB if not isinstance(work, bool) else 0
    if each and size + each * sum(connections.values()) > limit:
        yield (
            f"database_settings: work_mem is '{work}'; with {sum(connections.values())} connections and"
            f" database_shared_buffers that is more than {told}"
        )


# As in the role pacs.
POSTGRES_DEFAULT = "1g"
PACKAGE = r"[a-z0-9][a-z0-9+.-]+(:[a-z0-9]+)?(=[A-Za-z0-9.+~:-]+)?"
VERSION = r"[0-9]{1,4}(\.[0-9]{1,6}){0,3}"
E_MAIL = (
    r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*@"
    r"([A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z][A-Za-z0-9-]{0,61}[A-Za-z0-9]"
)


def e_mail(value):
    """An address to which a certificate authority can write; Let's Encrypt refuses others."""
    if value and (len(value) > 254 or not re.fullmatch(E_MAIL, value, re.ASCII)):
        yield "it must be an e-mail address, such as 'it@hospital.example'"


def plugins(value):
    """Plugins and their oldest version."""
    for name, version in value.items():
        if not isinstance(name, str) or not isinstance(version, str):
            yield f"the version of {str(name)[:60]} must be text in quotes"
        elif version and not re.fullmatch(VERSION, version, re.ASCII):
            yield f"the version of {name[:60]} must be like '1.20', or empty"
