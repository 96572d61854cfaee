"""Booking a session: an administrator for any pair, an instructor or student for an assigned one."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from booking_service import access, domain, storage
from booking_service.clients import Neighbours
from booking_service.domain import Capacity
from booking_service.errors import PossiblyStale
from booking_service.events import session_event
from booking_service.schemas import session_view
from booking_service.use_cases.overlaps import record_overlap
from booking_service.use_cases.replicas import refresh_all
from chassis.context import Actor, Operation
from chassis.database import Database


def book_session(
    database: Database,
    neighbours: Neighbours,
    actor: Actor,
    arguments: Mapping[str, Any],
    operation: Operation,
) -> dict[str, Any]:
    """Books for an administrator (the pair is assigned by the event) or for an instructor of an assigned pair."""
    capacity = access.booking_capacity(actor, arguments["instructor_id"])
    return _book(database, neighbours, actor, capacity, arguments, operation)


def request_session(
    database: Database,
    neighbours: Neighbours,
    actor: Actor,
    arguments: Mapping[str, Any],
    operation: Operation,
) -> dict[str, Any]:
    """Books or asks for a session, as the organization lets its students; answers the session alone."""
    access.require_requester(actor, arguments["student_id"])
    result = _book(database, neighbours, actor, "student", arguments, operation)
    session: dict[str, Any] = result["session"]
    return session


def _book(
    database: Database,
    neighbours: Neighbours,
    actor: Actor,
    capacity: Capacity,
    arguments: Mapping[str, Any],
    operation: Operation,
) -> dict[str, Any]:
    """Tries with what the replicas know, and asks identity only when they speak against it."""
    pair = (arguments["instructor_id"], arguments["student_id"])
    decision = access.decide_pair(capacity, neighbours, *pair)
    try:
        return _store(database, actor, capacity, decision, arguments, operation)
    except PossiblyStale:
        refresh_all(database, neighbours, actor, pair)
        return _store(database, actor, capacity, decision, arguments, operation)


def _store(
    database: Database,
    actor: Actor,
    capacity: Capacity,
    decision: access.PairDecision,
    arguments: Mapping[str, Any],
    operation: Operation,
) -> dict[str, Any]:
    with database.unit_of_work(actor.organization_id) as uow:
        if (done := uow.replay(operation)) is not None:
            answered: dict[str, Any] = done
            return answered
        facts = storage.lock_pair_and_read_facts(
            uow, arguments["instructor_id"], arguments["student_id"]
        )
        now = datetime.now(UTC)
        session = domain.new_session(facts, arguments, capacity, actor.user_id, now)
        decision.require()
        if session.allow_overlap:
            record_overlap(uow, session)
        booked_before = storage.insert_session(uow, session)
        name = "session_requested" if session.status == "pending" else "session_booked"
        uow.publish(name, subject=str(session.id), data=session_event(session))
        result = {"session": session_view(session), "pair_booked_before": booked_before}
        uow.record(operation, result)
        uow.commit()
    return result
