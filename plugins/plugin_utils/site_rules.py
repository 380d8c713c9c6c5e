# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a value must be beyond its type, as a table from a variable to a rule.

A rule takes a value of the right type and yields what would be right, once for each thing that is
wrong. It never repeats a secret.
"""

from __future__ import annotations

import datetime
import ipaddress
import re
import unicodedata

from .orthanc_rules import orthanc_config
from .password_rules import KEY_GUESSES, SERVICE_LENGTH, STAFF_GUESSES, STAFF_LENGTH, weak, words_of
from .range_rules import (
    PACKAGE,
    VERSION,
    database_settings,
    e_mail,
    memory_limit,
    nginx_time,
    plugins,
    port,
    shared_buffers,
)
from .schedules import schedule_problems

AE_TITLE = re.compile(r"[ -\[\]-~]{1,16}")
DIRECTORY = re.compile(r"(/[A-Za-z0-9_-][A-Za-z0-9._-]*)+")
HOST_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
# The rule is Orthanc's own.
MODALITY_NAME = re.compile(r"[A-Za-z0-9-]{1,64}")
IMAGE = re.compile(
    r"(?P<name>([A-Za-z0-9.-]+(:[0-9]+)?/)?[a-z0-9]+([._-]+[a-z0-9]+)*(/[a-z0-9]+([._-]+[a-z0-9]+)*)*)"
    r"(:(?P<tag>[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}))?(?P<digest>@sha256:[0-9a-f]{64})?"
)
# The widest network that is somebody's own: 10.0.0.0/8 and fc00::/7.
WIDEST = {4: 8, 6: 7}
# Docker's own, unless its administrator chose another.
DOCKER_NETWORK = ipaddress.ip_network("172.17.0.0/16")
PRIVATE_NETWORKS = [ipaddress.ip_network(name) for name in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")]
# Directories of the system, and those in which only other directories belong.
SYSTEM = ("bin", "boot", "dev", "etc", "lib", "lib32", "lib64", "proc", "run", "sbin", "sys", "tmp", "usr", "var/run")
SHARED = ("home", "media", "mnt", "opt", "root", "srv", "var", "var/lib")

PLACEHOLDERS = {
    "admin", "default", "demo", "example", "orthanc", "pacs", "passwd", "password", "passw0rd", "postgres",
    "secret", "test", "todo", "xxxxxxxx", "yourpassword",
}  # fmt: skip
PLACEHOLDER_PARTS = ("changeme", "changethis", "replaceme", "replacethis")

REPOSITORY = (
    r"sftp:[A-Za-z0-9._-]+@[A-Za-z0-9._-]+:/\S+|sftp://[A-Za-z0-9._-]+@[A-Za-z0-9._-]+(:[0-9]+)?//\S+"
    r"|rest:https://\S+|s3:https://[^/\s]+/\S+"
)

SIGNING_KEY_LENGTH = 32
# How many services have a user of their own, in pacs_users of the role pacs.
SERVICE_USERS = 7


def as_address(text):
    """The address that a text says, or None."""
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


def has_control(text):
    """Whether a text has a control character, a line break among them, or is no valid Unicode."""
    return any(unicodedata.category(character) in ("Cc", "Cs") for character in text)


def has_invisible(text):
    """Whether a text has a character that nobody sees and nobody types."""
    return any(unicodedata.category(character) == "Cf" for character in text)


def printable(limit):
    """A rule for a name that people read."""

    def rule(value):
        if not value.strip() or len(value) > limit or has_control(value):
            yield f"it must have 1 to {limit} characters and no line breaks"

    return rule


def between(low, high):
    """A rule for a number."""

    def rule(value):
        if not low <= value <= high:
            yield f"it must be a whole number from {low} to {high}"

    return rule


def seconds(low, high):
    """A rule for a time in seconds, which no infinity and no not-a-number is."""

    def rule(value):
        if not low <= value <= high:
            yield f"it must be a number of seconds from {low} to {high}"

    return rule


def base64_text(right):
    """A rule for a key in base64 or base64url, with or without the equals signs at its end."""

    def rule(value):
        text = value.rstrip("=")
        alphabet = r"[A-Za-z0-9_-]*" if "base64url" in right else r"[A-Za-z0-9+/]*"
        if not re.fullmatch(alphabet, text, re.ASCII) or len(value) - len(text) > 2:
            yield right

    return rule


def matching(pattern, right):
    """A rule for text of one form."""

    def rule(value):
        if not re.fullmatch(pattern, value, re.ASCII):
            yield right

    return rule


# Of somebody else's server, where nothing of ours can be in the way.
any_port = between(1, 65535)


def ae_title(value):
    """The DICOM value representation AE, without the spaces that it ignores."""
    if not AE_TITLE.fullmatch(value) or value != value.strip():
        yield (
            "an AE title has 1 to 16 characters of ASCII, no backslash, no control character and no space at"
            f" either end{f'; this has {len(value)}' if len(value) > 16 else ''}"
        )


def optional(rule):
    """A rule that lets an empty text pass."""
    return lambda value: rule(value) if value else ()


def of_one_machine(address):
    """Whether somebody can call from this address over a network."""
    limited = ipaddress.ip_address("255.255.255.255")
    return not (address.is_unspecified or address.is_multicast or address.is_loopback or address == limited) and not (
        address.version == 4 and address in ipaddress.ip_network("0.0.0.0/8")
    )


def caller_address(value):
    """An address that can be compared with a caller's as it is written."""
    address = as_address(value)
    if address is None:
        yield (
            "it must be an IPv4 or IPv6 address, not a host name, because Orthanc compares the caller's address"
            " with it as it is written"
        )
    elif not of_one_machine(address):
        yield "it must be the address of one machine, which is another one than the server"
    elif "%" in value:
        yield "write it without the network interface, which is not part of a caller's address"
    elif getattr(address, "ipv4_mapped", None):
        yield f"write it as the IPv4 address '{address.ipv4_mapped}'"
    elif str(address) != value:
        yield f"write it as '{address}', because Orthanc compares the caller's address with it as it is written"


