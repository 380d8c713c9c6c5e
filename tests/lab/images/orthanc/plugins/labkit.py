# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the stand-ins share: the configuration, Orthanc's own REST API, answers."""

import json

import orthanc

VERSION = "lab-1"
CONFIGURATION = json.loads(orthanc.GetConfiguration())


class Refused(Exception):
    """The request is answered with this HTTP status."""

    def __init__(self, status, message):
        super().__init__(message)
        self.status = status


def section(name):
    return CONFIGURATION.get(name, {})


def text_setting(settings, name, default=""):
    """Orthanc's plugins refuse to load if a setting has the wrong type."""
    value = settings.get(name, default)
    if not isinstance(value, str):
        raise TypeError(f'The configuration option "{name}" is not a string as expected')
    return value


def get(uri):
    """The answer of Orthanc itself, or None for an unknown resource."""
    try:
        return json.loads(orthanc.RestApiGet(uri))
    except orthanc.OrthancException:
        return None


def dumps(value):
    return json.dumps(value).encode()


def answer_json(output, value):
    output.AnswerBuffer(json.dumps(value, indent=2) + "\n", "application/json")


def route(pattern, methods, handler):
    """Register handler(output, request, *groups) for one method, or some, of the URIs that match."""
    allowed = [methods] if isinstance(methods, str) else methods

    def callback(output, uri, **request):
        method = request["method"]
        if method not in allowed:
            output.SendMethodNotAllowed(",".join(allowed))
            return
        try:
            handler(output, request, *request.get("groups", ()))
        except Refused as error:
            details = {"HttpStatus": error.status, "Message": str(error), "Uri": uri, "Method": method}
            output.SendHttpStatus(error.status, json.dumps(details).encode())

    orthanc.RegisterRestCallback(pattern, callback)


def json_body(request):
    try:
        return json.loads(request.get("body") or b"")
    except ValueError:
        raise Refused(400, "A JSON payload was expected") from None
