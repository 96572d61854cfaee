"""What becomes of a session once it is booked: moved, confirmed, declined, cancelled, completed, missed."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from booking_service import access, domain, storage
from booking_service.clients import Neighbours
from booking_service.domain import Action, Session
from booking_service.errors import ErasedPerson, StaleVersion
from booking_service.events import session_event
from booking_service.schemas import session_view
from booking_service.use_cases.overlaps import record_overlap
from booking_service.use_cases.reading import find_session
from chassis.context import Actor, Operation
from chassis.database import Database, UnitOfWork
from chassis.erasing import is_any_erased

EVENTS: Final[Mapping[Action, str]] = {
    "confirm": "session_booked",
    "decline": "session_cancelled",
    "cancel": "session_cancelled",
    "complete": "session_completed",
    "miss": "session_completed",
}


def change_status(
    database: Database,
    neighbours: Neighbours,
    actor: Actor,
    action: Action,
    arguments: Mapping[str, Any],
    operation: Operation,
) -> dict[str, Any]:
    """Confirms, declines, cancels, completes or marks as missed. An instructor confirms only for an assigned pair."""
    session_id = arguments["session_id"]
    pair = access.PairDecision()
    if action == "confirm":
        pair = _decide_for(database, neighbours, actor, session_id)
    with database.unit_of_work(actor.organization_id) as uow:
        if (done := uow.replay(operation)) is not None:
            answered: dict[str, Any] = done
            return answered
        session = _locked(uow, actor, session_id)
        capacity = access.acting_capacity(actor, session, action)
        pair.require()
        if arguments["reason"]:
            _require_nobody_erased(uow, session)
        changed = domain.act(session, action, capacity, arguments["reason"], datetime.now(UTC))
        storage.update_session(uow, changed)
        return _published(uow, EVENTS[action], changed, operation)


def reschedule_session(
    database: Database,
    neighbours: Neighbours,
    actor: Actor,
    arguments: Mapping[str, Any],
    operation: Operation,
) -> dict[str, Any]:
    """Changes time or details. An instructor moves only sessions of an assigned pair: a new time is a new booking."""
    session_id, changes = arguments["session_id"], arguments["changes"]
    before = find_session(database, actor, session_id)
    people = (before.instructor_id, before.student_id)
    capacity = access.leading_capacity(actor, before)
    pair = access.PairDecision()
    if domain.is_move(changes):
        pair = access.decide_pair(capacity, neighbours, *people)
    with database.unit_of_work(actor.organization_id) as uow:
        if (done := uow.replay(operation)) is not None:
            answered: dict[str, Any] = done
            return answered
        # The schedules first, then the row: the order of everybody who holds both.
        facts = storage.lock_pair_and_read_facts(uow, *people)
        session = _locked(uow, actor, session_id)
        _require_nobody_erased(uow, session)
        _require_version(session, arguments["if_version"])
        allow_overlap = arguments["allow_overlap"]
        if allow_overlap:
            domain.require_overlap_allowed(capacity, facts.known_organization())
        changed = domain.change(
            session, changes, capacity, datetime.now(UTC), allow_overlap=allow_overlap
        )
        if changed is session:
            return _recorded(uow, session, operation)
        name = "session_updated"
        if domain.is_moved(session, changed):
            name = "session_rescheduled"
            pair.require()
            if changed.allow_overlap:
                record_overlap(uow, changed)
            else:
                storage.require_free(uow, changed)
        storage.update_session(uow, changed)
        return _published(uow, name, changed, operation)


def _decide_for(
    database: Database, neighbours: Neighbours, actor: Actor, session_id: uuid.UUID
) -> access.PairDecision:
    session = find_session(database, actor, session_id)
    capacity = access.leading_capacity(actor, session)
    return access.decide_pair(capacity, neighbours, session.instructor_id, session.student_id)


def _locked(uow: UnitOfWork, actor: Actor, session_id: uuid.UUID) -> Session:
    session = storage.read_session(uow, session_id, for_update=True)
    return access.require_visible(actor, session)


def _require_nobody_erased(uow: UnitOfWork, session: Session) -> None:
    if is_any_erased(uow, (session.instructor_id, session.student_id)):
        raise ErasedPerson


def _require_version(session: Session, if_version: int | None) -> None:
    if if_version is not None and if_version != session.version:
        raise StaleVersion(session.version)


def _published(
    uow: UnitOfWork, name: str, session: Session, operation: Operation
) -> dict[str, Any]:
    uow.publish(name, subject=str(session.id), data=session_event(session))
    return _recorded(uow, session, operation)


def _recorded(uow: UnitOfWork, session: Session, operation: Operation) -> dict[str, Any]:
    result = session_view(session)
    uow.record(operation, result)
    uow.commit()
    return result
