# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter that says in sentences what is wrong with a certificate that a site provides."""

from __future__ import annotations

import datetime
import ssl

from ansible.errors import AnsibleFilterError

# Where distributions have the CAs that their users trust, whatever Python was built for.
SYSTEM = ("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem")


def _moment(now):
    """The time to judge by: now, or what a test says."""
    if now is None:
        return datetime.datetime.now(datetime.UTC)
    if not isinstance(now, datetime.datetime):
        now = datetime.datetime.fromisoformat(now)
    return now if now.tzinfo else now.replace(tzinfo=datetime.UTC)


def certificate_problems(
    certificate_pem_chain, private_key_pem, names, site, now=None, ca_path=None, prefix="tls_provided"
):
    """Sentences on what is wrong with a provided certificate, an empty list if nothing is."""
    # Here, because to find a filter each process of Ansible loads every file of this folder.
    from ansible_collections.threedpc.pacs.plugins.plugin_utils import certificate_rules

    if certificate_rules.CRYPTOGRAPHY_ERROR:
        raise AnsibleFilterError(
            "Checking a certificate needs Python's cryptography on the controller."
        ) from certificate_rules.CRYPTOGRAPHY_ERROR
    names = [names] if isinstance(names, str) else names
    problems = certificate_rules.problems(
        str(certificate_pem_chain or ""),
        str(private_key_pem or ""),
        [str(name) for name in names],
        _moment(now),
        () if ca_path is None else [path for path in (ssl.get_default_verify_paths().cafile, *SYSTEM, ca_path) if path],
        f"{prefix}_certificate",
        f"{prefix}_private_key",
    )
    return [f"{site}: {problem}." for problem in problems]


class FilterModule:
    """The filter of a provided certificate."""

    def filters(self):
        return {"certificate_problems": certificate_problems}
