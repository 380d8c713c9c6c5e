# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Studies with one StudyInstanceUID and different PatientIDs: whatever goes by the UID refuses both."""

from __future__ import annotations

import pytest
from ansible_collections.threedpc.pacs.plugins.module_utils import orthanc_study, shares
from ansible_collections.threedpc.pacs.plugins.module_utils.errors import PacsError
from ansible_collections.threedpc.pacs.plugins.plugin_utils.verify_results import studies

UID = "1.2.3"
OWN, OTHER = ("-".join([digit * 8] * 5) for digit in "ab")
ACCESSION = {OWN: "A-1", OTHER: "A-2"}


class Archive:
    """As Orthanc answers, with these studies of one UID."""

    root = "http://pacs"

    def __init__(self, *ids):
        self.ids = ids

    def study(self, name):
        return {"ID": name, "MainDicomTags": {"StudyInstanceUID": UID, "AccessionNumber": ACCESSION[name]}}

    def get(self, path):
        return self.study(path.removeprefix("/studies/"))

    def request(self, method, path, body):
        assert (method, path) == ("POST", "/tools/find")
        [(keyword, wanted)] = body["Query"].items()
        found = [name for name in self.ids if self.study(name)["MainDicomTags"][keyword] == wanted]
        return [self.study(name) if body.get("Expand") else name for name in found]


@pytest.mark.parametrize("name", [UID, OWN, OTHER])
def test_no_link_is_made_by_the_uid_or_by_the_orthanc_id(name):
    with pytest.raises(PacsError, match=f"more than one study with the StudyInstanceUID {UID}.*delete the wrong one"):
        shares.find_study(Archive(OWN, OTHER), name)


@pytest.mark.parametrize("name", [UID, OWN])
def test_one_study_is_found_by_either_name(name):
    assert shares.find_study(Archive(OWN), name) == (UID, OWN)
    assert orthanc_study.find_study(Archive(OWN), name)["ID"] == OWN


@pytest.mark.parametrize("name", [UID, "A-1", "A-2"])
def test_no_model_is_attached_by_a_name_that_a_person_may_have_mixed_up(name):
    with pytest.raises(PacsError, match=f"2 studies at .* have the Study Instance UID {UID}.*{OWN}, {OTHER}"):
        orthanc_study.find_study(Archive(OWN, OTHER), name)


def test_a_model_is_attached_to_the_one_that_is_named_exactly():
    assert orthanc_study.find_study(Archive(OWN, OTHER), OTHER)["ID"] == OTHER


@pytest.mark.parametrize(
    "answer, status, words",
    [
        ({"rc": 0, "stdout": "0\n"}, "passed", "none"),
        ({"rc": 0, "stdout": "2\n"}, "warned", "2: links to these studies are refused"),
        ({"rc": 1, "stdout": "", "stderr": "a\npsql: no server"}, "failed", "psql: no server"),
        ({"rc": 0, "stdout": ""}, "failed", "nothing was answered"),
        ({}, "failed", "nothing was answered"),
    ],
)
def test_verify_warns_and_names_nobody(answer, status, words):
    [result] = studies.results(answer)
    assert result["status"] == status
    assert words in result["got"]
