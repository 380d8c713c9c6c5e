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
# Two at a time, because each waits for its servers half of the time. The longest come first.
beside=(molecule-default molecule-nothing_lost molecule-upgrade molecule-firewall molecule-rotation molecule-acme
  bench-smoke molecule-lan)
run_beside() { # run_beside NAME: what it says and its status go to files
  make --no-print-directory "$1" > ".cache/test/$1.out" 2>&1
  echo $? > ".cache/test/$1.status"
  echo "$1 took $SECONDS s"
}
export -f run_beside
printf '%s\n' "${beside[@]}" | xargs --max-procs=2 --replace bash -c 'run_beside {}'
for name in "${beside[@]}"; do
  part "$name" replay ".cache/test/$name.out" "$(cat ".cache/test/$name.status")"
done
part demo make --no-print-directory demo
part browser make --no-print-directory browser
part demo-down make --no-print-directory demo-down

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