def machine_address(value):
    """The address of one machine, for the firewall."""
    address = as_address(value)
    if address is None or "%" in value:
        yield "it must be an IPv4 or IPv6 address, without network interface and mask"
    elif address.is_unspecified or address.is_multicast:
        yield "it must be the address of one machine"
    elif getattr(address, "ipv4_mapped", None):
        yield f"write it as the IPv4 address '{address.ipv4_mapped}'"


def reached_address(value):
    """The address of a machine that a container may reach."""
    address = as_address(value)
    if address is None or address.version != 4:
        yield "it must be the IPv4 address of one machine, because the containers have no IPv6 and look up no name"
    elif address.is_unspecified or address.is_multicast or address.is_loopback or address.is_link_local:
        yield "it must be the address of one machine in the hospital or beyond"


def source(everybody):
    """A rule for a network that may reach a port; what to do instead of naming everybody."""

    def rule(value):
        try:
            network = ipaddress.ip_network(value, strict=False)
        except ValueError:
            yield "it must be an IPv4 or IPv6 network such as '10.1.2.0/24', or an address"
            return
        if "%" in value:
            yield "write it without the network interface, which is not part of a caller's address"
        elif network.prefixlen == 0:
            yield everybody
        elif network.prefixlen < WIDEST[network.version]:
            yield f"it is a large part of all addresses that there are; {everybody}"
        elif network.is_multicast or network.network_address.is_unspecified:
            yield "nobody calls from there"
        elif getattr(network.network_address, "ipv4_mapped", None):
            yield f"write it as an IPv4 network, such as '{network.network_address.ipv4_mapped}/24'"
        elif "/" in value and ipaddress.ip_interface(value).ip != network.network_address:
            yield f"the address has bits beyond the network's mask; write '{network}' for the network"

    return rule


def container_network(value):
    """A private network with room for the fixed addresses of the services."""
    right = "it must be a private IPv4 network (RFC 1918) from /24 to /28, such as '172.30.42.0/24'"
    try:
        network = ipaddress.IPv4Network(value, strict=False)
    except ValueError:
        yield right
        return
    if not 24 <= network.prefixlen <= 28 or not any(network.subnet_of(private) for private in PRIVATE_NETWORKS):
        yield right
    elif str(network) != value:
        yield f"write '{network}' for the network"
    elif network.subnet_of(DOCKER_NETWORK):
        yield f"Docker itself has '{DOCKER_NETWORK}'; choose another private network"


