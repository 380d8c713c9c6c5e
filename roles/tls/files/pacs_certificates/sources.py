"""Sources of the site's certificate that ask nobody: its own CA, files, and none at all."""

from __future__ import annotations

import datetime
from pathlib import Path

from . import certificate_rules, facts, nginx, store
from .authority import Authority
from .errors import Problem


def install(run, file: Path, content: bytes, said: str) -> None:
    """Key and chain in one file, so that nobody ever sees one without the other."""
    run.write(file, content, 0o400, for_nginx=True)
    run.actions.append(said)


def together(key_pem: bytes, chain_pem: bytes) -> bytes:
    return key_pem.strip() + b"\n" + chain_pem.strip() + b"\n"


def site_authority(run) -> Authority:
    """The site's own CA, made or renewed where that is needed."""
    wanted = run.settings["selfsigned"]
    subject = f"{run.settings['site']} local CA"
    return kept(run, Authority(run.folder / "ca", subject, wanted["ca_days"], run.now), wanted["days"])


def kept(run, authority: Authority, days: int) -> Authority:
    todo = authority.keep(datetime.timedelta(days=days))
    if todo:
        if not run.dry:
            authority.make()
        run.actions.append(f"{'made' if todo == 'make' else 'renewed'} the certificate of {authority.subject}")
    return authority


def selfsigned(run, file: Path) -> None:
    """From the CA of the site's own."""
    names, days = run.settings["names"], run.settings["selfsigned"]["days"]
    authority = site_authority(run)
    why = reason_to_issue(authority, store.read(file), names, run.now) or run.asked
    if not why:
        return
    said = f"signed a certificate for {', '.join(names)}: {why}"
    if run.dry:
        run.actions.append(said)
        return
    key, certificate = authority.issue(names[0], names, ["server"], days)
    install(run, file, together(store.key_pem(key), store.pem(certificate)), said)


def reason_to_issue(authority: Authority, content: bytes, names: list[str], now: datetime.datetime, due=facts.due):
    """Why a certificate of an own CA has to be issued anew, empty if it has not."""
    if not store.is_pair(content):
        return "there was none"
    leaf = store.chain_of(content)[0]
    if not authority.issued(leaf):
        return "the one there is not of this CA"
    if facts.names(leaf) != names:
        return f"the one there is for {', '.join(facts.names(leaf))}"
    if now >= due(leaf):
        return f"the one there ends on {facts.ends(leaf):%Y-%m-%d %H:%M} UTC"
    return ""


def provided(run, file: Path) -> None:
    """From files of the hospital's own."""
    paths = run.settings["provided"]
    chain_pem, key_pem = (read_provided(paths[name]) for name in ("certificate", "private_key"))
    content = together(key_pem, chain_pem)
    if content == store.read(file):
        return
    refuse_bad(run, chain_pem, key_pem, run.settings["names"], paths)
    install(run, file, content, f"took the certificate {paths['certificate']}")


def refuse_bad(run, chain_pem: bytes, key_pem: bytes, names: list[str], paths: dict) -> None:
    """The same rules by which Ansible judges what it is given as text."""
    texts = [content.decode(errors="replace") for content in (chain_pem, key_pem)]
    problems = certificate_rules.problems(
        *texts, names, run.now, run.trusted, paths["certificate"], paths["private_key"]
    )
    if problems:
        raise Problem("; ".join(problems))


def read_provided(path: str) -> bytes:
    if not Path(path).exists():
        raise Problem(f"{path} does not exist on the server")
    return store.read(Path(path))


def none(run, file: Path) -> None:
    """Plain HTTP; once nginx serves no TLS any more, its key goes."""
    if run.order and file.exists() and not nginx.serves(run, 443):
        run.actions.append("removed the certificate that is no longer served")
        if not run.dry:
            file.unlink()
