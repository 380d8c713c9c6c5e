# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is asked in each area, and what depends on the site."""

from __future__ import annotations

import re

import pytest
from ansible_collections.threedpc.pacs.plugins.plugin_utils.verify_plan import (
    anonymous,
    attempts,
    dicom,
    dicomweb,
    ledger,
    link,
    own_studies,
    plugins,
    staff,
    viewer,
    web,
)


def test_what_is_given_on_the_command_line_is_text(make_site):
    site = make_site(sends="false", http_port="8080", certificate_limits={"fail_days": "3", "warn_days": 9})
    assert site.sends is False
    assert site.plain_url == "http://pacs.ward.test:8080"
    assert site.certificate_limits == {"fail_days": 3, "warn_days": 9}


def test_a_site_without_https_is_asked_for_another_host_name_only(make_site, by_id):
    assert list(by_id(web.checks(make_site(base_url="http://pacs.ward.test")))) == ["unknown-host"]


def test_plain_http_leads_to_this_site_and_no_similar_one(make_site, by_id):
    check = by_id(web.checks(make_site(base_url="https://pacs.ward.test:8443", http_port=8080)))["redirect"]
    assert check["url"] == "http://pacs.ward.test:8080/orthanc/ui/app/"
    pattern = check["expect"]["headers"]["Location"]
    assert re.search(pattern, "https://pacs.ward.test:8443/orthanc/ui/app/")
    assert not re.search(pattern, "https://pacs-ward.test:8443/orthanc/ui/app/")
    assert not re.search(pattern, "https://pacs.ward.test:8443/orthanc/ui/app/x")


def test_every_user_is_tried_and_the_first_asks_for_all(make_site, by_id):
    checks = by_id(staff.checks(make_site()))
    assert [checks[name]["login"] for name in ("staff-anna", "staff-zoe", "closed-reset")] == ["anna", "zoe", "anna"]


@pytest.mark.parametrize(("enabled", "status"), [(True, [401]), (False, [403])])
def test_where_no_links_are_made_nobody_makes_one(make_site, by_id, enabled, status):
    checks = by_id(staff.checks(make_site(shares_enabled=enabled)))
    assert checks["stranger-token"]["expect"]["status"] == status
    assert checks["stranger-find"]["expect"]["status"] == [401]


@pytest.mark.parametrize(
    ("config", "wanted"),
    [
        ({}, {"MaximumPatientCount": "^0$", "MaximumStorageSize": "^0$"}),
        ({"MaximumStorageMode": "Recycle"}, {"MaximumPatientCount": "^0$", "MaximumStorageSize": "^0$"}),
        ({"MaximumStorageMode": "Reject"}, {"MaximumStorageMode": "^Reject$"}),
    ],
)
def test_orthanc_must_not_recycle(make_site, by_id, config, wanted):
    assert by_id(staff.checks(make_site(orthanc_config=config)))["no-recycling"]["expect"]["json"] == wanted


def test_a_plugin_that_the_site_does_not_use_is_not_missed(make_site, by_id):
    everything = by_id(plugins.checks(make_site()))
    assert list(everything) == ["staff-plugin-authorization", "staff-plugin-dicom-web", "staff-plugin-postgresql-index"]
    assert everything["staff-plugin-dicom-web"]["expect"]["version"]["minimum"] == "1.20"
    assert list(by_id(plugins.checks(make_site(shares_enabled=False, database="sqlite")))) == ["staff-plugin-dicom-web"]


def test_studies_of_our_own_are_used_if_there_are_any(make_site, by_id):
    assert by_id(dicomweb.checks(make_site()))["find"]["json"]["Query"] == {}
    found = by_id(dicomweb.checks(make_site(sends=True)))["find"]
    assert found["json"]["Query"] == {"PatientID": "THREEDPC-VERIFY-*"}
    assert set(found["capture"]) == {"own_id", "own_uid", "other_id", "other_uid"}


def test_links_lead_to_the_public_address_whatever_a_request_claims(make_site, by_id):
    check = by_id(dicomweb.checks(make_site()))["staff-spoofed-host"]
    assert check["headers"]["Forwarded"] == "host=elsewhere.invalid;proto=http"
    assert check["expect"]["links"] == "https://pacs.ward.test/orthanc/dicom-web/"


def test_a_site_without_shares_has_no_pages_for_them(make_site, by_id):
    assert "page-shares-ohif" in by_id(viewer.checks(make_site()))
    assert list(by_id(viewer.checks(make_site(shares_enabled=False)))) == [
        "page-staff-explorer",
        "page-staff-ohif",
        "staff-ohif-path",
    ]


def test_without_a_link_everything_is_refused_and_nothing_says_ok(make_site):
    for check in anonymous.checks(make_site()):
        assert 200 not in check["expect"]["status"]
        assert check["url"].startswith("https://pacs.ward.test/shares/")
        assert "login" not in check
    [closed] = anonymous.no_shares(make_site(shares_enabled=False))
    assert closed["expect"]["status"] == [403, 404]


def test_a_link_opens_its_own_study_and_a_site_may_have_any_name(make_site, by_id):
    checks = by_id(link.checks(make_site(name="Ward (7) + 8")))
    assert re.search(checks["link-open"]["expect"]["json"]["site"], "Ward (7) + 8")
    for name in ("series", "instances", "metadata", "study", "archive", "argument"):
        assert "<other_" in checks[f"link-not-{name}"]["url"]
        assert checks[f"link-not-{name}"]["expect"] == {"status": [401, 403]}
    captured = {name: spec for check in checks.values() for name, spec in check.get("capture", {}).items()}
    assert {name for name, spec in captured.items() if spec.get("secret")} == {
        "link_token",
        "short_token",
        "revoked_token",
    }