def is_domain(text):
    """Whether this is what a browser sends as the host: RFC 1123 in lower case, or an address in its usual form."""
    address = as_address(text)
    if address is not None:
        usual = str(address) == text and "%" not in text and not getattr(address, "ipv4_mapped", None)
        return usual and not (address.is_unspecified or address.is_multicast or address.is_link_local)
    labels = text.split(".")
    # A browser takes a name whose last label is a number, also a hexadecimal one, for an IPv4 address (WHATWG URL).
    number = re.fullmatch(r"[0-9]+|0x[0-9a-f]*", labels[-1])
    return len(text) <= 253 and all(map(HOST_LABEL.fullmatch, labels)) and not number and all(map(is_idna, labels))


def is_idna(label):
    """Whether a label that begins like an encoded one is one."""
    try:
        return not label.startswith("xn--") or label.encode().decode("idna").encode("idna").decode() == label
    except UnicodeError:
        return False


def domain(value):
    """The name or address that users type, and what was probably meant."""
    if is_domain(value):
        return
    meant = re.sub(r"^[a-z][a-z0-9+.-]*://", "", value.strip().lower()).split("/")[0].rstrip(".")
    if meant.startswith("["):
        meant = meant[1:].split("]")[0]
    elif meant.count(":") == 1:
        meant = meant.split(":")[0]
    address = as_address(meant)
    if address is not None:
        meant = str(getattr(address, "ipv4_mapped", None) or address)
    elif not meant.isascii():
        try:
            meant = meant.encode("idna").decode()
        except UnicodeError:
            meant = ""
    right = (
        "it must be a host name (letters of ASCII in lower case, digits, dashes and dots) or an IP address, without"
        " scheme, port, path and underscore"
    )
    yield f"{right}; write '{meant}'" if is_domain(meant) and meant != value else right


def shares_domain(value):
    """A host name of its own for the shares."""
    problems = list(domain(value))
    if problems:
        yield from problems
    elif as_address(value) is not None:
        yield "it must be a host name, because one address can't tell shares from staff; leave it empty without one"


def image(value):
    """A reference that means the same image tomorrow."""
    found = IMAGE.fullmatch(value)
    if not found:
        yield "it must be an image reference such as 'nginx:1.28' or 'registry.example.org/pacs/nginx:1.28'"
    elif not found["digest"] and not found["tag"]:
        yield f"it needs a tag or a digest, such as '{value}:1.0'"
    elif not found["digest"] and (found["tag"] == "latest" or found["tag"].startswith("latest-")):
        yield "the tag latest means another image every week; name a version or a digest"


def directory(value):
    """A directory on the server that is the collection's own."""
    # Longer ones fail in sockets and in what others put below.
    if not DIRECTORY.fullmatch(value) or len(value) > 200:
        yield (
            "it must be an absolute path of letters, digits, dots, dashes and underscores, without '..' and without a"
            " slash at the end"
        )
        return
    path = value[1:]
    if path in SHARED or any(path == system or path.startswith(system + "/") for system in SYSTEM):
        yield "it must be a directory of its own outside the system's directories, such as '/srv/pacs'"


def local_path(value):
    """A path on the controller."""
    if not value.strip() or has_control(value) or has_invisible(value) or len(value) > 4095:
        yield "it must be a path on the controller"


def archives(value):
    """The files are brought to one directory on the server under their own names."""
    names = [str(path).rsplit("/", 1)[-1] for path in value]
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield f"two files are called '{name}'; give them different names"


def password_text(value):
    """What every password must be."""
    if not value:
        yield "it is empty"
    if has_control(value):
        yield "it must have no line break and no other control character"
    word = re.sub(r"[\W_]", "", value.casefold())
    if word in PLACEHOLDERS or any(part in word for part in PLACEHOLDER_PARTS):
        yield "it is a placeholder that everybody tries first; choose a random one"


def service_password(value):
    """What a program tells another one. Nobody types it."""
    problems = list(password_text(value))
    yield from problems or weak(value, SERVICE_LENGTH, STAFF_GUESSES)


def ascii_password(value):
    """What the auth service can compare."""
    problems = list(password_text(value))
    yield from problems
    if not all(" " <= character <= "~" for character in value) and not has_control(value):
        yield (
            "it must be printable ASCII, because the auth service's HTTP basic authentication compares ASCII alone;"
            " choose one without accents and symbols beyond ASCII"
        )
    elif not problems:
        yield from weak(value, SERVICE_LENGTH, STAFF_GUESSES)


