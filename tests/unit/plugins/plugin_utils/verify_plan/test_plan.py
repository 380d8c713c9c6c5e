# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What holds for the whole plan, whatever the site is like."""

from __future__ import annotations

import json

import jwt
import pytest
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.threedpc.pacs.plugins.module_utils.http_expect import Plan
from ansible_collections.threedpc.pacs.plugins.modules import dicom_expect, http_expect
from ansible_collections.threedpc.pacs.plugins.plugin_utils import verify_plan

STUDIES = [
    {"files": ["/s/1/a.dcm", "/s/1/b.dcm"], "study_instance_uid": "2.25.1"},
    {"files": ["/s/2/a.dcm"], "study_instance_uid": "2.25.2"},
]
SHAPES = [
    {},
    {"sends": True},
    {"shares_enabled": False, "database": "sqlite"},
    {"shares_domain": "shares.ward.test", "shares_url": "https://shares.ward.test/shares"},
    {"base_url": "http://pacs.ward.test", "staff_url": "http://pacs.ward.test/orthanc"},
    {"dicom_tls_enabled": True, "dicom_certificate": "/tmp/c.pem", "outside_address": "10.9.0.4"},
    {"dicom_enabled": False, "dicom_tls_enabled": True, "verify_address": ""},
    {"dicom_enabled": False, "verify_aet": ""},
    {"firewall_enabled": False},
    {"checks": [{"area": "Services", "id": "hello", "promise": "It greets", "url": "http://pacs.ward.test:8099/"}]},
]


@pytest.fixture(params=SHAPES, ids=lambda shape: ", ".join(shape) or "ordinary")
def site(request, make_site):
    return make_site(**request.param)


@pytest.fixture
def plan(site):
    return verify_plan.plan(site, STUDIES)


def refused(spec, check):
    return ArgumentSpecValidator(spec).validate(check).error_messages


def test_the_modules_take_every_check(plan):
    for name in ("send", "http", "remove"):
        for check in plan[name]:
            assert not refused(http_expect.check_spec(), check), check["id"]
    for check in plan["dicom"]:
        assert not refused(dicom_expect.check_spec(), check), check["id"]


def test_every_value_is_captured_by_somebody_and_nobody_waits_for_himself(plan):
    for name in ("send", "http", "remove"):
        Plan(plan[name], probe=None, secrets=plan["secrets"])


def test_every_result_of_the_report_has_a_name_of_its_own(plan):
    names = [check["id"] for name in ("send", "http", "dicom", "remove") for check in plan[name]]
    assert len(names) == len(set(names))


def test_what_a_role_declares_is_asked(plan, site):
    assert plan["http"][len(plan["http"]) - len(site.checks) :] == site.checks


def test_every_login_is_known(plan):
    known = {login.get("name") or login["username"] for login in plan["logins"]}
    assert {check["login"] for name in ("send", "http", "remove") for check in plan[name] if "login" in check} <= known


def test_no_check_holds_a_secret(site, plan):
    text = json.dumps([plan[name] for name in ("send", "http", "dicom", "remove")])
    for secret in (*site.staff_users.values(), site.share_signing_key, *plan["secrets"].values()):
        assert secret not in text


def test_whatever_could_change_a_study_is_an_attempt(plan):
    """So that a dry run leaves it out."""
    for check in plan["http"]:
        if check.get("method") in ("POST", "PUT", "DELETE") and check.get("expect", {}).get("status"):
            harmless = "/gate/open" in check["url"] or "/shares/revoke" in check["url"] or "/tools/" in check["url"]
            assert check.get("attempt") or harmless, check["id"]


def test_studies_of_others_are_never_deleted(plan, site):
    for check in plan["http"]:
        if "/studies/<own_id>" in check["url"] and "archive" not in check["url"]:
            deletes = "DELETE" in (check.get("method"), *check.get("headers", {}).values()) or "method=" in check["url"]
            assert not deletes or bool(check["not_checked"]) is not site.sends, check["id"]


def test_the_token_that_no_ledger_knows_is_signed_as_the_auth_service_signs(make_site):
    site = make_site()
    token = verify_plan.plan(site)["secrets"]["unknown_token"]
    payload = jwt.decode(token, site.share_signing_key, algorithms=["HS256"])
    assert payload["resources"][0]["dicom_uid"] == "2.25.1"
    assert payload["expiration_date"] is None
    assert verify_plan.plan(make_site(shares_enabled=False))["secrets"] == {}


def test_a_site_without_pyjwt_is_told_how_to_get_it(make_site, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "jwt", None)
    with pytest.raises(Exception, match="pyjwt.*requirements.txt"):
        verify_plan.plan(make_site())
    assert verify_plan.plan(make_site(shares_enabled=False))["http"]
