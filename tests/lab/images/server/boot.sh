#!/bin/sh
# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Makes a container without --privileged look like a machine that systemd and a Docker Engine can run on.

# Docker mounts these read-only. `bind` changes this mount alone; without it the kernel refuses.
awk '$5 ~ "^/(sys|proc/sys)" { print $5 }' /proc/self/mountinfo | while read -r mount; do
    mount -o remount,bind,rw "$mount" 2>/dev/null || true
done

# The inner engine hands mounts on to its containers.
mount --make-rshared /

exec /sbin/init
