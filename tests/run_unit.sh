#!/usr/bin/env bash
# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Unit tests with the project's own Python. Arguments go to pytest.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1
export PATH="${VENV:-$PWD/.cache/venv}/bin:$PATH"
# Judges whether a model is conformant DICOM.
bash tests/need.sh dciodvfy dicom3tools || exit 1
# The link in here is what makes the checkout importable as a collection.
link=.cache/collections/ansible_collections/threedpc
mkdir -p "$link"
[ -e "$link/pacs" ] || ln -s ../../../.. "$link/pacs"
export PYTHONPATH="$PWD/.cache/collections" PYTHONDONTWRITEBYTECODE=1
export HYPOTHESIS_STORAGE_DIRECTORY="$PWD/.cache/hypothesis"
unset ANSIBLE_CONFIG
# tests/lab/images/server/sitecustomize.py
export LAB_COMPILED="$PWD/.cache/compiled"
mkdir -p "$LAB_COMPILED"

name=unit
[ "${ANSIBLE:-oldest}" = oldest ] || name=unit-$ANSIBLE
report=.cache/$name.xml
rm -f "$report"
pytest -q -n 2 -p no:cacheprovider --import-mode=importlib --junitxml="$report" "${@:-tests/unit}"
status=$?
python - "$name" "$report" <<'PYTHON' || status=1
import sys
import xml.etree.ElementTree as tree

try:
    suite = tree.parse(sys.argv[2]).find(".//testsuite")
except OSError:
    print(f"{sys.argv[1]}: 0 passed, 1 failed")
    sys.exit(1)
total, skipped = int(suite.get("tests")), int(suite.get("skipped"))
failed = int(suite.get("failures")) + int(suite.get("errors"))
print(f"{sys.argv[1]}: {total - failed - skipped} passed, {failed} failed" + (f", {skipped} skipped" if skipped else ""))
PYTHON
exit "$status"
