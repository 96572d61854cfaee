"""messaging: messages are for pairs that are assigned now; what a conversation is shown as follows late facts."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import count

from assignment_service.domain import Decision, Pair
from chassis.errors import Forbidden, Unavailable
from messaging_service.domain import Fact as Standpoint
from messaging_service.domain import Standing
from simulation.broker import Broker
from simulation.consumer import is_first_delivery, note_applied
from simulation.process import Process
from simulation.rpc import Request, call
from simulation.scheduler import Steps
from simulation.services.assignment import Assigned
from simulation.services.plumbing import Service
from simulation.store import Fact, Store


@dataclass(frozen=True, slots=True)
class Stored:
    """For the checks alone: a message or an opening, between which true moments it was asked for and stored."""

    pair: Pair
    asked: float
    committed: float


class Messaging(Service):
    """Conversations of pairs."""

    name = "messaging"

    def __init__(self, store: Store, broker: Broker, ids: count[int]) -> None:
        super().__init__(store, broker, ids)
        self.standings: dict[Pair, Standing] = {}
        self.messages: list[Stored] = []
        self.openings: list[Stored] = []

    def authorized_by(self, process: Process, request: Request) -> Steps:
        """The decision of the assignment service; Forbidden without one that allows."""
        seconds = request.deadline - self.store.scheduler.now
        if seconds <= 0:
            raise Unavailable("deadline.exceeded", "Too late.")
        decision: Decision = yield from call(
            self.broker, process, "assignment", "authorize", request.arguments, seconds=seconds
        )
        if not decision.allowed:
            raise Forbidden("assignment.pair_not_assigned", decision.reason)
        return decision.assignment_id

    def done_before(self, request: Request, refusal: Exception) -> Steps:
        """The result of what was done while the pair was still assigned; else the refusal."""
        with self.store.begin() as transaction:
            done = yield from self.replay(transaction, request)
        if not done:
            raise refusal
        return done[0]

    def send_message(self, process: Process, request: Request) -> Steps:
        """Stores a message if the pair is assigned now."""
        asked = self.store.scheduler.now
        try:
            yield from self.authorized_by(process, request)
        except (Forbidden, Unavailable) as refusal:
            return (yield from self.done_before(request, refusal))
        with self.store.begin() as transaction:
            if done := (yield from self.replay(transaction, request)):
                return done[0]
            message, pair = self.new_id(), request.arguments
            yield "inserts the message"
            self.publish(process, transaction, "message_sent", pair.subject, message)
            transaction.write(lambda: self.messages.append(self.stored(pair, asked)))
            self.record(transaction, request, message)
            yield from transaction.commit(request.deadline)
        return message

    def open_conversation(self, process: Process, request: Request) -> Steps:
        """Makes or reopens the pair's conversation if the pair is assigned now."""
        asked, pair = self.store.scheduler.now, request.arguments
        try:
            assignment_id = yield from self.authorized_by(process, request)
        except (Forbidden, Unavailable) as refusal:
            return (yield from self.done_before(request, refusal))
        with self.store.begin() as transaction:
            if done := (yield from self.replay(transaction, request)):
                return done[0]
            yield from transaction.lock(("conversation", pair))
            known = self.standings.get(pair)
            now = process.clock()
            if known is None:
                standing = Standing("open", assignment_id, now)
            else:
                standing = known.after_authorized(assignment_id, now)
            transaction.write(lambda: self.standings.update({pair: standing}))
            transaction.write(lambda: self.openings.append(self.stored(pair, asked)))
            self.record(transaction, request, pair.subject)
            yield from transaction.commit(request.deadline)
        return pair.subject

    def stored(self, pair: Pair, asked: float) -> Stored:
        """At the commit."""
        return Stored(pair, asked, self.store.scheduler.now)

    def assignments_changed(self, _process: Process, event: Fact, handler: str) -> Steps:
        """Shows a conversation as open or closed, by the fact's own time."""
        with self.store.begin() as transaction:
            if not (yield from is_first_delivery(transaction, event, handler)):
                return
            changed: Assigned = event.data
            # A conversation that is being made at this moment can't be seen, nor waited for.
            if changed.pair in self.standings:
                yield from transaction.lock(("conversation", changed.pair))
                standing = self.standings[changed.pair].after(standpoint(changed))
                transaction.write(lambda: self.standings.update({changed.pair: standing}))
            note_applied(transaction, event, handler)
            yield from transaction.commit()


def standpoint(changed: Assigned) -> Standpoint:
    """What messaging reads of an assignment's event."""
    if changed.ended_at is None:
        return Standpoint("open", changed.id, changed.assigned_at)
    return Standpoint("closed", changed.id, changed.ended_at)
