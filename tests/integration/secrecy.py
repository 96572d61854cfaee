"""What must never be in a log: whatever secret the tests' client sent or was sent, sought in every log of a system."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

# Fields of requests and answers that hold a secret, or what people tell each other.
SECRET_FIELDS = frozenset(
    {
        "password",
        "current_password",
        "access_token",
        "refresh_token",
        "token",
        "body",
        "notes",
        "reason",
        "email",
    }
)
# Shorter ones stand in logs for other reasons.
SHORTEST = 10
# Enough of a long one to know it by; libraries cut what they print.
LONGEST = 60
LOGS = ("*.log", "*.log.old")
# Lines of `chassis.filters`, in tests alone: statements without their values, but full of names of columns.
STATEMENTS = '"statement.filters_removed"'


@dataclass(frozen=True)
class Leak:
    """Where a secret stands, without repeating it."""

    file: str
    line: int
    kind: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line} has somebody's {self.kind}"


class Secrets:
    """Grows while tests run, from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kinds: dict[str, str] = {}

    def learn(self, value: Any) -> None:
        """Keeps every secret of a JSON value, sent or received."""
        found = dict(secrets_in(value))
        with self._lock:
            self._kinds.update(found)

    def assert_not_in(self, folder: Path) -> None:
        """Fails with the places, not with the secrets."""
        leaks = self.leaks(folder)
        assert not leaks, "\n".join(str(leak) for leak in leaks[:50])

    def leaks(self, folder: Path) -> list[Leak]:
        """Every secret that stands in a log of the folder, once for each line."""
        with self._lock:
            needles = by_beginning(self._kinds)
        files = sorted(path for pattern in LOGS for path in folder.glob(pattern))
        return [leak for path in files for leak in leaks_in(path, needles)]


def secrets_in(value: Any) -> Iterator[tuple[str, str]]:
    """Each secret text of a JSON value, with its field's name."""
    if isinstance(value, Mapping):
        for name, content in value.items():
            if name in SECRET_FIELDS and isinstance(content, str) and len(content) >= SHORTEST:
                yield content[:LONGEST], name
            else:
                yield from secrets_in(content)
    elif isinstance(value, list):
        for one in value:
            yield from secrets_in(one)


def by_beginning(kinds: Mapping[str, str]) -> dict[str, list[tuple[str, str]]]:
    """The secrets in each way they may be written, by their first characters, so that one walk over a log finds all."""
    found: dict[str, list[tuple[str, str]]] = {}
    for secret, kind in kinds.items():
        for spelling in {secret, json.dumps(secret)[1:-1], repr(secret)[1:-1], quote(secret)}:
            found.setdefault(spelling[:SHORTEST], []).append((spelling, kind))
    return found


def leaks_in(path: Path, needles: Mapping[str, Iterable[tuple[str, str]]]) -> Iterator[Leak]:
    """The leaks of one file."""
    with path.open(encoding="utf-8", errors="replace") as lines:
        for number, line in enumerate(lines, start=1):
            if STATEMENTS in line:
                continue
            for kind in sorted(kinds_in(line, needles)):
                yield Leak(path.name, number, kind)


def kinds_in(line: str, needles: Mapping[str, Iterable[tuple[str, str]]]) -> set[str]:
    """What kinds of secrets a line has."""
    return {
        kind
        for start in range(len(line) - SHORTEST + 1)
        for spelling, kind in needles.get(line[start : start + SHORTEST], ())
        if line.startswith(spelling, start)
    }


SECRETS = Secrets()
