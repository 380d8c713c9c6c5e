# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The gate of the shares: nginx asks it for every request behind /shares/, and staff make and end shares through it.

A token that is not in the ledger opens nothing, so one that is made past the gate is worth nothing. Tokens are neither
stored nor logged: the ledger knows them by their SHA-256. Whatever goes wrong here is an answer that nginx takes for a
refusal.
"""

import json
import logging
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from http import cookies

import asked
from archive import Archive, user
from fastapi import APIRouter, FastAPI, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse, Response
from ledger import UNAVAILABLE, Ledger, iso
from starlette.exceptions import HTTPException
from tokens import InvalidToken, Tokens, expiry

log = logging.getLogger("share-gate")
routes = APIRouter()


@dataclass
class Gate:
    """What a site's gate works with."""

    config: dict
    tokens: Tokens
    ledger: Ledger
    archive: Archive


def create_app(gate: Gate):
    app = FastAPI(title="share-gate", docs_url=None, redoc_url=None, openapi_url=None)
    app.state.gate = gate
    app.include_router(routes)
    handlers = {Denied: denied, asked.Refused: refused, HTTPException: no_route, InvalidToken: not_ours}
    for kind_of_error in UNAVAILABLE:
        handlers[kind_of_error] = unavailable
    for kind_of_error, answer in {**handlers, Exception: failed}.items():
        app.add_exception_handler(kind_of_error, answer)
    return app


def gate_of(request) -> Gate:
    return request.app.state.gate


class Denied(Exception):
    """A share that opens nothing, and why."""

    def __init__(self, reason, status=403):
        super().__init__(reason)
        self.reason, self.status = reason, status


def denied(_request, error: Denied):
    return JSONResponse({"reason": error.reason}, error.status)


def refused(_request, error: asked.Refused):
    return JSONResponse({"Message": str(error)}, error.status)


def no_route(_request, error: HTTPException):
    sentences = {
        404: "The gate of the shares has nothing here.",
        405: "The gate of the shares knows no such method here.",
    }
    message = sentences.get(error.status_code, "The gate of the shares does not understand this request.")
    return JSONResponse({"Message": message}, error.status_code, headers=error.headers)


def unavailable(_request, error: Exception):
    log.error("the ledger or the archive can't be asked: %s", type(error).__name__)
    return JSONResponse({"reason": "unavailable", "Message": "The ledger of the shares can't be asked."}, 503)


def not_ours(_request, _error: InvalidToken):
    log.error("the auth service made a token that the gate can't read: do they have the same signing key?")
    return JSONResponse({"Message": "The auth service made a token that the gate can't read."}, 502)


def failed(_request, _error: Exception):
    """A failure of our own is a refusal; its traceback is in the log."""
    return JSONResponse({"reason": "unavailable", "Message": "The gate of the shares failed."}, 503)


@routes.get("/health")
def health(request: Request):
    gate_of(request).ledger.ask()
    return Response(status_code=204)


# ---- The holder of a link ----


def opened_share(request):
    """The share of the token in a request, if it still opens something, and the token for Orthanc."""
    gate, token = gate_of(request), request.headers.get("token", "")
    try:
        payload, renewed = gate.tokens.known(token)
    except InvalidToken:
        raise Denied("invalid") from None
    share = gate.ledger.find(token)
    if share is None:
        raise Denied("unknown")
    end = expiry(payload)
    reason = share.refusal() or ("expired" if end is not None and end <= datetime.now(UTC) else None)
    if reason:
        raise Denied(reason)
    return share, renewed


def cookie_name(share):
    return f"pacs-share-{share.id}"


def pin_known(request, share):
    return share.pin_hash is None or gate_of(request).ledger.knew_pin(share, request.cookies.get(cookie_name(share)))


@routes.get("/check")
def check(request: Request):
    """What nginx asks before it lets a request through; 204 or 403. nginx names the study and forwards the rest.

    The answer has the token that goes on to Orthanc. The auth service has one key: what was signed with the key before
    it, it knows only as the gate signs it anew.
    """
    share, token = opened_share(request)
    if not pin_known(request, share):
        raise Denied("pin")
    study = request.headers.get("x-share-study", "")
    orthanc_id = request.headers.get("x-share-orthanc-id", "")
    searched = asked.searched_studies(request.headers.get("x-share-arguments", ""))
    if (study and study not in share.uids) or (orthanc_id and orthanc_id not in share.orthanc_ids):
        raise Denied("study")
    if not searched <= set(share.uids):
        raise Denied("study")
    gate_of(request).ledger.opened(share, request.headers.get("x-share-client", ""))
    return Response(status_code=204, headers={"X-Share-Token": token})


@routes.post("/shares/gate/open")
def open_share(request: Request):
    """What the page of a link shows."""
    share, _token = opened_share(request)
    config = gate_of(request).config
    answer = {"site": config["site"], "expires_at": iso(share.expires_at), "pin_required": False}
    if not pin_known(request, share):
        if share.locked:
            raise Denied("locked", 423)
        return answer | {"pin_required": True}
    gate_of(request).ledger.opened(share, request.headers.get("x-share-client", ""))
    return answer | {
        "study_instance_uid": share.uids[0],
        "study_orthanc_id": share.orthanc_ids[0],
        "studies": [
            {"study_instance_uid": uid, "study_orthanc_id": name}
            for uid, name in zip(share.uids, share.orthanc_ids, strict=True)
        ],
        "download_allowed": config["download"],
    }


