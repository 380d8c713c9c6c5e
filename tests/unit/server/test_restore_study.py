# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which study is restored if several have its StudyInstanceUID, in the backup or in the archive."""

from __future__ import annotations

import base64
import json
import types

import pytest
from ansible_collections.threedpc.pacs.plugins.filter import site as filters
from pacs.backup import study
from pacs.core import Failure
from pacs.orthanc import Orthanc

UID = "1.2.3"
OWN, OTHER = ("-".join([digit * 8] * 5) for digit in "ab")
SNAPSHOT = types.SimpleNamespace(short="12345678", time="2026-11-24T01:02:03Z")


def backup(*ids):
    """The database of a backup with these studies of one UID."""

    def rows(_columns, rest):
        return [[name, UID] for name in ids if f"'{UID}'" in rest or f"'{name}'" in rest]

    return types.SimpleNamespace(patient=0, rows=rows)


def test_a_study_is_found_by_either_name():
    for name in (UID, OWN):
        assert study.find_study(backup(OWN), name, SNAPSHOT) == [OWN, UID]
    assert study.find_study(backup(OWN, OTHER), OTHER, SNAPSHOT) == [OTHER, UID]
    with pytest.raises(Failure, match="has no studies 1.2.3"):
        study.find_study(backup(), UID, SNAPSHOT)


def test_of_two_in_the_backup_one_has_to_be_named():
    with pytest.raises(Failure, match=f"2 studies 1.2.3, each of another PatientID.*{OWN}, {OTHER}.*Nothing"):
        study.find_study(backup(OWN, OTHER), UID, SNAPSHOT)


@pytest.mark.parametrize("there", [[OTHER], [OWN, OTHER]])
def test_by_its_uid_no_study_is_put_beside_another_patients(monkeypatch, there):
    monkeypatch.setattr(study, "Orthanc", lambda site: archive(there))
    with pytest.raises(Failure, match=f"in another study, of another PatientID .{OTHER}.*Nothing was changed"):
        study.refuse_second(None, OWN, UID)


@pytest.mark.parametrize("there", [[], [OWN]])
def test_a_study_that_is_gone_or_in_part_there_is_restored(monkeypatch, there):
    monkeypatch.setattr(study, "Orthanc", lambda site: archive(there))
    study.refuse_second(None, OWN, UID)


def archive(ids):
    def ask(method, path, body):
        assert (method, path) == ("POST", "/tools/find")
        assert json.loads(body) == {"Level": "Study", "Query": {"StudyInstanceUID": UID}}
        return json.dumps(ids).encode()

    return types.SimpleNamespace(ask=ask)


def test_orthanc_is_asked_with_the_password_that_it_reads(tmp_path):
    (tmp_path / "secrets/orthanc").mkdir(parents=True)
    text = filters.orthanc_json({"RegisteredUsers": {"anna": "$a${PATH}b"}})
    (tmp_path / "secrets/orthanc/orthanc.json").write_text(text)
    asked = Orthanc(types.SimpleNamespace(orthanc_url="http://127.0.0.1:1", directory=tmp_path))
    assert asked.authorization == "Basic " + base64.b64encode(b"anna:$a${PATH}b").decode()
