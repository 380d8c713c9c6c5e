#!/bin/sh
# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# The name server runs as long as the container, pebble when it is told to: lab-pebble.
exec named -g -u bind -c /etc/acme/named.conf
