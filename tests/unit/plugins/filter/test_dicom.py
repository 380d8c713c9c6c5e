# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One list of modalities: what Orthanc stores of it, and what nginx listens for."""

from __future__ import annotations

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.threedpc.pacs.plugins.filter.dicom import (
    FilterModule,
    dicom_callers,
    dicom_listeners,
    dicom_titles,
    haproxy_title,
    orthanc_modalities,
)

CT = {"name": "ct1", "aet": "CT1", "address": "10.1.2.3", "port": 11112, "allow": ["echo"], "manufacturer": "GE"}
TLS = {"name": "MR1", "aet": "MR1", "address": "10.1.2.4", "port": 2762, "tls": True, "sources": ["10.1.3.0/24"]}
IPV6 = {"name": "us1", "aet": "US1", "address": "2001:db8::5"}
PROXY, GATEWAY = "172.30.42.10", "172.30.42.1"


def test_a_plain_modality_is_stored_as_it_is():
    assert orthanc_modalities([CT], PROXY, GATEWAY) == [CT]
    assert orthanc_modalities([CT | {"tls": False}], PROXY, GATEWAY) == [CT]


def test_a_tls_modality_is_called_through_the_proxy():
    [stored] = orthanc_modalities([TLS], PROXY, GATEWAY)
    [listener] = dicom_listeners([TLS])
    assert stored == {"name": "MR1", "aet": "MR1", "address": PROXY, "port": listener["listen"]}
    assert listener == {"name": "mr1", "listen": stored["port"], "address": "10.1.2.4", "port": 2762}


def test_a_modality_over_ipv6_has_the_gateways_address():
    assert orthanc_modalities([IPV6], PROXY, GATEWAY) == [IPV6 | {"address": GATEWAY}]
    [listener] = dicom_listeners([IPV6 | {"tls": True}])
    assert listener["address"] == "[2001:db8::5]"
    assert listener["port"] == 104


def test_without_an_address_there_is_nothing_to_compare():
    with pytest.raises(AnsibleFilterError, match="ct1"):
        orthanc_modalities([CT | {"address": "ct1.example.org"}], PROXY, GATEWAY)


def test_a_port_follows_from_the_name():
    many = [{"name": f"ct{n}", "aet": f"CT{n}", "address": "10.1.2.3", "tls": True} for n in range(500)]
    ports = {entry["name"]: entry["listen"] for entry in dicom_listeners(many)}
    assert len(set(ports.values())) == 500
    # Below the kernel's ports for outgoing connections, and none that needs a privilege.
    assert all(10000 <= port < 30000 for port in ports.values())
    # The order of the list makes no difference, nor does the case of a name or what else is listed.
    assert dicom_listeners(many[::-1]) == dicom_listeners(many)
    assert dicom_listeners([many[0] | {"name": "CT0"}])[0]["listen"] == ports["ct0"]
    kept = [entry["listen"] == ports[entry["name"]] for entry in dicom_listeners(many[:250])]
    # A collision of two names is rare, and moves one of them alone.
    assert kept.count(False) <= 5
    # Stored by sites: another rule would make every site reload and rewrite.
    assert dicom_listeners([TLS])[0]["listen"] == 25915


def test_plain_modalities_have_no_listener():
    assert dicom_listeners([CT, IPV6]) == []


def test_each_port_has_callers_of_its_own():
    several = [CT | {"sources": ["10.9.0.0/16"]}, TLS, IPV6]
    assert dicom_callers(several) == ["10.1.2.3", "10.9.0.0/16", "2001:db8::5"]
    assert dicom_callers(several, tls=True) == ["10.1.2.4", "10.1.3.0/24"]


def test_a_title_calls_from_the_addresses_of_its_modality():
    several = [CT | {"sources": ["10.9.0.0/16"]}, TLS]
    assert dicom_titles(several, GATEWAY) == [{"name": "ct1", "title": '"CT1"', "sources": ["10.1.2.3", "10.9.0.0/16"]}]
    assert dicom_titles(several, GATEWAY, tls=True) == [
        {"name": "mr1", "title": '"MR1"', "sources": ["10.1.2.4", "10.1.3.0/24"]}
    ]


@pytest.mark.parametrize("entry", [IPV6, CT | {"sources": ["2001:db8::/64"]}])
def test_who_calls_over_ipv6_may_come_from_the_gateway(entry):
    [title] = dicom_titles([entry], GATEWAY)
    assert title["sources"][0] == entry["address"]
    assert title["sources"][-1] == GATEWAY


@pytest.mark.parametrize(
    "title, quoted",
    [(" ct 1 ", '"CT 1"'), ('A"B', '"A\\"B"'), ("$HOME", '"\\$HOME"'), ("A#B'C", '"A#B\'C"'), ("-i", '"-I"')],
)
def test_a_title_means_itself_in_the_configuration_of_haproxy(title, quoted):
    assert haproxy_title(title) == quoted


def test_the_names_of_the_filters():
    assert sorted(FilterModule().filters()) == [
        "dicom_callers",
        "dicom_listeners",
        "dicom_titles",
        "haproxy_title",
        "orthanc_modalities",
    ]
