# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab's images come from the suites that have what a hospital runs, or the build says what is missing."""

import importlib.util
import shutil
from pathlib import Path

import pytest

BUILD = Path(__file__).parents[2] / "lab/build.py"
MIRROR = "http://mirror.example/debian/"
# What apt knows on a Debian 12 machine.
TARGETS = [
    ["Debian", MIRROR, "bookworm", "main"],
    ["Debian", MIRROR, "bookworm", "contrib"],
    ["Debian", MIRROR, "bookworm-updates", "main"],
    ["Debian", "http://mirror.example/security/", "bookworm-security", "main"],
    ["Somebody", "http://other.example/", "bookworm", "main"],
]


@pytest.fixture(scope="module")
def build():
    spec = importlib.util.spec_from_file_location("lab_build", BUILD)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(autouse=True)
def keyring(build, monkeypatch, tmp_path):
    monkeypatch.setattr(build, "KEYRING", str(tmp_path))


def sources(build, suite):
    return [line.split("] ")[1] for line in build.apt_sources(suite, TARGETS).splitlines()]


def test_stable_comes_with_its_updates_from_the_machines_own_mirrors(build):
    assert sources(build, "trixie") == [
        f"{MIRROR} trixie main contrib",
        f"{MIRROR} trixie-updates main",
        "http://mirror.example/security/ trixie-security main",
    ]


def test_testing_has_no_updates_of_its_own(build):
    assert sources(build, "forky") == [f"{MIRROR} forky main contrib"]


def test_a_machine_without_debians_mirrors_is_told(build):
    with pytest.raises(build.Failure, match="knows no Debian mirror"):
        build.apt_sources("forky", TARGETS[4:])


@pytest.mark.skipif(not shutil.which("dpkg"), reason="the lab is built on Debian, which has dpkg")
@pytest.mark.parametrize(
    ("versions", "reason"),
    [
        ({"nginx": "1.30.6-2", "libnginx-mod-stream": "1.30.6-2"}, ""),
        ({"nginx": "1.32.0-1", "libnginx-mod-stream": "1.30"}, ""),
        ({"nginx": "1.9.1-1", "libnginx-mod-stream": "1.30"}, "nginx 1.30 or newer, and Debian forky gave 1.9.1-1"),
        ({"nginx": "1.30.6", "libnginx-mod-stream": ""}, "libnginx-mod-stream 1.30 or newer"),
        ({}, "gave none"),
    ],
)  # fmt: skip
def test_an_image_of_another_version_is_refused(build, versions, reason):
    said = build.too_old("nginx", versions)
    assert bool(said) == bool(reason)
    assert reason in said


def test_the_code_of_an_image_knows_its_suite_and_least_versions(build, monkeypatch):
    before = build.image_code("nginx")
    for image in (
        build.Image("nginx", build.IMAGES["nginx"].packages, build.STABLE),
        build.Image("nginx", {"nginx": "1.31"}, build.TESTING),
    ):
        monkeypatch.setitem(build.IMAGES, "nginx", image)
        assert build.image_code("nginx") != before


def test_verify_wants_what_the_images_have(build):
    orthanc = build.IMAGES["orthanc"].packages
    assert build.REQUIRED_PLUGINS["dicom-web"] == orthanc["orthanc-dicomweb"]
    assert {image.service for image in build.IMAGES.values()} - {""} >= {
        "orthanc", "auth_service", "postgres", "nginx", "certbot",
    }  # fmt: skip
