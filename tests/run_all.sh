#!/usr/bin/env bash
# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Everything that must pass. Every part runs even if an earlier one failed; the last line is the sum.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1
mkdir -p .cache/test
failed_parts=""
passed=0
failed=0

part() { # part NAME COMMAND...: runs it, keeps its output, adds its last "NAME: N passed, M failed" to the sum
  local name=$1 began=$SECONDS status counts
  shift
  printf '\n===== %s\n' "$name"
  "$@" 2>&1 | tee ".cache/test/$name.log"
  status=${PIPESTATUS[0]}
  counts=$(sed -nE 's/^[a-z0-9_-]+: ([0-9]+) passed, ([0-9]+) failed.*/\1 \2/p' ".cache/test/$name.log" | tail -1)
  [ -n "$counts" ] || counts="$((status == 0)) $((status != 0))"
  [ "$status" = 0 ] || [ "${counts#* }" != 0 ] || counts="${counts% *} 1"
  passed=$((passed + ${counts% *}))
  failed=$((failed + ${counts#* }))
  [ "$status" = 0 ] || failed_parts+=" $name"
  # A part in the background has said so already.
  [ "$began" = "$SECONDS" ] || printf '===== %s took %d s\n' "$name" $((SECONDS - began))
}

replay() { # replay NAME: what a part in the background said, and its status
  cat ".cache/test/$1.out"
  return "$(cat ".cache/test/$1.status")"
}

in_background() { # in_background NAME...: one after another; what each says and its status go to files
  local name target began options
  for name in "$@"; do
    began=$SECONDS target=$name options=(--no-print-directory)
    # What Ansible itself has a say in runs on the oldest and on the newest one that is supported.
    case $name in
      unit-newest) target=unit options+=(ANSIBLE=newest UNIT="$ENGINE") ;;
      *-newest) target=${name%-newest} options+=(ANSIBLE=newest) ;;
      molecule-lan) [ -z "$newest" ] || options+=(ANSIBLE=newest) ;;
    esac
    make "${options[@]}" "$target" > ".cache/test/$name.out" 2>&1
    echo $? > ".cache/test/$name.status"
    echo "$name took $((SECONDS - began)) s"
  done
}
export -f in_background

part lab make --no-print-directory lab
# Parts that need no server take what the others leave of the processors.
light=(lint unit sanity)
if newest=$(bash tests/python.sh newest); then
  # Its environment comes first, long before a scenario asks for it.
  light=(venv-newest "${light[@]}" unit-newest sanity-newest)
fi
export newest
# The unit tests in which Ansible's engine has a say. The scenario lan runs with the newest as well.
export ENGINE="tests/unit/plugins/filter tests/unit/plugins/lookup tests/unit/test_new_site.py"
nice -n 5 bash -c 'in_background "$@"' - "${light[@]}" &
# Three at a time, because each waits for its servers for a part of the time. The longest come first; the browser, which
# has to draw, comes when there is less beside it.
beside=(molecule-firewall molecule-upgrade molecule-nothing_lost molecule-default molecule-lan molecule-acme
  molecule-rotation bench-smoke "demo browser demo-down")
printf '%s\n' "${beside[@]}" | xargs --max-procs=3 --replace bash -c 'in_background {}'
wait
# shellcheck disable=SC2068 # one of them is three
for name in "${light[@]}" ${beside[@]}; do
  part "$name" replay "$name"
done

if [ -n "$failed_parts" ]; then
  printf '\nFailed:%s. The output of each part is in .cache/test/. What it says of failures:\n' "$failed_parts"
  for name in $failed_parts; do
    echo "== $name"
    grep -hE '^(FAILED|ERROR|E  )|^ *File .*, line' ".cache/test/$name.log" | cut -c1-300 | tail -25
    # The name of the task, and what it said.
    grep -hE -B 4 -A 12 '^fatal' ".cache/test/$name.log" | cut -c1-600 | tail -60
  done
fi
printf '%d passed, %d failed\n' "$passed" "$failed"
[ "$failed" = 0 ]
