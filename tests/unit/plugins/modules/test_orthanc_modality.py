# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.threedpc.pacs.plugins.modules import orthanc_modality

EVERYTHING = ["echo", "store", "find", "find_worklist", "get", "move", "storage_commitment"]
# As Orthanc 1.12 answers.
ANSWERED = {
    "AET": "CT1",
    "AllowEcho": True,
    "AllowEventReport": False,
    "AllowFind": False,
    "AllowFindWorklist": False,
    "AllowGet": False,
    "AllowMove": False,
    "AllowNAction": False,
    "AllowStore": True,
    "AllowTranscoding": True,
    "Host": "192.0.2.10",
    "LocalAet": "",
    "Manufacturer": "Generic",
    "Port": 104,
    "Timeout": 0,
    "UseDicomTls": False,
}
OURS = dict(
    aet="CT1",
    address="192.0.2.10",
    port=104,
    manufacturer="Generic",
    allow=["echo", "store"],
    tls=False,
    local_aet="",
    timeout=0,
)


@pytest.mark.parametrize(
    "entry, expected",
    [
        (ANSWERED, OURS),
        (["CT1", "192.0.2.10", 104], dict(OURS, allow=EVERYTHING)),
        (["CT1", "192.0.2.10", "104", "GE"], dict(OURS, allow=EVERYTHING, manufacturer="GE")),
        ({"AET": "CT1 ", "Host": "192.0.2.10"}, dict(OURS, allow=EVERYTHING)),
        (
            dict(ANSWERED, AllowNAction=True, AllowEventReport=True),
            dict(OURS, allow=["echo", "store", "storage_commitment"]),
        ),
        (dict(ANSWERED, AllowNAction=True), dict(OURS, allow=["echo", "store", "AllowNAction"])),
        ({"AET": "CT1", "Host": "192.0.2.10", "AllowStorageCommitment": False}, dict(OURS, allow=EVERYTHING[:-1])),
        (dict(ANSWERED, AllowTranscoding=False), dict(OURS, allow=["echo", "store", "no transcoding"])),
        (dict(ANSWERED, UseDicomTls=True, Timeout=5, LocalAet="X"), dict(OURS, tls=True, timeout=5, local_aet="X")),
    ],
)
def test_normalize(entry, expected):
    assert orthanc_modality.normalize(entry) == expected


@pytest.mark.parametrize("allow", [[], ["echo"], ["storage_commitment"], EVERYTHING])
def test_what_is_sent_comes_back(allow):
    modality = dict(OURS, allow=allow)
    sent = orthanc_modality.orthanc_form(modality)
    assert orthanc_modality.normalize(sent) == modality
    # Nothing is left to a default, because Orthanc's default is yes.
    assert {"AllowEcho", "AllowStore", "AllowFind", "AllowFindWorklist", "AllowGet", "AllowMove"} <= set(sent)


class Orthanc:
    """The modalities of an Orthanc, and what was asked of it."""

    def __init__(self, modalities, forgets=False):
        self.modalities = modalities
        self.forgets = forgets

    def __call__(self, method, path, body):
        name = path.rpartition("/")[2]
        if method == "GET":
            return 200, self.modalities
        if method == "PUT" and not self.forgets:
            self.modalities[name] = dict(body)
            self.modalities[name].pop("AllowStorageCommitment")
        if method == "DELETE" and not self.forgets:
            self.modalities.pop(name)
        return 200, {}


def writes(server):
    return [request[:2] for request in server.requests if request[0] != "GET"]


CT1 = dict(name="ct1", aet="CT1", address="192.0.2.10")
LIST = [CT1, dict(name="ct2", aet="CT2", address="fd00::2", port=11112, allow=[], sources=["192.0.2.0/24"])]