def signing_key(value):
    """What the auth service reads back unchanged and nobody can guess from a link."""
    problems = list(password_text(value))
    yield from problems
    ascii_only = all(" " <= character <= "~" for character in value)
    if not ascii_only and not has_control(value):
        yield "it must be printable ASCII"
    if len(value.encode("utf-8", "replace")) < SIGNING_KEY_LENGTH:
        yield (
            f"it must have at least {SIGNING_KEY_LENGTH} characters, because whoever guesses it can open every study;"
            " make one with: openssl rand -hex 32"
        )
    if value != value.strip():
        yield "it must not begin or end with white space, which the auth service removes"


def new_signing_key(value):
    """One that signs from now on. A weak one of before may still open its links until it is removed."""
    problems = list(signing_key(value))
    yield from problems or weak(value, SIGNING_KEY_LENGTH, KEY_GUESSES)


def moment(value):
    """A time that means the same wherever it is read."""
    try:
        zone = datetime.datetime.fromisoformat(value).tzinfo
    except ValueError:
        zone = None
    if zone is None:
        yield "it must be a time with its zone, such as '2026-12-24T18:00:00+00:00'"


def staff_users(value):
    """User names that basic authentication can carry, and their passwords."""
    if not value:
        yield "it must name at least one user and the password"
    for name, password in value.items():
        if not isinstance(name, str):
            yield f"the user name {name} must be text in quotes"
            continue
        # What stands behind a colon may be a password that slipped in.
        told = "".join(c for c in name.partition(":")[0] if c.isprintable())
        if not name.strip():
            yield "a user name is empty"
        if ":" in name:
            yield f"the user name that begins with '{told}' has a colon, which ends a name in HTTP basic authentication"
        if has_control(name):
            yield f"the user name '{told}' must have no line break and no other control character"
        elif name.strip() and (has_invisible(name) or name != name.strip()):
            yield f"the user name '{told}' must have no invisible character and no space at either end"
        if not isinstance(password, str):
            yield f"the password of '{told}' must be text in quotes"
            continue
        for right in password_text(password):
            yield f"the password of '{told}': {right}"
            break
        else:
            if password.casefold() == name.casefold():
                yield f"the password of '{told}' is the user name"
                continue
            for right in weak(password, STAFF_LENGTH, STAFF_GUESSES, words_of(name)):
                yield f"the password of '{told}': {right}"


def pem(label):
    """A rule for a certificate or a key, which may be missing here."""

    def rule(value):
        # Lines may end as Windows ends them: OpenSSL reads them, and what can't gets them without.
        if value and not re.search(rf"^-----BEGIN [A-Z ]*{label}-----[ \t]*\r?$", value, re.MULTILINE):
            yield f"it must be the content of a PEM file with a line '-----BEGIN {label}-----'"

    return rule


def public_pem(value):
    """A certificate without the key, which must not end up in a file that is no secret."""
    yield from pem("CERTIFICATE")(value)
    if "PRIVATE KEY" in value:
        yield "it must hold the certificates alone; the key belongs in tls_provided_private_key"


def private_pem(value):
    """A key that nginx can read without asking anybody."""
    yield from pem("PRIVATE KEY")(value)
    if "ENCRYPTED" in value:
        yield "the key must not be encrypted, because nobody is there to type its password; vault the variable"


def certificates_pem(value):
    """Certificates that everybody may read."""
    yield from pem("CERTIFICATE")(value)
    if "PRIVATE KEY" in value:
        yield "it must hold certificates alone, no private key"


def server_path(value):
    """A file on the server."""
    if value and (
        not value.startswith("/")
        or value.endswith("/")
        or has_control(value)
        or has_invisible(value)
        or len(value) > 4095
    ):
        yield "it must be an absolute path on the server, such as '/etc/ssl/private/pacs.key'"


