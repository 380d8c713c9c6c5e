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
RECIPIENT = 200
# Orthanc takes a tag in many spellings ("0020-000d", "20,d"). A plain keyword or eight digits can be told from the
# study's; whatever else is asked by may be the study.
OTHER_ARGUMENT = re.compile(r"(?!studyinstanceuid$|0020000d$)([a-z]+|[0-9a-f]{8})")


class Refused(Exception):
    """A sentence for whoever asked."""


def creation(kind, body, max_days, allow_never):
    """A request for a token: its studies by UID, seconds of validity (0: for ever), recipient and PIN."""
    try:
        asked = json.loads(body)
    except ValueError:
        raise Refused("The request for a share is not JSON.") from None
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
        if not (isinstance(uid, str) and re.fullmatch(r"[0-9.]{1,64}", uid)):
            raise Refused("Every resource of a share needs its StudyInstanceUID as DicomUid.")
        if not (isinstance(orthanc_id, str) and re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{8}){4}", orthanc_id)):
            raise Refused("Every resource of a share needs its Orthanc ID as OrthancId.")
        found[uid] = orthanc_id
    if not found:
        raise Refused("A share needs at least one study in Resources.")
    return found


def seconds(asked, max_days, allow_never):
    duration, end = asked.get("ValidityDuration"), asked.get("ExpirationDate")
    if not duration and end:
        try:
            duration = (datetime.fromisoformat(end) - datetime.now(UTC)).total_seconds()
        except (TypeError, ValueError):
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
        raise Refused(
            f"A share of this site ends after at most {max_days} days, which is {max_days * DAY} seconds; asked for"
            f" were {duration}."
        )
    return duration


def recipient(asked):
    text = asked.get("Recipient") or ""
    if not isinstance(text, str) or len(text) > RECIPIENT or not (text.isprintable()):
        raise Refused(f"Recipient must be at most {RECIPIENT} printable characters.")
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
