# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ask an auth service who may do what, by share token or user profile.

The traps are kept: a share token opens every method on its study, only GET paths can be left unchecked, a token in
the query string counts for GET alone, and whatever goes wrong refuses the request.
"""

import urllib.parse

import labkit
import orthanc
from auth_service import AuthService
from permissions import Permissions
from resources import Resources

STANDARD = {
    "orthanc-explorer-2": {
        "folders": ["/ui/app/", "/ui/landing/"],
        "resources": ["/", "/ui/api/pre-login-configuration", "/ui/api/configuration", "/auth/user/profile"],
        "headers": ["Authorization", "token"],
        "arguments": ["token"],
    },
    "ohif": {"folders": ["/ohif/"], "headers": ["Authorization"]},
    "stl": {"folders": ["/stl/"], "headers": ["Authorization"]},
    "volview": {"folders": ["/volview/"], "headers": ["Authorization"]},
    "stone-webviewer": {"folders": ["/stone-webviewer/"], "resources": ["/system"], "headers": ["Authorization"]},
    "osimis-web-viewer": {
        "folders": ["/osimis-viewer/app/", "/osimis-viewer/languages/"],
        "resources": ["/osimis-viewer/config.js"],
        "headers": ["token"],
        "arguments": ["token"],
    },
}
LEVELS = {"patients": "patient", "studies": "study", "series": "series", "instances": "instance"}
METHODS = {
    orthanc.HttpMethod.GET: "GET",
    orthanc.HttpMethod.POST: "POST",
    orthanc.HttpMethod.PUT: "PUT",
    orthanc.HttpMethod.DELETE: "DELETE",
}
EVERY_LEVEL = {"system", "patient", "study", "series", "instance"}
# What knows the caller of a request, if profiles are asked for.
profiles = []


class Filter:
    """Decides on every HTTP request."""

    def __init__(self, settings, service):
        self.service = service
        self.dicom_web = "/" + labkit.section("DicomWeb").get("Root", "/dicom-web/").strip("/")
        self.resources = Resources(self.dicom_web)
        patterns = self.resources.patterns
        self.permissions = Permissions(settings, self.dicom_web, patterns) if service.profile_url else None
        self.checked = checked_levels(settings)
        standard = [STANDARD[name] for name in settings.get("StandardConfigurations", []) if name in STANDARD]
        self.folders = gathered(settings.get("UncheckedFolders"), standard, "folders")
        self.open = gathered(settings.get("UncheckedResources"), standard, "resources")
        # In the order of a C++ set, and the last one decides.
        self.headers = sorted(gathered(settings.get("TokenHttpHeaders"), standard, "headers"))
        self.arguments = gathered(settings.get("TokenGetArguments"), standard, "arguments")

    def __call__(self, uri, **request):
        method = METHODS[request["method"]]
        return self.allows_safely(method, uri, request.get("headers", {}), request.get("get", {}))

    def allows_safely(self, method, uri, headers, arguments):
        try:
            return self.allows(method, uri, headers, arguments)
        except Exception as error:
            orthanc.LogError(f"authorization: {method} {uri} is refused: {error}")
            return False

    def allows(self, method, uri, headers, arguments):
        if method == "GET" and (uri in self.open or uri.startswith(tuple(self.folders))):
            return True
        tokens = self.tokens(uri, headers, arguments)
        decision = self.permitted(method, uri, arguments, tokens)
        if decision is None and self.service.validation_url:
            decision = self.granted(method, uri, arguments, tokens) or self.searches(method, uri, arguments, tokens)
        return bool(decision)

    def tokens(self, uri, headers, arguments):
        """Pairs of key and value; DICOMweb hands on headers alone, so a query argument is worth nothing there."""
        present = {name.lower(): value for name, value in headers.items()}
        found = [(name, present[name.lower()]) for name in self.headers if name.lower() in present]
        if not uri.startswith(f"{self.dicom_web}/"):
            found += [(name, arguments[name]) for name in self.arguments if name in arguments]
        return found

    def permitted(self, method, uri, arguments, tokens):
        """True by a user's permission, False by its labels, None if a share token has to decide."""
        required = self.permissions.required(method, uri) if self.permissions else None
        if required is None:
            return None
        profile = self.profile(tokens)
        if required and not required & set(profile["permissions"]):
            return None
        return not self.hidden_by_labels(method, uri, arguments, profile)

    def profile(self, tokens):
        """Who the caller is: whom the last token names, or nobody in particular."""
        return [self.service.profile(*token) for token in tokens or [("", "")]][-1]

    def hidden_by_labels(self, method, uri, arguments, profile):
        labels = set(profile["authorized-labels"])
        if "*" in labels:
            return False
        if method == "GET" and self.resources.is_list(uri):
            return True
        for access in self.resources.accessed(uri, arguments):
            if access.level in self.checked:
                return not labels & set(self.resources.labels(access))
        return False

    def granted(self, method, uri, arguments, tokens):
        accesses = [access for access in self.resources.accessed(uri, arguments) if access.level in self.checked]
        return bool(accesses) and all(self.opens(tokens, method, access) for access in accesses)

    def searches(self, method, uri, arguments, tokens):
        """A token may search all studies: /tools/find keeps the answer to its own ones."""
        named = {"studyinstanceuid", "0020000d"} & {name.lower() for name in arguments}
        search = method == "GET" and uri == "/dicom-web/studies" and not named
        return search and bool(self.service.studies_of(tokens))

    def opens(self, tokens, method, access):
        return any(self.service.grants(method, access, self.resources.labels, *token) for token in tokens or [()])


def gathered(own, standard, name):
    """The site's own list and those of its standard configurations, each once."""
    return list(dict.fromkeys([*(own or []), *(item for each in standard for item in each.get(name, []))]))


