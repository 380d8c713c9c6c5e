# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What scanners may do, and what they may not."""

from __future__ import annotations

from collections.abc import Iterator

from ansible_collections.threedpc.pacs.plugins.plugin_utils.verify_plan.checks import DicomCheck
from ansible_collections.threedpc.pacs.plugins.plugin_utils.verify_plan.site import Site

AREA = "DICOM"
NO_CERTIFICATE = "this machine has no certificate of the DICOM CA: verify_dicom_certificate is empty"
# Where a title is only written down, and none is listed.
ANY_TITLE = "PACSVERIFY"


def checks(site: Site) -> Iterator[DicomCheck]:
    if site.speaks_dicom:
        yield from callers(site)
    if site.dicom_tls_enabled:
        yield from tls_callers(site)
    if site.dicom_enabled:
        yield outside(site, site.dicom_port)
    if site.dicom_tls_enabled:
        yield outside(site, site.dicom_tls_port)


def unlisted(site: Site) -> str:
    """Why a listed caller can't be tried from here, if it can't: without an address no title of ours is listed."""
    if site.verify_aet and site.verify_address:
        return ""
    return "pacs_verify_aet or pacs_verify_address is empty, so this machine may not speak DICOM to the site"


def callers(site: Site) -> Iterator[DicomCheck]:
    yield caller(site, "echo", "A listed caller with the right titles gets an answer")
    stops = caller(site, "echo-beside-half", "A caller that stops in the middle of its request holds nobody up")
    yield stops | {"beside_half": True}
    wrong_called = caller(site, "echo-wrong-called", "A caller that names the archive by a wrong title is refused")
    yield wrong_called | {
        "called_aet": "NOTTHISARCHIVE",
        "expect": "refused",
        "expect_reason": "called-AE-title-not-recognized",
    }
    wrong_calling = caller(site, "echo-wrong-calling", "A caller that is not listed is refused")
    yield wrong_calling | {
        "calling_aet": "NOTALISTEDONE",
        "expect": "refused",
        "expect_reason": "calling-AE-title-not-recognized",
    }
    # Orthanc ends the association of a caller that asks for more than it may.
    for request, word in (("find", "query"), ("move", "retrieve")):
        asks_for_more = caller(site, f"{request}-not-allowed", f"A listed caller that may not {word} is refused")
        yield asks_for_more | {"request": request, "expect": "refused", "expect_outcomes": ["aborted"]}


def caller(site: Site, name: str, promise: str) -> DicomCheck:
    """In plain text where the site speaks it, else over TLS."""
    check = DicomCheck(
        id=name,
        area=AREA,
        promise=promise,
        calling_aet=site.verify_aet,
        called_aet=site.aet,
        tls=not site.dicom_enabled,
        port=site.dicom_port if site.dicom_enabled else site.dicom_tls_port,
        not_checked=unlisted(site),
    )
    return check if site.dicom_enabled else with_certificate(check, site.dicom_certificate)


def with_certificate(check: DicomCheck, path: str) -> DicomCheck:
    if path:
        check["tls_cert_path"] = path
    else:
        check["not_checked"] = check["not_checked"] or NO_CERTIFICATE
    return check


def tls_callers(site: Site) -> Iterator[DicomCheck]:
    yield stopped_by_tls(
        site, "no-certificate", "Over TLS the server proves itself and refuses callers without a certificate"
    )
    foreign = stopped_by_tls(site, "other-certificate", "It refuses callers with a certificate of somebody else")
    yield foreign | {"tls_cert_path": site.foreign_certificate}
    yield with_certificate(let_in_by_tls(site), site.dicom_certificate)


def tls_caller(site: Site, name: str, promise: str) -> DicomCheck:
    return DicomCheck(
        id=f"tls-{name}",
        area=AREA,
        promise=promise,
        tls=True,
        port=site.dicom_tls_port,
        calling_aet=site.verify_aet or ANY_TITLE,
        called_aet=site.aet,
        not_checked=unlisted(site),
    )


def stopped_by_tls(site: Site, name: str, promise: str) -> DicomCheck:
    return tls_caller(site, name, promise) | {
        "expect": "refused",
        "expect_outcomes": ["tls_failed"],
        "expect_reason": "closed-after-handshake",
    }


def let_in_by_tls(site: Site) -> DicomCheck:
    """A title has one door: where there is another port for ours, the archive refuses it at this one."""
    if not site.dicom_enabled:
        return tls_caller(site, "certificate", "With a certificate one gets an answer")
    check = tls_caller(
        site,
        "certificate",
        "With a certificate one gets through to the archive, which refuses a title that belongs to the plain port",
    )
    return check | {
        "expect": "refused",
        "expect_outcomes": ["rejected"],
        "expect_reason": "calling-AE-title-not-recognized",
    }


def outside(site: Site, port: int) -> DicomCheck:
    """Before Orthanc or nginx sees anything of it, so the title makes no difference."""
    check = DicomCheck(
        id=f"outside-{port}",
        area=AREA,
        promise=f"A source that is not listed cannot even connect to port {port}",
        port=port,
        calling_aet=site.verify_aet or ANY_TITLE,
        called_aet=site.aet,
        expect="refused",
        expect_outcomes=["timeout"],
    )
    if site.outside_address:
        check["source_address"] = site.outside_address
    else:
        check["not_checked"] = "this machine has no address outside the list: verify_outside_address is empty"
    if not site.firewall_enabled:
        check["not_checked"] = "pacs_firewall_enabled is false, so nothing on the server refuses a source"
    return check
