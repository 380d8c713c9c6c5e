#!/usr/bin/env bash
# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Prepares the configuration, then becomes Orthanc.
set -o errexit

if [ "$#" -ne 1 ]; then
    echo "FATAL: give exactly one argument, the path of the configuration" >&2
    exit 2
fi

# Without /etc/hostid, making a DICOM UID may wait for a name server.
if [ -n "$FORCE_HOST_ID" ]; then
    echo "$FORCE_HOST_ID" > /etc/hostid
elif [ "${GENERATE_HOST_ID_IF_MISSING:-true}" = true ]; then
    if [ ! -f /etc/hostid ] || [ "$(cat /etc/hostid)" = not-generated ]; then
        printf '%08x\n' "$(shuf -i 268435456-4294967295 -n 1)" > /etc/hostid
    fi
fi

cd /startup
python3 configure.py

options=()
if [ "$TRACE_ENABLED" = true ]; then
    options+=(--trace)
elif [ "$VERBOSE_ENABLED" = true ]; then
    options+=(--verbose)
fi
if [ -n "$LOGDIR" ]; then
    options+=("--logdir=$LOGDIR")
elif [ -n "$LOGFILE" ]; then
    options+=("--logfile=$LOGFILE")
fi
if [ "$NO_JOBS" = true ]; then
    options+=(--no-jobs)
fi

# Split into words on purpose: the variable may hold a path and its arguments.
# shellcheck disable=SC2086
if [ -n "$BEFORE_ORTHANC_STARTUP_SCRIPT" ]; then
    $BEFORE_ORTHANC_STARTUP_SCRIPT
fi

echo "Startup command: Orthanc ${options[*]} $1" >&2
exec Orthanc "${options[@]}" "$1"
