# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The web service that Orthanc's authorization plugin asks; a lab stand-in.

It logs requests and whole tokens, as upstream does: a site has to switch that off.
"""

import logging
import os
import secrets
from datetime import UTC, datetime, timedelta
from typing import Annotated

from fastapi import Depends, FastAPI, Header, HTTPException, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.security import HTTPBasic, HTTPBasicCredentials
from models import (
    CreatedToken,
    DecodedToken,
    DecoderRequest,
    Profile,
    ProfileRequest,
    Share,
    TokenType,
    Validation,
    ValidationRequest,
)
from settings import anonymous_profile, roles, users
from tokens import Tokens

logging.basicConfig(level=logging.DEBUG)
log = logging.getLogger(__name__)

tokens = Tokens()
roles()
anonymous = anonymous_profile()
if os.environ.get("ENABLE_KEYCLOAK") == "true":
    raise SystemExit("the lab has no Keycloak")
basic_users = users()


def authorize(credentials: Annotated[HTTPBasicCredentials, Depends(HTTPBasic())]):
    expected = basic_users.get(credentials.username)
    # Both are texts, so a character outside of ASCII raises, as upstream does.
    known = secrets.compare_digest(credentials.password, expected or "wrong-password") and expected is not None
    if not known:
        raise HTTPException(401, "Incorrect username or password.", {"WWW-Authenticate": "Basic"})


app = FastAPI(title="lab stand-in of orthanc-auth-service")
private = [Depends(authorize)]


@app.exception_handler(RequestValidationError)
async def unreadable(request: Request, error: RequestValidationError):
    text = str(error).replace("\n", " ").replace("   ", " ")
    log.error("%s: %s", request, text)
    return JSONResponse({"status_code": 10422, "message": text, "data": None}, 422)


@app.put("/tokens/{token_type}", dependencies=private)
def create_token(token_type: str, share: Share) -> CreatedToken:
    log.info("creating token: %s", share.model_dump_json())
    if "type" not in share.model_fields_set:
        share.type = TokenType.INVALID
    if share.type != token_type:
        raise HTTPException(500, "400: 'type' field should match the url segment /tokens/{type}")
    try:
        if share.expiration_date is None and share.validity_duration is not None:
            now = datetime.now().replace(tzinfo=UTC)
            share.expiration_date = now + timedelta(seconds=share.validity_duration)
        token, url = tokens.create(share)
    except Exception as error:
        log.exception("create token")
        raise HTTPException(500, str(error)) from error
    created = CreatedToken(request=share, token=token, url=url)
    log.info("created token: %s", created.model_dump_json())
    return created


@app.post("/tokens/validate", dependencies=private)
def validate(asked: ValidationRequest, token: Annotated[str | None, Header()] = None) -> Validation:
    log.info("validating token: %s", asked.model_dump_json())
    token = token or asked.token_value
    try:
        granted = token is not None and tokens.grants(token.removeprefix("Bearer "), asked)
    except TypeError as error:
        # An expiration date without a time zone can't be compared.
        raise HTTPException(500, str(error)) from error
    log.info("validate token: %s", granted)
    return Validation(granted=granted, validity=60)


@app.post("/tokens/decode", dependencies=private)
def decode(asked: DecoderRequest) -> DecodedToken:
    log.info("decoding token: %s", asked.model_dump_json())
    if asked.token_value is None:
        raise HTTPException(500, "no token")
    return tokens.decode(asked.token_value)


@app.post("/user/get-profile", dependencies=private)
def profile(asked: ProfileRequest) -> Profile:
    # Without Keycloak, everybody is anonymous.
    log.info("get user profile from token '%s', '%s'", asked.token_key, asked.token_value)
    return anonymous


@app.get("/settings/roles", dependencies=private)
@app.put("/settings/roles", dependencies=private)
def settings_roles():
    raise HTTPException(404, "No Keycloack admin client defined, you probably should define KEYCLOAK_CLIENT_SECRET")
