#!/usr/bin/env bash
# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Runs one Molecule scenario: run_molecule.sh [scenario]
set -euo pipefail
cd "$(dirname "$0")/.."
suffix=""
[ "${IMAGES:-lab}" = upstream ] && suffix=-upstream
export LAB_IMAGES="$PWD/.cache/lab/images$suffix.yml"
mkdir -p .cache/molecule
scenario=${1:-default}
output=.cache/molecule/$scenario.out
rm -f ".cache/molecule/$scenario.log"
# A home of its own, so that scenarios can run beside each other. Molecule installs a copy of the collection there, and
# would believe an old one.
export ANSIBLE_HOME="$PWD/.cache/molecule/$scenario.home"
rm -rf "$ANSIBLE_HOME/collections/ansible_collections/threedpc"
# What an earlier run has noted of servers that an Engine may have lost since.
rm -rf "$ANSIBLE_HOME/tmp"
# tests/lab/images/server/sitecustomize.py
export LAB_COMPILED="$PWD/.cache/molecule/compiled" LAB_MODULES="$ANSIBLE_HOME/modules"
rm -rf "$LAB_MODULES"
mkdir -p "$LAB_COMPILED" "$LAB_MODULES"
failed=0
# Without the colors and the frame that Molecule draws around what it runs.
molecule test --destroy=never --scenario-name "$scenario" 2>&1 |
  sed -uE 's/\x1b\[[0-9;]*[A-Za-z]//g; s/^ *│ ?//' | tee "$output" || failed=1
if [ "$failed" = 1 ]; then
  echo "== $scenario failed. The journal of its servers and the logs of their services:"
  ansible pacs --inventory "molecule/$scenario/inventory" --module-name debug --args var=ansible_host |
    grep -oE 'threedpc-pacs-[a-z0-9-]+' | while read -r server; do
    echo "== $server"
    docker exec "$server" journalctl --no-pager --lines 40 || true
    docker exec "$server" docker compose --project-name pacs --ansi never logs --no-color --tail 20 || true
  done
fi
molecule destroy --scenario-name "$scenario" >> "$output" 2>&1 || failed=1
passed=$(sed -nE 's/.*[ =]([0-9]+) passed.* in [0-9].*/\1/p' "$output" | tail -1)
broken=$(sed -nE 's/.*[ =]([0-9]+) failed.* in [0-9].*/\1/p' "$output" | tail -1)
[ "$failed" = 0 ] || [ -n "$broken" ] || broken=1
echo "molecule-$scenario: ${passed:-0} passed, ${broken:-0} failed"
exit "$failed"
