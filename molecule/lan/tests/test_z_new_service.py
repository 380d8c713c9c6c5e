# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A new service is a new role and one line: it is deployed, checked, rotated, upgraded, backed up and removed."""

import json
import re
from pathlib import Path

import deployed
import extended
import pytest
import requests
import yaml

SCENARIO = Path(__file__).resolve().parents[1]
SERVER = deployed.Shell("threedpc-pacs-ward8")
URL = "http://10.213.44.8:8099/"
WORDS = {"hello_port": 8099, "hello_text": "good morning", "hello_password": "molecule hello 1"}
STATE = "docker inspect --format '{{.Id}} {{.Name}} {{.Config.Image}} {{.State.Health.Status}}' $(docker ps --quiet)"


@pytest.fixture(scope="module")
def collection(tmp_path_factory):
    return extended.collection(tmp_path_factory.mktemp("extended"))


@pytest.fixture(scope="module", autouse=True)
def gone(collection):
    """Whatever the tests leave is removed by the collection as it was."""
    yield
    if "pacs-hello-1" in containers():
        play(deployed.ROOT, "site", "--skip-tags=verify", site_may_change_images=True)


def play(collection, playbook, *arguments, **variables):
    told = {"ANSIBLE_COLLECTIONS_PATH": str(collection.parents[2])} if collection != deployed.ROOT else {}
    extra = f"--extra-vars={json.dumps(variables)}"
    path = collection / f"playbooks/{playbook}.yml"
    return deployed.play(path, SCENARIO, "--limit=ward8", deployed.lab_images(), extra, *arguments, environment=told)


def done(run):
    assert run.returncode == 0, run.stdout[-5000:]
    return int(re.search(r"ward8 +: ok=\d+ +changed=(\d+)", run.stdout[run.stdout.index("PLAY RECAP") :])[1])


def containers():
    """By the name: identifier, image and health."""
    lines = [line.split() for line in SERVER.run(STATE).splitlines()]
    return {name.strip("/"): (identifier, image, health) for identifier, name, image, health in lines}


def says(password=WORDS["hello_password"]):
    answer = requests.get(URL, auth=("anna", password), timeout=20)
    return answer.status_code, answer.text.strip()


def test_it_is_deployed_and_checked(collection):
    before = containers()
    extended.with_service(collection)
    run = play(collection, "site", **WORDS)
    done(run)
    now = containers()
    assert now.pop("pacs-hello-1")[2] == "healthy"
    # Nothing else was touched.
    assert now == before
    assert says() == (200, "good morning") and says("wrong")[0] == 401
    assert re.search(r"Server +\d+ passed\n", run.stdout)
    assert re.search(r"Services +2 passed\n", run.stdout)
    assert done(play(collection, "site", "--skip-tags=verify", **WORDS)) == 0


def test_its_user_and_its_secret_are_its_own(collection):
    assert SERVER.run("id --user pacs-hello") == "61007"
    assert SERVER.run("stat --format '%a %U' /opt/pacs/secrets/hello/users") == "400 pacs-hello"
    assert SERVER.run("docker exec pacs-hello-1 stat --format %u /proc/1") == "61007"
    assert WORDS["hello_password"] not in SERVER.run("docker inspect pacs-hello-1; cat /opt/pacs/compose.d/hello.json")


def test_its_secret_is_rotated_and_nothing_else_restarts(collection):
    before = containers()
    done(play(collection, "site", "--skip-tags=verify", **WORDS | {"hello_password": "molecule hello 2"}))
    now = containers()
    assert now.pop("pacs-hello-1")[0] != before.pop("pacs-hello-1")[0] and now == before
    assert says()[0] == 401 and says("molecule hello 2")[0] == 200


def test_a_bad_line_of_it_changes_nothing_of_others(collection):
    template = collection / "roles/hello/templates/nginx.conf.j2"
    text = template.read_text()
    template.write_text(text.replace("server {", "sever {"))
    before = SERVER.run("sha256sum /opt/pacs/secrets/*/* /opt/pacs/compose.d/*")
    run = play(collection, "site", "--skip-tags=verify", **WORDS, pacs_database_password="molecule database 9")
    template.write_text(text)
    assert run.returncode == 2 and "is not valid" in run.stdout
    assert SERVER.run("sha256sum /opt/pacs/secrets/*/* /opt/pacs/compose.d/*") == before


def test_it_is_upgraded(collection):
    done(play(collection, "site", "--skip-tags=verify", **WORDS))
    images = yaml.safe_load(Path(deployed.lab_images().partition("@")[2]).read_text())["pacs_images"]
    SERVER.run(f"docker tag {images['nginx']} hello:2")
    asked = {"pacs_images": images | {"hello": "hello:2"}, "pacs_image_source": "present"}
    refused = play(collection, "site", "--skip-tags=verify", **WORDS, **asked)
    assert refused.returncode == 2 and f"hello: {images['nginx']} to hello:2" in refused.stdout
    done(play(collection, "upgrade", **WORDS, **asked))
    assert containers()["pacs-hello-1"][1:] == ("hello:2", "healthy") and says()[0] == 200


def test_a_backup_has_what_it_needs(collection):
    """A backup takes the whole directory of the site."""
    found = SERVER.run("cd /opt/pacs && ls config/hello/nginx.conf secrets/hello/users compose.d/hello.json")
    assert len(found.split()) == 3


def test_it_is_removed_with_its_line(collection):
    before = containers()
    run = play(deployed.ROOT, "site", "--skip-tags=verify", site_may_change_images=True)
    done(run)
    assert before.pop("pacs-hello-1") and containers() == before
    assert SERVER.run("ls -d /opt/pacs/*/hello* 2>/dev/null", check=False) == ""
    with pytest.raises(requests.exceptions.ConnectionError):
        says()
    assert done(play(deployed.ROOT, "site", "--skip-tags=verify")) == 0
