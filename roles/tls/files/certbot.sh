#!/bin/sh
# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Runs what asks an ACME server, which takes a proxy from its environment only. From a file it gets there without being shown by docker inspect.
set -eu
proxy=$(cat /run/secrets/proxy)
if [ -n "$proxy" ]; then
  export HTTP_PROXY="$proxy" http_proxy="$proxy" HTTPS_PROXY="$proxy" https_proxy="$proxy"
fi
exec "$@"
