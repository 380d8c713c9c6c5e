# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The manual: what `pacs --help` and the help of each subcommand say beside their options."""

from __future__ import annotations

PROGRAM = """\
Looks after the PACS on this server. If something is wrong and you don't know
what, begin with `pacs status`: it says what is wrong and what to do next.

Only root may use it. It takes nothing from the directory or the environment in
which it is typed."""

EXIT = """\
0   done, and all is well
1   a warning: it works, but needs attention soon
2   not done, or something has failed; the last line on standard error says why
64  the command line is wrong
75  another run is at work; try again when it has ended

For a monitoring system these are the states OK, WARNING and CRITICAL of
`pacs status`."""

JSON = """\
With --json, standard output is one object: command, site, state (ok, warning or
failed), changed, actions (what was done), problems (what is wrong), and result
(what was found, different for each subcommand)."""

STATUS = """\
Says in one screen which services run and are healthy, which release that is,
whether the doors are open, how much room the disks have, how long the
certificates last, how the last backup, check and rehearsal went, and whether
cron runs. Below whatever is not well, an arrow says what to do next. It changes
nothing.

The exit status is that of the worst line."""

STATUS_EXAMPLES = """\
pacs status             for people
pacs status --json      the same for a monitoring system; result.rows has the
                        lines with state, area, text and next"""

BACKUP = """\
Without a word, or with now: backs up the archive, its configuration and its
secrets to the repository, while the archive keeps working. Old backups are
dropped as the site's settings say. Cron does it every night.

check looks for damage in the repository and reads a part of what it holds.
list lists the backups. status says how the last runs went."""

BACKUP_EXAMPLES = """\
pacs backup                       back up now
pacs backup list                  which backups there are
pacs backup check --percent 100   read all of them
journalctl --identifier=pacs-backup
                                  what cron's runs said"""

BACKUP_FILES = """\
/var/lib/pacs/backup/status.json   how the last runs went, for monitoring"""

RESTORE = """\
Without a word, or with archive: restores the whole archive. The backup is
restored beside what runs and proven; only then the services are stopped and it
takes the place of the archive that is there, which is put aside and never
removed. Afterwards run site.yml, or: cd /opt/pacs && docker compose up
--detach --wait

study brings one study into the running archive. What is there stays as it is.

finish moves the rest, if a restore was cut off while it put the archive in its
place."""

RESTORE_EXAMPLES = """\
pacs restore --dry-run            what would be restored, and what is missing
pacs restore --over 'Ward 7'      put Ward 7's archive aside, restore the newest
pacs restore study 1.2.840.1      one study, as of the newest backup
pacs backup list                  then: pacs restore --snapshot 1a2b3c4d"""

REHEARSE = """\
Restores a backup beside the site, shut off from everything, starts a database
and an Orthanc on it, compares every file with what the database says, and
removes it again. Nothing of the site is touched. It needs as much room as the
archive takes. Cron does it once a month."""

REHEARSE_EXAMPLES = """\
pacs rehearse                     the newest backup
pacs rehearse --dry-run           how much room it would take"""

CERTIFICATES = """\
Brings every certificate of the site to what its settings say: makes what is
missing, renews what ends soon, takes over files that the hospital has put in
place, and lets nginx load what is new. It does nothing if nothing is due. Cron
runs it twice a day, and site.yml runs it as well.

If an order or a file is refused, the certificate in service stays, and the exit
status is 1."""

CERTIFICATES_EXAMPLES = """\
pacs certificates --dry-run     what it would do now
pacs certificates               do it, for example after a cause was removed
pacs certificates --new-keys    after a key may have been stolen
journalctl --identifier=pacs-certificates
                                what cron's runs said"""

CERTIFICATES_FILES = """\
/var/lib/pacs/tls/status.json    when each certificate ends, and the last failure
/var/lib/pacs/tls/acme/log       what certbot did"""

UPGRADE = """\
back makes everything what it was before the last upgrade, from whatever point
that has reached: the database, the configuration, the images. It may be
repeated. If the upgrade was finished, it changes nothing.

look says which release runs and whether an upgrade was interrupted. keep,
close, stop and proven are the steps of upgrade.yml, in this order; don't use
them by hand."""

UPGRADE_EXAMPLES = """\
pacs upgrade back
/var/lib/pacs/replaced-by-upgrade/pacs upgrade back
                                  the same by the copy that the upgrade has kept,
                                  should the program itself be damaged"""

UPGRADE_FILES = """\
/var/lib/pacs/replaced-by-upgrade   what is needed to go back"""

DRAIN = """\
close keeps new DICOM associations and new uploads away and waits until those in
progress are over, so that a restart cuts none. Scanners try again by
themselves; nginx answers 503 to uploads. If they are not over after --patience
seconds, the doors are opened again and nothing has changed.

open lets everybody in again. site.yml does both around a restart. After a run
that was killed, the doors open by themselves when --closed seconds are over."""

DRAIN_EXAMPLES = """\
pacs drain close && docker compose --project-name pacs restart orthanc
pacs drain open"""

SPACE = """\
Says how full each disk is, how fast it fills, and when it will be full. The
growth is that of the last 30 days.

record adds a line for each path to the log, from which the growth is known.
Cron does that once a day."""

SPACE_FILES = """\
/var/lib/pacs/space.log    time, path, device, size, used and free bytes"""
