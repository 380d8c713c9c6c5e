# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a site adds to Orthanc's configuration opens nothing and holds no secret."""

from __future__ import annotations

import pytest
from ansible_collections.threedpc.pacs.plugins.plugin_utils.contract.orthanc import OWNED, orthanc_config

BOTH = [pytest.param(orthanc_config(), id="staff"), pytest.param(orthanc_config(shares=True), id="shares")]


@pytest.mark.parametrize(
    "config",
    [
        {"StableAge": 30, "HttpTimeout": 5},
        {"MaximumStorageSize": 500000, "MaximumStorageMode": "Reject"},
        {"StorageCompression": True, "HttpsVerifyPeers": True, "DeidentifyLogs": True},
        {"ExtraMainDicomTags": {"Instance": ["Rows", "Columns"]}, "UserMetadata": {"PrintedBy": 1100}},
        {"Dictionary": {"0014,1020": ["DA", "ValidationExpiryDate", 1, 1]}},
        {"IngestTranscoding": "1.2.840.10008.1.2.4.80"},
        {
            "DicomWeb": {
                "StudiesMetadata": "MainDicomTags",
                "Servers": {"research": ["https://pacs2.hospital.example/dicom-web/"]},
            }
        },
        {
            "DicomWeb": {
                "Servers": {"research": {"Url": "https://pacs2.hospital.example/dicom-web/", "HasDelete": False}}
            }
        },
        {"OrthancPeers": {"other": ["https://pacs2.hospital.example/orthanc/"]}},
        {"OrthancExplorer2": {"UiOptions": {"EnableUpload": False, "DefaultLanguage": "de"}}},
        {"Housekeeper": {"Enable": True, "Schedule": {"Monday": ["0-6"]}}},
        {"STL": {"EnableNIfTI": True}, "Gdcm": {"Throttling": 2}, "PostgreSQL": {"TransactionMode": "ReadCommitted"}},
        {
            "DicomThreadsCount": 8,
            "DicomScpTimeout": 60,
            "UnknownSopClassAccepted": True,
            "Warnings": {"W001_TagsBeingReadFromStorage": False},
        },
    ],
    ids=str,
)
def test_what_opens_nothing_is_the_sites(config):
    assert list(orthanc_config()(config)) == []


@pytest.mark.parametrize("rule", BOTH)
@pytest.mark.parametrize(
    "key",
    [
        *OWNED,
        "WebDavEnabled",
        "WebDavDeleteAllowed",
        "SslEnabled",
        "SslVerifyPeers",
        "DicomTlsEnabled",
        "DicomTlsRemoteCertificateRequired",
    ],
)
@pytest.mark.parametrize("spelled", [str, str.lower, str.upper], ids=["as it is", "lower", "upper"])
def test_what_the_collection_owns_or_what_opens_is_refused(rule, key, spelled):
    for value in (True, False, "x", ["/"], {}, 7):
        (problem,) = rule({spelled(key): value})
        assert problem.startswith(f"it must not change {spelled(key)}: ")


@pytest.mark.parametrize("rule", BOTH)
@pytest.mark.parametrize(
    "config",
    [
        {"Authorization": {"UncheckedFolders": ["/"]}},
        {"Authorization": {"UncheckedResources": ["/changes"]}},
        {"Authorization": {}},
        {"DicomWeb": {"Root": "/x/"}},
        {"DicomWeb": {"PublicRoot": "/x/"}},
        {"OHIF": {"UserConfiguration": "/tmp/x.js"}},
        {"OrthancExplorer2": {"UiOptions": {"EnableShares": True}}},
        {"OrthancExplorer2": {"Tokens": {"ShareType": "x"}}},
        {"OrthancExplorer2": {"Keycloak": {"Enable": True}}},
        {"OrthancExplorer2": {"Enable": False}},
        {"PostgreSQL": {"IndexConnectionsCount": 90}},
        {"PostgreSQL": {"EnableStorage": True}},
        {"PostgreSQL": {"Lock": True}},
        {"PostgreSQL": {"Host": "10.1.2.3"}},
        {"MySQL": {"EnableIndex": True}},
        {"Transfers": {}},
        {"Worklists": {"Directory": "/"}},
        {"ServeFolders": {"/x": "/run/secrets"}},
        {"Java": {"Enabled": True}},
        {"AdvancedStorage": {"Enable": True}},
        {"DelayedDeletion": {"Enable": True}},
        {"StoneWebViewer": {}},
        {"Whatever": 1},
        {"stableAge": 30},
        {"DicomWeb": True},
        {"HttpsVerifyPeers": False},
        {"DeidentifyLogs": False},
        {"StoreDicom": False},
        {"StoreMD5ForAttachments": False},
        {"SyncStorageArea": False},
        {"IngestTranscoding": "1.2.840.10008.1.2.4.50"},
        {"IngestTranscoding": "1.2.840.10008.1.2.4.91"},
        {1: 2},
    ],
    ids=str,
)
def test_sections_and_values_that_open_or_lose_are_refused(rule, config):
    assert len(list(rule(config))) == 1


@pytest.mark.parametrize(
    "config",
    [
        {"OrthancPeers": {"other": ["https://a.example/", "alice", "hide"]}},
        {"OrthancPeers": {"other": {"Url": "https://a.example/", "Username": "alice", "Password": "hide"}}},
        {"OrthancPeers": {"other": {"Url": "https://a.example/", "HttpHeaders": {"Token": "hide"}}}},
        {"OrthancPeers": {"other": {"Url": "https://a.example/", "CertificateKeyPassword": "hide"}}},
        {"OrthancPeers": {"other": ["https://alice:hide@a.example/"]}},
        {"DicomWeb": {"Servers": {"other": ["https://a.example/", "alice", "hide"]}}},
        {"DicomWeb": {"Servers": {"other": {"Url": "https://a.example/", "Password": "hide"}}}},
        {"DicomWeb": {"Servers": {"other": {"Url": "https://a.example/", "HttpHeaders": {"Authorization": "hide"}}}}},
        {"RegisteredUsers": {"anna": "hide"}},
        {"registeredusers": {"anna": "hide"}},
        {"PostgreSQL": {"Password": "hide"}},
        {"PostgreSQL": {"ConnectionUri": "postgresql://orthanc:hide@x/"}},
        {"Authorization": {"WebServicePassword": "hide"}},
        {"OrthancExplorer2": {"UiOptions": {"Secret": "hide"}}},
        {"DicomTlsPrivateKeyPassword": "hide"},
    ],
    ids=str,
)
@pytest.mark.parametrize("rule", BOTH)
def test_no_secret_is_in_a_file_that_everybody_can_read(rule, config):
    found = list(rule(config))
    assert found
    assert all("hide" not in problem for problem in found)
    assert any("everybody on the server can read it" in problem for problem in found)


@pytest.mark.parametrize(
    "config",
    [
        {"OrthancPeers": {"other": ["https://a.example/"]}},
        {"DicomWeb": {"Servers": {"other": ["https://a.example/"]}}},
        {"Housekeeper": {"Enable": True}},
        {"MaximumStorageSize": 9, "MaximumStorageMode": "Reject"},
        {"MaximumPatientCount": 1},
        {"OrthancExplorer2": {"UiOptions": {"EnableUpload": True}}},
        {"OrthancExplorer2": {"UiOptions": {"EnableSendTo": True}}},
        {"IngestTranscoding": "1.2.840.10008.1.2.4.80"},
    ],
    ids=str,
)
def test_the_orthanc_behind_the_shares_only_reads(config):
    assert list(orthanc_config(shares=True)(config))
