#!/usr/bin/env bash
# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Every linter runs even if an earlier one complains.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1
export PATH="${VENV:-$PWD/.cache/venv}/bin:$PATH"
unset ANSIBLE_CONFIG
# Where ansible-lint finds this collection, and where it may keep things.
export ANSIBLE_COLLECTIONS_PATH="$PWD/.collections" ANSIBLE_HOME="$PWD/.cache/ansible"
# It installs a copy of the collection there, and would believe an old one.
rm -rf "$ANSIBLE_HOME/collections/ansible_collections/threedpc"

passed=0 failed=0
lint() {
  echo "== $*"
  if "$@"; then
    passed=$((passed + 1))
  else
    failed=$((failed + 1))
  fi
}

scripts() {
  local file bad=0
  while IFS= read -r -d '' file; do
    bash -n "$file" || bad=1
  done < <(git ls-files -z --cached --others --exclude-standard -- '*.sh')
  return "$bad"
}

types() { # what runs on the controller, and the program that runs on the server
  local program bad=0
  MYPYPATH=.collections python -m mypy --no-error-summary \
    -p ansible_collections.threedpc.pacs.plugins.module_utils -p ansible_collections.threedpc.pacs.plugins.plugin_utils || bad=1
  for program in roles/*/files/pacs; do
    [ ! -d "$program" ] || MYPYPATH=${program%/pacs} python -m mypy --no-error-summary -p pacs || bad=1
  done
  return "$bad"
}

documentation() { # of modules, plugins and roles, as docs builders read it
  antsibull-docs lint-collection-docs --plugin-docs --validate-collection-refs self --skip-rstcheck .
}

lint ruff check --no-cache --quiet .
lint ruff format --no-cache --check --output-format concise .
lint yamllint --strict .
lint ansible-lint --nocolor -q
lint scripts
lint types
lint documentation
lint antsibull-changelog lint
echo "lint: $passed passed, $failed failed"
[ "$failed" = 0 ]
