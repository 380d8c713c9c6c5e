# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes what each task of a play cost, one JSON object a line, to the file BENCH_TASKS."""

from __future__ import annotations

import json
import os
import resource
import time

from ansible.plugins.action import ActionBase
from ansible.plugins.callback import CallbackBase

DOCUMENTATION = """
name: plays_callback
type: aggregate
short_description: What each task cost
description: Seconds and CPU-seconds of the controller of each task, and how often a server was asked.
requirements: [the file BENCH_TASKS]
"""


def spent():
    """CPU-seconds of this process and of the workers that have ended."""
    return sum(sum(resource.getrusage(who)[:2]) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))


def counted(function, kind):
    """The method, with a note of each call to a server; it runs in a worker, so the note goes to a file."""

    def call(self, *args, **kwargs):
        if self._connection.transport != "local":
            note({"trip": kind, "task": self._task.get_name()})
        return function(self, *args, **kwargs)

    return call


def note(entry):
    with open(os.environ["BENCH_TASKS"], "a", encoding="utf-8") as stream:
        stream.write(json.dumps(entry) + "\n")


class CallbackModule(CallbackBase):
    """Notes every task."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "plays_callback"

    def __init__(self):
        super().__init__()
        self.task = None
        self.began = None
        ActionBase._low_level_execute_command = counted(ActionBase._low_level_execute_command, "command")
        ActionBase._transfer_file = counted(ActionBase._transfer_file, "file")

    def v2_playbook_on_task_start(self, task, is_conditional):
        self.end()
        self.task, self.began = task.get_name(), (time.monotonic(), spent())

    def v2_playbook_on_stats(self, stats):
        self.end()

    def end(self):
        if self.task:
            note({"done": self.task, "wall": time.monotonic() - self.began[0], "cpu": spent() - self.began[1]})
        self.task = None
