#!/bin/sh
# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Starts PostgreSQL in the image, as its user postgres, with a role and a database for Orthanc.
#
# A new cluster is made under another name and renamed when it is complete, so that an interrupted
# first start leaves nothing that looks like a database. The role's password follows the secret at
# every start. Both happen in single-user mode, before anybody can connect.
#
# The gate of the shares has a role that owns a schema in the same database, so that one backup holds both, and that
# has no right to anything of Orthanc's. It can ask one thing: which studies have a StudyInstanceUID. Orthanc knows
# studies by PatientID and UID, so these may be more than one, and a link goes by the UID.
set -eu
umask 077

data=/var/lib/postgresql/data
version=$(postgres --version | sed 's/[^0-9]*\([0-9]*\).*/\1/')
export PGDATA="$data/$version"

# One statement a line on standard input, so that no secret is an argument.
single_user() {
  postgres --single -D "$1" -c exit_on_error=on -c log_min_error_statement=panic "$2" >/dev/null
}

if [ ! -d "$PGDATA" ]; then
  for other in "$data"/[0-9]*/PG_VERSION; do
    case "$other" in
      *.new/PG_VERSION | "$data/[0-9]*/PG_VERSION") ;;
      *)
        echo "This image has PostgreSQL $version, but $(dirname "$other") holds another version's data." \
          "Go back to the image that made it, or upgrade the data first." >&2
        exit 1
        ;;
    esac
  done
  rm -rf "$PGDATA.new"
  initdb --pgdata="$PGDATA.new" --username=postgres --encoding=UTF8 --locale=C.UTF-8 --data-checksums \
    --auth-local=peer --auth-host=scram-sha-256 --no-instructions
  single_user "$PGDATA.new" postgres <<'SQL'
CREATE ROLE orthanc LOGIN
CREATE DATABASE orthanc OWNER orthanc
SQL
  echo 'CREATE EXTENSION pg_trgm' | single_user "$PGDATA.new" orthanc
  mv "$PGDATA.new" "$PGDATA"
fi

share_gate() {
  [ -e /run/secrets/share_gate_password ] || return 0
  echo "DO 'BEGIN IF to_regrole(''share_gate'') IS NULL THEN CREATE ROLE share_gate; END IF; END'"
  echo "ALTER ROLE share_gate LOGIN PASSWORD '$(cat /run/secrets/share_gate_password)'"
  echo 'CREATE SCHEMA IF NOT EXISTS share_gate AUTHORIZATION share_gate'
  # Orthanc's tables are made later, by Orthanc: nothing looks into a body in PL/pgSQL before it is called.
  cat <<'SQL'
CREATE OR REPLACE FUNCTION public.studies_named(uids text[]) RETURNS TABLE (uid text, orthanc_id text) \
  LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS 'BEGIN RETURN QUERY \
  SELECT i.value, CAST(r.publicid AS text) FROM public.dicomidentifiers i JOIN public.resources r ON r.internalid = i.id \
  WHERE i.value = ANY (uids) AND i.taggroup = 32 AND i.tagelement = 13 AND r.resourcetype = 1; END'
ALTER FUNCTION public.studies_named(text[]) OWNER TO orthanc
REVOKE ALL ON FUNCTION public.studies_named(text[]) FROM PUBLIC
GRANT EXECUTE ON FUNCTION public.studies_named(text[]) TO share_gate
SQL
}

# Not behind a pipe: the lock that a killed PostgreSQL left behind names this shell's process, and it is taken for a
# running one unless it is the parent.
single_user "$PGDATA" orthanc <<SQL
ALTER ROLE orthanc PASSWORD '$(sed "s/'/''/g" /run/secrets/database_password)'
$(share_gate)
SQL

exec postgres "$@"
