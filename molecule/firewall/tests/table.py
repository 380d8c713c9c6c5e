# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who asks for what, and how that ends: the refusals with their reasons, and the permissions."""

from conftest import ADDRESSES, UNKNOWN, WRONG_TITLE, call

ANSWERED, REFUSED = "0x0000", "aborted"
# nginx takes nobody's word before it has seen a certificate, and gives no reason.
NO_TLS = "no association"
CERTIFICATE: dict = {}

ROWS = {
    # A scanner in plain text, and what it may do.
    "it echoes": ("scanner", call("CT1"), ANSWERED),
    "it stores a study": ("scanner", call("CT1", "store", study="2.25.1001", count=3), ANSWERED),
    "it queries, because the list says so": ("scanner", call("CT1", "find"), ANSWERED),
    "it retrieves with C-GET, which the list does not say": ("scanner", call("CT1", "get"), REFUSED),
    "over IPv6 it is the other modality": ("scanner", call("US1", family="ipv6"), ANSWERED),
    "which stores a study": ("scanner", call("US1", "store", "ipv6", study="2.25.1002", count=3), ANSWERED),
    "which may not query": ("scanner", call("US1", "find", "ipv6"), REFUSED),
    "which may not retrieve": ("scanner", call("US1", "move", "ipv6", target="US1"), REFUSED),
    "its title of IPv4 is not good for IPv6": ("scanner", call("CT1", family="ipv6"), UNKNOWN),
    "nor the other way round": ("scanner", call("US1"), UNKNOWN),
    "a title that nobody has": ("scanner", call("NOBODY"), UNKNOWN),
    "the title of a scanner at another address": ("scanner", call("MR1"), UNKNOWN),
    "the title of one that has a certificate": ("scanner", call("ANGIO"), UNKNOWN),
    "a wrong title of the archive": ("scanner", call("CT1", called="ARCHIVE"), WRONG_TITLE),
    "it is not listed for TLS": ("scanner", call("CT1", port=2762), "silent"),
    # A modality over TLS.
    "with a certificate it echoes": ("angio", call("ANGIO", tls=CERTIFICATE), ANSWERED),
    "and stores a study": ("angio", call("ANGIO", "store", tls=CERTIFICATE, study="2.25.1003", count=3), ANSWERED),
    "with TLS 1.2": ("angio", call("ANGIO", tls={"version": "TLSv1_2"}), ANSWERED),
    "with TLS 1.1": ("angio", call("ANGIO", tls={"version": "TLSv1_1"}), NO_TLS),
    "it may not query": ("angio", call("ANGIO", "find", tls=CERTIFICATE), REFUSED),
    "without its certificate": ("angio", call("ANGIO", tls={"certificate": False}), NO_TLS),
    "without TLS": ("angio", call("ANGIO", port=2762), NO_TLS),
    "with a title that nobody has": ("angio", call("NOBODY", tls=CERTIFICATE), UNKNOWN),
    "with the title of one that has no certificate": ("angio", call("CT1", tls=CERTIFICATE), UNKNOWN),
    "with the title of another one that has a certificate": ("angio", call("PLANNING", tls=CERTIFICATE), UNKNOWN),
    "with a wrong title of the archive": ("angio", call("ANGIO", tls=CERTIFICATE, called="ARCHIVE"), WRONG_TITLE),
    "it is not listed for plain text": ("angio", call("ANGIO"), "silent"),
    "nor over IPv6": ("angio", call("ANGIO", family="ipv6", tls=CERTIFICATE), "silent"),
    # A network that is listed as sources, of both families.
    "from a listed network": ("workstation", call("PLANNING", tls=CERTIFICATE), ANSWERED),
    "and over IPv6": ("workstation", call("PLANNING", family="ipv6", tls=CERTIFICATE), ANSWERED),
    "but not in plain text": ("workstation", call("PLANNING"), "silent"),
    # Listed, with a certificate that somebody else signed.
    "with a certificate of another CA": ("forger", call("MAMMO", tls=CERTIFICATE), NO_TLS),
    # Not listed, or not at this address.
    **{
        f"{client} by {family} at port {port}": (client, call("CT1", family=family, port=port), "silent")
        for client in ("stranger", "moved")
        for family in ADDRESSES
        for port in (4242, 2762)
    },
}
STUDIES = ("2.25.1001", "2.25.1002", "2.25.1003")
