# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The explorer's routes and pages that staff and share links need."""

from pathlib import Path

import authorization
import labkit

ROOT_URI = "/ui/app/"
PAGES = Path(__file__).resolve().parent / "pages" / "explorer"
TYPES = {".html": "text/html", ".js": "text/javascript", ".css": "text/css"}

UI_OPTIONS = {
    "EnableShares": False,
    "ShareDuration": 15,
    "EnableUpload": True,
    "EnableSendTo": True,
    "EnableAddSeries": True,
    "EnableAnonymization": True,
    "EnableDeleteResources": True,
    "EnableDicomModalities": True,
    "EnableDownloadZip": True,
    "EnableModification": True,
    "EnableSettings": True,
    "EnableLinkToLegacyUi": True,
    "EnableOpenInOhifViewer3": False,
    "OhifViewer3PublicRoot": "/ohif/",
}
TOKENS = {"ShareType": "stone-viewer-publication", "InstantLinksValidity": 200}
READ_ONLY_OFF = (
    "EnableUpload",
    "EnableAddSeries",
    "EnableAnonymization",
    "EnableDeleteResources",
    "EnableModification",
)
# What a user sees needs one of these, as soon as users have profiles.
NEEDS = {
    "EnableShares": {"all", "share"},
    "EnableUpload": {"all", "upload"},
    "EnableSendTo": {"all", "send"},
    "EnableAddSeries": {"all", "upload"},
    "EnableAnonymization": {"all", "anonymize"},
    "EnableDeleteResources": {"all", "delete"},
    "EnableDicomModalities": {"all", "q-r-remote-modalities"},
    "EnableDownloadZip": {"all", "download"},
    "EnableModification": {"all", "modify"},
    "EnableSettings": {"all", "settings"},
}


def configuration(request):
    settings = labkit.section("OrthancExplorer2")
    stand_ins = labkit.CONFIGURATION["LabStandIns"]
    options = UI_OPTIONS | settings.get("UiOptions", {})
    if "ohif" in stand_ins:
        options["EnableOpenInOhifViewer3"] = settings.get("UiOptions", {}).get("EnableOpenInOhifViewer3", True)
    if labkit.CONFIGURATION.get("ReadOnly"):
        options.update(dict.fromkeys(READ_ONLY_OFF, False))
    for routes in authorization.profiles:
        permissions = set(routes.profile_of(request)["permissions"])
        options.update({name: options[name] and bool(needed & permissions) for name, needed in NEEDS.items()})
    real = {name: labkit.get(f"/plugins/{name}") for name in labkit.get("/plugins") if name != "explorer.js"}
    real.update({name: {"ID": name, "Version": labkit.VERSION} for name in stand_ins})
    return {
        "Plugins": {name: {**details, "Enabled": True} for name, details in real.items()},
        "UiOptions": options,
        "Tokens": TOKENS | settings.get("Tokens", {}),
        "Keycloak": None,
    }


def pre_login():
    tokens = labkit.section("OrthancExplorer2").get("Tokens", {})
    return {"Keycloak": None, "TokensLandingOptions": tokens.get("LandingOptions"), "Inbox": None}


def page(output, request, name=""):
    path = (PAGES / (name or "index.html")).resolve()
    if not path.is_relative_to(PAGES) or path.suffix not in TYPES or not path.is_file():
        raise labkit.Refused(404, "Unknown resource")
    output.AnswerBuffer(path.read_bytes(), TYPES[path.suffix])


def register():
    settings = labkit.section("OrthancExplorer2")
    if not settings.get("Enable", True):
        return
    labkit.route("/ui/app", "GET", page)
    labkit.route("/ui/app/(.*)", "GET", page)
    labkit.route(
        "/ui/api/configuration", "GET", lambda output, request: labkit.answer_json(output, configuration(request))
    )
    labkit.route(
        "/ui/api/pre-login-configuration", "GET", lambda output, request: labkit.answer_json(output, pre_login())
    )
    if settings.get("IsDefaultOrthancUI", True):
        labkit.route("/", "GET", lambda output, request: output.Redirect("ui/app/"))
