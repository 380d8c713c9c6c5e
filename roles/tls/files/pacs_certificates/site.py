"""The site's own certificate, as one file that nginx reads."""

from __future__ import annotations

from . import acme, sources, store

SOURCES = {
    "acme": acme.acme,
    "provided": sources.provided,
    "selfsigned": sources.selfsigned,
    "none": sources.none,
}


def certificate(run) -> None:
    """Bring the certificate from its source; if that fails, the one in service stays."""
    file = run.folder / "live/site.pem"
    source = run.settings["source"]
    try:
        SOURCES[source](run, file)
    finally:
        chain = store.chain_of(store.read(file))
        if chain:
            run.record("site", chain[0], source=source)
