# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Results as something to read."""

from __future__ import annotations

import datetime
import json

from ansible_collections.threedpc.pacs.plugins.plugin_utils import verify_report
from ansible_collections.threedpc.pacs.plugins.plugin_utils.verify_report.files import files


def result(name, status, area="A"):
    return {
        "id": name,
        "area": area,
        "promise": f"{name} holds",
        "status": status,
        "expected": "x",
        "got": "y",
        "request": "GET z",
    }


def test_the_summary_names_the_worst_first():
    results = [result("a", "passed"), result("b", "not checked"), result("c", "failed"), result("d", "passed")]
    assert verify_report.summary(results) == "1 failed, 1 not checked, 2 passed"
    assert verify_report.counts(results) == {"failed": 1, "warned": 0, "not checked": 1, "passed": 2}
    assert [entry["id"] for entry in verify_report.worst_first(results)] == ["c", "b", "a", "d"]
    assert verify_report.failures(results) == ["A (c): c holds. Expected: x. Got: y."]


def test_the_table_counts_by_area_and_shows_what_failed():
    results = [result("a", "failed"), result("b", "passed", "Long"), result("c", "not checked", "Long")]
    assert verify_report.lines(results) == [
        "A     1 failed",
        "Long  1 not checked, 1 passed",
        "NOT CHECKED (1): y",
        "FAILED: A: a holds",
        "    request  GET z",
        "    expected x",
        "    got      y",
    ]
    assert verify_report.lines([]) == []


def test_the_report_shows_the_worst_first_in_each_area_and_keeps_the_order_of_the_results():
    results = [result("a", "passed"), result("b", "failed", "B"), result("c", "warned"), result("d", "passed", "B")]
    report = verify_report.report(results)
    assert report["results"] == results
    assert [(area["name"], [entry["id"] for entry in area["results"]]) for area in report["areas"]] == [
        ("B", ["b", "d"]),
        ("A", ["c", "a"]),
    ]
    assert report["summary"] == "1 failed, 1 warned, 2 passed"


def test_the_files_are_a_page_and_json_with_the_time():
    results = [result("a", "passed") | {"seconds": 0.25}, result("b", "failed") | {"got": "<script>&"}]
    time = datetime.datetime(2026, 3, 29, 1, 30)
    told, page = files(results, "/reports", "Ward <7>", "https://pacs.example", time)
    assert (told["path"], page["path"]) == ("/reports/verify.json", "/reports/verify.html")
    document = json.loads(told["content"])
    assert document["results"] == results
    assert (document["site"], document["time"]) == ("Ward <7>", "2026-03-29T01:30:00Z")
    shown = page["content"]
    assert "Ward &lt;7&gt;" in shown
    assert "Got &lt;script&gt;&amp;." in shown
    assert "<script>" not in shown
    assert "2026-03-29 01:30:00 UTC" in shown
    assert ">250 ms<" in shown
    assert "1 promise is not kept" in shown
