# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which patients, studies, series and instances a URI touches."""

import json
import re
from typing import NamedTuple

import labkit
import orthanc

UIDS = {
    "patient": ("PatientID", "PatientMainDicomTags"),
    "study": ("StudyInstanceUID", "MainDicomTags"),
    "series": ("SeriesInstanceUID", "MainDicomTags"),
    "instance": ("SOPInstanceUID", "MainDicomTags"),
}
FOLDERS = {"patient": "patients", "study": "studies", "series": "series", "instance": "instances"}
PARENTS = {
    "instance": ("series", "ParentSeries"),
    "series": ("study", "ParentStudy"),
    "study": ("patient", "ParentPatient"),
}
QUERY = {
    "patient": ("00100020", "patientid"),
    "study": ("0020000d", "studyinstanceuid"),
    "series": ("0020000e", "seriesinstanceuid"),
    "instance": ("00080018", "sopinstanceuid"),
}


class Access(NamedTuple):
    level: str
    orthanc_id: str
    dicom_uid: str = ""


class Unknown(Exception):
    """The URI names something that Orthanc doesn't have."""


class Resources:
    def __init__(self, dicom_web):
        root = re.escape(dicom_web)
        self.single = re.compile(r"/(patients|studies|series|instances)/([a-f0-9-]+)(|/.*)", re.DOTALL)
        self.lists = re.compile(r"/(patients|studies|series|instances)/?")
        self.bulk = re.compile(r"/tools/(create-archive|create-media|create-media-extended)/?")
        self.search = re.compile(root + r"/(studies|series|instances)/?")
        study, series, instance = r"/studies/([.0-9]+)", r"/series/([.0-9]+)", r"/instances/([.0-9]+)"
        self.web = [
            re.compile(root + pattern, re.DOTALL)
            for pattern in (
                study + r"(?:|/series|/metadata|/instances|/rendered|/thumbnail)/?",
                study + series + r"(?:|/instances|/rendered|/thumbnail|/metadata)/?",
                study + series + instance + r"(?:|/|/frames/.*|/rendered|/thumbnail|/metadata|/bulk/.*)/?",
            )
        ]
        self.patterns = [self.single, *self.web]
        self.known = {}

    def is_list(self, uri):
        return bool(self.lists.fullmatch(uri))

    def accessed(self, uri, arguments):
        if found := self.single.fullmatch(uri):
            level = {folder: level for level, folder in FOLDERS.items()}[found[1]]
            return self.lineage(level, found[2])
        for pattern in self.web:
            if found := pattern.fullmatch(uri):
                return self.by_uids(*found.groups())
        if self.bulk.fullmatch(uri):
            return self.archived(arguments.get("resources", ""))
        if self.search.fullmatch(uri):
            accesses = self.searched({name.lower(): value for name, value in arguments.items()})
            if accesses:
                return accesses
        return [Access("system", uri.rstrip("/"))]

    def archived(self, identifiers):
        accesses = []
        for identifier in filter(None, identifiers.split(",")):
            for level in ("study", "patient", "series", "instance"):
                if self.describe(level, identifier):
                    accesses += self.lineage(level, identifier)
                    break
        return accesses

    def searched(self, arguments):
        """A search that names its study, or its patient, touches that one alone; a wildcard names nothing."""
        given = {}
        for level, names in QUERY.items():
            value = next((arguments[name] for name in names if arguments.get(name)), "")
            given[level] = "" if "*" in value else value
        if given["study"]:
            uids = [given["study"]]
            if given["series"]:
                uids.append(given["series"])
                if given["instance"]:
                    uids.append(given["instance"])
            return self.by_uids(*uids)
        if given["patient"]:
            return self.named("patient", given["patient"])
        return []

    def named(self, level, uid):
        """All that have this identifier, each with what is above it."""
        return [access for identifier in self.lookup(level, uid) for access in self.lineage(level, identifier)]

    def by_uids(self, study, series=None, instance=None):
        """Every study that the URI's UID names is checked, whether or not it is the parent of the rest."""
        accesses = self.named("study", study)
        for level, uid in (("series", series), ("instance", instance)):
            if uid:
                accesses += [Access(level, identifier, uid) for identifier in self.lookup(level, uid)]
        return accesses

    @staticmethod
    def lookup(level, uid):
        """The Orthanc IDs of a UID: several if two patients have it. Asked each time, so none is ever stale."""
        found = json.loads(orthanc.RestApiPost("/tools/lookup", uid.encode()))
        identifiers = [item["ID"] for item in found if item["Type"].lower() == level]
        if not identifiers:
            raise Unknown(f"no {level} {uid}")
        return identifiers

    def describe(self, level, identifier):
        """The DICOM identifier and the parent of a resource, or None."""
        key = (level, "id", identifier)
        if key not in self.known:
            details = labkit.get(f"/{FOLDERS[level]}/{identifier}")
            if details is None:
                return None
            name, group = UIDS[level]
            tags = details.get(group) or details.get("MainDicomTags", {})
            self.remember(key, (tags.get(name, ""), details.get(PARENTS[level][1]) if level in PARENTS else None))
        return self.known[key]

    def lineage(self, level, identifier):
        """The resource and everything above it, the patient first."""
        accesses = []
        while True:
            details = self.describe(level, identifier)
            if details is None:
                raise Unknown(f"no {level} {identifier}")
            accesses.insert(0, Access(level, identifier, details[0]))
            if level not in PARENTS:
                return accesses
            level, identifier = PARENTS[level][0], details[1]

    def labels(self, access):
        if access.level == "system":
            return []
        return labkit.get(f"/{FOLDERS[access.level]}/{access.orthanc_id}/labels") or []

    def remember(self, key, value):
        if len(self.known) > 20000:
            self.known.clear()
        self.known[key] = value

    def on_change(self, change, level, resource):
        if change == orthanc.ChangeType.DELETED:
            self.known.clear()
