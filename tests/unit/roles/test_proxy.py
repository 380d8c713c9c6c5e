# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What nginx's templates promise for every location, and the rule for paths without a server."""

from __future__ import annotations

import pathlib
import re
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[3]
TEMPLATES = ROOT / "roles/proxy/templates"

sys.path.insert(0, str(ROOT / "molecule/default/tests"))
from attack import staff_tricks  # noqa: E402

sys.path.pop(0)


def test_no_location_has_headers_of_its_own():
    """nginx drops those of the server where a location has one."""
    found = {file.name: file.read_text().count("add_header ") for file in TEMPLATES.glob("*.j2")}
    assert found.pop("headers_http.conf.j2") > 7
    assert set(found.values()) == {0}


def test_whatever_speaks_for_the_staff_asks_the_gate():
    text = (TEMPLATES / "nginx.conf.j2").read_text()
    for upstream in ("http://orthanc/", "http://share-gate"):
        [location] = [part for part in text.split("\n    location ") if f"proxy_pass {upstream};" in part]
        assert "{{ asks_staff_gate() }}" in location
        assert "{{ staff_networks_alone() }}" in location


def test_no_gate_takes_dockers_gateway_for_a_callers_address():
    """Everybody who calls over IPv6 seems to have it, so a count of it locks them all out."""
    told = {
        line
        for file in TEMPLATES.glob("*.j2")
        for line in map(str.strip, file.read_text().splitlines())
        if re.match(r"proxy_set_header X-\S*Client ", line)
    }
    assert told == {"proxy_set_header X-Client $pacs_client;", "proxy_set_header X-Share-Client $pacs_client;"}


def allowed(path):
    text = (
        (TEMPLATES / "guard_http.conf.j2").read_text().split("map $pacs_path $pacs_refused_path {")[1].split("}\n")[0]
    )
    rules = re.findall(r'^    "~(\^.*)" 0;$', text, re.MULTILINE)
    assert len(rules) == 2
    return any(re.search(rule, path) for rule in rules)


@pytest.mark.parametrize("route", ["/tools/reset", "/tools/shutdown", "/modalities/ct1"])
def test_a_path_that_may_be_read_in_two_ways_is_refused(route):
    odd = [path.partition("?")[0] for path in staff_tricks(route)]
    passed = {path for path in odd if allowed(path)}
    first, rest = route.strip("/").split("/")
    # These are what they look like, and no such route.
    assert passed <= {
        f"/orthanc/{first}/{rest}",
        f"/orthanc/{first}/{rest}/",
        f"/orthanc/{first}/{rest.upper()}",
        f"/ORTHANC/{first}/{rest}",
    }


@pytest.mark.parametrize(
    "path",
    ["/", "/orthanc/", "/orthanc/ui/app/index.html", "/orthanc/ohif/app.bundle.26b7eafdf05b5445414b.js",
     "/orthanc/dicom-web/studies/1.2.840/series/1.2/instances/1.3/frames/1,2,3",
     "/orthanc/dicom-web/studies/1.2/frames/1%2C2",
     "/orthanc/instances/0123/content/0010-0010", "/orthanc/studies/0123/labels/to-print_2", "/shares/open/",
     "/shares/open/%3Ftoken=eyJ.x.y", "/shares/open/share.js", "/.well-known/acme-challenge/x_Y-z"],
)  # fmt: skip
def test_a_plain_path_is_allowed(path):
    assert allowed(path)
