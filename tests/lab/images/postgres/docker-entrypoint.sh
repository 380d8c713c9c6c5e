#!/usr/bin/env bash
# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# What the entry point of the official image postgres:17 does with the variables and files documented for it.
set -Eeuo pipefail

die() { echo "Error: $*" >&2; exit 1; }

# Sets NAME from the file that NAME_FILE names, or to a default.
from_file() {
    local name=$1 file=${1}_FILE default=${2:-}
    [[ -z ${!name:-} || -z ${!file:-} ]] || die "$name and $file are both set"
    if [[ -n ${!file:-} ]]; then
        export "$name=$(<"${!file}")"
    else
        export "$name=${!name:-$default}"
    fi
    unset "$file"
}

run_sql() {
    PGHOST='' PGHOSTADDR='' psql -v ON_ERROR_STOP=1 --no-password --no-psqlrc \
        --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" "$@"
}

run_init_files() {
    local file
    for file; do
        echo "$0: running $file"
        case $file in
            *.sh) if [[ -x $file ]]; then "$file"; else . "$file"; fi ;;
            *.sql) run_sql -f "$file" ;;
            *.sql.gz) gunzip -c "$file" | run_sql ;;
            *) echo "$0: ignoring $file" ;;
        esac
    done
}

initialize() {
    local method=${POSTGRES_HOST_AUTH_METHOD:-scram-sha-256}
    [[ -n $POSTGRES_PASSWORD || $method == trust ]] \
        || die 'Database is uninitialized and superuser password is not specified.'
    eval 'initdb --username="$POSTGRES_USER" --pwfile=<(printf "%s\n" "$POSTGRES_PASSWORD")' "$POSTGRES_INITDB_ARGS"
    printf '\nhost all all all %s\n' "$method" >> "$PGDATA/pg_hba.conf"

    # Nobody but the scripts can reach the server while it is being prepared.
    export PGPASSWORD=$POSTGRES_PASSWORD
    pg_ctl -D "$PGDATA" -w start -o "$(printf '%q ' "$@" -c listen_addresses= -p 5432)"
    if [[ $POSTGRES_DB != postgres ]]; then
        createdb --username "$POSTGRES_USER" --maintenance-db postgres "$POSTGRES_DB"
    fi
    shopt -s nullglob
    run_init_files /docker-entrypoint-initdb.d/*
    pg_ctl -D "$PGDATA" -m fast -w stop
    unset PGPASSWORD
    echo 'PostgreSQL init process complete; ready for start up.'
}

[[ ${1:-} != -* ]] || set -- postgres "$@"
[[ ${1:-} == postgres ]] || exec "$@"

mkdir -p "$PGDATA"
chmod 0700 "$PGDATA" 2>/dev/null || true
if [[ $(id -u) == 0 ]]; then
    find "$PGDATA" \! -user postgres -exec chown postgres:postgres {} +
    exec gosu postgres "${BASH_SOURCE[0]}" "$@"
fi

if [[ ! -s $PGDATA/PG_VERSION ]]; then
    from_file POSTGRES_PASSWORD
    from_file POSTGRES_USER postgres
    from_file POSTGRES_DB "$POSTGRES_USER"
    from_file POSTGRES_INITDB_ARGS
    initialize "${@:2}"
fi
exec "$@"
