"""Faults: each could be healed, and the system worked again in time after it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from chaos.checker.calls import Violation
from chaos.final import FinalState
from chaos.history import Entry

HEALED = "every fault can be healed"
RECOVERED = "errors end in time after a fault"


def in_time(entries: Sequence[Entry], final: FinalState) -> Iterator[Violation]:
    """By the limit that was noted with the fault; of one that was going on when the run was ended nothing is known."""
    for fault in entries:
        if not fault.is_fault or fault.answer is None:
            continue
        if error := fault.answer.get("error"):
            yield Violation(HEALED, f"{fault.operation}: {error}", (fault,))
        if (
            late := lateness(fault.answer.get("recovered_after"), fault.answer.get("limit"))
        ) is not None:
            yield Violation(RECOVERED, f"{fault.operation}: {late}", (fault,))


def lateness(recovered_after: float | None, limit: float | None) -> str | None:
    """What was wrong with the time to recovery; None if nothing was."""
    if recovered_after is None:
        return "not recovered"
    if limit is not None and recovered_after > limit:
        return f"recovered after {recovered_after:.1f} s, not within {limit:.0f} s"
    return None
