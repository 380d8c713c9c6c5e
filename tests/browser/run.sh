#!/usr/bin/env bash
# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Look at the demo with a real browser. DEMO_ENV names another site's file than .cache/demo.env.
set -euo pipefail
cd "$(dirname "$0")/../.."

bash tests/need.sh chromium

python=.cache/venv/bin/python
[ -x "$python" ] || python=python3
exec "$python" -m pytest -p no:cacheprovider --rootdir=tests/browser -c /dev/null -q "$@" tests/browser
