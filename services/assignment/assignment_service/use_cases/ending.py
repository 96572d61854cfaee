"""Ending assignments. They stay as history."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from assignment_service import access, errors, events, storage
from assignment_service.domain import FutureSessions, Pair
from assignment_service.use_cases.assigning import Facts, facts_of
from assignment_service.use_cases.deciding import ids_of
from chassis.context import Actor, Operation
from chassis.database import Database, UnitOfWork


def end_assignment(
    database: Database,
    actor: Actor,
    pair: Pair,
    future_sessions: FutureSessions,
    operation: Operation,
) -> dict[str, Any]:
    """Ends a pair's assignment. The event says what is to become of the pair's sessions; booking acts on it."""
    access.may_change(actor)
    with database.unit_of_work(actor.organization_id) as uow:
        if (done := uow.replay(operation)) is not None:
            return dict(done)
        ended = end_in(uow, [pair], actor, future_sessions, operation.id)
        if not ended:
            raise errors.not_assigned()
        result = {"ended": ended[pair]}
        uow.record(operation, result)
        uow.commit()
    return result


def end_many(
    database: Database, actor: Actor, pairs: Sequence[Pair], operation: Operation
) -> dict[str, Any]:
    """Ends those of up to 1000 pairs that are assigned, and says of each, in order, what became of it.

    Sessions to come stay: a list of pairs is no place to cancel people's lessons by the way.
    """
    access.may_change(actor)
    with database.unit_of_work(actor.organization_id) as uow:
        if (done := uow.replay(operation)) is not None:
            return dict(done)
        ended = end_in(uow, pairs, actor, FutureSessions.KEEP, operation.id)
        result = {"results": list(outcomes(pairs, ended))}
        uow.record(operation, result)
        uow.commit()
    return result


def end_in(
    uow: UnitOfWork,
    pairs: Iterable[Pair],
    actor: Actor,
    future_sessions: FutureSessions,
    cause: uuid.UUID,
) -> Facts:
    """Ends what is active, with its event."""
    rows = storage.end(uow, pairs, by=actor.user_id, at=datetime.now(UTC))
    ended = facts_of(rows)
    for subject, batch in events.batches(list(ended.values()), str(cause)):
        data = events.ended(batch, future_sessions)
        uow.publish("assignment_ended", subject=subject, data=data)
    return ended


def outcomes(pairs: Iterable[Pair], ended: Facts) -> Iterable[dict[str, Any]]:
    """One result per pair, in order; a pair named twice can end only once."""
    unseen = dict(ended)
    for pair in pairs:
        assignment = unseen.pop(pair, None)
        outcome = "ended" if assignment else "not_assigned"
        yield {**ids_of(pair), "outcome": outcome, "assignment": assignment}
