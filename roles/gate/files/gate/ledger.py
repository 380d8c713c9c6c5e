# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ledger of the shares, in a schema of its own in the site's PostgreSQL. Nothing is ever deleted from it."""

import contextlib
import queue
import secrets
import time
from datetime import UTC, datetime, timedelta

import pg8000.native
from pg8000.exceptions import DatabaseError, InterfaceError
from tokens import digest, pin_hash, pin_matches

# What is wrong when the database can't be asked.
UNAVAILABLE = (DatabaseError, InterfaceError, OSError)
CONNECTIONS = 4
WRONG_PINS = 5
# How long a browser that knew the PIN is not asked again.
PIN_HOURS = 12
# One opening is noted per share, address and this many seconds.
OPENING = 900

SCHEMA = (
    """CREATE TABLE IF NOT EXISTS share (
         id text PRIMARY KEY,
         token_sha256 text NOT NULL UNIQUE,
         kind text NOT NULL,
         creator text NOT NULL,
         recipient text NOT NULL,
         created_at timestamptz NOT NULL,
         expires_at timestamptz,
         revoked_at timestamptz,
         revoked_by text,
         pin_hash text,
         pin_tries integer NOT NULL DEFAULT 0)""",
    """CREATE TABLE IF NOT EXISTS share_study (
         share text NOT NULL REFERENCES share,
         study_instance_uid text NOT NULL,
         orthanc_id text NOT NULL,
         PRIMARY KEY (share, study_instance_uid))""",
    # Browsers that knew the PIN, by the hash of their cookie.
    """CREATE TABLE IF NOT EXISTS pin_passed (
         cookie_sha256 text PRIMARY KEY,
         share text NOT NULL REFERENCES share,
         ends_at timestamptz NOT NULL)""",
    """CREATE TABLE IF NOT EXISTS opening (
         share text NOT NULL REFERENCES share,
         address text NOT NULL,
         period bigint NOT NULL,
         at timestamptz NOT NULL,
         PRIMARY KEY (share, address, period))""",
)

# With whether one of its UIDs is also, or by now only, that of a study which was not shared. Orthanc has several with
# one StudyInstanceUID if their PatientIDs differ, and everything behind a link goes by the UID.
KNOWN = """
  SELECT k.*, EXISTS (SELECT 1 FROM public.studies_named(k.uids) n WHERE n.orthanc_id <> ALL (k.ids))
  FROM (SELECT s.id, s.expires_at, s.revoked_at, s.pin_hash, s.pin_tries,
               array_agg(t.study_instance_uid ORDER BY t.study_instance_uid) AS uids,
               array_agg(t.orthanc_id ORDER BY t.study_instance_uid) AS ids
        FROM share s JOIN share_study t ON t.share = s.id
        WHERE s.token_sha256 = :token GROUP BY s.id) k"""

# A filter that is not given is NULL and lets everything through.
MATCHES = """
  (CAST(:id AS text) IS NULL OR s.id = :id)
  AND (CAST(:token AS text) IS NULL OR s.token_sha256 = :token)
  AND (CAST(:creator AS text) IS NULL OR s.creator = :creator)
  AND (CAST(:study AS text) IS NULL OR EXISTS (
    SELECT 1 FROM share_study t WHERE t.share = s.id AND :study IN (t.study_instance_uid, t.orthanc_id)))"""
ACTIVE = "(s.revoked_at IS NULL AND (s.expires_at IS NULL OR s.expires_at > now()))"

LISTED = f"""
  SELECT s.id, s.kind, s.creator, s.recipient, s.created_at, s.expires_at, s.revoked_at, s.revoked_by,
         s.pin_hash IS NOT NULL, s.pin_tries, {ACTIVE},
         (SELECT array_agg(t.study_instance_uid ORDER BY t.study_instance_uid) FROM share_study t WHERE t.share = s.id),
         (SELECT array_agg(t.orthanc_id ORDER BY t.study_instance_uid) FROM share_study t WHERE t.share = s.id),
         (SELECT array_agg(o.at ORDER BY o.at, o.address) FROM opening o WHERE o.share = s.id),
         (SELECT array_agg(o.address ORDER BY o.at, o.address) FROM opening o WHERE o.share = s.id)
  FROM share s WHERE {MATCHES} AND (NOT CAST(:active AS boolean) OR {ACTIVE})
  ORDER BY s.created_at, s.id"""

