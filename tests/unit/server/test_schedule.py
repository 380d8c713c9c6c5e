# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the program knows of cron: whether it runs, and whether it took a file."""

from __future__ import annotations

import datetime

import pytest
from pacs import schedule

# As Debian's cron 3.0pl1 writes them.
RELOADED = "(*system*pacs-backup) RELOAD (/etc/cron.d/pacs-backup)"
RAN = "(root) CMD (/usr/local/sbin/pacs backup 2>&1 >/dev/null | systemd-cat --identifier=pacs-backup)"
BAD_HOUR = "Error: bad hour; while reading /etc/cron.d/pacs-backup"
IGNORED = "(*system*pacs-backup) ERROR (Syntax error, this crontab file will be ignored)"


@pytest.fixture
def server(tmp_path, monkeypatch):
    """A server on which cron is in this state and has written these lines."""
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    cron_file = tmp_path / "pacs-backup"
    cron_file.write_text("0 1 * * * root true\n")

    def become(state, *lines):
        for name, text in (("systemctl", state), ("journalctl", "\n".join(lines))):
            (tmp_path / name).write_text(f"#!/bin/sh\ncat <<'END'\n{text}\nEND\n")
            (tmp_path / name).chmod(0o755)
        return cron_file

    return become


def test_a_schedule_that_cron_took_is_alive(server):
    assert schedule.complaint(server("active\ninactive", RELOADED, RAN)) == ""
    assert schedule.complaint(server("active\ninactive")) == ""


@pytest.mark.parametrize(
    "line",
    [
        BAD_HOUR,
        IGNORED,
        "(system) INSECURE MODE (group/other writable) (/etc/cron.d/pacs-backup)",
        "(system) WRONG FILE OWNER (/etc/cron.d/pacs-backup)",
        "(root) BAD FILE MODE (/etc/cron.d/pacs-backup)",
    ],
)
def test_what_cron_complains_of_is_told(server, line):
    cron_file = server("active", RELOADED, line, RAN)
    assert schedule.complaint(cron_file) == f"cron ignores {cron_file}: {line}"


def test_what_cron_says_of_other_files_is_not_ours(server):
    assert schedule.complaint(server("active", BAD_HOUR.replace("pacs-backup", "other"))) == ""


def test_cron_that_is_stopped_runs_nothing(server):
    assert "cron does not run" in schedule.complaint(server("inactive\ninactive"))


def test_a_missing_file_runs_nothing(tmp_path):
    assert "is missing" in schedule.complaint(tmp_path / "nothing")


def test_the_clock_has_its_zone():
    clock = schedule.clock()
    assert datetime.datetime.fromisoformat(clock["now"]).tzinfo is not None
    assert clock["zone"] is None or "/" in clock["zone"] or clock["zone"].isalnum()
