# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.threedpc.pacs.plugins.modules import dicom_store
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.uid import (
    CTImageStorage,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEGBaseline8Bit,
    MRImageStorage,
)
from pynetdicom import evt

FIND = "1.2.840.10008.5.1.4.1.2.2.1"
STORAGE = [(CTImageStorage, [ExplicitVRLittleEndian, ImplicitVRLittleEndian])]


class Archive:
    """What a DICOM server does with what it gets: it stores, answers queries, and counts."""

    def __init__(self, status=lambda number: 0x0000):
        self.status = status
        self.stored = {}
        self.received = []
        self.associations = 0

    def on_store(self, event):
        request = event.request
        self.received.append(str(request.AffectedSOPInstanceUID))
        status = self.status(len(self.received))
        if status == "abort":
            event.assoc.abort()
            return 0x0000
        if isinstance(status, Dataset):
            return status
        if status in (0x0000, 0xB000):
            self.stored[str(request.AffectedSOPInstanceUID)] = (event.context.transfer_syntax, event.encoded_dataset())
        return status

    def on_find(self, event):
        assert event.identifier.QueryRetrieveLevel == "IMAGE"
        for uid in self.stored:
            answer = Dataset()
            answer.SOPInstanceUID = uid
            yield 0xFF00, answer
        yield 0x0000, None

    def on_established(self, event):
        self.associations += 1

    def rest(self, method, path, body):
        assert (method, path, body["Level"]) == ("POST", "/tools/find", "Instance")
        asked = body["Query"]["SOPInstanceUID"].split("\\")
        return 200, [{"MainDicomTags": {"SOPInstanceUID": uid}} for uid in asked if uid in self.stored]

    def handlers(self):
        return [
            (evt.EVT_C_STORE, self.on_store),
            (evt.EVT_C_FIND, self.on_find),
            (evt.EVT_ESTABLISHED, self.on_established),
        ]


@pytest.fixture
def store(run_module):
    def run(port, src, check_mode=False, **args):
        args = dict(dict(host="127.0.0.1", calling_aet="CT1", called_aet="SERVER", timeout=15), **args)
        return run_module(dicom_store, check_mode=check_mode, port=port, src=src, **args)

    return run


@pytest.mark.parametrize("lookup", ["find", "orthanc"])
def test_check_send_check_send(scp, http_server, store, dicom_files, tmp_path, lookup):
    archive = Archive()
    paths = dicom_files(5)
    (tmp_path / "study" / "README").write_text("not DICOM")
    (tmp_path / "study" / "empty").write_bytes(b"")
    port = scp(STORAGE + [FIND], archive.handlers())
    args = dict(orthanc=dict(url=http_server(archive.rest).url)) if lookup == "orthanc" else {}
    study = [str(tmp_path / "study")]

    planned = store(port, study, check_mode=True, **args)
    assert archive.received == []
    assert (planned["changed"], planned["sent"], planned["to_send"]) == (True, 0, paths)

    done = store(port, study, **args)
    assert (done["changed"], done["sent"], done["present"], done["statuses"]) == (True, 5, 0, {"0x0000": 5})
    assert done["to_send"] == paths
    assert [path.rpartition("/")[2] for path in done["ignored"]] == ["README", "empty"]
    assert sorted(archive.stored) == sorted(str(dcmread(path).SOPInstanceUID) for path in paths)

    for check_mode in (True, False):
        again = store(port, study, check_mode=check_mode, **args)
        assert (again["changed"], again["sent"], again["present"], again["to_send"]) == (False, 0, 5, [])
    assert len(archive.received) == 5


def test_only_what_is_missing_is_sent(scp, store, dicom_files):
    archive = Archive()
    paths = dicom_files(4)
    port = scp(STORAGE + [FIND], archive.handlers())
    store(port, paths[:3])
    result = store(port, paths)
    assert (result["sent"], result["present"], result["to_send"]) == (1, 3, paths[3:])


def test_force_asks_nobody(scp, store, dicom_files):
    archive = Archive()
    paths = dicom_files(2)
    # No C-FIND here.
    port = scp(STORAGE, archive.handlers())
    assert [store(port, paths, force=True)["sent"] for time in "12"] == [2, 2]
    assert len(archive.received) == 4


def test_without_a_way_to_ask(scp, store, dicom_files):
    archive = Archive()
    result = store(scp(STORAGE, archive.handlers()), dicom_files(1))
    assert result["failed"]
    assert "Give orthanc, or force" in result["msg"]
    assert archive.received == []


def test_orthanc_refuses_the_question(scp, http_server, store, dicom_files):
    archive = Archive()
    server = http_server(lambda *args: (401, b""))
    orthanc = dict(url=server.url, url_username="u", url_password="s3cret")
    result = store(scp(STORAGE, archive.handlers()), dicom_files(1), orthanc=orthanc)
    assert "answers 401" in result["msg"]
    assert "s3cret" not in str(result)
    assert archive.received == []


def test_many_are_asked_for_in_batches(scp, http_server, store, dicom_files):
    archive = Archive()
    server = http_server(archive.rest)
    result = store(scp(), dicom_files(120), check_mode=True, orthanc=dict(url=server.url))
    assert len(result["to_send"]) == 120
    assert [len(request[2]["Query"]["SOPInstanceUID"].split("\\")) for request in server.requests] == [50, 50, 20]


def test_the_same_instance_twice(scp, store, dicom_files):
    archive = Archive()
    paths = dicom_files(1)
    result = store(scp(STORAGE, archive.handlers()), paths + paths, force=True)
    assert (result["sent"], result["present"]) == (1, 1)


