"""One study back into the running archive, and the whole archive onto a new server."""

from __future__ import annotations

import json

from conftest import SCENARIO, play


def test_one_study_comes_back(site, server, study):
    server.backup("backup")
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
    reason = server.backup("restore-study 1.2.3.4", succeeds=False)
    assert "has no studies 1.2.3.4" in reason


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
    server.backup("backup")
    assert "changed=0 " in play("playbooks/site.yml", "--skip-tags=verify")


def test_what_was_there_is_put_aside(site, server, study):
    wanted = server.backup("snapshots")[-1]["snapshot"]
    site.must("DELETE", f"/studies/{study['id']}")
    over = json.dumps({"restore_over": "Ward 10", "restore_snapshot": wanted})
    play("playbooks/restore.yml", "--extra-vars", over)
    assert site.opens(study["token"], study["uid"])
    aside = server.run("ls /var/lib/pacs/replaced-*").split()
    assert aside == ["postgres", "storage"]
