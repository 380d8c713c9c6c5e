#!/usr/bin/env bash
# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Tags the checkout with the version of galaxy.yml, once everything about it is right. Nothing leaves this machine.
set -euo pipefail
cd "$(dirname "$0")/.."

version=$(python -c 'import yaml; print(yaml.safe_load(open("galaxy.yml"))["version"])')
stop() {
  echo "No release: $*" >&2
  exit 1
}
[ -z "$(git status --porcelain)" ] || stop "the checkout has changes that are not committed."
! git rev-parse --quiet --verify "refs/tags/v$version" > /dev/null || stop "v$version is tagged already; set the next version in galaxy.yml."
fragments=$(git ls-files 'changelogs/fragments/*.yml')
[ -z "$fragments" ] || stop "changelogs/fragments is not empty. Run antsibull-changelog release and commit what it writes."
grep -q "^v$version\$" CHANGELOG.rst || stop "CHANGELOG.rst does not know v$version. Run antsibull-changelog release."
bash tests/run_archive.sh
git tag --annotate "v$version" --message "threedpc.pacs $version"
echo "Tagged v$version. Push the tag, and publish the archive in .cache/archive, when you have read what it holds."
