"""What was done to the system and when: JSON lines that survive a kill of their writer, and no secret in them.

A request is two lines, one before it is sent and one after: what was under way when the writer died reads as unknown.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, Self

Outcome = Literal["ok", "failed", "unknown"]

HISTORY_FILE = "history.jsonl"
FAULTS = "faults"

# Names of fields whose values never reach the file, however deep they lie.
SECRET_NAMES = frozenset(
    {"password", "current_password", "access_token", "refresh_token", "token", "authorization"}
)
HIDDEN = "hidden"


@dataclass(frozen=True)
class Entry:
    """One request, or one fault (client `faults`), with what came of it. Times are seconds since the epoch.

    ok: a 2xx. failed: an answer that says that nothing happened. unknown: no answer, or one that does not say.
    """

    client: str
    operation: str
    invoked: float
    ended: float
    outcome: Outcome
    status: int | None
    organization: str
    request: dict[str, Any]
    answer: dict[str, Any] | None
    key: str | None = None
    attempt: int = 1

    @property
    def seconds(self) -> float:
        """How long it took."""
        return self.ended - self.invoked

    @property
    def is_fault(self) -> bool:
        """Whether this is something that was done to the system, not asked of it."""
        return self.client == FAULTS


class History:
    """Writes a history; for several threads. Each line is given to the operating system at once."""

    def __init__(self, path: Path, clock: Callable[[], float] = time.time) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self._clock = clock
        self._lock = threading.Lock()
        self._last = 0
        self._file = path.open("a", encoding="utf-8", buffering=1)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Nothing more is written."""
        with self._lock:
            self._file.close()

    def invoke(
        self,
        client: str,
        operation: str,
        *,
        organization: str = "",
        request: Mapping[str, Any] | None = None,
        key: str | None = None,
        attempt: int = 1,
    ) -> int:
        """Before it is done. Returns the number that `end` wants."""
        line: dict[str, Any] = {
            "client": client,
            "operation": operation,
            "organization": organization,
            "request": without_secrets(dict(request or {})),
            "key": key,
            "attempt": attempt,
        }
        with self._lock:
            self._last += 1
            self._write({"number": self._last, "invoked": self._clock(), **line})
            return self._last

    def end(
        self,
        number: int,
        outcome: Outcome,
        *,
        status: int | None = None,
        answer: Mapping[str, Any] | None = None,
        ended: float | None = None,
    ) -> None:
        """After it, or as of a moment `ended`: a fault ends when it is healed, and what came of it is known later."""
        said = None if answer is None else without_secrets(dict(answer))
        with self._lock:
            moment = self._clock() if ended is None else ended
            line = {"number": number, "ended": moment, "outcome": outcome}
            self._write({**line, "status": status, "answer": said})

    def _write(self, line: Mapping[str, Any]) -> None:
        self._file.write(json.dumps(line, ensure_ascii=False) + "\n")


def without_secrets(value: Any) -> Any:
    """A copy in which the values of all fields named as secrets are hidden."""
    if isinstance(value, dict):
        return {
            name: HIDDEN if name in SECRET_NAMES and held is not None else without_secrets(held)
            for name, held in value.items()
        }
    if isinstance(value, list | tuple):
        return [without_secrets(item) for item in value]
    return value


def read(path: Path) -> list[Entry]:
    """All entries in the order of their sending. What never ended is unknown, until the file's last moment."""
    invoked: dict[int, dict[str, Any]] = {}
    ended: dict[int, dict[str, Any]] = {}
    last = 0.0
    for line in lines_of(path):
        kind = invoked if "invoked" in line else ended
        kind[line["number"]] = line
        last = max(last, line.get("invoked", 0.0), line.get("ended", 0.0))
    cut_off = {"ended": last, "outcome": "unknown", "status": None, "answer": None}
    return [entry_of(line, ended.get(number, cut_off)) for number, line in invoked.items()]


def lines_of(path: Path) -> Iterable[dict[str, Any]]:
    """Whole lines; a last one that was cut off in the middle is left out."""
    with path.open(encoding="utf-8") as file:
        for text in file:
            if text.endswith("\n"):
                yield json.loads(text)


def entry_of(invoked: Mapping[str, Any], ended: Mapping[str, Any]) -> Entry:
    """One entry of its two lines."""
    fields = {**invoked, **ended}
    del fields["number"]
    return Entry(**fields)


def write(path: Path, entries: Iterable[Entry]) -> None:
    """Entries that are known already, such as a test's, as a history that `read` gives back."""
    with path.open("w", encoding="utf-8") as file:
        for number, entry in enumerate(entries, 1):
            line = {"number": number, **asdict(entry)}
            after = {name: line.pop(name) for name in ("ended", "outcome", "status", "answer")}
            file.write(json.dumps(line) + "\n" + json.dumps({"number": number, **after}) + "\n")
