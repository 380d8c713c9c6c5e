#!/usr/bin/env bash
# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# ansible-test sanity on the working tree as it is, uncommitted files included. Arguments go to ansible-test.
#
# ansible-test wants a git repository at ansible_collections/<namespace>/<name>, so it gets a copy. It makes its own
# virtual environments, for which it would fetch a pip from a host that not every network reaches: the one that Python
# brings along does it too.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1
root=$PWD
export PATH="${VENV:-$root/.cache/venv}/bin:$PATH"
unset ANSIBLE_CONFIG ANSIBLE_HOME PYTHONPATH
suffix="" skipped_tests=(--skip-test changelog)
if [ "${ANSIBLE:-oldest}" != oldest ]; then
  suffix=-$ANSIBLE
  # What judges only the style says the same with each Ansible.
  skipped_tests+=(--skip-test pep8 --skip-test pylint --skip-test yamllint)
fi
export ANSIBLE_COLLECTIONS_PATH="$root/.cache/sanity$suffix"
export HOME="$ANSIBLE_COLLECTIONS_PATH/home"
python=$(python3 -c 'import sys; print("%d.%d" % sys.version_info[:2])')

pip_cache="$HOME/.ansible/test/cache"
mkdir -p "$pip_cache"
for version in 24_2 25_2; do
  cat > "$pip_cache/get_pip_$version.py" <<'PYTHON'
import subprocess
import sys

options = [option for option in sys.argv[1:] if option not in ("--no-setuptools", "--no-wheel")]
subprocess.check_call([sys.executable, "-m", "ensurepip"], stdout=subprocess.DEVNULL)
sys.exit(subprocess.call([sys.executable, "-m", "pip", "install", *options], stdout=subprocess.DEVNULL))
PYTHON
done

copy="$ANSIBLE_COLLECTIONS_PATH/ansible_collections/threedpc/pacs"
mkdir -p "$copy"
exec 9> "$ANSIBLE_COLLECTIONS_PATH/lock"
flock 9
# ansible-test keeps its environment in tests/output; making it again would take a minute.
find "$copy" -mindepth 1 -maxdepth 1 ! -name tests ! -name .git -exec rm -rf {} +
find "$copy/tests" -mindepth 1 -maxdepth 1 ! -name output -exec rm -rf {} + 2> /dev/null
# Links are left out: the one by which the checkout finds itself would never end.
git ls-files -z --cached --others --exclude-standard | while IFS= read -r -d '' file; do
  [ -f "$file" ] && [ ! -L "$file" ] && printf '%s\0' "$file"
done | tar --create --null --files-from=- | tar --extract --directory="$copy"
cd "$copy" || exit 1
git init --quiet

log="$ANSIBLE_COLLECTIONS_PATH/log"
# `make lint` judges the changelog; here Python 3.13 would warn of a library's source, and the warning would count.
ansible-test sanity "${skipped_tests[@]}" --venv --python "$python" --requirements --color no "$@" 2>&1 | tee "$log"
status=${PIPESTATUS[0]}
total=$(grep -c '^Running sanity test' "$log")
missing=$(sed -n 's/^WARNING: Required program "\(.*\)" not found.*/\1/p' "$log" | sort -u)
failed=$(sed -n 's/.*The \([0-9]*\) sanity test(s) listed below (out of [0-9]*) failed.*/\1/p' "$log" | tail -n 1)
[ "$status" = 0 ] && failed=0
failed=${failed:-1}
skipped=0
for program in $missing; do
  echo "sanity$suffix: not run, because $program is not installed"
  skipped=$((skipped + 1))
done
passed=$((total - failed - skipped))
echo "sanity$suffix: $((passed > 0 ? passed : 0)) passed, $failed failed"
exit "$status"
