# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a site may add to Orthanc's configuration, by what each setting means.

A setting that is not listed is refused: what opens something, what the collection owns, and what nobody here has
read about. The lists follow Orthanc 1.13's Configuration.json and AdvancedConfiguration.json and the plugins' sections.
The file is no secret, so nothing in it may be one.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from typing import Any

from ..fields.text import between
from ..fields.types import Problems, Relation, Rule, nearest

NO_SECRET = "because everybody on the server can read it"

# Settings that change how Orthanc works and open nothing.
OPEN = [
    "AcceptedSopClasses", "AcceptedTransferSyntaxes", "BuiltinDecoderTranscoderOrder", "CaseSensitivePN",
    "CheckRevisions", "ConcurrentJobs", "DefaultEncoding", "DefaultPrivateCreator", "DeidentifyLogs",
    "DeidentifyLogsDicomVersion", "DicomAssociationCloseDelay", "DicomDefaultRetrieveMethod", "DicomEchoChecksFind",
    "DicomLossyTranscodingQuality", "DicomParser", "DicomScpTimeout", "DicomScuPreferredTransferSyntax",
    "DicomScuTimeout", "DicomThreadsCount", "Dictionary", "ExtraMainDicomTags", "HttpCompressionEnabled",
    "HttpDescribeErrors", "HttpRequestTimeout", "HttpThreadsCount", "HttpTimeout", "HttpsCACertificates",
    "HttpsVerifyPeers", "IngestTranscoding", "IngestTranscodingOfCompressed", "IngestTranscodingOfUncompressed",
    "JobsEngineThreadsCount", "JobsHistorySize", "LoadPrivateDictionary", "LoaderThreads", "Locale",
    "LogExportedResources", "MallocArenaMax", "MaximumFileSizeInArchiveMB", "MaximumPatientCount", "MaximumPduLength",
    "MaximumRequestBodySizeMB", "MaximumStorageCacheSize", "MaximumStorageMode", "MaximumStorageSize",
    "MediaArchiveSize", "MetricsEnabled", "OrthancPeers", "QueryRetrieveSize", "RejectedSopClasses",
    "SequentialDicomReader", "StableAge", "StorageAccessOnFind", "StorageCommitmentReportsSize", "StorageCompression",
    "StorageLoaderThreadsCount", "StorageMemoryCapacity", "StoreDicom", "StoreMD5ForAttachments", "StrictAetComparison",
    "SyncStorageArea", "SynchronousCMove", "SynchronousZipStream", "TcpNoDelay", "TranscodeDicomProtocol", "Transcoder",
    "UnknownSopClassAccepted", "UserContentType", "UserMetadata", "Warnings", "ZipLoaderThreads",
]  # fmt: skip
# Sections of plugins, and what may be set in them; None is everything that is not owned.
SECTIONS = {
    "DicomWeb": [
        "EnableMetadataCache",
        "EnablePerformanceLogs",
        "MetadataWorkerThreadsCount",
        "QidoCaseSensitive",
        "SeriesMetadata",
        "Servers",
        "StowMaxInstances",
        "StowMaxSize",
        "StudiesMetadata",
    ],
    "Gdcm": ["EnableDecoder", "EnableEncoder", "RestrictTransferSyntaxes", "Throttling"],
    "Housekeeper": None,
    "OHIF": ["Preload"],
    "OrthancExplorer2": ["CustomCssPath", "CustomFavIconPath", "CustomLogoPath", "CustomTitle", "Theme", "UiOptions"],
    "PostgreSQL": [
        "AllowInconsistentChildCounts",
        "ConnectionRetryInterval",
        "HousekeepingInterval",
        "MaximumConnectionRetries",
        "TransactionMode",
        "UseDynamicConnectionPool",
    ],
    "STL": ["EnableNIfTI"],
}

