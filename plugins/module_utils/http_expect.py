# Copyright: (c) 2026, threedpc.pacs contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks over HTTP: put in an order, asked in parallel, judged one by one."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import Any

from ansible_collections.threedpc.pacs.plugins.module_utils.errors import PacsError
from ansible_collections.threedpc.pacs.plugins.module_utils.http_judge import at, describe, judge
from ansible_collections.threedpc.pacs.plugins.module_utils.http_probe import Probe, ProbeError

# One of the checks that the module takes.
Check = Mapping[str, Any]

# A value that is known only once another check was answered, such as <share_token>.
PLACEHOLDER = re.compile(r"<([a-z][a-z0-9_]*)>")

FILLED = ("url", "headers", "body", "json", "token", "expect")


def placeholders(thing: Any) -> set[str]:
    """The names of the values that a check waits for."""
    if isinstance(thing, dict):
        return set().union(*[placeholders(entry) for entry in thing.values()])
    if isinstance(thing, (list, tuple)):
        return set().union(*[placeholders(entry) for entry in thing])
    return set(PLACEHOLDER.findall(thing)) if isinstance(thing, str) else set()


def fill(thing: Any, values: Mapping[str, str]) -> Any:
    """The same thing with every placeholder replaced by its value."""
    if isinstance(thing, dict):
        return {key: fill(entry, values) for key, entry in thing.items()}
    if isinstance(thing, (list, tuple)):
        return [fill(entry, values) for entry in thing]
    if isinstance(thing, str):
        return PLACEHOLDER.sub(lambda found: values[found.group(1)], thing)
    return thing