FILTERS = ("id", "token", "creator", "study")


class Share:
    """What the ledger knows of a token."""

    def __init__(self, row):
        self.id, self.expires_at, self.revoked_at, self.pin_hash, self.pin_tries, uids, ids, ambiguous = row
        self.uids, self.orthanc_ids, self.ambiguous = uids, ids, ambiguous

    def refusal(self):
        """Why it opens nothing, or None."""
        if self.revoked_at is not None:
            return "revoked"
        if self.expires_at is not None and self.expires_at <= datetime.now(UTC):
            return "expired"
        if self.ambiguous:
            return "ambiguous"
        return None

    @property
    def locked(self):
        return self.pin_hash is not None and self.pin_tries >= WRONG_PINS


class Ledger:
    def __init__(self, **connection):
        self.connection = connection
        self.idle = queue.LifoQueue()
        self.free = queue.Queue()
        for _number in range(CONNECTIONS):
            self.free.put(None)
        self.complete = False
        # Openings of these minutes that are in the table already.
        self.noted = set()

    def connect(self):
        made = pg8000.native.Connection(**self.connection, application_name="share-gate", timeout=5)
        if not self.complete:
            for statement in SCHEMA:
                made.run(statement)
            self.complete = True
        return made

    @contextlib.contextmanager
    def connected(self, fresh=False):
        """A connection that is nobody else's meanwhile; one that failed is not used again."""
        try:
            self.free.get(timeout=5)
        except queue.Empty:
            raise InterfaceError("every connection is busy") from None
        try:
            try:
                made = None if fresh else self.idle.get_nowait()
            except queue.Empty:
                made = None
            made = made or self.connect()
            try:
                yield made
            except BaseException:
                with contextlib.suppress(*UNAVAILABLE):
                    made.close()
                raise
            self.idle.put(made)
        finally:
            self.free.put(None)

    def rows(self, statement, **values):
        """One statement. Asked again over a new connection if an idle one had been closed by a restarted database."""
        try:
            with self.connected() as made:
                return made.run(statement, **values)
        except (InterfaceError, OSError):
            while not self.idle.empty():
                with contextlib.suppress(queue.Empty, *UNAVAILABLE):
                    self.idle.get_nowait().close()
            with self.connected(fresh=True) as made:
                return made.run(statement, **values)

    def ask(self):
        """Fails if the ledger can't be used."""
        self.rows("SELECT count(*) FROM (SELECT 1 FROM share LIMIT 1) s")

    def find(self, token):
        """The share of a token, or None if it was not made through the gate."""
        found = self.rows(KNOWN, token=digest(token))
        return Share(found[0]) if found else None

    def others(self, studies):
        """The UIDs, of studies by UID, that are also those of other studies."""
        named = self.rows("SELECT uid, orthanc_id FROM public.studies_named(:uids)", uids=list(studies))
        return sorted({uid for uid, orthanc_id in named if studies[uid] != orthanc_id})

    def add(self, share, token, kind, creator, recipient, expires_at, studies, pin):
        """One statement, so that there is no share without its studies."""
        self.rows(
            """WITH made AS (
                 INSERT INTO share (id, token_sha256, kind, creator, recipient, created_at, expires_at, pin_hash)
                 VALUES (:id, :token, :kind, :creator, :recipient, now(), :expires_at, :pin) RETURNING id)
               INSERT INTO share_study (share, study_instance_uid, orthanc_id)
               SELECT made.id, named.uid, named.orthanc_id
               FROM made, unnest(CAST(:uids AS text[]), CAST(:ids AS text[])) AS named (uid, orthanc_id)""",
            id=share,
            token=digest(token),
            kind=kind,
            creator=creator,
            recipient=recipient,
            expires_at=expires_at,
            pin=pin_hash(pin) if pin else None,
            uids=list(studies),
            ids=list(studies.values()),
        )

    def opened(self, share, address):
        """Note that a share was opened, unless it was noted in these minutes."""
        now = share.id, address, int(time.time()) // OPENING
        if now in self.noted:
            return
        self.rows(
            """INSERT INTO opening (share, address, period, at) VALUES (:share, :address, :period, now())
               ON CONFLICT DO NOTHING""",
            share=now[0],
            address=now[1],
            period=now[2],
        )
        self.noted = {entry for entry in self.noted if entry[2] == now[2]} | {now}

    def knew_pin(self, share, cookie):
        return bool(cookie) and bool(
            self.rows(
                "SELECT 1 FROM pin_passed WHERE cookie_sha256 = :cookie AND share = :share AND ends_at > now()",
                cookie=digest(cookie),
                share=share.id,
            )
        )

    def try_pin(self, share, pin):
        """A cookie if the PIN is right, or how many tries are left.

        The try is counted before the PIN is looked at, so that tries at the same time count as well.
        A right one takes back only its own count: wrong ones stay counted for good.
        """
        counted = self.rows(
            "UPDATE share SET pin_tries = pin_tries + 1 WHERE id = :id AND pin_tries < :most RETURNING pin_tries",
            id=share.id,
            most=WRONG_PINS,
        )
        if not counted:
            return None, 0
        if not pin_matches(pin, share.pin_hash):
            return None, WRONG_PINS - counted[0][0]
        cookie = secrets.token_urlsafe(32)
        self.rows("UPDATE share SET pin_tries = pin_tries - 1 WHERE id = :id", id=share.id)
        self.rows("DELETE FROM pin_passed WHERE ends_at <= now()")
        self.rows(
            "INSERT INTO pin_passed (cookie_sha256, share, ends_at) VALUES (:cookie, :share, :ends_at)",
            cookie=digest(cookie),
            share=share.id,
            ends_at=datetime.now(UTC) + timedelta(hours=PIN_HOURS),
        )
        return cookie, WRONG_PINS

    def listed(self, active=False, **filters):
        values = {name: filters.get(name) for name in FILTERS}
        return [entry(row) for row in self.rows(LISTED, active=active, **values)]

    def revoke(self, who, **filters):
        """The shares that were active until now."""
        values = {name: filters.get(name) for name in FILTERS}
        revoked = self.rows(
            f"""UPDATE share s SET revoked_at = now(), revoked_by = :who
                WHERE {MATCHES} AND {ACTIVE} RETURNING s.id""",
            who=who,
            **values,
        )
        return sorted(row[0] for row in revoked)


def entry(row):
    """A share as the staff see it."""
    (share, kind, creator, recipient, created_at, expires_at, revoked_at, revoked_by) = row[:8]
    (pin, tries, active, uids, ids, times, addresses) = row[8:]
    return {
        "id": share,
        "state": "active" if active else "revoked" if revoked_at else "expired",
        "kind": kind,
        "creator": creator,
        "recipient": recipient,
        "studies": [{"study_instance_uid": uid, "orthanc_id": name} for uid, name in zip(uids, ids, strict=True)],
        "created_at": iso(created_at),
        "expires_at": iso(expires_at),
        "revoked_at": iso(revoked_at),
        "revoked_by": revoked_by,
        "pin": pin,
        "locked": pin and tries >= WRONG_PINS,
        "openings": [
            {"at": iso(at), "address": address} for at, address in zip(times or [], addresses or [], strict=True)
        ],
    }


def iso(moment):
    return None if moment is None else moment.astimezone(UTC).isoformat(timespec="seconds")