def https_url(value):
    """The directory of an ACME server."""
    parts = re.fullmatch(r"https://(?P<host>\[[0-9a-f:]+\]|[A-Za-z0-9.-]+)(:(?P<port>[0-9]{1,5}))?(/[!-~]*)?", value)
    if not parts or not is_domain(parts["host"].strip("[]").lower()) or not 1 <= int(parts["port"] or 443) <= 65535:
        yield "it must be a URL that begins with https://, such as 'https://ca.hospital.example/acme/acme/directory'"


def proxy(value):
    """A proxy that programs take by the same URL."""
    user, host = r"[A-Za-z0-9._~%!$&'()*+,;=:-]+", r"\[[0-9A-Fa-f:]+\]|[A-Za-z0-9._-]+"
    found = re.fullmatch(rf"http://({user}@)?({host}):(?P<port>[0-9]{{1,5}})/?", value, re.ASCII)
    if value and not (found and 1 <= int(found["port"]) <= 65535):
        yield (
            "it must be a URL with a port, such as 'http://proxy.hospital.example:3128' or"
            " 'http://user:password@proxy.hospital.example:3128', in which special characters are percent-encoded"
        )


def first_uid(value):
    """The first of the numbers of the services' users. Who has others: systemd's UIDS-GIDS.md."""
    last = value + SERVICE_USERS - 1
    if value < 1000 or last > 2**31 - 2:
        yield f"it must be a whole number from 1000 to {2**31 - 1 - SERVICE_USERS}"
    elif value <= 65535 and last >= 61184:
        yield "systemd gives 61184 to 65519 to services for as long as they run, and 65534 and 65535 are nobody's"


def one_line(value):
    """What goes into a line of certbot's settings."""
    if has_control(value) or value != value.strip():
        yield "it must be one line without spaces at either end"


def dns_server(value):
    """certbot asks no other name server for the address of this one."""
    if value and as_address(value) is None:
        yield "it must be the IPv4 or IPv6 address of the name server"


def modality_name(value):
    """A name that Orthanc accepts."""
    if not MODALITY_NAME.fullmatch(value):
        yield "it must have 1 to 64 letters, digits and dashes, which is all that Orthanc takes"
    elif value == "verify":
        yield "this name belongs to the machine that runs the verification; choose another"


def backup_repository(value):
    """Where restic keeps backups: a directory, or a server that nobody between can listen to."""
    if value.startswith("/"):
        yield from directory(value)
        return
    found = re.fullmatch(REPOSITORY, value, re.ASCII)
    ports = re.findall(r":([0-9]+)(?=/)", value)
    if value and (not found or not all(1 <= int(number) <= 65535 for number in ports) or not value.isprintable()):
        yield (
            "it must be an absolute directory on another disk of the server, 'sftp:user@host:/directory',"
            " 'rest:https://user:password@host:8000/name' or 's3:https://host/bucket/directory'"
        )


def schedule(minutes):
    """A rule for a schedule of cron, with so many minutes between two runs; empty is never."""
    return optional(lambda value: schedule_problems(value, 60 * minutes))


