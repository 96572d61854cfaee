"""booking: an administrator's booking, whose event assigns the pair."""

from __future__ import annotations

from dataclasses import dataclass

from assignment_service.domain import Pair
from simulation.consumer import is_first_delivery, note_applied
from simulation.process import Process
from simulation.rpc import Request
from simulation.scheduler import Steps
from simulation.services.plumbing import Service
from simulation.store import Fact


@dataclass(frozen=True, slots=True)
class Booked:
    """Data of `session_booked`."""

    session: int
    pair: Pair


class Booking(Service):
    """Sessions, as far as they assign."""

    name = "booking"

    def book_session(self, process: Process, request: Request) -> Steps:
        """Stores a session and its event in one transaction."""
        with self.store.begin() as transaction:
            if done := (yield from self.replay(transaction, request)):
                return done[0]
            session = self.new_id()
            data = Booked(session.int, request.arguments)
            self.publish(process, transaction, "session_booked", str(session), data)
            yield "inserts the session"
            self.record(transaction, request, session)
            yield from transaction.commit(request.deadline)
        return session

    def assignments_ended(self, _process: Process, event: Fact, handler: str) -> Steps:
        """Hears that assignments ended."""
        with self.store.begin() as transaction:
            if (yield from is_first_delivery(transaction, event, handler)):
                note_applied(transaction, event, handler)
                yield from transaction.commit()