class Plan:
    """All checks of a run, what each waits for, and what is known so far."""

    def __init__(
        self,
        checks: Sequence[Check],
        probe: Probe,
        secrets: Mapping[str, str] | None = None,
        skip_attempts: bool = False,
    ) -> None:
        self.checks: dict[str, Check] = {}
        self.probe = probe
        self.values = dict(secrets or {})
        self.skip_attempts = skip_attempts
        self.secrets = list(self.values.values())
        self.unknown: dict[str, str] = {}
        self.results: dict[str, dict[str, Any]] = {}
        self.finished: dict[str, float] = {}
        self.makers: dict[str, str] = {}
        for check in checks:
            if check["id"] in self.checks:
                raise PacsError("Two checks have the id {}".format(check["id"]))
            self.checks[check["id"]] = check
            for name in check.get("capture") or {}:
                if name in self.makers:
                    raise PacsError("Two checks capture <{}>: {} and {}".format(name, self.makers[name], check["id"]))
                self.makers[name] = check["id"]
        self.waits = {check["id"]: self._waits_for(check) for check in checks}
        self._refuse_circles()

    def _waits_for(self, check: Check) -> set[str]:
        """The ids of the checks that must be over before this one is asked."""
        needed = set(check.get("after") or [])
        for other in needed:
            if other not in self.checks:
                raise PacsError("The check {} waits for {}, which does not exist".format(check["id"], other))
        for name in self._needs(check):
            if name in self.makers:
                needed.add(self.makers[name])
            elif name not in self.values:
                raise PacsError("The check {} uses <{}>, which no check captures".format(check["id"], name))
        return needed

    def _refuse_circles(self) -> None:
        open_checks = dict(self.waits)
        while open_checks:
            free = [name for name, waits in open_checks.items() if not waits & set(open_checks)]
            if not free:
                raise PacsError("These checks wait for each other: {}".format(", ".join(sorted(open_checks))))
            for name in free:
                del open_checks[name]

    @staticmethod
    def _needs(check: Check) -> set[str]:
        return placeholders([check.get(key) for key in FILLED])

    def _not_checked(self, check: Check) -> str | None:
        """Why a check can't be asked, or None."""
        if check.get("not_checked"):
            return check["not_checked"]
        if self.skip_attempts and check.get("attempt"):
            return "it attempts a change, so it is left out in check mode"
        for name in sorted(self._needs(check)):
            if name not in self.values:
                return self.unknown.get(name, f"<{name}> is not known")
        return None

    def run(
        self,
        parallel: int,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> list[dict[str, Any]]:
        """Ask everything, as early as possible, and return the results in the order of the checks."""
        waiting = set(self.checks)
        running: dict[Future[dict[str, Any]], str] = {}
        with ThreadPoolExecutor(max_workers=parallel) as pool:
            while waiting or running:
                now = clock()
                later: list[float] = []
                for name in [name for name in self.checks if name in waiting]:
                    if not self.waits[name] <= set(self.finished):
                        continue
                    start = self._start(name)
                    if start > now:
                        later.append(start)
                        continue
                    waiting.discard(name)
                    running[pool.submit(self._ask, self.checks[name])] = name
                if running:
                    pause = max(0.0, min(later) - now) if later else None
                    done: set[Future[dict[str, Any]]] = wait(running, timeout=pause, return_when=FIRST_COMPLETED)[0]
                elif later:
                    sleep(max(0.0, min(later) - now))
                    done = set()
                for future in done:
                    name = running.pop(future)
                    self.results[name] = future.result()
                    self.finished[name] = clock()
        return [self._public(self.results[name]) for name in self.checks]

    def _start(self, name: str) -> float:
        """When a check may be asked, on the clock of the run."""
        delay = self.checks[name].get("delay") or 0
        if not delay or self._not_checked(self.checks[name]):
            return 0
        return delay + max([self.finished[other] for other in self.waits[name]] + [0])

    def _ask(self, check: Check) -> dict[str, Any]:
        result = {
            "area": check["area"],
            "id": check["id"],
            "promise": check["promise"],
            "request": "{} {}".format(check.get("method") or "GET", check["url"]),
            "expected": describe(check.get("expect") or {}),
            "status": "not checked",
            "got": "",
            "seconds": 0.0,
        }
        reason = self._not_checked(check)
        if reason is None:
            self._judge(check, result)
        else:
            result["got"] = reason
        self._capture(check, result)
        # What came back is needed no longer, and may be a patient's.
        result.pop("answer", None)
        return result

    def _judge(self, check: Check, result: dict[str, Any]) -> None:
        start = time.monotonic()
        try:
            filled = dict(check, **fill({key: check.get(key) for key in FILLED}, self.values))
            answer = self.probe.ask(filled)
            result["status"], result["got"] = judge(filled, answer, self.probe)
            result["answer"] = answer
        except ProbeError as error:
            result["status"], result["got"] = "failed", str(error)
        result["seconds"] = round(time.monotonic() - start, 3)

    def _capture(self, check: Check, result: dict[str, Any]) -> None:
        document = None
        answer = result.get("answer")
        # Another thing wrong with the answer must not hide what later checks would find.
        if answer and answer.status in ((check.get("expect") or {}).get("status") or [200]):
            document = answer.document()
        for name, spec in (check.get("capture") or {}).items():
            value = at(document, spec["path"])
            if isinstance(value, str) and value:
                self.values[name] = value
                if spec.get("secret"):
                    self.secrets.append(value)
            elif document is not None:
                self.unknown[name] = spec.get("missing") or "the answer to {} has no {}".format(
                    check["id"], spec["path"]
                )
                if not spec.get("missing"):
                    result["status"], result["got"] = "failed", "{}, without {}".format(result["got"], spec["path"])
            elif result["status"] == "not checked":
                self.unknown[name] = result["got"]
            else:
                self.unknown[name] = "it needs the check {}, which failed".format(check["id"])

    def _public(self, result: dict[str, Any]) -> dict[str, Any]:
        """A result without the secrets that were captured on the way."""
        text = json.dumps(result)
        for secret in self.secrets:
            text = text.replace(json.dumps(secret)[1:-1], "********")
        return json.loads(text)
