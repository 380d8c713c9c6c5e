# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a token of the auth service says, and how a token and a PIN are known again without being stored."""

import contextlib
import hashlib
import hmac
import secrets
from datetime import UTC, datetime

import jwt

# The one algorithm of the auth service. A token that names another, or none, is no token.
ALGORITHMS = ["HS256"]
SCRYPT = {"n": 2**14, "r": 8, "p": 1, "dklen": 32}


class InvalidToken(Exception):
    """Not signed by this site, or not what the auth service signs."""


class Tokens:
    """The key that signs now, and those that signed before, each with the moment until which its tokens count."""

    def __init__(self, key, previous=()):
        self.key = key
        self.previous = [(entry["key"], datetime.fromisoformat(entry["until"])) for entry in previous]

    def read(self, token):
        """The payload of a token that this site signed."""
        return self.known(token)[0]

    def known(self, token):
        """The payload of a token, and the token that the auth service knows: the same, or signed anew."""
        try:
            return decoded(token, self.key), token
        except InvalidToken:
            now = datetime.now(UTC)
            for key, until in self.previous:
                if now < until:
                    with contextlib.suppress(InvalidToken):
                        payload = decoded(token, key)
                        return payload, jwt.encode(payload, self.key, ALGORITHMS[0])
            raise


def decoded(token, key):
    try:
        payload = jwt.decode(token, key, algorithms=ALGORITHMS)
        expiry(payload)
    # Not every PyJWT takes brackets in brackets for a wrong token; some pass on what the JSON parser says.
    except (jwt.PyJWTError, RecursionError, TypeError, ValueError) as error:
        raise InvalidToken from error
    return payload


def expiry(payload):
    """When a token ends; None if it never does."""
    text = payload.get("expiration_date")
    if text is None:
        return None
    end = datetime.fromisoformat(text)
    # Without a zone it would be compared with the reader's own clock.
    if end.tzinfo is None:
        raise ValueError("the token's end has no time zone")
    return end.astimezone(UTC)


def digest(secret):
    """What identifies a token or a cookie, both too random to be guessed from it."""
    return hashlib.sha256(secret.encode()).hexdigest()


def pin_hash(pin):
    salt = secrets.token_bytes(16)
    return f"{salt.hex()}:{hashlib.scrypt(pin.encode(), salt=salt, **SCRYPT).hex()}"


def pin_matches(pin, stored):
    salt, _colon, right = stored.partition(":")
    tried = hashlib.scrypt(pin.encode(), salt=bytes.fromhex(salt), **SCRYPT).hex()
    return hmac.compare_digest(tried, right)
