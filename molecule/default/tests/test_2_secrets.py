# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""No secret and no share token lies where somebody could read it; every password works whatever it is made of."""

import json

import pytest
from conftest import ROOT, SECRETS, SERVER, SITE, play

testinfra_hosts = [f"docker://{SERVER}"]

# After quotes, backslashes and signs of a shell. For the staff and the database, the auth service, the key:
OTHERS = {
    "only digits": ("90210447318266", "$HOME-$1-$PATH-$2", "9021044731826603560412773559018640275913"),
    "JSON": ('{"a": [1e5, true]}', '"quoted otter 4711"', "'\"\\{[1e5, null]}: 'x' \\u0024 \\n %s ${PATH} &"),
}


def shown(text):
    """The names of the secrets in a text, as they are or as JSON or YAML would write them."""
    forms = {
        name: {secret, json.dumps(secret)[1:-1], secret.replace("$", "\\u0024")} for name, secret in SECRETS.items()
    }
    # What is only digits or only variables may be found for other reasons.
    return [
        name for name, spelled in forms.items() if name not in ("digits", "dollar") and any(s in text for s in spelled)
    ]


@pytest.mark.parametrize(
    "command",
    [
        "docker inspect $(docker ps --all --quiet)",
        "cat /opt/pacs/.env /opt/pacs/compose.d/*",
        "find /opt/pacs/config -type f -exec cat {} +",
        "ps -eo args",
        "cat /proc/[0-9]*/environ /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' '\\n'",
        "journalctl --no-pager",
        "cd /opt/pacs && docker compose logs --no-color",
        "cd /opt/pacs && docker compose config",
    ],
)
def test_nothing_shows_a_secret(server, site, studies, token, command):
    text = server.run(command, check=False)
    assert text
    assert shown(text) == []


def test_the_logs_name_who_did_what_but_no_token(server, site, studies, token):
    share = site.share(studies[0]["id"], studies[0]["uid"])
    site.request("GET", share["Url"][len(site.base) :])
    site.request("GET", f"/shares/ohif/viewer?StudyInstanceUIDs={studies[0]['uid']}&token={share['Token']}")
    site.request("GET", f"/shares/studies?token={share['Token']}")
    # The page itself leaves no line; what is left of a link and leads to it does.
    site.request("GET", "/shares/open%3Ftoken=" + share["Token"])
    site.request("GET", "/shares/open/%3Ftoken=" + share["Token"])
    site.request("GET", "/shares/open/x?token=" + share["Token"], headers={"Referer": share["Url"]})
    for _attempt in range(40):
        site.gate("open?token=" + share["Token"], share["Token"])
        site.gate("pin?token=" + share["Token"], share["Token"], json={"pin": "1234"})
    logs = server.compose("logs --no-color")
    assert share["Token"] not in logs
    assert share["Token"][:60] not in logs
    assert '"user":"anna"' in logs
    assert "/shares/open/" in logs


def test_the_secrets_are_files_that_root_and_their_service_alone_can_read(host):
    files = host.check_output("find /opt/pacs/secrets -type f -printf '%m %p\n'").splitlines()
    assert len(files) >= 5
    assert {line.split()[0] for line in files} == {"400"}
    assert host.check_output("stat -c %a /opt/pacs/secrets") == "700"


def test_the_first_run_showed_no_secret_not_even_as_a_difference():
    log = (ROOT / ".cache/molecule/default.log").read_text()
    assert "/opt/pacs/secrets/orthanc/orthanc.json" in log, "the differences of the secrets' files are not in the log"
    assert shown(log) == []


def test_a_change_of_secrets_shows_none_of_them(tmp_path):
    changed = {"pacs_database_password": "another-$-secret", "pacs_auth_service_password": "one-more-secret"}
    (tmp_path / "vars.json").write_text(json.dumps(changed))
    result = play("--check", "--diff", "-vvv", f"--extra-vars=@{tmp_path / 'vars.json'}")
    assert result.returncode == 0, result.stdout[-3000:]
    assert "(another secret)" in result.stdout
    assert shown(result.stdout) == []
    assert not any(secret in result.stdout for secret in changed.values())


@pytest.mark.parametrize("kind", [pytest.param("only digits", marks=pytest.mark.soak), "JSON"])
def test_every_kind_of_password_works_and_survives_a_restart(site, server, studies, tmp_path, kind):
    password, service_password, key = OTHERS[kind]
    values = {
        "pacs_staff_users": {"anna": password},
        "pacs_database_password": password,
        "pacs_auth_service_password": service_password,
        "pacs_share_signing_key": key,
    }
    old = site.share(studies[0]["id"], studies[0]["uid"])["Token"]
    (tmp_path / "vars.json").write_text(json.dumps(values))
    result = play(f"--extra-vars=@{tmp_path / 'vars.json'}")
    assert result.returncode == 0, result.stdout[-3000:]
    before, SITE["pacs_staff_users"]["anna"] = SITE["pacs_staff_users"]["anna"], password
    server.compose("restart")
    site.wait_until_it_answers(studies[0], 60)
    path = f"/shares/dicom-web/studies/{studies[0]['uid']}/metadata"
    new = site.share(studies[0]["id"], studies[0]["uid"])["Token"]
    assert site.request("GET", path, token=new).status_code == 200
    assert site.request("GET", path, token=old).status_code == 403
    assert site.request("GET", "/orthanc/system", user="anna", password=before).status_code == 401


def test_going_back_to_the_first_passwords_works_too(site, studies):
    SITE["pacs_staff_users"]["anna"] = SECRETS["anna"]
    result = play()
    assert result.returncode == 0, result.stdout[-3000:]
    assert site.answers(studies[0])
