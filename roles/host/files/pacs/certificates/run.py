# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One run over all certificates of a site: each for itself, whatever happens to the others."""

from __future__ import annotations

import dataclasses
import datetime
import traceback
from pathlib import Path
from typing import Any

from cryptography import x509

from ..core import Failure, write_file
from .pair import begins, ends, names


@dataclasses.dataclass
class Run:
    """What a run has to do, and what it did."""

    settings: dict[str, Any]
    now: datetime.datetime
    dry: bool = False
    order: bool = True
    new_keys: bool = False
    actions: list[str] = dataclasses.field(default_factory=list)
    problems: list[str] = dataclasses.field(default_factory=list)
    certificates: dict[str, dict[str, Any]] = dataclasses.field(default_factory=dict)

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
        # Here, because they all know this class.
        from . import dicom, nginx, sources

        for step in (sources.certificate, dicom.certificates, nginx.reload):
            try:
                step(self)
            except Failure as failure:
                self.problems.append(str(failure))
            except Exception as error:
                # Nobody foresaw this one, and still the other certificates must not end because of it.
                traceback.print_exc()
                self.problems.append(f"{type(error).__name__}: {error}")

    def write(self, path: Path, content: bytes, mode: int, for_nginx: bool = False) -> None:
        if self.dry:
            return
        if for_nginx:
            write_file(self.pending, b"", 0o600)
        write_file(path, content, mode)

    def record(self, name: str, certificate: x509.Certificate, **more: Any) -> None:
        """What the status file says of a certificate."""
        self.certificates[name] = {
            "names": names(certificate),
            "issuer": certificate.issuer.rfc4514_string(),
            "serial": f"{certificate.serial_number:x}",
            "not_before": begins(certificate).isoformat(),
            "not_after": ends(certificate).isoformat(),
            **more,
        }
