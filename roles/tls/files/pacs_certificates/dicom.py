"""The certificates with which the archive and its scanners know each other over DICOM TLS."""

from __future__ import annotations

import datetime
import shutil
from pathlib import Path

from . import facts, store
from .authority import Authority, common_name
from .errors import Problem
from .sources import kept, read_provided, reason_to_issue, refuse_bad, together

BOTH = ["server", "client"]
# Somebody has to carry a modality's certificate to the modality.
CARRY = datetime.timedelta(days=90)


def certificates(run) -> None:
    """The archive's certificate, the CA that peers must be signed by, and one certificate for each modality."""
    wanted = run.settings["dicom"]
    if not wanted["enabled"]:
        return
    live = run.folder / "dicom/live"
    if wanted["source"] == "provided":
        provided(run, live)
        return
    authority = kept(
        run,
        Authority(run.folder / "dicom/ca", f"{run.settings['site']} DICOM CA", wanted["ca_days"], run.now),
        wanted["days"],
    )
    if run.dry and (authority.key is None or authority.certificate is None):
        return
    replace(run, live / "ca.pem", store.pem(authority.certificate), 0o444, "the DICOM CA for nginx")
    content = store.read(live / "server.pem")
    why = reason_to_issue(authority, content, wanted["names"], run.now) or run.asked
    if why:
        run.actions.append(f"signed the archive's certificate for DICOM: {why}")
        if not run.dry:
            key, certificate = authority.issue(wanted["names"][0], wanted["names"], BOTH, wanted["days"])
            content = together(store.key_pem(key), store.pem(certificate))
            run.write(live / "server.pem", content, 0o400, for_nginx=True)
    for certificate in store.chain_of(content)[:1]:
        run.record("dicom", certificate)
    for modality in wanted["modalities"]:
        one(run, authority, modality)
    remove_others(run, {modality["name"] for modality in wanted["modalities"]})


def one(run, authority: Authority, modality: dict) -> None:
    """The key and the certificate of one modality, and the one before it while that is still valid."""
    folder = run.folder / "dicom/modalities" / modality["name"]
    names = [modality["name"].lower(), modality["address"]]
    content = store.read(folder / "key.pem") + store.read(folder / "cert.pem")
    why = reason_to_issue(authority, content, names, run.now, due=modality_due)
    leaf = next(iter(store.chain_of(content)), None)
    if leaf and facts.names(leaf) == names and leaf.subject.rfc4514_string() != subject(modality):
        why = why or "its AE title is another"
    if why:
        run.actions.append(f"signed a certificate for the modality {modality['name']}: {why}")
        if not run.dry:
            if leaf and authority.issued(leaf):
                run.write(folder / "previous.pem", store.pem(leaf), 0o400)
            key, leaf = authority.issue(modality["aet"], names, BOTH, run.settings["dicom"]["days"])
            run.write(folder / "cert.pem", b"", 0o400)
            run.write(folder / "key.pem", store.key_pem(key), 0o400)
            run.write(folder / "cert.pem", store.pem(leaf), 0o400)
    replace(run, folder / "ca.pem", store.pem(authority.certificate), 0o444, f"the DICOM CA for {modality['name']}")
    if leaf:
        previous = store.chain_of(store.read(folder / "previous.pem"))
        still = {"previous_not_after": facts.ends(previous[0]).isoformat()} if previous else {}
        run.record(f"modality {modality['name']}", leaf, **still)


def subject(modality: dict) -> str:
    return common_name(modality["aet"]).rfc4514_string()


def modality_due(certificate) -> datetime.datetime:
    lifetime = facts.ends(certificate) - facts.begins(certificate)
    return facts.ends(certificate) - min(CARRY, lifetime / 3)


def replace(run, path: Path, content: bytes, mode: int, what: str) -> None:
    if store.read(path) != content:
        run.actions.append(f"wrote {what}")
        run.write(path, content, mode, for_nginx=path.parent.name == "live")


def remove_others(run, names: set[str]) -> None:
    """The keys of modalities that are no longer listed must not lie about."""
    folder = run.folder / "dicom/modalities"
    for other in sorted(folder.iterdir()) if folder.is_dir() else []:
        if other.name not in names:
            run.actions.append(f"removed the certificate of the modality {other.name}")
            if not run.dry:
                shutil.rmtree(other)


def provided(run, live: Path) -> None:
    """From files of the hospital's own."""
    paths = run.settings["dicom"]["provided"]
    chain_pem, key_pem, ca = (read_provided(paths[name]) for name in ("certificate", "private_key", "ca"))
    content = together(key_pem, chain_pem)
    if content != store.read(live / "server.pem"):
        refuse_bad(run, chain_pem, key_pem, [], paths)
    if not store.chain_of(ca):
        raise Problem(f"{paths['ca']} holds no certificate that can be read")
    replace(run, live / "ca.pem", ca.strip() + b"\n", 0o444, "the DICOM CA for nginx")
    replace(run, live / "server.pem", content, 0o400, "the archive's certificate for DICOM")
    run.record("dicom", store.chain_of(content)[0])
