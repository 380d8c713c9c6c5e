# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.threedpc.pacs.plugins.modules import orthanc_plugin_info, orthanc_system_info

UNNUMBERED = ["mainline", "lab*"]


@pytest.mark.parametrize(
    "version, minimum, expected",
    [
        ("1.24", "1.24", "ok"),
        ("1.24", "1.9", "ok"),
        ("1.9", "1.24", "too_old"),
        ("1.24.0", "1.24", "ok"),
        ("1.24", "1.24.0", "ok"),
        ("1.24", "1.24.1", "too_old"),
        ("2", "1.99.99", "ok"),
        ("v1.24", "1.24", "ok"),
        ("1.24-mainline", "1.24", "ok"),
        ("1.24-rc1", "1.24", "too_old"),
        ("1.24-rc1", "1.23", "ok"),
        ("1.24~beta", "1.24", "too_old"),
        ("1.24+dfsg-6", "1.24", "ok"),
        ("mainline", "99", "ok"),
        ("Mainline", "99", "ok"),
        ("lab-1", "99", "ok"),
        ("lab", "99", "ok"),
        ("", "1", "uncomparable"),
        ("unstable", "1", "uncomparable"),
        ("collab-1", "1", "uncomparable"),
        ("", "", "ok"),
        ("unstable", "", "ok"),
    ],
)
def test_verdict(version, minimum, expected):
    assert orthanc_plugin_info.verdict(version, minimum, UNNUMBERED) == expected


def test_unnumbered_can_be_refused():
    assert orthanc_plugin_info.verdict("lab-1", "1", []) == "uncomparable"


PLUGINS = {
    "dicom-web": {"ID": "dicom-web", "Version": "1.9", "Description": "DICOMweb"},
    "stl": {"ID": "stl", "Version": "lab-1"},
    "odd one": {"ID": "odd one", "Version": "abc"},
}


@pytest.fixture
def orthanc(http_server):
    def answer(method, path, body):
        if path == "/plugins":
            return 200, ["explorer.js"] + sorted(PLUGINS)
        if path == "/plugins/explorer.js":
            return 200, b"// JavaScript"
        name = path.rpartition("/")[2].replace("%20", " ")
        return (200, PLUGINS[name]) if name in PLUGINS else (404, {"Message": "Unknown resource"})

    return http_server(answer)


def test_plugins_are_listed(orthanc, run_module):
    result = run_module(orthanc_plugin_info, url=orthanc.url)
    assert result["versions"] == {"dicom-web": "1.9", "odd one": "abc", "stl": "lab-1"}
    assert result["plugins"][0] == {"name": "dicom-web", "version": "1.9", "description": "DICOMweb"}
    assert result["changed"] is False


def test_requirements_are_met(orthanc, run_module):
    required = {"dicom-web": "1.9", "stl": "1.4", "odd one": None}
    result = run_module(orthanc_plugin_info, check_mode=True, url=orthanc.url, required=required)
    assert not result.get("failed")
    assert result["missing"] == result["too_old"] == result["uncomparable"] == []


def test_one_error_tells_all(orthanc, run_module):
    required = {"dicom-web": "1.24", "odd one": "2", "ohif": "1.8", "authorization": "", "stl": ""}
    result = run_module(orthanc_plugin_info, url=orthanc.url, required=required)
    assert result["failed"]
    assert (result["missing"], result["too_old"], result["uncomparable"]) == (
        ["authorization", "ohif"],
        ["dicom-web"],
        ["odd one"],
    )
    assert "Not loaded: authorization, ohif. " in result["msg"]
    assert "Too old: dicom-web 1.9, at least 1.24. " in result["msg"]
    assert "can't be compared: odd one abc, at least 2" in result["msg"]


@pytest.mark.parametrize("minimum, said", [(1.1, "must be quoted"), ("newest", "must be a version")])
def test_wrong_requirement_asks_nobody(orthanc, run_module, minimum, said):
    result = run_module(orthanc_plugin_info, url=orthanc.url, required={"dicom-web": minimum})
    assert said in result["msg"]
    assert orthanc.requests == []


def test_something_else_than_orthanc(http_server, run_module):
    server = http_server(lambda *args: (200, {"hello": "world"}))
    assert "does the URL lead to Orthanc" in run_module(orthanc_plugin_info, url=server.url)["msg"]
    server = http_server(lambda *args: (200, []))
    assert "does the URL lead to Orthanc" in run_module(orthanc_system_info, url=server.url)["msg"]


def test_refusal_reaches_the_operator(http_server, run_module):
    server = http_server(lambda *args: (401, b""))
    result = run_module(orthanc_system_info, url=server.url, url_username="u", url_password="s3cret")
    assert result["failed"]
    assert result["status"] == 401
    assert "url_password" in result["msg"]
    assert "s3cret" not in str(result)


NEW = {
    "Version": "1.13.0",
    "ApiVersion": 31,
    "OverwriteInstances": True,
    "OverwriteInstancesMode": "IfChanged",
    "ReadOnly": True,
    "DicomPort": 4242,
    "Other": 1,
}
OLD = {"Version": "1.10.1", "OverwriteInstances": False, "DatabaseBackendPlugin": None}
COUNTS = {"CountInstances": 3, "CountPatients": 1, "CountSeries": 1, "CountStudies": 1, "TotalDiskSize": "12345678901"}


@pytest.mark.parametrize(
    "answer, expected",
    [
        (NEW, dict(version="1.13.0", api_version=31, overwrite_instances="IfChanged", read_only=True, dicom_port=4242)),
        (OLD, dict(version="1.10.1", overwrite_instances="Never", database_backend=None, read_only=None)),
        (dict(OLD, OverwriteInstances=True), dict(overwrite_instances="Always")),
    ],
)
def test_system(http_server, run_module, answer, expected):
    server = http_server(lambda method, path, body: (200, answer))
    result = run_module(orthanc_system_info, check_mode=True, url=server.url)
    assert {key: result["system"][key] for key in expected} == expected
    assert "Other" not in result["system"]
    assert "statistics" not in result
    assert [request[1] for request in server.requests] == ["/system"]


def test_statistics(http_server, run_module):
    server = http_server(lambda method, path, body: (200, OLD if path == "/system" else COUNTS))
    result = run_module(orthanc_system_info, url=server.url, statistics=True)
    assert result["statistics"] == dict(
        patients=1, studies=1, series=1, instances=3, disk_size=12345678901, uncompressed_size=None
    )
