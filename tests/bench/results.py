# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What was measured, as a table in Markdown and JSON and as a picture."""

from __future__ import annotations

import json
import os
import platform
import statistics
import time
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Target:
    """What is promised of a measurement: its ratio to another, or itself if there is none to compare with."""

    metric: str
    variant: str
    other: str | None
    limit: float
    at_most: bool = False

    def judge(self, value):
        return value <= self.limit if self.at_most else value >= self.limit

    def __str__(self):
        than = f" / {self.other}" if self.other else ""
        return f"{self.metric}: {self.variant}{than} {'<=' if self.at_most else '>='} {self.limit:g}"


class Results:
    def __init__(self):
        self.values, self.units = {}, {}

    def add(self, metric, variant, value, unit):
        self.values.setdefault(metric, {}).setdefault(variant, []).append(value)
        self.units[metric] = unit

    def median(self, metric, variant):
        return statistics.median(self.values[metric][variant])

    def ratio(self, metric, variant, other):
        """The median of the ratios of what was measured one after the other; the machine's noise is in both."""
        mine, theirs = self.values[metric][variant], self.values[metric][other]
        return statistics.median(a / b for a, b in zip(mine, theirs, strict=False))

    def reached(self, target):
        """The value that a target is about, or None if it was not measured."""
        try:
            if target.other is None:
                return self.median(target.metric, target.variant)
            return self.ratio(target.metric, target.variant, target.other)
        except KeyError:
            return None

    def rows(self):
        for metric, variants in self.values.items():
            first = list(variants)[0]
            for variant, values in variants.items():
                yield {
                    "metric": metric,
                    "variant": variant,
                    "unit": self.units[metric],
                    "min": min(values),
                    "median": statistics.median(values),
                    "max": max(values),
                    "repetitions": len(values),
                    "ratio": self.ratio(metric, variant, first) if all(variants[first]) else None,
                }

    def write(self, folder: Path, targets, notes):
        folder.mkdir(parents=True, exist_ok=True)
        reached = [(target, self.reached(target)) for target in targets]
        reached = [(target, value) for target, value in reached if value is not None]
        described = {"machine": machine(), "notes": notes, "measurements": list(self.rows())}
        described["targets"] = [
            {"target": str(target), "reached": value, "met": target.judge(value)} for target, value in reached
        ]
        described["values"] = self.values
        (folder / "bench.json").write_text(json.dumps(described, indent=2) + "\n")
        (folder / "bench.md").write_text(markdown(described))
        draw(self, folder / "bench.png")


def machine():
    """The machine on which this was measured."""
    cpu = next((line.split(":")[1].strip() for line in cpuinfo() if line.startswith("model name")), platform.machine())
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30
    return {
        "processor": cpu,
        "cores": os.cpu_count(),
        "memory_gib": round(pages, 1),
        "kernel": platform.release(),
        "load_before": round(os.getloadavg()[0], 1),
        "when": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }


def cpuinfo():
    try:
        return Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return []


def number(value):
    return "" if value is None else f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def markdown(described):
    this = described["machine"]
    lines = [
        "# What was measured",
        "",
        f"{this['processor']}, {this['cores']} cores, {this['memory_gib']} GiB, Linux {this['kernel']},"
        f" {this['when']}, load {this['load_before']} before.",
        "",
        *described["notes"],
        "",
        "The ratio is that to the first row of the same measurement, pair by pair as they were measured in turn.",
        "",
        "| Measurement | Of | Min | Median | Max | Unit | n | Ratio |",
        "|---|---|---:|---:|---:|---|---:|---:|",
    ]
    lines += [
        f"| {row['metric']} | {row['variant']} | {number(row['min'])} | {number(row['median'])} | {number(row['max'])} "
        f"| {row['unit']} | {row['repetitions']} | {number(row['ratio'])} |"
        for row in described["measurements"]
    ]
    lines += ["", "| Target | Reached | |", "|---|---:|---|"]
    lines += [
        f"| {entry['target']} | {number(entry['reached'])} | {'yes' if entry['met'] else '**no**'} |"
        for entry in described["targets"]
    ]
    return "\n".join(lines) + "\n"


def draw(results, path):
    """One panel per measurement: a bar for each median, a line from the least to the most."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    panels = [(metric, variants) for metric, variants in results.values.items() if "percentile" not in metric]
    columns = 3
    figure, axes = pyplot.subplots(
        -(-len(panels) // columns), columns, squeeze=False, figsize=(18, 2.4 * -(-len(panels) // columns))
    )
    for axis, (metric, variants) in zip(axes.flat, panels, strict=False):
        names = list(variants)[::-1]
        medians = [statistics.median(variants[name]) for name in names]
        spread = [
            [middle - min(variants[name]) for name, middle in zip(names, medians, strict=True)],
            [max(variants[name]) - middle for name, middle in zip(names, medians, strict=True)],
        ]
        axis.barh(names, medians, xerr=spread, color=["#4477aa"] * (len(names) - 1) + ["#228833"], capsize=2)
        axis.set_title(f"{metric} ({results.units[metric]})", fontsize=9)
        axis.tick_params(labelsize=7)
    for axis in axes.flat[len(panels) :]:
        axis.remove()
    figure.tight_layout()
    figure.savefig(path, dpi=80)
    pyplot.close(figure)
