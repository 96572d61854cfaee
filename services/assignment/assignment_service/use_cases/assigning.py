"""Assigning by an administrator's hand or by an upload (ways 3 and 4)."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from assignment_service import access, errors, events, storage
from assignment_service.clients import Identity
from assignment_service.domain import (
    ARCHIVED,
    Obstacle,
    Origin,
    Pair,
    PairState,
    Source,
    obstacle_of,
    outcome_of_refusal,
)
from assignment_service.use_cases.deciding import ids_of
from assignment_service.use_cases.people import refresh_participants
from chassis.context import Actor, Operation
from chassis.database import Contention, Database, UnitOfWork
from chassis.errors import ServiceError

Facts = dict[Pair, dict[str, Any]]


def assign(
    database: Database, identity: Identity, actor: Actor, pair: Pair, operation: Operation
) -> dict[str, Any]:
    """Assigns a pair; one that is assigned already is answered as it is, `created` false."""
    access.may_change(actor)
    if pair.is_one_person():
        raise errors.same_person()
    [state] = settled_states(database, identity, actor, [pair])
    obstacle = obstacle_to_assigning(state)
    with database.unit_of_work(actor.organization_id) as uow:
        if (done := uow.replay(operation)) is not None:
            return dict(done)
        if obstacle is not None:
            raise refusal(obstacle)
        created, existing = assign_in(uow, [pair], by_hand(actor, Source.MANUAL), operation.id)
        result = {"assignment": (created or existing)[pair], "created": bool(created)}
        uow.record(operation, result)
        uow.commit()
    return result


def assign_many(
    database: Database,
    identity: Identity,
    actor: Actor,
    pairs: Sequence[Pair],
    source: Source,
    operation: Operation,
) -> dict[str, Any]:
    """Assigns those of up to 1000 pairs that can be, and says of each, in order, what became of it."""
    access.may_change(actor)
    distinct = list(dict.fromkeys(pairs))
    refused = refusals(distinct, settled_states(database, identity, actor, distinct))
    wanted = [pair for pair in distinct if pair not in refused]
    with database.unit_of_work(actor.organization_id) as uow:
        if (done := uow.replay(operation)) is not None:
            return dict(done)
        created, existing = assign_in(uow, wanted, by_hand(actor, source), operation.id)
        result = {"results": list(outcomes(pairs, refused, created, existing))}
        uow.record(operation, result)
        uow.commit()
    return result


def settled_states(
    database: Database, identity: Identity, actor: Actor, pairs: Sequence[Pair]
) -> list[PairState]:
    """The pairs' states, after asking identity about everybody who seems to stand in the way.

    What is known here lags behind identity by an event; an administrator who restores a student and assigns them at
    once must not be refused for that.
    """
    states = storage.states_of(database, actor.organization_id, pairs)
    doubtful = {
        person
        for pair, state in zip(pairs, states, strict=True)
        if obstacle_to_assigning(state) is not None and not pair.is_one_person()
        for person in pair
    }
    if not doubtful:
        return states
    refresh_participants(database, identity, actor, doubtful)
    return storage.states_of(database, actor.organization_id, pairs)


def obstacle_to_assigning(state: PairState) -> Obstacle | None:
    """What forbids to assign; nothing does when the pair is assigned already."""
    return None if state.assignment_id is not None else obstacle_of(state)


def refusal(obstacle: Obstacle) -> ServiceError:
    """The error for a pair that can't be assigned."""
    if obstacle in ARCHIVED:
        return errors.archived_person()
    if obstacle is Obstacle.UNKNOWN_STUDENT:
        return errors.unknown_student()
    return errors.unknown_instructor()


def refusals(pairs: Iterable[Pair], states: Iterable[PairState]) -> dict[Pair, str]:
    """The outcomes of the pairs that can't be assigned."""
    found: dict[Pair, str] = {}
    for pair, state in zip(pairs, states, strict=True):
        if pair.is_one_person():
            found[pair] = "same_person"
        elif (obstacle := obstacle_to_assigning(state)) is not None:
            found[pair] = outcome_of_refusal(obstacle)
    return found


def by_hand(actor: Actor, source: Source) -> Origin:
    """An origin here and now."""
    return Origin(source, actor.user_id, datetime.now(UTC))


def assign_in(
    uow: UnitOfWork, pairs: Collection[Pair], origin: Origin, cause: uuid.UUID
) -> tuple[Facts, Facts]:
    """Makes the assignments that are missing, with their event; returns the new ones and those that were there."""
    if not pairs:
        return {}, {}
    rows = storage.insert(uow, {pair: uuid.uuid4() for pair in pairs}, origin)
    created = facts_of(rows)
    publish_created(uow, list(created.values()), cause)
    rest = [pair for pair in pairs if pair not in created]
    existing = facts_of(storage.active_of(uow, rest)) if rest else {}
    if len(existing) < len(rest):
        raise Contention  # one was ended since the insert met it; now it can be assigned
    return created, existing


def publish_created(uow: UnitOfWork, facts: Sequence[dict[str, Any]], cause: uuid.UUID) -> None:
    """Tells the others of new assignments, many at a time."""
    for subject, batch in events.batches(facts, str(cause)):
        uow.publish("assignment_created", subject=subject, data=events.created(batch))


def facts_of(rows: Iterable[Any]) -> Facts:
    """Stored assignments in their plain form, by pair."""
    return {Pair(row.instructor_id, row.student_id): events.fact(row) for row in rows}


def outcomes(
    pairs: Iterable[Pair], refused: dict[Pair, str], created: Facts, existing: Facts
) -> Iterable[dict[str, Any]]:
    """One result per pair, in order; of a pair named twice only the first is the one that assigned it."""
    unseen = set(created)
    for pair in pairs:
        outcome = refused.get(pair) or ("assigned" if pair in unseen else "already_assigned")
        unseen.discard(pair)
        assignment = created.get(pair) or existing.get(pair)
        yield {**ids_of(pair), "outcome": outcome, "assignment": assignment}
