# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Python on the machine that runs the tests asks no name server for the clinic's names."""

import socket

ADDRESSES = {"pacs.clinic.test": "10.213.46.10"}
ask = socket.getaddrinfo


def getaddrinfo(host, *arguments, **options):
    return ask(ADDRESSES.get(host, host), *arguments, **options)


socket.getaddrinfo = getaddrinfo
