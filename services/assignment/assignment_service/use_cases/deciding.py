"""May this pair work together? Asked before every booking and message, so the usual answer is one SELECT."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from typing import Any

from assignment_service import access, storage
from assignment_service.clients import Identity
from assignment_service.domain import Decision, Pair, PairState, decide
from assignment_service.use_cases.people import refresh_participants
from chassis.context import Actor
from chassis.database import Database
from chassis.fields import rfc3339


def authorize(database: Database, identity: Identity, actor: Actor, pair: Pair) -> dict[str, Any]:
    """The decision for one pair. Fails closed: Unavailable when a person is not known here and identity is silent."""
    state = storage.state_of(database, actor.organization_id, pair)
    if state.misses_somebody:
        refresh_participants(database, identity, actor, pair)
        state = storage.state_of(database, actor.organization_id, pair)
    return plain(decide(state))


def authorize_many(
    database: Database, identity: Identity, actor: Actor, pairs: Sequence[Pair]
) -> dict[str, Any]:
    """The decisions for many pairs, in order."""
    states = storage.states_of(database, actor.organization_id, pairs)
    if missing := unknown_people(pairs, states):
        refresh_participants(database, identity, actor, missing)
        states = storage.states_of(database, actor.organization_id, pairs)
    return {
        "results": [
            {**ids_of(pair), **plain(decide(state))}
            for pair, state in zip(pairs, states, strict=True)
        ]
    }


def explain(database: Database, identity: Identity, actor: Actor, pair: Pair) -> dict[str, Any]:
    """The decision and the assignment it rests on: the active one, else the one that ended last."""
    access.may_look_at(actor, pair)
    decision = authorize(database, identity, actor, pair)
    with database.unit_of_work(actor.organization_id) as uow:
        latest = storage.latest_of(uow, pair)
    ended_at = latest.ended_at if latest else None
    return {
        "allowed": decision["allowed"],
        "reason": decision["reason"],
        "assignment_id": str(latest.id) if latest else None,
        "source": latest.source if latest else None,
        "assigned_at": rfc3339(latest.assigned_at) if latest else None,
        "ended_at": rfc3339(ended_at) if ended_at else None,
    }


def unknown_people(pairs: Iterable[Pair], states: Iterable[PairState]) -> set[uuid.UUID]:
    """Those of whom nothing is known here (yet: the event that tells of them may be on its way)."""
    found: set[uuid.UUID] = set()
    for pair, state in zip(pairs, states, strict=True):
        if state.instructor_fits is None:
            found.add(pair.instructor_id)
        if state.student_fits is None:
            found.add(pair.student_id)
    return found


def plain(decision: Decision) -> dict[str, Any]:
    """The decision as the bus carries it."""
    assignment_id = decision.assignment_id
    return {
        "allowed": decision.allowed,
        "reason": decision.reason,
        "assignment_id": None if assignment_id is None else str(assignment_id),
    }


def ids_of(pair: Pair) -> dict[str, str]:
    """The pair as the bus carries it."""
    return {"instructor_id": str(pair.instructor_id), "student_id": str(pair.student_id)}