@routes.post("/shares/gate/pin")
async def enter_pin(request: Request):
    body = await asked.body_of(request)
    return await run_in_threadpool(try_pin, request, body)


def try_pin(request, body):
    share, _token = opened_share(request)
    if share.pin_hash is None:
        return Response(status_code=204)
    entered = asked.read(body)
    if not isinstance(entered, dict) or "pin" not in entered:
        raise asked.Refused('A PIN is asked for as {"pin": "1234"}.')
    try:
        pin = asked.pin({"Pin": entered["pin"]})
    except asked.Refused:
        # No PIN looks like this, but it was a try like any other.
        pin = ""
    cookie, left = gate_of(request).ledger.try_pin(share, pin or "")
    if cookie is None:
        log.info("share %s: wrong PIN from %s", share.id, request.headers.get("x-share-client", ""))
        if left == 0:
            raise Denied("locked", 423)
        return JSONResponse({"reason": "wrong_pin", "tries_left": left}, 403)
    jar = cookies.SimpleCookie({cookie_name(share): cookie})
    jar[cookie_name(share)].update(
        {"path": "/shares/", "httponly": True, "samesite": "Strict", "secure": gate_of(request).config["https"]}
    )
    return Response(status_code=204, headers={"Set-Cookie": jar.output(header="").strip()})


# ---- The staff ----


def passed_on(answer):
    """Orthanc's own answer."""
    status, headers, body = answer
    kept = {name: headers[name] for name in ("Content-Type", "WWW-Authenticate") if headers.get(name)}
    return Response(body, status, headers=kept)


@routes.put("/orthanc/auth/tokens/{kind:path}")
async def create(kind: str, request: Request):
    body = await asked.body_of(request)
    return await run_in_threadpool(create_share, gate_of(request), kind, request.headers.get("authorization"), body)


def create_share(gate, kind, authorization, body):
    """Orthanc makes the token; what makes it open something is its place in the ledger."""
    wrong = gate.archive.refuses(authorization)
    if wrong:
        return passed_on(wrong)
    config = gate.config
    studies, seconds, recipient, pin = asked.creation(kind, body, config["max_days"], config["allow_never"])
    for uid, orthanc_id in studies.items():
        status, found = gate.archive.study_uid(orthanc_id, authorization)
        if status == 404 or (status == 200 and found != uid):
            raise asked.Refused(f"There is no study {uid} with the Orthanc ID {orthanc_id}.")
        if status != 200:
            raise OSError(f"Orthanc answers {status}")
    ambiguous = gate.ledger.others(studies)
    if ambiguous:
        raise asked.Refused(
            f"Another study in the archive, of another PatientID, has the StudyInstanceUID {ambiguous[0]} too, and a"
            " link would open both. Delete the wrong one of the two, or give one another UID by Modify or Anonymize"
            " without keeping its UIDs; then make the link."
        )
    # The token carries this, so that no two of them are the same.
    share = secrets.token_hex(8)
    wanted = {
        "ID": share,
        "Type": kind,
        "Resources": [{"DicomUid": uid, "OrthancId": name, "Level": "study"} for uid, name in studies.items()],
        "ValidityDuration": seconds,
    }
    answer = gate.archive.ask("PUT", f"/auth/tokens/{kind}", authorization, wanted)
    if answer[0] != 200:
        return passed_on(answer)
    made = json.loads(answer[2])
    payload = gate.tokens.read(made["Token"])
    if payload.get("id") != share:
        raise InvalidToken
    gate.ledger.add(share, made["Token"], kind, user(authorization), recipient, expiry(payload), studies, pin)
    log.info("share %s: made by %s", share, user(authorization))
    return JSONResponse(made | {"Share": gate.ledger.listed(id=share)[0]})


@routes.get("/orthanc/shares")
def list_shares(request: Request):
    gate, authorization = gate_of(request), request.headers.get("authorization")
    wrong = gate.archive.refuses(authorization)
    if wrong:
        return passed_on(wrong)
    limits = {name: gate.config[name] for name in ("max_days", "allow_never")}
    asked_for = filters(asked.chosen(request.query_params.multi_items(), ("active",)))
    active = asked_for.pop("active", "false")
    if active not in ("true", "false"):
        raise asked.Refused("active must be true or false.")
    return {"shares": gate.ledger.listed(active=active == "true", **asked_for), "limits": limits}


@routes.post("/orthanc/shares/revoke")
async def revoke(request: Request):
    body = await asked.body_of(request)
    return await run_in_threadpool(revoke_shares, request, body)


def revoke_shares(request, body):
    gate, authorization = gate_of(request), request.headers.get("authorization")
    wrong = gate.archive.refuses(authorization)
    if wrong:
        return passed_on(wrong)
    # A form on another site can send anything but this with a colleague's credentials.
    if request.headers.get("content-type", "").partition(";")[0].strip() != "application/json":
        raise asked.Refused("The request must have the Content-Type application/json.")
    which = asked.read(body)
    if not isinstance(which, dict) or len(which) != 1:
        raise asked.Refused("Say which shares: one of id, token_sha256, study, creator, or all.")
    if "all" in which:
        if which["all"] is not True:
            raise asked.Refused("all must be true.")
        which = {}
    revoked = gate.ledger.revoke(user(authorization), **filters(asked.chosen(which.items())))
    log.info("revoked by %s: %s", user(authorization), " ".join(revoked) or "nothing")
    return {"revoked": revoked}


def filters(chosen):
    """As the ledger names them."""
    return {("token" if name == "token_sha256" else name): value for name, value in chosen.items()}
