# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What follows from the services that roles declare, and what contradicts itself."""

from __future__ import annotations

import pytest
from ansible_collections.threedpc.pacs.plugins.plugin_utils import services

ARCHIVE = {
    "name": "archive",
    "role": "x.y.archive",
    "image": "archive",
    "image_default": "example/archive:1",
    "memory": "1g",
    "address": 11,
    "user": {"name": "pacs-archive", "number": 1},
    "data": ["/srv/data"],
    "ports": [{"variable": "archive_port", "port": 4242, "to": 4242, "drained": True}],
}
SECOND = {"name": "second", "role": "x.y.archive", "image": "archive", "memory": "2g", "address": 12}
ORDERS = SECOND | {"name": "orders", "address": 7, "on_demand": True}


def overview(*declared, network="10.0.0.0/24", images=None, memory=None):
    return services.overview(list(declared), network, 61000, images or {}, memory or {})


def test_what_follows():
    found = overview(ARCHIVE, SECOND, ORDERS | {"enabled": False}, memory={"second": "3g"})
    assert found["problems"] == []
    assert found["names"] == ["archive", "second"] and found["on_demand"] == []
    assert found["addresses"] == {
        "gateway": "10.0.0.1",
        "archive": "10.0.0.11",
        "second": "10.0.0.12",
        # A rule may name it although the site does not have it.
        "orders": "10.0.0.7",
    }
    assert found["users"] == [{"name": "pacs-archive", "id": 61001}] and found["uids"] == {"archive": 61001}
    assert found["release"] == {"archive": "example/archive:1", "second": "example/archive:1"}
    assert found["ports"] == ARCHIVE["ports"]
    assert found["data"] == {"/srv/data": 61001}
    assert [entry["memory"] for entry in found["services"]] == ["1g", "3g", "2g"]


def test_what_verify_asks_a_service_is_in_one_list():
    asked = {"id": "second", "promise": "It answers", "url": "http://second.test/"}
    found = overview(ARCHIVE | {"checks": [asked | {"area": "DICOM"}]}, SECOND | {"checks": [asked]})
    assert found["checks"] == [asked | {"area": "DICOM"}, asked | {"area": "Services"}]
    assert overview(SECOND | {"checks": [asked], "enabled": False}, ARCHIVE)["checks"] == []


def test_what_runs_on_demand_is_no_part_of_the_release():
    found = overview(ARCHIVE, ORDERS, images={"archive": "mirror/archive:2"})
    assert found["on_demand"] == ["orders"]
    assert found["release"] == {"archive": "mirror/archive:2"}
    assert found["images"] == {"archive": "mirror/archive:2"}


def test_two_services_may_be_one_user():
    found = overview(ARCHIVE, SECOND | {"user": ARCHIVE["user"]})
    assert found["users"] == [{"name": "pacs-archive", "id": 61001}]
    assert found["uids"] == {"archive": 61001, "second": 61001}


@pytest.mark.parametrize(
    ("other", "words"),
    [
        (SECOND | {"name": "archive"}, "two services are named archive"),
        (SECOND | {"address": 11}, "archive and second both declare the address 11"),
        (SECOND | {"user": {"name": "pacs-second", "number": 1}}, "both declare the user number 1"),
        (SECOND | {"ports": ARCHIVE["ports"]}, "archive and second both declare the port 4242"),
        (SECOND | {"image": "other"}, "no role says what the image other is"),
        (SECOND | {"address": 255}, "pacs_network is '10.0.0.0/24'; it has no address number 255"),
        (SECOND | {"address": 1}, "it has no address number 1 for the service second"),
        (SECOND | {"adress": 13}, "the service second has the key adress, did you mean address?"),
        ({"name": "second"}, "the service second has no image"),
    ],
)  # fmt: skip
def test_a_contradiction_is_named(other, words):
    found = overview(ARCHIVE, other)
    assert [sentence for sentence in found["problems"] if words in sentence] and [*found] == ["problems"]


def test_ports_of_a_service_that_the_site_does_not_have_are_free():
    assert overview(ARCHIVE, SECOND | {"ports": ARCHIVE["ports"], "enabled": False})["problems"] == []


def test_a_key_that_no_service_declares():
    found = overview(ARCHIVE, SECOND, images={"archiv": "a:1"}, memory={"secnd": "1g"})
    assert found["problems"] == [
        "pacs_images has the key 'archiv'; there is no such key, only archive, did you mean archive?",
        "pacs_memory_limits has the key 'secnd'; there is no such key, only archive, second, did you mean second?",
    ]
