# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The program `pacs`: what a server does for itself, for the roles, for cron, and for an administrator who logs in.

Runs with the distribution's Python, 3.10 or newer, its standard library and python3-cryptography, 3.4 or newer.
"""
