#!/usr/bin/env bash
# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# The bench, with a browser. Arguments: see bench.py.
set -euo pipefail
cd "$(dirname "$0")/../.."
bash tests/need.sh chromium
PYTHONPATH="$PWD/.collections" exec python tests/bench/bench.py "$@"
