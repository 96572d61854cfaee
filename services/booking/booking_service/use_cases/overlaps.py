"""What the audit log is told when an administrator lets sessions overlap."""

from __future__ import annotations

from booking_service import storage
from booking_service.domain import Session
from chassis import audit
from chassis.database import UnitOfWork


def record_overlap(uow: UnitOfWork, session: Session) -> None:
    """Puts on record whose time was given twice; nothing when the time is free. Needs the pair's locks."""
    overlapped = storage.find_overlapped(uow, session)
    if overlapped:
        audit.record(
            uow,
            "session.overlap_allowed",
            targets=[session.id, session.instructor_id, session.student_id],
            details={"overlapped": [{"id": one["id"], "who": one["who"]} for one in overlapped]},
        )