def test_a_link_that_ended_is_asked_for_after_its_end_only(make_site, by_id):
    checks = by_id(link.checks(make_site()))
    seconds = checks["short-link"]["json"]["ValidityDuration"]
    ended = [check for check in checks.values() if check.get("token") == "<short_token>"]
    assert len(ended) == 2
    assert all(check["delay"] > seconds for check in ended)


@pytest.mark.parametrize(("sends", "reason"), [(True, ""), (False, "verify_send=true")])
def test_a_whole_study_is_deleted_only_if_it_is_ours(make_site, by_id, sends, reason):
    checks = by_id(attempts.checks(make_site(sends=sends)))
    deletions = [check for name, check in checks.items() if name.startswith("link-delete-")]
    assert len(deletions) == 5
    assert all(check["not_checked"].endswith(reason) and check["attempt"] for check in deletions)
    assert set(checks["still-there"]["after"]) == set(checks) - {"still-there"}


def test_the_link_is_revoked_when_all_who_use_it_are_done(make_site, by_id):
    checks = by_id(ledger.checks(make_site(), before=["a", "b"]))
    assert checks["ledger-revoke"]["after"] == ["a", "b", "ledger-record"]
    assert checks["ledger-revoked-page"]["after"] == ["ledger-revoke"]


def test_a_link_may_not_be_valid_for_too_long(make_site, by_id):
    check = by_id(ledger.checks(make_site(share_max_days=3), before=[]))["ledger-too-long"]
    assert check["json"]["ValidityDuration"] == 3 * 86400 + 1
    assert "more than 3 days" in check["promise"]


def test_shares_with_a_host_name_of_their_own_are_apart(make_site, by_id):
    assert "domain-staff" not in by_id(ledger.checks(make_site(), before=[]))
    site = make_site(shares_domain="shares.ward.test", shares_url="https://shares.ward.test:8443/shares")
    checks = by_id(ledger.checks(site, before=[]))
    assert checks["domain-shares"]["url"] == "https://pacs.ward.test/shares/open/"
    # The host name begins like the path.
    assert checks["domain-staff"]["url"] == "https://shares.ward.test:8443/orthanc/ui/app/"


PLAIN = ["echo", "echo-beside-half", "echo-wrong-called", "echo-wrong-calling", "find-not-allowed", "move-not-allowed"]
TLS = ["tls-no-certificate", "tls-other-certificate", "tls-certificate"]


@pytest.mark.parametrize(
    ("plain", "tls", "names"),
    [
        (True, False, [*PLAIN, "outside-4242"]),
        (True, True, [*PLAIN, *TLS, "outside-4242", "outside-2762"]),
        (False, True, [*PLAIN, *TLS, "outside-2762"]),
        (False, False, []),
    ],
)
def test_each_port_of_dicom_is_tried(make_site, by_id, plain, tls, names):
    assert list(by_id(dicom.checks(make_site(dicom_enabled=plain, dicom_tls_enabled=tls)))) == names


def test_callers_use_the_port_that_the_site_has(make_site, by_id):
    echo = by_id(dicom.checks(make_site()))["echo"]
    assert (echo["port"], echo["tls"], echo["not_checked"]) == (4242, False, "")
    over_tls = {"dicom_enabled": False, "dicom_tls_enabled": True}
    echo = by_id(dicom.checks(make_site(**over_tls)))["echo"]
    assert (echo["port"], echo["tls"]) == (2762, True)
    assert "verify_dicom_certificate is empty" in echo["not_checked"]
    echo = by_id(dicom.checks(make_site(**over_tls, dicom_certificate="/tmp/c.pem")))["echo"]
    assert (echo["tls_cert_path"], echo["not_checked"]) == ("/tmp/c.pem", "")


@pytest.mark.parametrize("missing", [{"verify_aet": ""}, {"verify_address": ""}])
def test_a_machine_that_no_list_names_says_so(make_site, missing):
    for check in dicom.checks(make_site(**missing, dicom_tls_enabled=True)):
        assert "is empty" in check["not_checked"]


def test_a_title_that_has_the_plain_port_is_refused_at_the_other(make_site, by_id):
    both = by_id(dicom.checks(make_site(dicom_tls_enabled=True)))["tls-certificate"]
    assert (both["expect"], both["expect_reason"]) == ("refused", "calling-AE-title-not-recognized")
    alone = by_id(dicom.checks(make_site(dicom_enabled=False, dicom_tls_enabled=True)))["tls-certificate"]
    assert "expect" not in alone and "expect_reason" not in alone


def test_from_outside_nobody_connects(make_site, by_id):
    check = by_id(dicom.checks(make_site(outside_address="10.9.0.4")))["outside-4242"]
    assert check["source_address"] == "10.9.0.4"
    assert check["expect_outcomes"] == ["timeout"]
    assert "not_checked" not in check
    check = by_id(dicom.checks(make_site(outside_address="10.9.0.4", firewall_enabled=False)))["outside-4242"]
    assert "pacs_firewall_enabled is false" in check["not_checked"]


def test_our_own_studies_are_sent_and_removed_by_their_identifiers(make_site):
    sent = list(own_studies.sent(make_site(), ["/a.dcm", "/b.dcm"]))
    assert [check["body_file"] for check in sent] == ["/a.dcm", "/b.dcm"]
    find, first, second = own_studies.removed(make_site(), ["2.25.1", "2.25.2"])
    # In DICOM one backslash is between the entries of a list.
    assert find["json"]["Query"] == {"StudyInstanceUID": "2.25.1\\2.25.2"}
    assert [first["url"][-10:], second["url"][-11:]] == ["<first_id>", "<second_id>"]
