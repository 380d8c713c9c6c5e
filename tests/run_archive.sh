#!/usr/bin/env bash
# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Builds the collection archive and judges it as a stranger gets it: run_archive.sh [RELEASE OF ANSIBLE...]
# With each supported Ansible it is installed into an empty directory, and its site.yml finds nothing to change at the
# demo, which the checkout made.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1
root=$PWD
out=$root/.cache/archive
rm -rf "$out"
mkdir -p "$out"
passed=0 failed=0
step() { # step WHAT COMMAND...: every step runs even if an earlier one failed
  echo "== $1"
  if "${@:2}"; then
    passed=$((passed + 1))
  else
    failed=$((failed + 1))
    echo "== failed: $1"
  fi
}

build() { (unset ANSIBLE_CONFIG && ansible-galaxy collection build --output-path "$out" .); }
step "Build the archive" build
archive=$(ls "$out"/threedpc-pacs-*.tar.gz) || exit 1

# What must not be in it: sites, caches, what only this checkout needs.
contents() {
  local wrong
  wrong=$(tar --list --file "$archive" | grep -E '^(\.|inventories/|playbooks/collections)|\.local/|\.pyc$|vault-password')
  [ -z "$wrong" ] || { echo "$wrong" && false; }
}
step "Hold only what a user needs" contents

# galaxy-importer and ansible-builder want other versions of what the linters need.
tools=$root/.cache/venv-archive
if [ requirements-archive.txt -nt "$tools/ready" ]; then
  "$(bash tests/python.sh oldest)" -m venv "$tools" &&
    "$tools/bin/pip" install --quiet --requirement requirements-archive.txt && touch "$tools/ready"
fi
importer() { # galaxy-importer calls Ansible by its name
  (cd "$out" && unset ANSIBLE_CONFIG && PATH="$tools/bin:$PATH" GALAXY_IMPORTER_CONFIG="$root/tests/galaxy_importer.cfg" \
    "$tools/bin/python" -m galaxy_importer.main "$archive") 2>&1 | tee "$out/importer.log" | grep -E 'ERROR|WARNING|rror:'
  ! grep -qE 'ERROR|rror:' "$out/importer.log"
}
step "Pass galaxy-importer" importer
introspect() {
  "$tools/bin/ansible-builder" introspect "$installed" > "$out/introspect.yml" &&
    grep -q vtk "$out/introspect.yml"
}

make --no-print-directory demo > "$out/demo.log" 2>&1 || { tail -20 "$out/demo.log" && exit 1; }
from_archive() { # from_archive RELEASE
  local collections=$out/$1 venv
  installed=$collections
  make --no-print-directory ANSIBLE="$1" venv || return 1
  venv=$root/.cache/venv$([ "$1" = oldest ] || echo "-$1")
  (
    cd "$out" || exit 1
    unset ANSIBLE_CONFIG PYTHONPATH
    export PATH="$venv/bin:$PATH" ANSIBLE_COLLECTIONS_PATH="$collections" ANSIBLE_HOME="$out/home"
    ansible-galaxy collection install --no-deps --collections-path "$collections" "$archive" > /dev/null &&
      ansible-playbook threedpc.pacs.site --check --diff --inventory "$root/inventories/demo" > "$out/site-$1.log" 2>&1 &&
      grep -q 'changed=0 .*failed=0' "$out/site-$1.log"
  ) || { tail -30 "$out/site-$1.log" && return 1; }
}
for release in "${@:-oldest 2.20 newest}"; do
  for one in $release; do
    step "Install it with ansible-core $one, and run site.yml --check from it" from_archive "$one"
  done
done
step "Tell ansible-builder what it needs" introspect
echo "archive: $passed passed, $failed failed"
[ "$failed" = 0 ] && echo "$archive"
