#!/usr/bin/env bash
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
  printf '===== %s took %d s\n' "$name" $((SECONDS - began))
}

# The longest of the parts that need no server runs beside the others.
make --no-print-directory sanity > .cache/test/sanity.out 2>&1 &
sanity=$!
replay() { # what a part in the background said, and its status
  cat "$1"
  return "$2"
}

part lint make --no-print-directory lint
part unit make --no-print-directory unit
part lab make --no-print-directory lab
wait "$sanity"
part sanity replay .cache/test/sanity.out $?
# Two at a time, because a scenario waits for its servers half of the time. The longest come first.
lane() { # lane SCENARIO...: one after the other
  local scenario status
  for scenario in "$@"; do
    status=0
    make --no-print-directory molecule "SCENARIO=$scenario" > ".cache/test/molecule-$scenario.out" 2>&1 || status=$?
    echo "$status" > ".cache/test/molecule-$scenario.status"
    echo "molecule-$scenario: its end after $SECONDS s is in .cache/test/molecule-$scenario.out"
  done
}
# Not among them yet: nothing_lost, rotation and upgrade, which were not green as a whole so far.
first=(default lan)
second=(firewall acme)
lane "${first[@]}" &
lane "${second[@]}"
wait
for scenario in "${first[@]}" "${second[@]}"; do
  part "molecule-$scenario" replay ".cache/test/molecule-$scenario.out" "$(cat ".cache/test/molecule-$scenario.status")"
done
part demo make --no-print-directory demo
part browser make --no-print-directory browser
part demo-down make --no-print-directory demo-down

if [ -n "$failed_parts" ]; then
  printf '\nFailed:%s. The output of each part is in .cache/test/. What it says of failures:\n' "$failed_parts"
  for name in $failed_parts; do
    echo "== $name"
    grep -hE '^(FAILED|ERROR|fatal|E  )|^ *File .*, line' ".cache/test/$name.log" | cut -c1-300 | tail -25
  done
fi
printf '%d passed, %d failed\n' "$passed" "$failed"
[ "$failed" = 0 ]