def checked_levels(settings):
    checked = settings.get("CheckedLevel")
    unchecked = settings.get("UncheckedLevels")
    if checked is not None and unchecked is not None:
        raise ValueError("you may only provide one of 'CheckedLevel' or 'UncheckedLevels'")
    if checked is not None:
        return {LEVELS[checked]}
    return EVERY_LEVEL - {LEVELS.get(level, level) for level in unchecked or []}


class Routes:
    """What the plugin adds to Orthanc's REST API."""

    def __init__(self, request_filter, service):
        self.filter = request_filter
        self.service = service

    def create_token(self, output, request, kind):
        body = labkit.json_body(request)
        token = self.service.create_token(kind, body)
        # Upstream leaves the request without an answer if the service refuses, which a proxy reports as 502.
        if token is not None:
            labkit.answer_json(output, {"Token": token.get("token") or "", "Url": token.get("url")})

    def decode_token(self, output, request):
        body = labkit.json_body(request)
        decoded = self.service.decode_token(body.get("TokenKey", ""), body.get("TokenValue", ""))
        if decoded is None:
            return
        names = {"RedirectUrl": "redirect-url", "ErrorCode": "error-code", "TokenType": "token-type"}
        answer = {name: decoded[key] for name, key in names.items() if decoded.get(key)}
        for name, key in (("ResourcesDicomIds", "dicom-uid"), ("ResourcesOrthancIds", "orthanc-id")):
            answer[name] = sorted({resource[key] for resource in decoded.get("resources", []) if resource.get(key)})
        labkit.answer_json(output, answer)

    def profile(self, output, request):
        profile = self.profile_of(request)
        answer = {name: profile.get(name) or [] for name in ("name", "permissions", "groups")}
        optional = {name: profile[name] for name in ("authorized-labels", "user-id") if profile.get(name)}
        labkit.answer_json(output, answer | optional)

    def tokens_of(self, request):
        return self.filter.tokens("", request.get("headers", {}), request.get("get", {}))

    def profile_of(self, request):
        return self.filter.profile(self.tokens_of(request))

    def resource(self, output, request, folder, identifier):
        """Where something is removed that isn't there, the plugin gives no answer at all."""
        uri = f"/{folder}/{identifier}"
        if request["method"] == "DELETE":
            if labkit.get(uri) is not None:
                orthanc.RestApiDelete(uri)
                output.AnswerBuffer("{}", "application/json")
            return
        query = urllib.parse.urlencode(request.get("get", {}))
        found = labkit.get(f"{uri}?{query}" if query else uri)
        if found is None:
            raise labkit.Refused(404, "Unknown resource")
        labkit.answer_json(output, found)

    def find(self, output, request):
        """DICOMweb searches through here, with the headers of the caller: everybody finds only what is theirs."""
        query = labkit.json_body(request)
        labels = self.profile_of(request)["authorized-labels"]
        if not labels:
            self.constrain(query, self.tokens_of(request))
        elif "*" not in labels:
            self.keep_to_labels(query, set(labels))
        output.AnswerBuffer(orthanc.RestApiPost("/tools/find", labkit.dumps(query)), "application/json")

    def constrain(self, query, tokens):
        conditions = query.setdefault("Query", {})
        uid = next(
            (
                conditions[name]
                for name in ("StudyInstanceUID", "0020,000d", "0020,000D", "0020000D")
                if name in conditions
            ),
            None,
        )
        if uid is None:
            uids = self.service.studies_of(tokens)
            if not uids:
                raise labkit.Refused(403, "tools/find needs a StudyInstanceUID in the query or in the token")
            conditions["StudyInstanceUID"] = "|".join(uids)
            return
        studies = [access for access in self.filter.resources.named("study", uid) if access.level == "study"]
        if not all(self.filter.opens(tokens, "POST", study) for study in studies):
            raise labkit.Refused(403, "the token doesn't open this study")

    def keep_to_labels(self, query, labels):
        """A search of studies is kept to the user's labels; what is in a study is found by its ParentStudy alone."""
        if query.get("Level") == "Study":
            asked = query.get("Labels") or []
            if query.get("LabelsConstraint") == "None" or not labels.issuperset(asked):
                raise labkit.Refused(403, "not with these labels")
            if not asked:
                query |= {"Labels": sorted(labels), "LabelsConstraint": "Any"}
            return
        parent = query.get("ParentStudy")
        if not parent or not labels & set(labkit.get(f"/studies/{parent}/labels") or []):
            raise labkit.Refused(403, "only within a study of these labels")


def register():
    settings = labkit.section("Authorization")
    if not settings:
        orthanc.LogWarning("authorization: no section in the configuration, the plugin is disabled")
        return
    service = AuthService(settings)
    request_filter = Filter(settings, service)
    routes = Routes(request_filter, service)
    if service.decoder_url:
        labkit.route("/auth/tokens/decode", "POST", routes.decode_token)
    if service.profile_url:
        labkit.route("/auth/user/profile", "GET", routes.profile)
        labkit.route("/tools/find", "POST", routes.find)
        labkit.route("/(patients|studies|series)/([0-9a-f-]+)", ("GET", "DELETE"), routes.resource)
        profiles.append(routes)
    if service.creation_url:
        labkit.route("/auth/tokens/(.*)", "PUT", routes.create_token)
    if service.validation_url or service.profile_url:
        orthanc.LogWarning("authorization: registering the filter of incoming HTTP requests")
        orthanc.RegisterIncomingHttpRequestFilter(request_filter)
        orthanc.RegisterOnChangeCallback(request_filter.resources.on_change)
    else:
        orthanc.LogWarning(
            "authorization: will only be able to generate tokens. "
            "All API routes are accessible to all registered users."
        )
