#!/bin/sh
# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Makes sure that a Docker Engine answers; installs and starts one only if none does, and says so.
set -eu

cache=$(cd "$(dirname "$0")/../.." && pwd)/.cache
log=$cache/dockerd.log

say() { echo "engine: $*"; }
die() { say "$*" >&2; exit 1; }
answers() { docker info >/dev/null 2>&1; }

! answers || exit 0

if [ "$(id -u)" -ne 0 ]; then
    if [ -S /var/run/docker.sock ] && command -v docker >/dev/null; then
        die "the Docker Engine of this machine does not answer to $(id -un) (try: docker version)." \
            "Ask for membership in the group docker, then log in again."
    fi
    die "no Docker Engine answers here, and only root can change that. As root: apt-get install docker.io," \
        "then add $(id -un) to the group docker and log in again."
fi

missing=
command -v dockerd >/dev/null || missing="docker.io"
command -v iptables >/dev/null || missing="$missing iptables"
if [ -n "$missing" ] || ! command -v docker >/dev/null; then
    command -v apt-get >/dev/null || die "no Docker Engine here, and no apt-get to install one: install Docker first."
    mkdir -p "$cache"
    apt-get update >"$cache/engine-install.log" 2>&1 || true
    # Debian 13 has the client in a package of its own.
    command -v docker >/dev/null || ! apt-cache show docker-cli >/dev/null 2>&1 || missing="$missing docker-cli"
    say "no Docker Engine answers here: installing$(echo " $missing" | tr -s ' ') from this machine's package sources"
    # shellcheck disable=SC2086 # a list
    DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends $missing \
        >>"$cache/engine-install.log" 2>&1 ||
        { tail -n 30 "$cache/engine-install.log" >&2; die "apt-get install $missing failed ($cache/engine-install.log)"; }
fi

mkdir -p "$cache"
if [ -d /run/systemd/system ]; then
    say "starting the service docker"
    systemctl start docker || die "it does not start: see journalctl -u docker"
elif ! answers; then
    say "starting dockerd by hand, because no systemd runs here (log: $log)"
    # Its own session, so that it outlives the make that called this.
    setsid nohup dockerd >"$log" 2>&1 </dev/null &
    echo $! >"$cache/dockerd.pid"
    # With cgroups of version 1 all containers together get as much of the processors as one of the programs that wait for
    # them.
    group=/sys/fs/cgroup/cpu
    [ ! -f $group/cpu.shares ] || ! mkdir -p $group/docker || echo 8192 >$group/docker/cpu.shares
fi

seconds=0
until answers; do
    if [ $seconds -ge 60 ]; then
        [ ! -f "$log" ] || tail -n 30 "$log" >&2
        die "the Docker Engine does not answer after 60 seconds"
    fi
    sleep 1
    seconds=$((seconds + 1))
done
say "the Docker Engine answers"
