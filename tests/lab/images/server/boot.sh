#!/bin/sh
# Makes a container without --privileged look like a machine that systemd and a Docker Engine can run on.

# Docker mounts these read-only. `bind` changes this mount alone; without it the kernel refuses.
awk '$5 ~ "^/(sys|proc/sys)" { print $5 }' /proc/self/mountinfo | while read -r mount; do
    mount -o remount,bind,rw "$mount" 2>/dev/null || true
done

# The inner engine hands mounts on to its containers.
mount --make-rshared /

exec /sbin/init
