# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which study is restored if several have its StudyInstanceUID, in the backup or in the archive."""

from __future__ import annotations

import base64
import importlib
import json
import pathlib
import sys
import types

import pytest
from ansible_collections.threedpc.pacs.plugins.filter import site

PROGRAM = pathlib.Path(__file__).resolve().parents[3] / "roles/backup/files/pacs_backup"
UID = "1.2.3"
OWN, OTHER = ("-".join([digit * 8] * 5) for digit in "ab")
SNAPSHOT = types.SimpleNamespace(short="12345678", time="2026-11-24T01:02:03Z")


@pytest.fixture
def restore():
    sys.path.insert(0, str(PROGRAM))
    try:
        yield importlib.import_module("restore")
    finally:
        sys.path.remove(str(PROGRAM))


def backup(*ids):
    """The database of a backup with these studies of one UID."""

    def rows(_columns, rest):
        return [[name, UID] for name in ids if f"'{UID}'" in rest or f"'{name}'" in rest]

    return types.SimpleNamespace(patient=0, rows=rows)


def test_a_study_is_found_by_either_name(restore):
    for name in (UID, OWN):
        assert restore.find_study(backup(OWN), name, SNAPSHOT) == [OWN, UID]
    assert restore.find_study(backup(OWN, OTHER), OTHER, SNAPSHOT) == [OTHER, UID]
    with pytest.raises(restore.Failure, match="has no studies 1.2.3"):
        restore.find_study(backup(), UID, SNAPSHOT)


def test_of_two_in_the_backup_one_has_to_be_named(restore):
    with pytest.raises(restore.Failure, match=f"2 studies 1.2.3, each of another PatientID.*{OWN}, {OTHER}.*Nothing"):
        restore.find_study(backup(OWN, OTHER), UID, SNAPSHOT)


@pytest.mark.parametrize("there", [[OTHER], [OWN, OTHER]])
def test_by_its_uid_no_study_is_put_beside_another_patients(restore, monkeypatch, there):
    monkeypatch.setattr(restore, "Orthanc", lambda site: archive(there))
    with pytest.raises(restore.Failure, match=f"in another study, of another PatientID .{OTHER}.*Nothing was changed"):
        restore.refuse_second(None, OWN, UID)


@pytest.mark.parametrize("there", [[], [OWN]])
def test_a_study_that_is_gone_or_in_part_there_is_restored(restore, monkeypatch, there):
    monkeypatch.setattr(restore, "Orthanc", lambda site: archive(there))
    restore.refuse_second(None, OWN, UID)


def archive(ids):
    def ask(method, path, body):
        assert (method, path) == ("POST", "/tools/find")
        assert json.loads(body) == {"Level": "Study", "Query": {"StudyInstanceUID": UID}}
        return json.dumps(ids).encode()

    return types.SimpleNamespace(ask=ask)


def test_orthanc_is_asked_with_the_password_that_it_reads(restore, tmp_path):
    (tmp_path / "secrets/orthanc").mkdir(parents=True)
    text = site.orthanc_json({"RegisteredUsers": {"anna": "$a${PATH}b"}})
    (tmp_path / "secrets/orthanc/orthanc.json").write_text(text)
    asked = restore.Orthanc(types.SimpleNamespace(orthanc_url="http://127.0.0.1:1", directory=tmp_path))
    assert asked.authorization == "Basic " + base64.b64encode(b"anna:$a${PATH}b").decode()
