# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a site may say about PostgreSQL."""

from __future__ import annotations

import re
from typing import Any

from ..fields.passwords import service_password
from ..fields.text import between
from ..fields.types import Problems
from .stack import DOCKER_MOST, KIB, memory_bytes

# PostgreSQL's units, which are powers of 1024; it knows no other spelling (config.sgml, "Numeric with Unit").
POSTGRES_UNITS = {"B": 1, "kB": KIB, "MB": KIB**2, "GB": KIB**3, "TB": KIB**4}
# PostgreSQL refuses less than 16 pages of 8 kB.
BUFFERS_LEAST = 128 * KIB
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
    "password_encryption": "passwords are kept only as SCRAM",
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
# Slots that PostgreSQL keeps for the superuser, and two for backups.
RESERVED_CONNECTIONS = 5
# What the gate of the shares holds open.
GATE_CONNECTIONS = 4
# As the role database declares it.
DEFAULT_LIMIT = "1g"


def postgres_bytes(text: Any) -> int | None:
    """A size as PostgreSQL reads it, in bytes, or None if it would not."""
    found = re.fullmatch(r"([0-9]{1,9}) ?(B|kB|MB|GB|TB)", str(text), re.ASCII)
    return int(found[1]) * POSTGRES_UNITS[found[2]] if found else None


def shared_buffers(value: str) -> Problems:
    """PostgreSQL's cache."""
    size = postgres_bytes(value) if " " not in value else None
    if size is None:
        yield "it must be a size such as '256MB', in kB, MB or GB as PostgreSQL writes them"
    elif size < BUFFERS_LEAST:
        yield "it must be at least 128kB, the least that PostgreSQL takes"
    elif size > DOCKER_MOST:
        yield "it must be at most 4096GB"


def database_settings(value: dict[Any, Any]) -> Problems:
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


def connections_fit(
    pacs_database: str,
    database_max_connections: int,
    pacs_index_connections: dict[str, int],
    pacs_shares_enabled: bool,
) -> Problems:
    gate = GATE_CONNECTIONS if pacs_shares_enabled else 0
    needed = sum(pacs_index_connections.values()) + gate + RESERVED_CONNECTIONS
    if pacs_database == "postgresql" and needed > database_max_connections:
        yield (
            f"database_max_connections is {database_max_connections}; it must be at least {needed}, which are the"
            f" connections of pacs_index_connections, {gate} for the gate of the shares and {RESERVED_CONNECTIONS} for"
            " administration"
        )


def memory_fits(
    pacs_memory_limits: dict[str, str],
    database_shared_buffers: str,
    database_settings: dict[str, Any],
    pacs_index_connections: dict[str, int],
) -> Problems:
    """The kernel ends PostgreSQL where it takes more than its limit, again and again.

    Each connection takes memory of its own beside the cache, and so does every sort.
    """
    limit = pacs_memory_limits.get("postgres", DEFAULT_LIMIT)
    size = postgres_bytes(database_shared_buffers) or 0
    if size * 2 > memory_bytes(limit):
        yield (
            f"database_shared_buffers is '{database_shared_buffers}'; it must be at most half of pacs_memory_limits:"
            f" postgres ({limit}), or raise that"
        )
    work = database_settings.get("work_mem")
    each = postgres_bytes(work) if isinstance(work, str) else (work or 0) * KIB if not isinstance(work, bool) else 0
    connections = sum(pacs_index_connections.values())
    if each and size + each * connections > memory_bytes(limit):
        yield (
            f"database_settings: work_mem is '{work}'; with {connections} connections and database_shared_buffers that"
            f" is more than pacs_memory_limits: postgres ({limit})"
        )


def postgresql_needs_password(pacs_database: str, given: dict[str, Any]) -> Problems:
    if pacs_database == "postgresql" and "pacs_database_password" not in given:
        yield "pacs_database_password isn't set; it is needed when pacs_database is 'postgresql'"


RULES = {
    "pacs_database_password": service_password,
    "pacs_index_connections.*": between(1, 200),
    "database_max_connections": between(20, 10000),
    "database_shared_buffers": shared_buffers,
    "database_settings": database_settings,
}
RELATIONS = (connections_fit, memory_fits, postgresql_needs_password)
