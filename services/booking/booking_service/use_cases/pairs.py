"""What happens to a pair's coming sessions when their assignment ends."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from booking_service import access, domain, storage
from booking_service.domain import Session
from booking_service.events import AssignmentsEnded, session_event
from chassis.context import Actor, Operation
from chassis.database import Database, UnitOfWork
from chassis.events import Event
from chassis.fields import load


def count_future_sessions(
    database: Database, actor: Actor, arguments: Mapping[str, Any]
) -> dict[str, Any]:
    """How many pending and scheduled sessions the pair has ahead."""
    access.require_admin(actor)
    with database.unit_of_work(actor.organization_id) as uow:
        count = storage.count_future_sessions(
            uow, arguments["instructor_id"], arguments["student_id"], after=datetime.now(UTC)
        )
    return {"count": count}


def cancel_future_sessions(
    database: Database, actor: Actor, arguments: Mapping[str, Any], operation: Operation
) -> dict[str, Any]:
    """Cancels the pair's pending and scheduled sessions ahead and says how many."""
    access.require_admin(actor)
    pair = (arguments["instructor_id"], arguments["student_id"])
    with database.unit_of_work(actor.organization_id) as uow:
        if (done := uow.replay(operation)) is not None:
            answered: dict[str, Any] = done
            return answered
        now = datetime.now(UTC)
        coming = storage.future_sessions_of_pairs(uow, [pair], after=now, booked_until=now)
        cancel_all(uow, coming, now)
        result = {"cancelled": len(coming)}
        uow.record(operation, result)
        uow.commit()
    return result


def cancel_after_assignments_ended(database: Database, event: Event) -> None:
    """Cancels what the ended pairs had ahead at that time, if the one who ended them wanted that.

    Sessions booked since then belong to a newer assignment and stay, however late the event comes.
    """
    data = load(AssignmentsEnded, event.data)
    with database.unit_of_work(event.organization_id) as uow:
        if not uow.is_first_delivery(event, "on_assignment_assignment_ended"):
            return
        if data["future_sessions"] == "cancel":
            pairs = [(a["instructor_id"], a["student_id"]) for a in data["assignments"]]
            coming = storage.future_sessions_of_pairs(
                uow, pairs, after=event.time, booked_until=event.time
            )
            cancel_all(uow, coming, datetime.now(UTC))
        uow.commit()


def cancel_all(uow: UnitOfWork, sessions: Sequence[Session], now: datetime) -> None:
    """Cancels open sessions whose rows are locked, each with its event."""
    for session in sessions:
        cancelled = domain.act(session, "cancel", "admin", None, now)
        storage.update_session(uow, cancelled)
        uow.publish("session_cancelled", subject=str(session.id), data=session_event(cancelled))
