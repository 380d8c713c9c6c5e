# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The report as files: a page for people, JSON for programs.

Jinja itself renders the page, because Ansible's own engine takes seconds for this many results.
"""

from __future__ import annotations

import datetime
import json
import pathlib
from collections.abc import Sequence

import jinja2
from ansible_collections.threedpc.pacs.plugins.plugin_utils.verify_report import report
from ansible_collections.threedpc.pacs.plugins.plugin_utils.verify_results.result import Result

TEMPLATE = pathlib.Path(__file__).with_name("page.html.j2")


def files(
    results: Sequence[Result], directory: str, site: str, url: str, time: datetime.datetime
) -> list[dict[str, str]]:
    """Path and content of each file, as the module site_files takes them; `time` is UTC."""
    shown = report(results)
    told = {"site": site, "url": url, "time": f"{time:%Y-%m-%dT%H:%M:%SZ}"}
    told |= {name: shown[name] for name in ("counts", "results")}
    environment = jinja2.Environment(autoescape=True, trim_blocks=True, keep_trailing_newline=True)
    page = environment.from_string(TEMPLATE.read_text(encoding="utf-8"))
    contents = {
        "verify.json": json.dumps(told, indent=4, ensure_ascii=False) + "\n",
        "verify.html": page.render(shown, site=site, url=url, time=time),
    }
    return [{"path": f"{directory}/{name}", "content": content} for name, content in contents.items()]
