# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab's Orthanc reads its configuration with the traps of the upstream image."""

import importlib.util
from pathlib import Path

import pytest

STARTUP = Path(__file__).parents[2] / "lab/images/orthanc/startup/configure.py"


@pytest.fixture(scope="module")
def startup():
    spec = importlib.util.spec_from_file_location("lab_configure", STARTUP)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a$HOME-b", "a/root-b"),
        ("a$1b", "a"),
        ("$1", "one"),
        ("${NOPE}", ""),
        ("${NOPE:-d}", "d"),
        ("${EMPTY:-d}", "d"),
        ("${EMPTY-d}", ""),
        ("${NOPE:-$HOME}", "/root"),
        (r"\u0024HOME", r"\u0024HOME"),
        (r"\$HOME", r"\$HOME"),
        ("p$$ 5$ é$é", "p$$ 5$ é$é"),
    ],
)
def test_dollars_of_json_files_are_substituted(startup, text, expected):
    assert startup.substitute(text, {"HOME": "/root", "EMPTY": ""}, ["configure.py", "one"]) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("12345678", 12345678),
        ("1e5", 100000.0),
        ("true", True),
        ("null", None),
        ('"12345678"', "12345678"),
        ("p$x", "p$x"),
    ],
)
def test_scalars_become_what_json_makes_of_them(startup, text, expected):
    assert startup.typed(text) == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("ORTHANC__DICOM_AET", ["DicomAet"]),
        ("ORTHANC__POSTGRESQL__PASSWORD", ["PostgreSQL", "Password"]),
        ("ORTHANC__OHIF__ROUTER_BASENAME", ["OHIF", "RouterBasename"]),
        ("ORTHANC__STL__ENABLE_NIFTI", ["Stl", "EnableNifti"]),
        ("ORTHANC__S_T_L__ENABLE_N_IF_T_I", ["STL", "EnableNIfTI"]),
    ],
)
def test_names_of_variables(startup, name, expected):
    assert startup.Configuration({}, []).path_of(name) == expected


@pytest.mark.parametrize(
    ("settings", "environment", "expected"),
    [
        ({}, {}, {"Gdcm", "OrthancExplorer2"}),
        ({"OHIF": {}, "STL": {}}, {}, {"Gdcm", "OrthancExplorer2", "STL"}),
        ({}, {"OHIF_PLUGIN_ENABLED": "true", "GDCM_PLUGIN_ENABLED": "false"}, {"OrthancExplorer2", "Ohif"}),
        ({"DicomWeb": {}}, {"DICOM_WEB_PLUGIN_ENABLED": "false"}, {"Gdcm", "OrthancExplorer2"}),
        ({"StoneWebViewer": {}}, {}, {"Gdcm", "OrthancExplorer2"}),
    ],
)
def test_plugins_are_enabled_by_section_or_variable(startup, settings, environment, expected):
    configuration = startup.Configuration(environment, [])
    configuration.settings = settings
    configuration.read_environment()
    assert set(configuration.enabled()) == expected


def test_legacy_names_are_refused(startup):
    configuration = startup.Configuration({"NAME": "x", "DW_ENABLED": "true"}, [])
    configuration.read_environment()
    assert configuration.deprecated == ["NAME", "DW_ENABLED"]


def test_sources_are_merged_and_the_secret_wins(startup, tmp_path):
    (tmp_path / "a.json").write_text('{"Name": "file", "RegisteredUsers": {"a": "1"}} // comment')
    (tmp_path / "b.json").write_text('{"RegisteredUsers": {"b": "2"}}')
    (tmp_path / "ORTHANC__NAME").write_text("secret\n")
    configuration = startup.Configuration({"ORTHANC__NAME": "variable"}, [])
    configuration.read_files([tmp_path / "a.json", tmp_path / "b.json"])
    configuration.read_environment()
    assert configuration.settings["Name"] == "variable"
    configuration.read_secrets(tmp_path)
    assert configuration.settings == {"Name": "secret", "RegisteredUsers": {"a": "1", "b": "2"}}


@pytest.mark.parametrize(
    ("settings", "lacking"),
    [
        ({}, True),
        ({"RegisteredUsers": {}}, True),
        ({"RegisteredUsers": {"a": "b"}}, False),
        ({"AuthenticationEnabled": False}, False),
        ({"RemoteAccessAllowed": False}, False),
    ],
)
def test_orthanc_needs_a_user(startup, settings, lacking):
    configuration = startup.Configuration({}, [])
    configuration.settings = settings
    assert configuration.lacks_users() is lacking
