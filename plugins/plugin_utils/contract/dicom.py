# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a site may say about its scanners."""

from __future__ import annotations

import ipaddress
import re
from typing import Any

from ..fields.network import caller_address, source
from ..fields.text import between, optional
from ..fields.types import Problems

AE_TITLE = re.compile(r"[ -\[\]-~]{1,16}")
# The rule is Orthanc's own.
MODALITY_NAME = re.compile(r"[A-Za-z0-9-]{1,64}")


def ae_title(value: str) -> Problems:
    """The DICOM value representation AE, without the spaces that it ignores."""
    if not AE_TITLE.fullmatch(value) or value != value.strip():
        yield (
            "an AE title has 1 to 16 characters of ASCII, no backslash, no control character and no space at"
            f" either end{f'; this has {len(value)}' if len(value) > 16 else ''}"
        )


def modality_name(value: str) -> Problems:
    """A name that Orthanc accepts."""
    if not MODALITY_NAME.fullmatch(value):
        yield "it must have 1 to 64 letters, digits and dashes, which is all that Orthanc takes"
    elif value == "verify":
        yield "this name belongs to the machine that runs the verification; choose another"


def callers(
    pacs_modalities: list[dict[str, Any]], pacs_verify_aet: str, pacs_verify_address: str, pacs_network: str
) -> Problems:
    """Orthanc looks for a caller only by the AE title, without regard to case, and takes the first that it finds."""
    network = ipaddress.ip_network(pacs_network)
    names: dict[str, int] = {}
    seen: dict[str, str] = {}
    if pacs_verify_aet and pacs_verify_address:
        seen[pacs_verify_aet.casefold()] = "pacs_verify_aet"
        if ipaddress.ip_address(pacs_verify_address) in network:
            yield f"pacs_verify_address is '{pacs_verify_address}'; pacs_network ('{network}') holds that address"
    for number, modality in enumerate(pacs_modalities):
        where = f"pacs_modalities[{number}] ({modality['name']})"
        name, title = modality["name"], modality["aet"].casefold()
        if name.casefold() in names:
            yield f"{where}: name is '{name}'; pacs_modalities[{names[name.casefold()]}] has it already, choose another"
        names.setdefault(name.casefold(), number)
        if title in seen:
            yield (
                f"{where}: aet is '{modality['aet']}'; that is {seen[title]} already, and Orthanc would not find the"
                " second one. Give each an AE title of its own; one machine with several addresses lists the others as"
                " sources"
            )
        seen.setdefault(title, where)
        if ipaddress.ip_address(modality["address"]) in network:
            yield (
                f"{where}: address is '{modality['address']}'; pacs_network ('{network}') holds that address, choose"
                " another network for the containers"
            )


def modalities_have_a_way(
    pacs_modalities: list[dict[str, Any]], pacs_dicom_enabled: bool, pacs_dicom_tls_enabled: bool
) -> Problems:
    """A modality speaks either in plain text or over TLS, so the site must do so too."""
    for number, modality in enumerate(pacs_modalities):
        where = f"pacs_modalities[{number}] ({modality['name']})"
        if modality.get("tls") and not pacs_dicom_tls_enabled:
            yield f"{where}: tls is true; set pacs_dicom_tls_enabled to true as well"
        elif not modality.get("tls") and not pacs_dicom_enabled:
            neither = ", and pacs_dicom_tls_enabled is false too: this site speaks no DICOM"
            yield (
                f"{where}: tls is false; pacs_dicom_enabled is false, so without TLS it can't reach the archive"
                f"{'' if pacs_dicom_tls_enabled else neither}"
            )


RULES = {
    "pacs_aet": ae_title,
    "pacs_modalities.name": modality_name,
    "pacs_modalities.aet": ae_title,
    "pacs_modalities.address": caller_address,
    # Orthanc refuses the last one.
    "pacs_modalities.port": between(1, 65534),
    "pacs_modalities.sources[]": source("it would open the DICOM port to everybody; name the networks of the scanners"),
    "pacs_verify_aet": optional(ae_title),
    "pacs_verify_address": optional(caller_address),
    # One scanner may send in 8 associations at once, and may need one for each image.
    "pacs_dicom_connections_at_once": between(8, 400),
    "dicom_connections_in_10_seconds": between(20, 100000),
}
RELATIONS = (callers, modalities_have_a_way)
