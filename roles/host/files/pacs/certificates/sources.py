# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The site's own certificate, from whatever source: its own CA, files, an ACME server, or none at all."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from cryptography import x509

from ..core import Failure
from . import acme, nginx, rules
from .authority import Authority
from .pair import Pair, due, ends, read
from .run import Run


def certificate(run: Run) -> None:
    """Bring the certificate from its source, as one file that nginx reads; if that fails, the one in service stays."""
    file = run.folder / "live/site.pem"
    source = run.settings["source"]
    more: Mapping[str, str] = {}
    try:
        more = SOURCES[source](run, file) or {}
    finally:
        found = Pair.read(file)
        if found.chain:
            run.record("site", found.leaf, source=source, **more)


def install(run: Run, file: Path, pair: Pair, action: str) -> None:
    """Key and chain in one file, so that nobody ever sees one without the other."""
    run.write(file, pair.content, 0o400, for_nginx=True)
    run.actions.append(action)


def kept(run: Run, authority: Authority, days: int) -> Authority:
    """The CA, made or renewed where that is needed."""
    todo = authority.needs(datetime.timedelta(days=days))
    if todo:
        if not run.dry:
            authority.make()
        run.actions.append(f"{'made' if todo == 'make' else 'renewed'} the certificate of {authority.subject}")
    return authority


def selfsigned(run: Run, file: Path) -> None:
    """From the CA of the site's own."""
    names, wanted = run.settings["names"], run.settings["selfsigned"]
    subject = f"{run.settings['site']} local CA"
    authority = kept(run, Authority(run.folder / "ca", subject, wanted["ca_days"], run.now), wanted["days"])
    why = reason_to_issue(authority, Pair.read(file), names, run.now) or run.asked
    if not why:
        return
    action = f"signed a certificate for {', '.join(names)}: {why}"
    if run.dry:
        run.actions.append(action)
        return
    install(run, file, authority.issue(names[0], names, ["server"], wanted["days"]), action)


def reason_to_issue(
    authority: Authority,
    pair: Pair,
    names: Sequence[str],
    now: datetime.datetime,
    due: Callable[[x509.Certificate], datetime.datetime] = due,
) -> str:
    """Why a certificate of an own CA has to be issued anew, empty if it has not."""
    if not pair.is_whole:
        return "there was none"
    if not authority.issued(pair.leaf):
        return "the one there is not of this CA"
    if pair.names != list(names):
        return f"the one there is for {', '.join(pair.names)}"
    if now >= due(pair.leaf):
        return f"the one there ends on {ends(pair.leaf):%Y-%m-%d %H:%M} UTC"
    return ""


def provided(run: Run, file: Path) -> None:
    """From files of the hospital's own."""
    paths = run.settings["provided"]
    chain_pem, key_pem = (read_provided(paths[name]) for name in ("certificate", "private_key"))
    given = Pair.join(key_pem, chain_pem)
    if given.content == read(file):
        return
    refuse_bad(run, chain_pem, key_pem, run.settings["names"], paths)
    install(run, file, given, f"took the certificate {paths['certificate']}")


def refuse_bad(run: Run, chain_pem: bytes, key_pem: bytes, names: Sequence[str], paths: Mapping[str, str]) -> None:
    """The same rules by which Ansible judges what it is given as text."""
    chain, key = (content.decode(errors="replace") for content in (chain_pem, key_pem))
    problems = rules.problems(chain, key, names, run.now, run.trusted, paths["certificate"], paths["private_key"])
    if problems:
        raise Failure("; ".join(problems))


def read_provided(path: str) -> bytes:
    if not Path(path).exists():
        raise Failure(f"{path} does not exist on the server")
    return read(Path(path))


def ordered(run: Run, file: Path) -> Mapping[str, str]:
    """From an ACME server; until an order succeeds, nginx has what it had, or a placeholder."""
    order = acme.Order(run)
    failed = order.keep()
    if order.is_good:
        if order.pair.content != read(file):
            install(run, file, order.pair, "put the certificate of the ACME server in place")
    elif not stands_in(run, Pair.read(file)):
        selfsigned(run, file)
    if failed:
        raise failed
    return order.facts


def stands_in(run: Run, pair: Pair) -> bool:
    """Whether what nginx has can stay until the order succeeds: all but a placeholder for other names."""
    if not pair.is_whole:
        return False
    own = Authority(run.folder / "ca", "", 0, run.now)
    return pair.covers(run.settings["names"]) or not own.issued(pair.leaf)


def none(run: Run, file: Path) -> None:
    """Plain HTTP; once nginx serves no TLS any more, its key goes."""
    if run.order and file.exists() and not nginx.serves(run, 443):
        run.actions.append("removed the certificate that is no longer served")
        if not run.dry:
            file.unlink()


SOURCES: Mapping[str, Callable[[Run, Path], Mapping[str, str] | None]] = {
    "acme": ordered,
    "provided": provided,
    "selfsigned": selfsigned,
    "none": none,
}