# What the site says elsewhere, or not at all.
OWNED = {
    "AuthenticationEnabled": "the staff always log in, and share links have their gate",
    "Authorization": "the collection decides who may do what behind a share link",
    "DatabaseServerIdentifier": "the collection tells both Orthancs apart by it",
    "DicomAet": "use pacs_aet",
    "DicomAlwaysAllowEcho": "use allow in pacs_modalities",
    "DicomAlwaysAllowFind": "use allow in pacs_modalities",
    "DicomAlwaysAllowFindWorklist": "use allow in pacs_modalities",
    "DicomAlwaysAllowGet": "use allow in pacs_modalities",
    "DicomAlwaysAllowMove": "use allow in pacs_modalities",
    "DicomAlwaysAllowStore": "use allow in pacs_modalities",
    "DicomCheckCalledAet": "a scanner must call pacs_aet",
    "DicomCheckModalityHost": "use sources in pacs_modalities",
    "DicomModalities": "use pacs_modalities",
    "DicomModalitiesInDatabase": "use pacs_modalities",
    "DicomPort": "use pacs_dicom_port",
    "DicomServerEnabled": "use pacs_dicom_enabled",
    "ExecuteLuaEnabled": "anyone who can send Lua to Orthanc owns the archive",
    "HttpBindAddresses": "nginx is the only door; use pacs_https_port",
    "HttpPort": "nginx is the only door; use pacs_https_port",
    "HttpProxy": "no part of the site reaches another through a proxy",
    "HttpServerEnabled": "nginx asks it",
    "HttpVerbose": "it would write passwords into the log",
    "IndexConnectionsCount": "use pacs_index_connections",
    "IndexDirectory": "use pacs_data_dir",
    "KeepAlive": "it must fit nginx",
    "KeepAliveTimeout": "it must fit nginx; use proxy_read_timeout for the time that an answer may take",
    "LimitFindInstances": "use orthanc_find_instances_limit",
    "LimitFindResults": "use orthanc_find_results_limit",
    "LuaHeartBeatPeriod": "a script in Orthanc may do everything; the collection runs none",
    "LuaScripts": "a script in Orthanc may do everything; the collection runs none",
    "Name": "use pacs_site",
    "OrthancExplorerEnabled": "the old interface does not know the rules of the new one",
    "OrthancPeersInDatabase": "name peers in OrthancPeers",
    "OverwriteInstances": "what is in the archive is never replaced",
    "Plugins": "the image says which plugins are loaded",
    "Python": "a script in Orthanc may do everything; the collection runs none",
    "PythonScript": "a script in Orthanc may do everything; the collection runs none",
    "PythonVerbose": "a script in Orthanc may do everything; the collection runs none",
    "ReadOnly": "the collection decides which Orthanc writes",
    "RemoteAccessAllowed": "nginx is the only door",
    "RestApiWriteToFileSystemEnabled": "a request could then write files on the server",
    "SaveJobs": "jobs of two Orthancs on one database must not meet",
    "ServeFolders": "it would show files of the container to everybody",
    "StorageDirectory": "use pacs_data_dir",
    "TemporaryDirectory": "the container has one",
    "UncheckedFolders": "it opens folders to everybody without a link",
    "UncheckedResources": "it opens what it names to everybody without a link",
    "UncheckedLevels": "it opens what it names to everybody without a link",
}
OWNED_BEGINNINGS = {
    "DicomTls": "use pacs_dicom_tls_enabled and the variables that begin with tls_dicom_",
    "Ssl": "nginx speaks TLS; use pacs_tls_source",
    "WebDav": "WebDAV would be a door beside nginx's rules",
}
OWNED_IN = {
    "DicomWeb": {
        "PublicRoot": "nginx's paths and Orthanc's must agree",
        "Root": "nginx's paths and Orthanc's must agree",
    },
    "OHIF": {
        "DataSource": "nginx's paths and Orthanc's must agree",
        "RouterBasename": "nginx's paths and Orthanc's must agree",
        "UserConfiguration": "the collection configures the viewer",
    },
    "OrthancExplorer2": {"Keycloak": "the staff are pacs_staff_users", "Tokens": "use pacs_shares_enabled"},
    "UiOptions": {
        "EnableLinkToLegacyUi": "the old interface does not know the rules of the new one",
        "EnableShares": "use pacs_shares_enabled",
        "OhifViewer3PublicRoot": "the collection sets it",
        "ShareDuration": "use pacs_share_days",
    },
}
SHARES_OWNED_IN = {
    "UiOptions": dict.fromkeys(("EnableDicomModalities", "EnableSendTo", "EnableUpload"), "a share link only reads"),
}
# What the Orthanc behind the shares does not do, because it reads and nothing else.
SHARES_REFUSED = (
    "Housekeeper",
    "IngestTranscoding",
    "MaximumPatientCount",
    "MaximumStorageMode",
    "MaximumStorageSize",
    "OrthancPeers",
    "Servers",
)

