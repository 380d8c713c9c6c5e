#!/usr/bin/env bash
# Runs one Molecule scenario, or all of them: run_molecule.sh [scenario]
set -euo pipefail
cd "$(dirname "$0")/.."
suffix=""
[ "${IMAGES:-lab}" = upstream ] && suffix=-upstream
export LAB_IMAGES="$PWD/.cache/lab/images$suffix.yml"
mkdir -p .cache/molecule
scenario=${1:-default}
rm -f ".cache/molecule/$scenario.log"
if molecule test --scenario-name "$scenario" 2>&1 | tee ".cache/molecule/$scenario.out"; then
  failed=0
else
  failed=1
  server=$(sed -n 's/^lab_server_name: //p' "molecule/$scenario/inventory/group_vars/all.yml")
  echo "== $scenario failed. The server's journal and the services' logs, if it is still there:"
  docker exec "$server" journalctl --no-pager --lines 40 || true
  docker exec --workdir /opt/pacs "$server" docker compose logs --no-color --tail 20 || true
  molecule destroy --scenario-name "$scenario" >/dev/null 2>&1 || true
fi
passed=$(sed -nE 's/.*[ =]([0-9]+) passed.*/\1/p' ".cache/molecule/$scenario.out" | tail -1)
broken=$(sed -nE 's/.*[ =]([0-9]+) failed.*/\1/p' ".cache/molecule/$scenario.out" | tail -1)
[ "$failed" = 0 ] || [ -n "$broken" ] || broken=1
echo "molecule-$scenario: ${passed:-0} passed, ${broken:-0} failed"
exit "$failed"