def test_several_associations(scp, store, dicom_files):
    archive = Archive()
    result = store(scp(STORAGE, archive.handlers()), dicom_files(20), force=True, associations=4)
    assert (result["sent"], archive.associations) == (20, 4)
    assert len(set(archive.received)) == 20


def test_files_go_out_as_they_are(scp, store, dicom_files):
    archive = Archive()
    paths = dicom_files(1, "explicit") + dicom_files(1, "implicit", syntax=ImplicitVRLittleEndian)
    assert store(scp(STORAGE, archive.handlers()), paths, force=True)["sent"] == 2
    for path in paths:
        meta = dcmread(path).file_meta
        syntax, data = archive.stored[meta.MediaStorageSOPInstanceUID]
        assert syntax == meta.TransferSyntaxUID
        with open(path, "rb") as file:
            assert file.read().endswith(data[data.index(b"TEST") :])


def test_what_the_server_does_not_take(scp, store, dicom_files):
    archive = Archive()
    paths = (
        dicom_files(1, "ct") + dicom_files(1, "mr", MRImageStorage) + dicom_files(1, "jpeg", syntax=JPEGBaseline8Bit)
    )
    result = store(scp(STORAGE, archive.handlers()), paths, force=True)
    assert result["failed"]
    assert result["changed"]
    assert (result["sent"], result["not_stored"]) == (1, 2)
    assert "1 times the server does not take MR Image Storage as Explicit VR Little Endian" in result["msg"]
    assert "CT Image Storage as JPEG Baseline" in result["msg"]


@pytest.mark.parametrize(
    "status, stored, said",
    [
        (0xB000, True, ""),
        (0xB007, True, ""),
        (0xA700, False, "status 0xA700, out of resources"),
        (0xA900, False, "data set does not match SOP class"),
        (0xC001, False, "cannot understand"),
        (0x0124, False, "not authorized"),
        (0x0110, False, "processing failure"),
        (0x9999, False, "status 0x9999, failure"),
    ],
)
def test_statuses(scp, store, dicom_files, status, stored, said):
    archive = Archive(lambda number: status if number == 2 else 0x0000)
    paths = dicom_files(3)
    result = store(scp(STORAGE, archive.handlers()), paths, force=True)
    assert bool(result.get("failed")) is not stored
    assert result["statuses"] == {"0x0000": 2, "0x%04X" % status: 1}
    assert result["sent"] == (3 if stored else 2)
    assert said in result.get("msg", "")
    if not stored:
        assert [(failure["path"], failure["status"]) for failure in result["failed_files"]] == [
            (paths[1], "0x%04X" % status)
        ]


def test_the_server_says_why(scp, store, dicom_files):
    answer = Dataset()
    answer.Status = 0xA700
    answer.ErrorComment = "disk full"
    archive = Archive(lambda number: answer)
    result = store(scp(STORAGE, archive.handlers()), dicom_files(1), force=True)
    assert "out of resources: disk full" in result["msg"]
    assert result["changed"] is False


def test_abort_in_the_middle(scp, store, dicom_files):
    archive = Archive(lambda number: "abort" if number == 3 else 0x0000)
    result = store(scp(STORAGE, archive.handlers()), dicom_files(30), force=True)
    assert result["failed"]
    assert (result["sent"], result["not_stored"], len(result["failed_files"])) == (2, 28, 20)
    assert "28 of 30 instances are not stored" in result["msg"]
    assert "28 times the server aborts" in result["msg"]


def test_rejected(scp, store, dicom_files):
    archive = Archive()
    port = scp(STORAGE, archive.handlers(), require_calling_aet=["OTHER"])
    result = store(port, dicom_files(2), force=True)
    assert (result["failed"], result["changed"], result["sent"]) == (True, False, 0)
    assert "calling-AE-title-not-recognized" in result["msg"]
    assert archive.received == []


def test_no_server(closed_port, store, dicom_files):
    assert "nothing listens" in store(closed_port, dicom_files(1), force=True)["msg"]


def test_tls(scp, store, dicom_files, site_ca):
    archive = Archive()
    cert, key = site_ca.issue("client")
    port = scp(STORAGE, archive.handlers(), tls=site_ca.server_context(client_ca=site_ca.path))
    args = dict(tls=True, tls_ca_path=site_ca.path, force=True)
    paths = dicom_files(3)
    assert "client certificate" in store(port, paths, **args)["msg"]
    assert archive.received == []
    assert store(port, paths, tls_cert_path=cert, tls_key_path=key, **args)["sent"] == 3


def test_wrong_sources(store, closed_port, tmp_path):
    (tmp_path / "text").write_text("not DICOM")
    assert "not a DICOM file" in store(closed_port, [str(tmp_path / "text")])["msg"]
    assert "can't be read" in store(closed_port, [str(tmp_path / "missing")])["msg"]
    assert "associations must be" in store(closed_port, [str(tmp_path)], associations=0)["msg"]


def test_an_empty_directory(store, closed_port, tmp_path):
    result = store(closed_port, [str(tmp_path)])
    assert (result["changed"], result["to_send"]) == (False, [])


class File:
    def __init__(self, name, context):
        self.sop_instance, self.context = name, context


def test_portions():
    files = [File("%d" % number, ("class %03d" % (number % 200), "syntax")) for number in range(1000)]
    dealt = dicom_store.portions(files, 3)
    assert sorted(file.sop_instance for portion in dealt for file in portion) == sorted(str(n) for n in range(1000))
    assert max(len({file.context for file in portion}) for portion in dealt) <= 128
    assert len(dealt) == 6
    assert dicom_store.portions(files[:1], 3) == [files[:1]]