# A secret by its name; where it belongs, if it has a variable.
SECRET_PLACES = {
    "RegisteredUsers": "use pacs_staff_users",
    "Password": "use pacs_database_password",
    "WebServicePassword": "use pacs_auth_service_password",
    "ConnectionUri": "use pacs_database_password",
}
SECRET_NAME = re.compile(
    r"pass(word|wd|phrase|code)?$|secret|credential|api_?key|private_?key|keyfile|httpheaders|^token$"
    r"|registeredusers|connectionuri|username$",
    re.IGNORECASE,
)
SECRET_URL = re.compile(r"[^/\s:@]*:[^/\s@]*@")

# (key, refused value): what that would lose or open.
REFUSED_VALUES = {
    ("DeidentifyLogs", False): "patients' names would be in the log",
    (
        "HttpsVerifyPeers",
        False,
    ): "anybody between could answer in the other server's name",
    ("StoreDicom", False): "what scanners send would not be kept",
    ("StoreMD5ForAttachments", False): "backups are proven by these sums",
}
# They make another SOP Instance UID and other pixels of what a scanner sent.
LOSSY = {"1.2.840.10008.1.2.4." + end for end in ("50", "51", "81", "91", "93", "203")}
SEGMENTATIONS = (".nrrd", ".nii", ".nii.gz", ".dcm")
# What makes Orthanc recycle patients.
LIMIT_KEYS = ("MaximumPatientCount", "MaximumStorageSize")


def _spelled(name: str, words: Iterable[str]) -> str | None:
    """A word as it is written in the list, whatever the case, or None."""
    return next((word for word in words if word.casefold() == name.casefold()), None)


def secrets_in(value: Any, name: str = "") -> Problems:
    """Where a configuration holds a secret: names of settings, never their values."""
    if isinstance(value, dict):
        for key, entry in value.items():
            if SECRET_NAME.search(str(key)) and not isinstance(entry, bool):
                yield str(key)
            else:
                yield from secrets_in(entry, str(key))
    elif isinstance(value, (list, tuple)):
        # An Orthanc peer and a DICOMweb server may be a list of URL, user and password.
        if len(value) > 1 and isinstance(value[0], str) and "://" in value[0] and not str(value[1]).startswith("http"):
            yield name
        else:
            for entry in value:
                yield from secrets_in(entry, name)
    elif isinstance(value, str) and SECRET_URL.search(value.partition("://")[2] or "") and "://" in value:
        yield name


def _owned(name: str, section: str) -> str | None:
    """Why a setting is not the site's, or None."""
    own = OWNED | OWNED_IN.get(section, {})
    spelled = _spelled(name, own)
    if spelled:
        return own[spelled]
    return next(
        (why for beginning, why in OWNED_BEGINNINGS.items() if name.casefold().startswith(beginning.casefold())), None
    )


