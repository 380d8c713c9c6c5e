# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The certificates with which the archive and its scanners know each other over DICOM TLS."""

from __future__ import annotations

import datetime
import shutil
from collections.abc import Mapping
from pathlib import Path

from cryptography import x509

from ..core import Failure
from .authority import Authority, common_name
from .pair import Pair, begins, chain_of, ends, key_pem, pem, read
from .run import Run
from .sources import kept, read_provided, reason_to_issue, refuse_bad

BOTH = ["server", "client"]
# Somebody has to carry a modality's certificate to the modality.
CARRY = datetime.timedelta(days=90)


def certificates(run: Run) -> None:
    """The archive's certificate, the CA that peers must be signed by, and one certificate for each modality."""
    wanted = run.settings["dicom"]
    if not wanted["enabled"]:
        return
    live = run.folder / "dicom/live"
    if wanted["source"] == "provided":
        provided(run, live)
        return
    authority = Authority(run.folder / "dicom/ca", f"{run.settings['site']} DICOM CA", wanted["ca_days"], run.now)
    kept(run, authority, wanted["days"])
    if run.dry and not authority.is_there:
        return
    replace(run, live / "ca.pem", pem(authority.certificate), 0o444, "the DICOM CA for nginx")
    pair = Pair.read(live / "server.pem")
    why = reason_to_issue(authority, pair, wanted["names"], run.now) or run.asked
    if why:
        run.actions.append(f"signed the archive's certificate for DICOM: {why}")
        if not run.dry:
            pair = authority.issue(wanted["names"][0], wanted["names"], BOTH, wanted["days"])
            run.write(live / "server.pem", pair.content, 0o400, for_nginx=True)
    if pair.chain:
        run.record("dicom", pair.leaf)
    for modality in wanted["modalities"]:
        for_modality(run, authority, modality)
    remove_others(run, {modality["name"] for modality in wanted["modalities"]})


def for_modality(run: Run, authority: Authority, modality: Mapping[str, str]) -> None:
    """The key and the certificate of one modality, and the one before it while that is still valid."""
    folder = run.folder / "dicom/modalities" / modality["name"]
    names = [modality["name"].lower(), modality["address"]]
    pair = Pair.parse(read(folder / "key.pem") + read(folder / "cert.pem"))
    why = reason_to_issue(authority, pair, names, run.now, due=modality_due)
    if pair.chain and pair.names == names and pair.leaf.subject != common_name(modality["aet"]):
        why = why or "its AE title is another"
    if why:
        run.actions.append(f"signed a certificate for the modality {modality['name']}: {why}")
        if not run.dry:
            pair = issue(run, authority, modality, pair)
    replace(run, folder / "ca.pem", pem(authority.certificate), 0o444, f"the DICOM CA for {modality['name']}")
    if pair.chain:
        previous = chain_of(read(folder / "previous.pem"))
        still = {"previous_not_after": ends(previous[0]).isoformat()} if previous else {}
        run.record(f"modality {modality['name']}", pair.leaf, **still)


def issue(run: Run, authority: Authority, modality: Mapping[str, str], before: Pair) -> Pair:
    folder = run.folder / "dicom/modalities" / modality["name"]
    names = [modality["name"].lower(), modality["address"]]
    if before.chain and authority.issued(before.leaf):
        run.write(folder / "previous.pem", pem(before.leaf), 0o400)
    pair = authority.issue(modality["aet"], names, BOTH, run.settings["dicom"]["days"])
    assert pair.key is not None
    # Never a certificate beside another's key.
    run.write(folder / "cert.pem", b"", 0o400)
    run.write(folder / "key.pem", key_pem(pair.key), 0o400)
    run.write(folder / "cert.pem", pem(pair.leaf), 0o400)
    return pair


def modality_due(certificate: x509.Certificate) -> datetime.datetime:
    lifetime = ends(certificate) - begins(certificate)
    return ends(certificate) - min(CARRY, lifetime / 3)


def replace(run: Run, path: Path, content: bytes, mode: int, what: str) -> None:
    if read(path) != content:
        run.actions.append(f"wrote {what}")
        run.write(path, content, mode, for_nginx=path.parent.name == "live")


def remove_others(run: Run, names: set[str]) -> None:
    """The keys of modalities that are no longer listed must not lie about."""
    folder = run.folder / "dicom/modalities"
    for other in sorted(folder.iterdir()) if folder.is_dir() else []:
        if other.name not in names:
            run.actions.append(f"removed the certificate of the modality {other.name}")
            if not run.dry:
                shutil.rmtree(other)


def provided(run: Run, live: Path) -> None:
    """From files of the hospital's own."""
    paths = run.settings["dicom"]["provided"]
    chain, key, ca = (read_provided(paths[name]) for name in ("certificate", "private_key", "ca"))
    pair = Pair.join(key, chain)
    if pair.content != read(live / "server.pem"):
        refuse_bad(run, chain, key, [], paths)
    if not chain_of(ca):
        raise Failure(f"{paths['ca']} holds no certificate that can be read")
    replace(run, live / "ca.pem", ca.strip() + b"\n", 0o444, "the DICOM CA for nginx")
    replace(run, live / "server.pem", pair.content, 0o400, "the archive's certificate for DICOM")
    run.record("dicom", pair.leaf)