RULES = {
    "pacs_site": printable(50),
    "pacs_domain": domain,
    "pacs_http_port": port,
    "pacs_https_port": port,
    "pacs_dicom_port": port,
    "pacs_dicom_tls_port": port,
    "pacs_aet": ae_title,
    "pacs_modalities.name": modality_name,
    "pacs_modalities.aet": ae_title,
    "pacs_modalities.address": caller_address,
    # Orthanc refuses the last one.
    "pacs_modalities.port": between(1, 65534),
    "pacs_modalities.sources[]": source("it would open the DICOM port to everybody; name the networks of the scanners"),
    "pacs_verify_aet": optional(ae_title),
    "pacs_verify_address": optional(caller_address),
    "pacs_staff_networks[]": source("it means everybody; leave the list empty for that"),
    "pacs_dir": directory,
    "pacs_data_dir": directory,
    "pacs_local_dir": local_path,
    "pacs_network": container_network,
    # Below are people's and programs' users, above the last one that every file system can name.
    "pacs_first_uid": first_uid,
    "pacs_proxy": proxy,
    "pacs_no_proxy[]": matching(r"[A-Za-z0-9.:_-]+", "it must be a host name, a domain or an address"),
    "pacs_egress.address": reached_address,
    "pacs_egress.port": port,
    "pacs_egress.reason": printable(200),
    "pacs_staff_users": staff_users,
    "pacs_database_password": service_password,
    "pacs_auth_service_password": ascii_password,
    "pacs_share_signing_key": new_signing_key,
    "pacs_share_previous_signing_keys.key": signing_key,
    "pacs_share_previous_signing_keys.until": moment,
    "pacs_index_connections.orthanc": between(1, 200),
    "pacs_index_connections.orthanc-for-shares": between(1, 200),
    "pacs_shares_domain": optional(shares_domain),
    "pacs_share_days": between(1, 3650),
    "pacs_share_max_days": between(1, 3650),
    # Which services and images there are, their roles say.
    "pacs_memory_limits.*": memory_limit,
    "pacs_images.*": image,
    "pacs_image_archives": archives,
    "pacs_image_archives[]": local_path,
    "pacs_orthanc_config": orthanc_config(),
    "pacs_orthanc_for_shares_config": orthanc_config(shares=True),
    "tls_provided_certificate": public_pem,
    "tls_provided_private_key": private_pem,
    "tls_provided_certificate_path": server_path,
    "tls_provided_private_key_path": server_path,
    "tls_acme_server": https_url,
    "tls_acme_ca": certificates_pem,
    "tls_acme_email": e_mail,
    "tls_acme_eab_kid": one_line,
    "tls_acme_eab_hmac_key": base64_text("it must be base64url as the ACME server gave it"),
    "tls_acme_dns_server": dns_server,
    "tls_acme_dns_port": any_port,
    "tls_acme_dns_key_name": matching(r"([A-Za-z0-9_.-]+)?", "it must be the name of a TSIG key"),
    "tls_acme_dns_key_secret": base64_text("it must be base64 as the name server gave it"),
    "tls_acme_dns_wait": between(1, 600),
    "tls_dicom_provided_certificate": certificates_pem,
    "tls_dicom_provided_private_key": private_pem,
    "tls_dicom_provided_ca": certificates_pem,
    "tls_dicom_days": between(1, 3650),
    "proxy_hsts_seconds": between(0, 10**9),
    # One scanner may send in 8 associations at once, and may need one for each image.
    "pacs_dicom_connections_at_once": between(8, 400),
    "dicom_connections_in_10_seconds": between(20, 100000),
    # Apple's systems refuse a longer one of any CA (support.apple.com/103769).
    "tls_selfsigned_days": between(1, 825),
    "tls_selfsigned_ca_days": between(1, 36500),
    "database_shared_buffers": shared_buffers,
    "database_settings": database_settings,
    "host_extra_packages[]": matching(PACKAGE, "it must be the name of a package of the distribution, such as 'htop'"),
    "database_max_connections": between(20, 10000),
    "orthanc_find_instances_limit": between(0, 10**9),
    "orthanc_find_results_limit": between(0, 10**9),
    "proxy_read_timeout": nginx_time(1, 86400),
    "stack_wait_timeout": between(1, 86400),
    "verify_report_dir": local_path,
    "verify_ca_path": optional(local_path),
    "verify_dicom_certificate": optional(local_path),
    "verify_outside_address": optional(machine_address),
    "verify_required_plugins": plugins,
    "verify_orthanc_version": matching(VERSION, "it must be a version such as '1.12.5'"),
    "verify_certificate_fail_days": between(0, 3650),
    "verify_certificate_warn_days": between(0, 3650),
    "verify_parallel": between(1, 256),
    "verify_timeout": seconds(0.1, 3600),
    "verify_space_fail_days": between(0, 3650),
    "verify_space_warn_days": between(0, 3650),
    "verify_space_fail_percent": between(0, 100),
    "verify_space_warn_percent": between(0, 100),
    "stack_drain_timeout": between(0, 86400),
    "upgrade_let_in[]": machine_address,
    "backup_repository": backup_repository,
    "backup_repository_password": optional(service_password),
    "backup_repository_ca": public_pem,
    "backup_sftp_private_key": private_pem,
    "backup_s3_access_key": optional(password_text),
    "backup_s3_secret_key": optional(password_text),
    "backup_schedule": schedule(15),
    "backup_check_schedule": schedule(60),
    "backup_rehearsal_schedule": schedule(60),
    "backup_keep_daily": between(0, 3650),
    "backup_keep_weekly": between(0, 520),
    "backup_keep_monthly": between(0, 240),
    "backup_check_percent": between(1, 100),
}
