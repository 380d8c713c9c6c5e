# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the shares' page makes of a model's metadata, run by the JavaScript that comes with the browsers' driver."""

from __future__ import annotations

import json
import pathlib
import subprocess

import pytest
from ansible_collections.threedpc.pacs.plugins.module_utils.orthanc_study import orthanc_id
from playwright._impl._driver import compute_driver_executable

PAGE = pathlib.Path(__file__).parents[2] / "roles/proxy/files/share/share.js"
# As much of a browser as the page wants before anybody is asked.
BROWSER = """
const any = () => new Proxy(function () {}, {
  get: (_of, name) => (name === Symbol.toPrimitive ? () => '' : name === Symbol.iterator ? undefined : any()),
  set: () => true, apply: () => any(),
});
const window = {
  location: { search: '', pathname: '/shares/open/', hash: '' }, history: any(), addEventListener() {},
  sessionStorage: { getItem: () => null, setItem() {} },
};
const document = { getElementById: any, createElement: any, createElementNS: any };
globalThis.fetch = () => Promise.reject(new Error('nobody is asked'));
"""


def evaluated(expression, **given):
    """An expression in the page's own script."""
    script = f"{BROWSER}\n{PAGE.read_text()}\n;const given = {json.dumps(given)};"
    script += f"\nconsole.log(JSON.stringify({expression}));"
    node = compute_driver_executable()[0]
    ran = subprocess.run([node, "-e", script], capture_output=True, text=True, timeout=120, check=False)
    assert ran.returncode == 0, ran.stderr
    return json.loads(ran.stdout.splitlines()[-1])


def instance(content="99.6 x 60.5 x 80.2 mm (width x height x depth)", maker="threedpc.pacs", patient=("A",)):
    values = {"00700081": [content], "00080070": [maker], "00100020": patient}
    values |= {"0020000D": ["1.2"], "0020000E": ["1.2.3"], "00080018": ["1.2.3.4"]}
    return {tag: {"vr": "LO", "Value": list(value)} if value else {"vr": "LO"} for tag, value in values.items()}


def test_the_size_of_a_model_is_that_of_its_metadata():
    assert evaluated("sizeOf(given.one)", one=instance()) == "99.6 mm wide, 60.5 mm high, 80.2 mm deep"


@pytest.mark.parametrize(
    "one",
    [
        instance(maker="ORTHANC"),
        instance(content="100 x 100 x 100"),
        instance(content="99.6 x 60.5 x 80.2 mm (width x height x depth) or so"),
        instance(content="<b>1.0</b> x 1.0 x 1.0 mm (width x height x depth)"),
        {},
        {"00080070": {"vr": "LO", "Value": ["threedpc.pacs"]}},
    ],
)
def test_a_model_without_its_size_says_so(one):
    assert evaluated("sizeOf(given.one)", one=one) == "its size was not recorded"


# As Orthanc 1.13 and DICOMweb 1.24 answer: PatientID parted at its backslashes, and neither trimmed nor filled up.
@pytest.mark.parametrize(
    "values, name",
    [
        (["AB12"], "AB12"),
        ([" AB1"], " AB1"),
        (["A", "B"], "A\\B"),
        ([" A", " B"], " A\\ B"),
        (["A", None, "B"], "A\\\\B"),
        (["\u00a0A\u00a0"], "\u00a0A\u00a0"),
        (["\tAB"], "\tAB"),
        (["M\u00fc\u65e51"], "M\u00fc\u65e51"),
        ([], ""),
    ],
)
def test_the_name_of_an_instance_is_orthancs(values, name):
    known = orthanc_id([name, "1.2", "1.2.3", "1.2.3.4"])
    assert evaluated("orthancId(given.one)", one=instance(patient=values)) == known
