# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One study back into the running archive, and the whole archive onto a new server."""

from __future__ import annotations

import io
import json

import deployed
import pydicom
from ansible_collections.threedpc.pacs.plugins.module_utils.phantom import Phantom
from conftest import SCENARIO, play


def test_one_study_comes_back(site, server, study):
    server.pacs("backup")
    before = site.fingerprint()
    site.must("DELETE", f"/studies/{study['id']}")
    assert study["id"] not in site.json("/studies")
    said = play("playbooks/restore.yml", "--extra-vars", json.dumps({"restore_study": study["uid"]}), "--check")
    assert study["id"] not in site.json("/studies")
    assert "stored" not in said.split("PLAY RECAP")[0].rsplit("TASK", 1)[1]
    play("playbooks/restore.yml", "--extra-vars", json.dumps({"restore_study": study["uid"]}))
    after = site.fingerprint()
    for part in ("instances", "labels", "models"):
        assert after[part] == before[part], part
    assert site.must("GET", f"/studies/{study['id']}/metadata/1024").text == "weigh the skull"
    reason = server.pacs("restore study 1.2.3.4", succeeds=False)
    assert "has no studies 1.2.3.4" in reason


def test_of_two_patients_with_one_uid_none_is_guessed(site, server):
    """Neither which of the backup's is meant, nor that the archive's is the wrong one."""
    made = Phantom(slices=2, rows=16, columns=16, patient_id="TWIN-A", seed="TWINS")
    uid = made.study_instance_uid

    def upload(patient):
        for _name, content in made.files():
            image = pydicom.dcmread(io.BytesIO(content))
            image.PatientID, written = patient, io.BytesIO()
            image.save_as(written)
            stored = site.upload(written.getvalue())
        return stored["ParentStudy"]

    def present():
        return {one, other} & set(site.json("/studies"))

    one, other = upload("TWIN-A"), upload("TWIN-B")
    try:
        server.pacs("backup")
        both = server.pacs("backup list")[-1]["snapshot"]
        for name in (one, other):
            site.must("DELETE", f"/studies/{name}")
        reason = server.pacs(f"restore study {uid}", succeeds=False)
        assert f"has 2 studies {uid}" in reason
        assert one in reason and other in reason
        assert not present()
        assert server.pacs(f"restore study {one}")["stored"] == 2
        assert present() == {one}

        server.pacs("backup")
        site.must("DELETE", f"/studies/{one}")
        upload("TWIN-B")
        reason = server.pacs(f"restore study {uid}", succeeds=False)
        assert f"The archive has the StudyInstanceUID {uid} in another study, of another PatientID ({other})" in reason
        assert present() == {other}
        # Whoever names one of them has not left it to a guess.
        server.pacs(f"restore study {one} --snapshot {both}")
        assert present() == {one, other}
    finally:
        for name in present():
            site.must("DELETE", f"/studies/{name}")


def test_a_running_archive_is_not_replaced_unless_it_is_named(server, site):
    before = site.json("/studies")
    for words in ([], ["--extra-vars", json.dumps({"restore_over": "Ward 7"})]):
        said = play("playbooks/restore.yml", *words, succeeds=False)
        assert "restore_over='Ward" in said.replace("''", "'")
    assert site.json("/studies") == before


def test_a_new_server_has_everything_that_the_burned_one_had(site, server, study):
    assert site.opens(study["token"], study["uid"])
    play("playbooks/backup.yml")
    before = site.fingerprint()
    assert before["models"] and {*before["models"].values()} == {study["model"]}
    assert [share["studies"][0]["study_instance_uid"] for share in before["shares"]] == [study["uid"]]

    container = ["--extra-vars", json.dumps({"keep_backups": True})]
    play(SCENARIO / "destroy.yml", *container)
    play(SCENARIO / "create.yml")
    play("playbooks/restore.yml")
    assert site.fingerprint() == before
    assert site.opens(study["token"], study["uid"])
    server.pacs("backup")
    assert "changed=0 " in play("playbooks/site.yml", "--skip-tags=verify")


def test_what_a_restore_brings_is_that_of_the_services_alone(site, server, study):
    places = "/var/lib/pacs/storage /var/lib/pacs/postgres"
    assert server.run(f"stat --format '%a %U %G' {places}").splitlines() == [
        "700 pacs-orthanc pacs-orthanc",
        "700 pacs-postgres pacs-postgres",
    ]
    assert not server.run(
        "find /var/lib/pacs/storage ! -user pacs-orthanc; find /var/lib/pacs/postgres ! -user pacs-postgres"
    )
    for place in places.split():
        assert not server.run(f"runuser --user nobody -- ls {place} 2>/dev/null || true")
    # The gate's own question to the database came back with it.
    assert site.opens(site.share(study["id"], study["uid"])["Token"], study["uid"])


def test_what_was_there_is_put_aside(site, server, study):
    wanted = server.pacs("backup list")[-1]["snapshot"]
    site.must("DELETE", f"/studies/{study['id']}")
    over = json.dumps({"restore_over": "Ward 10", "restore_snapshot": wanted})
    play("playbooks/restore.yml", "--extra-vars", over)
    assert site.opens(study["token"], study["uid"])
    aside = server.run("ls /var/lib/pacs/replaced-*").split()
    assert aside == ["postgres", "storage"]
    # Into a database that had it before.
    assert site.opens(site.share(study["id"], study["uid"])["Token"], study["uid"])


def test_a_database_without_what_the_gate_asks_gets_it_at_its_next_start(site, server, study):
    """As one of an earlier release, or of a backup of it."""
    psql = "exec -T postgres psql --username=postgres --dbname=orthanc --command"
    server.compose(f"{psql} 'DROP FUNCTION public.studies_named(text[])'")
    try:
        assert not site.ask_share(study["id"], study["uid"]).ok
    finally:
        server.compose("restart postgres && docker compose up --detach --wait --pull never")
    # Both gates and both Orthancs find the database again, one after another.
    deployed.wait_until(lambda: site.ask_share(study["id"], study["uid"]).ok)
    token = site.share(study["id"], study["uid"])["Token"]
    deployed.wait_until(lambda: site.opens(token, study["uid"]))
