"""Faults: each could be healed, and the system worked again in time after it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

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
        if what := lateness(fault.answer):
            yield Violation(RECOVERED, f"{fault.operation}: {what}", (fault,))


def lateness(answer: Mapping[str, Any]) -> str | None:
    """What was wrong with the time to recovery; None if nothing was."""
    failed, limit = answer.get("last_failure"), answer.get("limit")
    if answer.get("recovered_after") is None:
        return "not recovered"
    if failed is not None and limit is not None and failed > limit:
        return f"what was asked after {failed:.1f} s failed; the limit is {limit:.0f} s"
    return None