@pytest.mark.parametrize(
    "before, args, expected",
    [
        ({}, CT1, [("PUT", "/modalities/ct1")]),
        ({"ct1": ANSWERED}, CT1, []),
        ({"ct1": ["CT1", "192.0.2.10", 104]}, CT1, [("PUT", "/modalities/ct1")]),
        ({"ct1": ["CT1", "192.0.2.10", 104]}, dict(CT1, allow=EVERYTHING), []),
        ({"ct1": ANSWERED}, dict(CT1, port=105), [("PUT", "/modalities/ct1")]),
        ({"ct1": ANSWERED}, dict(CT1, tls=True), [("PUT", "/modalities/ct1")]),
        ({"ct1": ANSWERED}, dict(name="ct1", state="absent"), [("DELETE", "/modalities/ct1")]),
        ({}, dict(name="ct1", state="absent"), []),
        ({"x": ANSWERED}, dict(modalities=LIST), [("PUT", "/modalities/ct1"), ("PUT", "/modalities/ct2")]),
        (
            {"x": ANSWERED, "ct1": ANSWERED},
            dict(modalities=LIST, purge=True),
            [("PUT", "/modalities/ct2"), ("DELETE", "/modalities/x")],
        ),
        ({"x": ANSWERED}, dict(modalities=[], purge=True), [("DELETE", "/modalities/x")]),
        ({"x": ANSWERED}, dict(modalities=[]), []),
    ],
)
def test_check_apply_check_apply(http_server, run_module, before, args, expected):
    server = http_server(Orthanc(dict(before)))
    planned = run_module(orthanc_modality, check_mode=True, url=server.url, **args)
    assert planned["changed"] is bool(expected)
    assert writes(server) == []

    done = run_module(orthanc_modality, url=server.url, **args)
    assert writes(server) == expected
    assert {key: done[key] for key in planned if key != "invocation"} == {
        key: planned[key] for key in planned if key != "invocation"
    }

    for check_mode in (True, False):
        assert run_module(orthanc_modality, check_mode=check_mode, url=server.url, **args)["changed"] is False
    assert writes(server) == expected


def test_diff(http_server, run_module):
    server = http_server(Orthanc({"ct1": ANSWERED}))
    diff = run_module(orthanc_modality, check_mode=True, url=server.url, **dict(CT1, port=105))["diff"]
    assert diff == dict(before=dict(ct1=OURS), after=dict(ct1=dict(OURS, port=105)))


@pytest.mark.parametrize(
    "args, said",
    [
        (dict(name="ct1"), "aet of modality ct1 is missing"),
        (dict(name="ct1", aet="CT1"), "address of modality ct1 is missing"),
        (dict(CT1, aet="A" * 17), "1 to 16 characters"),
        (dict(CT1, aet="A\\B"), "backslash"),
        (dict(CT1, aet=" "), "1 to 16 characters"),
        (dict(CT1, port=65535), "1 to 65534"),
        (dict(CT1, name="a b"), "letters, digits"),
        (dict(name="../system", state="absent"), "letters, digits"),
        (dict(modalities=[CT1, CT1]), "two modalities have the name ct1"),
        (dict(modalities=[CT1, dict(CT1, name="other")]), "ct1 and other have the same AE title CT1"),
        (dict(CT1, purge=True), "purge needs modalities"),
    ],
)
def test_wrong_declaration_asks_nobody(http_server, run_module, args, said):
    server = http_server(Orthanc({}))
    result = run_module(orthanc_modality, url=server.url, **args)
    assert result["failed"]
    assert said in result["msg"]
    assert server.requests == []


def test_a_change_that_is_not_kept(http_server, run_module):
    server = http_server(Orthanc({}, forgets=True))
    result = run_module(orthanc_modality, url=server.url, **CT1)
    assert result["failed"]
    assert "ct1" in result["msg"]
    assert "DicomModalitiesInDatabase" in result["msg"]


def test_a_refused_change(http_server, run_module):
    server = http_server(lambda method, *args: (200, {}) if method == "GET" else (405, b""))
    result = run_module(orthanc_modality, url=server.url, **CT1)
    assert "PUT %s/modalities/ct1 answers 405" % server.url in result["msg"]
