"""Clocks that were set wrong on purpose: which moments in the databases may be off, and by how much."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from chaos.history import Entry

CLOCK = "clock"

# A process sees within this that its clock was set, or set right again.
SEEN_SECONDS = 2.5
# What nobody noted was the most there is.
MOST_SECONDS = 3600.0


@dataclass(frozen=True)
class Wrong:
    """A stretch of true time in which some clock was off by that much."""

    began: float
    ended: float
    off_by: float


class Clocks:
    """All wrong clocks of a history."""

    def __init__(self, entries: Iterable[Entry]) -> None:
        self._wrong = [
            Wrong(entry.invoked, entry.ended + SEEN_SECONDS, off_by(entry))
            for entry in entries
            if entry.is_fault and CLOCK in entry.operation
        ]

    @property
    def were_right(self) -> bool:
        """Whether no clock was ever set wrong."""
        return not self._wrong

    def may_mean(self, moment: float) -> list[float]:
        """The true moments at which some clock may have shown this one; itself first."""
        shifted = [
            moment - one.off_by
            for one in self._wrong
            if one.began - SEEN_SECONDS <= moment - one.off_by <= one.ended
        ]
        return [moment, *shifted]

    def off_between(self, began: float, ended: float) -> float:
        """How far two clocks may have been apart at most at some time of a stretch."""
        return max(
            (
                abs(one.off_by)
                for one in self._wrong
                if one.began <= ended + SEEN_SECONDS and began - SEEN_SECONDS <= one.ended
            ),
            default=0.0,
        )


def off_by(fault: Entry) -> float:
    """By how much the fault set the clock wrong."""
    return float((fault.answer or {}).get("off_by", MOST_SECONDS))
