# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What another version of Orthanc does to the database at its start, and how it fails.

A newer release changes the tables, and an older one then refuses them, as the real plugin refuses tables that are newer
than itself. The read-only instance changes nothing and wants the tables as the other one made them.
"""

import ctypes
import json
import sys

CONFIG = "/tmp/orthanc.json"
TUPLES_OK = 2
COMMAND_OK = 1


class Database:
    """libpq, which is there because Orthanc's plugin needs it."""

    def __init__(self, uri):
        self.library = ctypes.CDLL("libpq.so.5")
        for name, kind in (
            ("PQconnectdb", ctypes.c_void_p),
            ("PQexec", ctypes.c_void_p),
            ("PQgetvalue", ctypes.c_char_p),
        ):
            getattr(self.library, name).restype = kind
        self.library.PQerrorMessage.restype = ctypes.c_char_p
        self.connection = ctypes.c_void_p(self.library.PQconnectdb(uri.encode()))
        if self.library.PQstatus(self.connection):
            self.fail()

    def fail(self):
        sys.exit(self.library.PQerrorMessage(self.connection).decode())

    def execute(self, statement):
        """Run statements in one transaction; returns the first value, if there is one."""
        result = ctypes.c_void_p(self.library.PQexec(self.connection, statement.encode()))
        status = self.library.PQresultStatus(result)
        if status not in (TUPLES_OK, COMMAND_OK):
            self.fail()
        if status == TUPLES_OK and self.library.PQntuples(result):
            return self.library.PQgetvalue(result, 0, 0).decode()
        return None


def main():
    with open("/lab/release", encoding="utf-8") as stream:
        release, schema = stream.read().split()
    with open(CONFIG, encoding="utf-8") as stream:
        config = json.load(stream)
    database = Database(config["PostgreSQL"]["ConnectionUri"])
    present = 1
    if database.execute("SELECT to_regclass('lab_schema')"):
        present = int(database.execute("SELECT version FROM lab_schema"))
    if present > int(schema):
        sys.exit(
            f"The database has schema {present}, and this release {release} of the lab knows schema {schema} at most."
        )
    if present < int(schema):
        if config.get("ReadOnly"):
            sys.exit(f"The database has schema {present} and not {schema}, and this instance may not change it.")
        # Every table is touched, so that only a whole copy of the database is a way back.
        database.execute(
            "BEGIN; CREATE TABLE IF NOT EXISTS lab_schema (version INTEGER); DELETE FROM lab_schema;"
            f" INSERT INTO lab_schema VALUES ({schema});"
            f" ALTER TABLE resources ADD COLUMN lab_{release} INTEGER DEFAULT {schema};"
            f" ALTER TABLE labels ADD COLUMN lab_{release} INTEGER DEFAULT {schema};"
            " COMMIT"
        )
        print(f"lab: the tables are brought from schema {present} to {schema}", flush=True)
    if release == "broken":
        sys.exit("This release of the lab does not start, and has changed the tables before.")
    if release == "wrong":
        # It is healthy, and scanners would be refused.
        config["DicomAet"] = "SOMEBODY"
        with open(CONFIG, "w", encoding="utf-8") as stream:
            json.dump(config, stream)


if __name__ == "__main__":
    main()
