# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is asked of the gate, brought into one form or refused in a sentence."""

import json
import re
from datetime import UTC, datetime
from urllib.parse import parse_qsl

DAY = 86400
KIND = re.compile(r"[a-z][a-z-]{0,59}")
PIN = re.compile(r"[0-9]{4,12}", re.ASCII)
MOST_CHARACTERS = 200
# Orthanc takes a tag in many spellings ("0020-000d", "20,d"). A plain keyword or eight digits can be told from the
# study's; whatever else is asked by may be the study.
OTHER_ARGUMENT = re.compile(r"(?!studyinstanceuid$|0020000d$)([a-z]+|[0-9a-f]{8})")


# nginx lets no more through to any route of the gate.
MOST_BYTES = 64 * 1024
# By which staff choose shares, and how long each of these can be.
CHOICES = ("id", "token_sha256", "study", "creator")


class Refused(Exception):
    """A sentence for the caller."""

    def __init__(self, sentence, status=422):
        super().__init__(sentence)
        self.status = status


async def body_of(request):
    """The body of a request, as far as anything that is asked here can be long."""
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > MOST_BYTES:
            raise Refused(f"The request is longer than {MOST_BYTES} bytes.", 413)
    return body


def once(pairs):
    """An object of JSON in which no name is given twice: of two values, others may read the other one."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name is given twice")
    return found


def no_number(name):
    raise ValueError(f"{name} is no JSON")


def read(body):
    """What a body of JSON says. Refused is also what the parser gives up on, and what others would read otherwise."""
    try:
        text = body if isinstance(body, str) else body.decode("utf-8")
        return json.loads(text, object_pairs_hook=once, parse_constant=no_number)
    except (ValueError, RecursionError):
        raise Refused("The request is not JSON in UTF-8 in which each name is given once.") from None


def chosen(pairs, more=()):
    """By what shares are chosen, from names and values."""
    found = {}
    for name, value in pairs:
        if name not in (*CHOICES, *more):
            raise Refused(f"Shares can be chosen by {', '.join((*CHOICES, *more))}, and by nothing else.")
        if name in found:
            raise Refused(f"{name} is given twice.")
        if not isinstance(value, str) or len(value) > MOST_CHARACTERS or not value.isprintable():
            raise Refused(f"{name} must be text of at most {MOST_CHARACTERS} printable characters.")
        found[name] = value
    return found


def creation(kind, body, max_days, allow_never):
    """A request for a token: its studies by UID, seconds of validity (0: for ever), recipient and PIN."""
    asked = read(body)
    if not isinstance(asked, dict) or not KIND.fullmatch(kind):
        raise Refused("This is no request for a share.")
    return studies(asked), seconds(asked, max_days, allow_never), recipient(asked), pin(asked)


def studies(asked):
    found = {}
    named = asked.get("Resources")
    for entry in named if isinstance(named, list) else []:
        entry = entry if isinstance(entry, dict) else {}
        uid, orthanc_id = entry.get("DicomUid"), entry.get("OrthancId")
        if str(entry.get("Level", "")).lower() != "study":
            raise Refused("A share opens whole studies: every resource needs the Level 'study'.")
        if not (isinstance(uid, str) and uid):
            raise Refused("Every resource of a share needs its StudyInstanceUID as DicomUid.")
        if not re.fullmatch(r"[0-9.]{1,64}", uid):
            raise Refused(
                f"This study can't be shared: its StudyInstanceUID has {len(uid)} characters or others than digits and"
                " dots. DICOM allows at most 64, digits and dots only. Let Orthanc give it a new one (Modify), or have"
                " it sent again with a right one, and share that."
            )
        if not (isinstance(orthanc_id, str) and re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{8}){4}", orthanc_id)):
            raise Refused("Every resource of a share needs its Orthanc ID as OrthancId.")
        if found.get(uid, orthanc_id) != orthanc_id:
            raise Refused(f"Two studies are named by the StudyInstanceUID {uid}. A link can't tell them apart.")
        found[uid] = orthanc_id
    if not found:
        raise Refused("A share needs at least one study in Resources.")
    return found


def seconds(asked, max_days, allow_never):
    duration, end = asked.get("ValidityDuration"), asked.get("ExpirationDate")
    if not duration and end:
        try:
            duration = (datetime.fromisoformat(end) - datetime.now(UTC)).total_seconds()
        except (TypeError, ValueError, OverflowError):
            raise Refused("ExpirationDate must be a time with its zone, such as 2030-01-31T12:00:00Z.") from None
        if duration < 1:
            raise Refused("ExpirationDate has passed already.")
        duration = int(duration)
    if duration is None:
        duration = 0
    if not isinstance(duration, int) or isinstance(duration, bool) or duration < 0:
        raise Refused("ValidityDuration must be a whole number of seconds.")
    if duration == 0 and not allow_never:
        raise Refused(
            f"A share of this site has to end: give a ValidityDuration of at most {max_days} days, which is"
            f" {max_days * DAY} seconds."
        )
    if duration > max_days * DAY:
        # A number can be so long that Python refuses to write it.
        many = f" Asked for were {duration}." if duration < 10**12 else ""
        raise Refused(
            f"A share of this site ends after at most {max_days} days, which is {max_days * DAY} seconds.{many}"
        )
    return duration


def recipient(asked):
    text = asked.get("Recipient") or ""
    if not isinstance(text, str) or len(text) > MOST_CHARACTERS or not (text.isprintable()):
        raise Refused(f"Recipient must be at most {MOST_CHARACTERS} printable characters.")
    return text


def pin(asked):
    text = asked.get("Pin")
    if text is not None and not (isinstance(text, str) and PIN.fullmatch(text)):
        raise Refused("Pin must be 4 to 12 digits, as text.")
    return text


def searched_studies(arguments):
    """The studies that a DICOMweb search names. One that names none is kept to the token's studies by Orthanc."""
    values = [value for name, value in parse_qsl(arguments, True) if not OTHER_ARGUMENT.fullmatch(name.lower())]
    return {uid.strip() for value in values for uid in re.split(r"[,\\]", value)}
