#!/usr/bin/env bash
# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Prints the Python for a release of ansible-core: python.sh oldest|2.20|newest|2.22
# The first of those that it runs on, which may be beside this machine's own (pyenv and the like).
set -euo pipefail

case ${1:-oldest} in
  oldest) versions="3.11 3.12 3.13" ;;
  2.20) versions="3.12 3.13" ;;
  *) versions="3.13 3.12" ;;
esac
beside=$(python3 -c 'import os, sys; print(os.path.dirname(sys.base_prefix))')
for version in $versions; do
  for python in python3 "python$version" "$beside/$version".*/bin/python3; do
    # A pyenv shim may be there without the Python behind it.
    if "$python" -c "import sys, venv, ensurepip; sys.exit('%d.%d' % sys.version_info[:2] != '$version')" 2> /dev/null; then
      echo "$python"
      exit
    fi
  done
done
echo "ansible-core \"${1:-oldest}\" needs Python ${versions// / or }. None is here, or only without its module venv, which is" \
  "in the package python3-venv." >&2
exit 1
