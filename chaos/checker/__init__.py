"""Compares what clients were told with what there is in the end; pure functions, a module for each kind of promise."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from chaos.checker import (
    assignments,
    deadlines,
    events,
    idempotency,
    messages,
    overlaps,
    people,
    recoveries,
    sessions,
    signing_in,
    tenancy,
    uploads,
)
from chaos.checker.calls import Violation
from chaos.final import FinalState
from chaos.history import Entry

Check = Callable[[Sequence[Entry], FinalState], Iterable[Violation]]

CHECKS: Sequence[Check] = (
    sessions.standing,
    sessions.overlaps,
    overlaps.on_purpose,
    overlaps.blocked,
    assignments.standing,
    assignments.in_time,
    messages.standing,
    messages.opened,
    messages.numbered,
    messages.read_up_to,
    messages.unauthorized,
    people.standing,
    uploads.standing,
    uploads.associated,
    uploads.created_once,
    idempotency.repeated,
    idempotency.effects,
    tenancy.leaks,
    signing_in.refused,
    deadlines.late,
    recoveries.in_time,
    events.applied,
    events.audited,
    events.told,
    events.copies,
    events.empty,
)


def violations(entries: Sequence[Entry], final: FinalState) -> list[Violation]:
    """Every promise that was broken, in no order that means anything."""
    return [violation for check in CHECKS for violation in check(entries, final)]


__all__ = ["CHECKS", "Violation", "violations"]
