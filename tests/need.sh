#!/usr/bin/env bash
# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Installs the distribution's package of a program where that is missing and may be installed: need.sh PROGRAM [PACKAGE]
set -euo pipefail

program=$1 package=${2:-$1}
command -v "$program" >/dev/null && exit
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
  echo "The tests need $program. Install it: apt-get install $package" >&2
  exit 1
fi
echo "Installing the distribution's $package for the tests"
export DEBIAN_FRONTEND=noninteractive
# Another part of the tests may be installing something.
apt-get update -qq -o DPkg::Lock::Timeout=300
apt-get install -y -qq -o DPkg::Lock::Timeout=300 --no-install-recommends "$package" >/dev/null
