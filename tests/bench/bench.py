# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The site that site.yml makes, measured beside a reference stack and a bare Orthanc.

    bench.py              everything, three times in turn; writes .cache/bench/bench.md, .json and .png
    bench.py smoke        every part once, with little data: does it measure? No number is judged
    bench.py frames ...   these parts alone; BENCH_REPETITIONS says how often, BENCH_KEEP=1 keeps the server
    bench.py up | down    the server alone

A part is a file with TARGETS and measure(take, first, smoke), which yields metric, variant, value and unit. It goes
through what it compares with take(), which begins with another one in each repetition.
"""

from __future__ import annotations

import importlib
import os
import sys
import time
from pathlib import Path

import lab
from results import Results, number

# In this order, because memory after use is that after the others.
PARTS = ["ingest", "frames", "viewer", "attach", "rest", "plays"]
# No part begins after it, so that the whole ends within about 15 minutes.
SECONDS = 870
NOTES = [
    "`site` is what site.yml makes; `reference` one PostgreSQL, the plugins' defaults and a plain proxy; `bare` an"
    " Orthanc with SQLite and nothing configured. All run at the same time on one lab server, the load comes from a"
    " container in the server's network: storescu (DCMTK) with TCP_NODELAY, and wrk.",
]


def turned(repetition):
    def take(things):
        things = list(things)
        start = repetition % len(things)
        return things[start:] + things[:start]

    return take


def say(text):
    print(f"[{time.monotonic() - START:4.0f} s] {text}", flush=True)


def measure(parts, repetitions, smoke):
    """Every part in turn, as often as asked and as time allows; what was measured, and which parts failed."""
    results, failed = Results(), set()
    for repetition in range(repetitions):
        for part in parts:
            name = part.__name__
            if name in failed or (time.monotonic() - START > SECONDS and not smoke):
                say(f"{name}: left out")
                continue
            say(f"{name}, {repetition + 1} of {repetitions}")
            try:
                for metric, variant, value, unit in part.measure(turned(repetition), repetition == 0, smoke):
                    results.add(metric, variant, value, unit)
                    print(f"         {metric}, {variant}: {number(value)} {unit}", flush=True)
            except (Exception, SystemExit) as error:
                say(f"{name} failed: {error}")
                failed.add(name)
    return results, failed


def main(arguments):
    if arguments in (["up"], ["down"]):
        {"up": lab.up, "down": lab.down}[arguments[0]]()
        return 0
    smoke = arguments == ["smoke"]
    wanted = PARTS if smoke or not arguments else arguments
    parts = [importlib.import_module(name) for name in wanted]
    repetitions = 1 if smoke else int(os.environ.get("BENCH_REPETITIONS", "3"))
    try:
        say("A lab server with the site, the reference stack and a bare Orthanc")
        lab.up()
        results, failed = measure(parts, repetitions, smoke)
        failed |= {name for part in parts if (name := part.__name__) not in failed and not measured(results, part)}
        if not smoke:
            targets = [target for part in parts for target in part.TARGETS]
            results.write(lab.CACHE, targets, NOTES)
            print(Path(lab.CACHE / "bench.md").read_text())
            say(f"{lab.CACHE}/bench.md, bench.json, bench.png")
    finally:
        if not os.environ.get("BENCH_KEEP"):
            lab.down()
    print(f"bench: {len(parts) - len(failed)} passed, {len(failed)} failed")
    return bool(failed)


def measured(results, part):
    """Whether a part produced every number that a target of its needs; the smoke has fewer sizes than the whole."""
    found = [results.reached(target) for target in part.TARGETS]
    return any(value is not None and value > 0 for value in found)


START = time.monotonic()

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
