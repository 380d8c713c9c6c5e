# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ledger of the shares: closed to strangers, right about a link, and obeyed when it revokes one.

The shares that are made here are our own: two of them are revoked, the third ends by itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from ansible_collections.threedpc.pacs.plugins.plugin_utils.verify_plan.checks import HttpCheck
from ansible_collections.threedpc.pacs.plugins.plugin_utils.verify_plan.link import link_request
from ansible_collections.threedpc.pacs.plugins.plugin_utils.verify_plan.site import UNKNOWN_TOKEN, WRONG_PASSWORD, Site

WITHOUT_LINK = "Shares without a link"
WITH_LINK = "Shares with a link"
SECONDS_A_DAY = 86400


def checks(site: Site, before: Sequence[str]) -> Iterator[HttpCheck]:
    """The link that all checks use is revoked once those with the ids C(before) are over."""
    yield from closed(site)
    yield from unknown_token(site)
    yield too_long(site)
    yield record(site)
    yield HttpCheck(
        id="ledger-revoke",
        area=WITH_LINK,
        promise="The staff can revoke a link",
        method="POST",
        url=f"{site.staff_url}/shares/revoke",
        login=site.staff,
        json={"id": "<link_share>"},
        after=[*before, "ledger-record"],
        expect={"json": {"revoked/0": "^<link_share>$"}},
    )
    yield from revoked(site)
    if site.shares_domain:
        yield from own_domain(site)


def closed(site: Site) -> Iterator[HttpCheck]:
    yield HttpCheck(
        id="ledger-closed",
        area=WITHOUT_LINK,
        promise="Nobody without a login reads the ledger",
        url=f"{site.staff_url}/shares",
        expect={"status": [401]},
    )
    yield HttpCheck(
        id="ledger-wrong-password",
        area=WITHOUT_LINK,
        promise="Nor does anybody with a wrong password",
        url=f"{site.staff_url}/shares",
        login=WRONG_PASSWORD,
        expect={"status": [401]},
    )
    yield HttpCheck(
        id="ledger-revoke-closed",
        area=WITHOUT_LINK,
        promise="Nobody without a login revokes a share",
        method="POST",
        url=f"{site.staff_url}/shares/revoke",
        json={"id": "no-such-share"},
        expect={"status": [401]},
    )


def unknown_token(site: Site) -> Iterator[HttpCheck]:
    yield HttpCheck(
        id="ledger-unknown",
        area=WITHOUT_LINK,
        promise="A token that is correctly signed but in no ledger opens nothing",
        method="POST",
        url=f"{site.shares_url}/gate/open",
        token=UNKNOWN_TOKEN,
        expect={"status": [403], "json": {"reason": "^unknown$"}},
    )
    yield HttpCheck(
        id="ledger-unknown-data",
        area=WITHOUT_LINK,
        promise="No search either",
        url=f"{site.shares_url}/dicom-web/studies",
        token=UNKNOWN_TOKEN,
        expect={"status": [403]},
    )


def too_long(site: Site) -> HttpCheck:
    return HttpCheck(
        id="ledger-too-long",
        area=WITH_LINK,
        promise=f"The staff can't make a link that is valid for more than {site.share_max_days} days",
        method="PUT",
        url=f"{site.staff_url}/auth/tokens/ohif-viewer-publication",
        login=site.staff,
        json=link_request(site.share_max_days * SECONDS_A_DAY + 1),
        attempt=True,
        expect={"status": [422]},
    )


def record(site: Site) -> HttpCheck:
    return HttpCheck(
        id="ledger-record",
        area=WITH_LINK,
        promise="The ledger knows who made a link and for whom",
        url=f"{site.staff_url}/shares?id=<link_share>",
        login=site.staff,
        expect={
            "json": {
                "shares/0/creator": f"^{re.escape(site.staff)}$",
                "shares/0/recipient": "^verify$",
                "shares/0/state": "^active$",
                "shares/0/studies/0/study_instance_uid": "^<own_uid>$",
            }
        },
    )


def revoked(site: Site) -> Iterator[HttpCheck]:
    series = f"{site.shares_url}/dicom-web/studies/<own_uid>/series"
    yield HttpCheck(
        id="ledger-open",
        area=WITH_LINK,
        promise="A link is open until it is revoked",
        url=series,
        token="<revoked_token>",
        expect={"contains": ["<own_uid>"]},
    )
    yield HttpCheck(
        id="ledger-revoke-open",
        area=WITH_LINK,
        promise="The staff can revoke a link that is in use",
        method="POST",
        url=f"{site.staff_url}/shares/revoke",
        login=site.staff,
        json={"id": "<revoked_share>"},
        after=["ledger-open"],
        expect={"json": {"revoked/0": "^<revoked_share>$"}},
    )
    yield HttpCheck(
        id="ledger-revoked",
        area=WITH_LINK,
        promise="It opens nothing 3 seconds later",
        url=series,
        token="<revoked_token>",
        after=["ledger-revoke-open"],
        delay=3,
        expect={"status": [403]},
    )
    yield HttpCheck(
        id="ledger-revoked-page",
        area=WITH_LINK,
        promise="Its page is told that it was revoked",
        method="POST",
        url=f"{site.shares_url}/gate/open",
        token="<link_token>",
        after=["ledger-revoke"],
        expect={"status": [403], "json": {"reason": "^revoked$"}},
    )


def own_domain(site: Site) -> Iterator[HttpCheck]:
    yield HttpCheck(
        id="domain-shares",
        area=WITHOUT_LINK,
        promise=f"There are no shares on {site.domain}",
        url=f"{site.base_url}/shares/open/",
        expect={"status": [404]},
    )
    yield HttpCheck(
        id="domain-staff",
        area=WITHOUT_LINK,
        promise=f"There is no page of the staff on {site.shares_domain}",
        url=f"{site.shares_url.removesuffix('/shares')}/orthanc/ui/app/",
        expect={"status": [404]},
    )
