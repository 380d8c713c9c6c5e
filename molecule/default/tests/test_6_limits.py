# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""After all the others: what the services had of the server's memory."""

from __future__ import annotations

from conftest import SERVER

testinfra_hosts = [f"docker://{SERVER}"]


def test_every_service_is_limited_and_none_was_stopped_for_it(host):
    template = "'{{.Name}} {{.HostConfig.Memory}} {{.State.OOMKilled}}'"
    lines = host.check_output(f"cd /opt/pacs && docker inspect --format {template} $(docker compose ps --quiet)")
    services = [line.split() for line in lines.splitlines()]
    assert len(services) == 8
    for name, limit, killed in services:
        assert 256 * 2**20 <= int(limit) <= 3 * 2**30, name
        assert killed == "false", name
