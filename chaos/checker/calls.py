"""What the clients were told, operation by operation: all requests with one key are one call.

Nobody can know more than this of what the system did: a call that was answered was done between its first request and
that answer, one that was refused was not done, and one whose outcome is unknown may have been, in its time.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

from chaos.history import Entry

Verdict = Literal["done", "refused", "maybe"]

# After its deadline no request takes effect any more: 5 s from when the gateway took it up, which was before the client
# gave up, by the clock of a service that may be 2 s behind; and a second for the way.
LATE_SECONDS = 8.0
# A process that stood still goes on with what it had begun.
STANDING_STILL = ("freeze", "stall")
KEY = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@dataclass(frozen=True)
class Violation:
    """A promise that was broken: which, what is wrong, and the entries that show it."""

    invariant: str
    what: str
    entries: tuple[Entry, ...] = ()

    def __str__(self) -> str:
        shown = "".join(f"\n    {brief(entry)}" for entry in self.entries[:6])
        return f"{self.invariant}: {self.what}{shown}"


def brief(entry: Entry) -> str:
    """An entry in one line."""
    outcome = f"{entry.outcome} {entry.status or ''}".strip()
    times = f"{entry.invoked:.3f}..{entry.ended:.3f}"
    asked, said = str(entry.request)[:300], str(entry.answer)[:200]
    return f"{entry.client} {entry.operation}#{entry.attempt} {times} {outcome} {asked} -> {said}"


@dataclass(frozen=True)
class Call:
    """One operation of a client with all its repetitions, in the order of their sending.

    `stops` are the faults by which a process stood still.
    """

    key: str
    entries: tuple[Entry, ...]
    stops: tuple[Entry, ...] = ()

    @property
    def operation(self) -> str:
        """What was asked for."""
        return self.entries[0].operation

    @property
    def organization(self) -> str:
        """Who asked."""
        return self.entries[0].organization

    @property
    def request(self) -> dict[str, Any]:
        """The same in all repetitions."""
        return self.entries[0].request

    @property
    def is_keyed(self) -> bool:
        """Whether the system knows a repetition for one: of a POST."""
        return self.request.get("method") == "POST"

    @cached_property
    def success(self) -> Entry | None:
        """The first answer that says that it was done."""
        return next((entry for entry in self.entries if entry.outcome == "ok"), None)

    @property
    def answer(self) -> dict[str, Any]:
        """What was answered when it was done; empty if it wasn't."""
        return (self.success.answer or {}) if self.success else {}

    @cached_property
    def verdict(self) -> Verdict:
        """Whether it happened, as far as anybody can know.

        A refusal says nothing of an earlier request that is still under way, with the same key or not.
        """
        if self.success is not None:
            return "done"
        unknown = self._ends_of_unknown
        if not unknown:
            return "refused"
        last = self.entries[-1]
        is_late = last.invoked > max(unknown)
        return "refused" if self.is_keyed and last.outcome == "failed" and is_late else "maybe"

    @property
    def may_have_happened(self) -> bool:
        """Whether its effect may be found."""
        return self.verdict != "refused"

    @property
    def began(self) -> float:
        """Before this it had no effect."""
        return self.entries[0].invoked

    @cached_property
    def ended(self) -> float:
        """After this it had none any more."""
        if self.success is not None and self.is_keyed:
            return self.success.ended
        unknown = self._ends_of_unknown
        answered = [e.ended for e in self.entries if e.outcome == "ok"]
        return max((*unknown, *answered), default=self.entries[-1].ended)

    @property
    def _ends_of_unknown(self) -> list[float]:
        return [self._end_of(e) + LATE_SECONDS for e in self.entries if e.outcome == "unknown"]

    def _end_of(self, entry: Entry) -> float:
        """When the client gave up, or whoever was at work on it went on."""
        return max(entry.ended, *(s.ended for s in self.stops if are_together(entry, s)), 0.0)


class Calls:
    """All calls of a history, by operation."""

    def __init__(self, entries: Iterable[Entry]) -> None:
        by_key: dict[str, list[Entry]] = defaultdict(list)
        entries = list(entries)
        stops = tuple(entry for entry in entries if is_stop(entry))
        for entry in entries:
            if entry.key is not None:
                by_key[entry.key].append(entry)
        self.all = [
            Call(key, tuple(sorted(of_key, key=lambda entry: entry.invoked)), stops)
            for key, of_key in by_key.items()
        ]
        self._by_operation: dict[str, list[Call]] = defaultdict(list)
        for call in self.all:
            self._by_operation[call.operation].append(call)

    def of(self, *operations: str) -> list[Call]:
        """Those that were asked for one of the operations."""
        return [call for name in operations for call in self._by_operation[name]]

    def that_were_done(self, *operations: str) -> list[Call]:
        """Those of them whose success was answered."""
        return [call for call in self.of(*operations) if call.verdict == "done"]

    def that_may_have_happened(self, *operations: str) -> list[Call]:
        """Those of them that were done or may have been."""
        return [call for call in self.of(*operations) if call.may_have_happened]


def is_stop(entry: Entry) -> bool:
    """Whether it is a fault by which a process of ours stood still."""
    return entry.is_fault and entry.operation.startswith(STANDING_STILL)


def are_together(one: Entry, other: Entry) -> bool:
    """Whether both were going on at some moment."""
    return one.invoked <= other.ended and other.invoked <= one.ended


@dataclass(frozen=True)
class Write:
    """A value that was written some time between two moments, for certain or maybe."""

    value: Any
    began: float
    ended: float
    is_certain: bool
    call: Call | None = None


def write_of(call: Call, value: Any) -> Write:
    """A call as a write of one value."""
    return Write(value, call.began, call.ended, call.verdict == "done", call)


def possible_values(writes: Sequence[Write]) -> list[Any]:
    """What may stand in the end: every value after whose write no other was certainly written."""
    return [
        write.value
        for write in writes
        if not any(other.is_certain and other.began > write.ended for other in writes)
    ]


def by_id(rows: Iterable[Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
    """Rows by their id."""
    return {row["id"]: row for row in rows}


def keys_in(rows: Iterable[Mapping[str, Any]], field: str) -> dict[str, list[Mapping[str, Any]]]:
    """Rows by the key that a client wrote into their text."""
    found: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for row in rows:
        for key in KEY.findall(row[field] or ""):
            found[key].append(row)
    return found