def _settings(value: dict[Any, Any], section: str, allowed: list[str] | None, shares: bool) -> Problems:
    """Problems of the settings of one section."""
    for name, entry in value.items():
        if not isinstance(name, str):
            yield f"its key {name} must be text in quotes"
            continue
        shown = f"{section}: {name}" if section else name
        why = (SHARES_OWNED_IN.get(section, {}).get(name) if shares else None) or _owned(name, section)
        refused = shares and _spelled(name, SHARES_REFUSED)
        # A secret there has its sentence already.
        if SECRET_NAME.search(name) or any(secrets_in(entry)):
            continue
        if why:
            yield f"it must not change {shown}: {why}"
        elif refused:
            yield f"it must not change {shown}: the Orthanc behind the shares only reads; use pacs_orthanc_config"
        elif not section and name in SECTIONS:
            if not isinstance(entry, dict):
                yield f"{name} must be a dictionary"
            else:
                yield from _settings(entry, name, SECTIONS[name], shares)
        elif allowed is not None and name not in allowed:
            known = [*allowed, *(SECTIONS if not section else ())]
            yield f"{shown} is none of the settings that a site may change" + nearest(name, known).removesuffix("?")
        elif name == "UiOptions" and isinstance(entry, dict):
            yield from _settings(entry, name, None, shares)
        elif isinstance(entry, bool) and (name, entry) in REFUSED_VALUES:
            yield f"it must not set {shown} to {str(entry).lower()}: {REFUSED_VALUES[name, entry]}"
        elif name == "IngestTranscoding" and entry in LOSSY:
            yield f"{shown} must be a lossless transfer syntax, because models are made from what the scanner sent"


def orthanc_config(shares: bool = False) -> Rule:
    """A rule for what a site adds to the configuration of the staff's Orthanc or of the one behind the shares."""

    def rule(value: dict[Any, Any]) -> Problems:
        for key in dict.fromkeys(secrets_in(value)):
            place = SECRET_PLACES.get(_spelled(key, SECRET_PLACES) or "", "a site's configuration has no place for it")
            yield f"it must have no {key}, {NO_SECRET}; {place}"
        yield from _settings(value, "", OPEN, shares)
        if value.get("SyncStorageArea") is False:
            yield "it must not switch SyncStorageArea off, or the power could take what a scanner was told is stored"
        if value.get("MaximumStorageMode") != "Reject" and not shares:
            for key in LIMIT_KEYS:
                if value.get(key):
                    yield (
                        f"with {key} Orthanc deletes the oldest patients to make room for new ones;"
                        " set MaximumStorageMode to 'Reject' as well, then it refuses new ones instead"
                    )

    return rule


def model_arguments(right: dict[str, Any]) -> Problems:
    """What attach_model.yml can't begin with."""
    file, absent = right.get("model_file", "").strip(), right.get("model_state") == "absent"
    is_stl = file.lower().endswith(".stl")
    if "model_study" in right and not right["model_study"].strip():
        yield "-e model_study=... is missing: the accession number, Study Instance UID or Orthanc's identifier"
    if not file and not absent:
        yield "-e model_file=... is missing: the STL file or the segmentation"
    if absent and not right.get("model_title", "").strip() and not is_stl:
        yield "-e model_title=... is missing: the title of the model that is to be removed"
    if not file:
        return
    if not is_stl and not file.lower().endswith(SEGMENTATIONS):
        yield (
            f"model_file is '{file}'; its name must end with .stl or, as a segmentation, with .nrrd, .seg.nrrd, .nii,"
            " .nii.gz or .dcm. Export OBJ, 3MF and others as STL"
        )
    elif not is_stl and absent:
        yield f"model_file is '{file}'; to remove a model give its title, or the STL file of one version"
    if not os.path.isfile(os.path.expanduser(file)):
        yield f"model_file is '{file}'; there is no such file"


RULES = {
    "pacs_orthanc_config": orthanc_config(),
    "pacs_orthanc_for_shares_config": orthanc_config(shares=True),
    "orthanc_find_instances_limit": between(0, 10**9),
    "orthanc_find_results_limit": between(0, 10**9),
}
RELATIONS: tuple[Relation, ...] = ()
ARGUMENTS = {"orthanc.model": model_arguments}
