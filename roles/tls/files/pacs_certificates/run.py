"""One run over all certificates of a site: each for itself, whatever happens to the others."""

from __future__ import annotations

import dataclasses
import datetime
import traceback
from pathlib import Path

from . import dicom, facts, nginx, site, store
from .errors import Problem


@dataclasses.dataclass
class Run:
    """What a run was told, and what it did."""

    settings: dict
    now: datetime.datetime
    dry: bool = False
    order: bool = True
    new_keys: bool = False
    actions: list[str] = dataclasses.field(default_factory=list)
    problems: list[str] = dataclasses.field(default_factory=list)
    certificates: dict[str, dict] = dataclasses.field(default_factory=dict)

    @property
    def folder(self) -> Path:
        return Path(self.settings["folder"])

    @property
    def asked(self) -> str:
        """Why what is good is replaced all the same, empty if it is not."""
        return "a new key was asked for" if self.new_keys else ""

    @property
    def trusted(self) -> list[str]:
        """Files with the CAs that may stand behind a provided certificate."""
        return ["/etc/ssl/certs/ca-certificates.crt", *self.settings["trusted"]]

    @property
    def pending(self) -> Path:
        """There while files that nginx reads may be newer than what it has loaded."""
        return self.folder / "reload-pending"

    def go(self) -> None:
        for step in (site.certificate, dicom.certificates, nginx.reload):
            try:
                step(self)
            except Problem as problem:
                self.problems.append(str(problem))
            except Exception as error:
                # Nobody foresaw this one, and still the other certificates must not end because of it.
                traceback.print_exc()
                self.problems.append(f"{type(error).__name__}: {error}")

    def write(self, path: Path, content: bytes, mode: int, for_nginx: bool = False) -> None:
        if self.dry:
            return
        if for_nginx:
            store.write(self.pending, b"", 0o600)
        store.write(path, content, mode)

    def record(self, name: str, certificate, **more) -> None:
        """What the status file says of a certificate."""
        self.certificates[name] = {
            "names": facts.names(certificate),
            "issuer": certificate.issuer.rfc4514_string(),
            "serial": facts.serial(certificate),
            "not_before": facts.begins(certificate).isoformat(),
            "not_after": facts.ends(certificate).isoformat(),
            **more,
        }
