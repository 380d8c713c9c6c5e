# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which permission a user needs for a method and a URI."""

import re

RESOURCES = r"/(patients|studies|series|instances)"
ONE = RESOURCES + r"/([a-f0-9-]+)"

# Condensed from what the upstream plugin documents; the first rule that matches decides, an empty one lets all pass.
DEFAULT = [
    ("post", r"/auth/tokens/decode", ""),
    ("post", r"/tools/lookup", ""),
    ("get", r"/tools/generate-uid(.*)", ""),
    ("post", r"/tools/(find|count-resources)", "all|view"),
    ("get", RESOURCES + r"(|/)", "all|view"),
    ("get", r"/(statistics|changes|system|plugins|tools/metrics-prometheus)", "all|view"),
    ("get", r"/plugins/(.*)", "all|view"),
    ("get", r"/worklists(|/.*)", "all|view|worklists"),
    ("get", "SINGLE_RESOURCE_PATTERNS", "all|view"),
    ("put", r"/auth/tokens/(viewer|meddream)-instant-link", "all|view"),
    ("put", r"/auth/tokens/download-instant-link", "all|download"),
    ("put", r"/auth/tokens/(stone|meddream|osimis|ohif|volview)-viewer-publication", "all|share"),
    ("get", r"/ui/api/emails/templates/(.*)", "all|share"),
    ("post", r"/ui/api/emails/send", "all|share"),
    ("post", r"/instances", "all|upload"),
    ("post", r"/DICOM_WEB_ROOT/studies(|/[.0-9]+)", "all|upload"),
    ("post", r"/tools/create-dicom", "all|upload"),
    ("post", r"/stl/encode-(rtstruct|nifti)", "all|upload"),
    ("get", r"/jobs/([a-f0-9-]+)", "all|send|modify|anonymize|q-r-remote-modalities|admin-permissions"),
    ("post", r"/(peers|modalities)/(.*)/(store|store-straight)", "all|send"),
    ("get", r"/(peers|modalities)(|/.*/configuration)", "all|send|q-r-remote-modalities"),
    ("post", r"/modalities/(.*)/echo", "all|send|q-r-remote-modalities"),
    ("post", r"/modalities/(.*)/(query|move)", "all|q-r-remote-modalities"),
    ("get", r"/queries/([a-f0-9-]+)/answers(|/[0-9]+/content)", "all|q-r-remote-modalities"),
    ("post", r"/queries/([a-f0-9-]+)/answers/([0-9]+)/retrieve", "all|q-r-remote-modalities"),
    ("get", r"/DICOM_WEB_ROOT/servers", "all|send|q-r-remote-modalities"),
    ("post", r"/DICOM_WEB_ROOT/servers/(.*)/(qido|retrieve)", "all|q-r-remote-modalities"),
    ("post", r"/DICOM_WEB_ROOT/servers/(.*)/stow", "all|send"),
    ("get", r"/DICOM_WEB_ROOT/(studies|series|instances)(|/)", "all|view"),
    ("post", ONE + r"/(modify|merge)(.*)", "all|modify"),
    ("post", ONE + r"/anonymize(.*)", "all|anonymize"),
    ("post", r"/tools/bulk-modify", "all|modify"),
    ("post", r"/tools/bulk-anonymize", "all|anonymize"),
    ("get", r"/tools/labels", "all|view|edit-labels"),
    ("put", ONE + r"/labels/(.*)", "all|edit-labels"),
    ("delete", ONE + r"/labels/(.*)", "all|edit-labels"),
    ("delete", ONE, "all|delete"),
    ("post", r"/tools/bulk-delete", "all|delete"),
    ("put", r"/tools/log-level", "all|settings"),
    ("get", r"/tools/log-level", "all|settings"),
    ("put", r"/auth/settings/roles", "admin-permissions"),
    ("get", r"/auth/settings/(roles|permissions)", "admin-permissions"),
    ("get", r"/auth/audit-logs", "admin-permissions|audit-logs"),
    ("put", r"/modalities/(.*)", "admin-permissions"),
    ("delete", r"/modalities/(.*)", "admin-permissions"),
    ("post", r"/worklists/create", "all|worklists"),
    ("put", r"/worklists/(.*)", "all|worklists"),
    ("delete", r"/worklists/(.*)", "all|worklists"),
    ("get", r"/jobs", "admin-permissions"),
    ("post", r"/jobs/([a-f0-9-]+)/(pause|resume|resubmit|cancel)", "admin-permissions"),
    ("delete", r"/jobs/([a-f0-9-]+)", "admin-permissions"),
]


class Permissions:
    """A list of the site's own replaces the default one; extra rules come after either."""

    def __init__(self, settings, dicom_web, single_patterns):
        self.root = dicom_web.strip("/")
        self.single = single_patterns
        self.rules = []
        for rule in [*settings.get("Permissions", DEFAULT), *settings.get("ExtraPermissions", [])]:
            self.add(*rule[:3])

    def add(self, method, pattern, permissions):
        required = set(filter(None, permissions.split("|")))
        if pattern == "SINGLE_RESOURCE_PATTERNS":
            patterns = self.single
        else:
            patterns = [re.compile(pattern.replace("DICOM_WEB_ROOT", self.root), re.DOTALL)]
        self.rules += [(method.upper(), compiled, required) for compiled in patterns]

    def required(self, method, uri):
        """The permissions of which one is enough; an empty set asks for none, None means that no rule matches."""
        return next(
            (required for verb, pattern, required in self.rules if verb == method and pattern.fullmatch(uri)), None
        )
