"""assignment: pairs come and go, by hand and by late events. Each statement sees and waits as it really does."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from itertools import count
from math import inf

from assignment_service import domain
from assignment_service.domain import Pair, PairState, Participant
from chassis.database import Contention
from chassis.errors import Conflict, NotFound
from simulation.broker import Broker
from simulation.consumer import is_first_delivery, note_applied
from simulation.process import Process
from simulation.rpc import Request, call
from simulation.scheduler import Steps
from simulation.services.plumbing import Service
from simulation.store import Fact, Store, Transaction

# Between which true moments something was decided.
Decided = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Assigned:
    """A stored assignment."""

    id: uuid.UUID
    pair: Pair
    assigned_at: datetime
    ended_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """For the checks alone: what really happened to a pair, and at which true moments."""

    pair: Pair
    assignment_id: uuid.UUID
    is_end: bool
    decided: Decided
    committed: float


class Assignments(Service):
    """Who may work with whom."""

    name = "assignment"

    def __init__(self, store: Store, broker: Broker, ids: count[int]) -> None:
        super().__init__(store, broker, ids)
        self.known: dict[uuid.UUID, Participant] = {}
        self.active: dict[Pair, Assigned] = {}
        self.ended: dict[Pair, list[Assigned]] = {}
        self.changes: list[Change] = []

    # What is read.

    def state_of(self, pair: Pair) -> PairState:
        """All that a decision rests on, read at one moment."""
        active, instructor, student = (
            self.active.get(pair),
            self.known.get(pair.instructor_id),
            self.known.get(pair.student_id),
        )
        return PairState(
            active.id if active else None,
            active is None and pair in self.ended,
            instructor.is_instructor if instructor else None,
            instructor.is_archived if instructor else None,
            student.is_student if student else None,
            student.is_archived if student else None,
        )

    def authorize(self, process: Process, request: Request) -> Steps:
        """The decision, after asking identity about people who are not known here yet."""
        yield "reads the pair"
        state = self.state_of(request.arguments)
        if state.misses_somebody:
            yield from self.refresh(process, request.arguments)
            state = self.state_of(request.arguments)
        return domain.decide(state)

    def refresh(self, process: Process, people: tuple[uuid.UUID, ...]) -> Steps:
        """Asks identity and keeps what is newer."""
        found: list[Participant] = []
        for person in people:
            found += [(yield from call(self.broker, process, "identity", "get_user", person))]
        with self.store.begin() as transaction:
            yield from self.store_participants(transaction, found)
            yield from transaction.commit()

    # What is written.

    def store_participants(self, transaction: Transaction, people: list[Participant]) -> Steps:
        """An upsert, person by person: what is newer stays."""
        for person in domain.newest_of_each(people):
            yield from transaction.lock(("participant", person.id))
            if self.is_newer(person, self.known.get(person.id)):
                transaction.write(partial(self.known.update, {person.id: person}))

    def is_newer(self, person: Participant, known: Participant | None) -> bool:
        """The rule of the domain."""
        return person.is_newer_than(known)

    def is_overtaken(self, decided_at: datetime, pair: Pair) -> bool:
        """The rule of the domain, on what is committed now."""
        ends = (one.ended_at for one in self.ended.get(pair, ()) if one.ended_at is not None)
        return domain.is_overtaken(decided_at, ends)

    def insert(
        self, transaction: Transaction, new: Assigned, decided: Decided, *, unless_ended: bool
    ) -> Steps:
        """Makes an assignment unless there is one; None if there is. Waits for whoever assigns or ends the pair."""
        pair = new.pair
        if unless_ended and self.is_overtaken(new.assigned_at, pair):
            return None
        yield "inserts the assignment"
        yield from transaction.free(("pair", pair))
        if pair in self.active or not transaction.try_lock(("pair", pair)):
            return None
        if unless_ended:
            yield "looks whether it was ended meanwhile"
            transaction.require_open()
            if self.is_overtaken(new.assigned_at, pair):
                return None
        else:
            yield "looks for later ends"
            transaction.require_open()
            new = self.after_all_ends(new)
        transaction.write(lambda: self.activate(new, decided))
        return new

    def after_all_ends(self, new: Assigned) -> Assigned:
        """Whoever waited for an end begins after it."""
        ends = [one.ended_at for one in self.ended.get(new.pair, ()) if one.ended_at is not None]
        if not ends:
            return new
        return replace(new, assigned_at=domain.moment_of_beginning(new.assigned_at, max(ends)))

    def activate(self, new: Assigned, decided: Decided) -> None:
        """At the commit."""
        now = self.store.scheduler.now
        self.active[new.pair] = new
        between = (decided[0], min(decided[1], now))
        self.changes.append(Change(new.pair, new.id, is_end=False, decided=between, committed=now))

    def end(self, transaction: Transaction, pair: Pair, at: datetime, began: float) -> Steps:
        """Ends the active assignment and returns it; None if there is none in the statement's view."""
        found = self.active.get(pair)
        yield "ends the assignment"
        if found is None:
            return None
        yield from transaction.lock(("pair", pair))
        if self.active.get(pair) is not found:
            return None
        ended = replace(found, ended_at=domain.moment_of_end(found.assigned_at, at))
        transaction.write(lambda: self.deactivate(ended, began))
        return ended

    def deactivate(self, ended: Assigned, began: float) -> None:
        """At the commit."""
        now = self.store.scheduler.now
        del self.active[ended.pair]
        self.ended.setdefault(ended.pair, []).append(ended)
        self.changes.append(
            Change(ended.pair, ended.id, is_end=True, decided=(began, now), committed=now)
        )

    # Use cases.

    def assign(self, process: Process, request: Request) -> Steps:
        """By an administrator's hand."""
        pair, began = request.arguments, self.store.scheduler.now
        state = self.state_of(pair)
        if state.assignment_id is None and domain.obstacle_of(state) is not None:
            yield from self.refresh(process, pair)
            state = self.state_of(pair)
        obstacle = None if state.assignment_id is not None else domain.obstacle_of(state)
        with self.store.begin() as transaction:
            if done := (yield from self.replay(transaction, request)):
                return done[0]
            if obstacle is not None:
                raise Conflict("assignment.archived_person", obstacle.value)
            new = Assigned(self.new_id(), pair, process.clock())
            created = yield from self.insert(transaction, new, (began, inf), unless_ended=False)
            if created is not None:
                self.publish(process, transaction, "assignment_created", pair.subject, created)
            yield "reads the active assignment"
            existing = created or self.active.get(pair)
            if existing is None:
                raise Contention
            self.record(transaction, request, existing.id)
            yield from transaction.commit(request.deadline)
        return existing.id

    def end_assignment(self, process: Process, request: Request) -> Steps:
        """By an administrator's hand."""
        pair, began = request.arguments, self.store.scheduler.now
        with self.store.begin() as transaction:
            if done := (yield from self.replay(transaction, request)):
                return done[0]
            ended = yield from self.end(transaction, pair, process.clock(), began)
            if ended is None:
                raise NotFound("assignment.not_assigned", "They are not assigned.")
            self.publish(process, transaction, "assignment_ended", pair.subject, ended)
            self.record(transaction, request, ended.id)
            yield from transaction.commit(request.deadline)
        return ended.id

    def session_booked(self, process: Process, event: Fact, handler: str) -> Steps:
        """Way 2: an administrator's booking assigns, unless the pair was ended since."""
        with self.store.begin() as transaction:
            if not (yield from is_first_delivery(transaction, event, handler)):
                return
            new = Assigned(self.new_id(), event.data.pair, event.at)
            decided = (event.published, event.committed)
            created = yield from self.insert(transaction, new, decided, unless_ended=True)
            if created is not None:
                subject = created.pair.subject
                self.publish(process, transaction, "assignment_created", subject, created)
            note_applied(transaction, event, handler)
            yield from transaction.commit()

    def users_changed(self, _process: Process, event: Fact, handler: str) -> Steps:
        """Keeps people's states where they are newer."""
        with self.store.begin() as transaction:
            if not (yield from is_first_delivery(transaction, event, handler)):
                return
            yield from self.store_participants(transaction, [event.data])
            note_applied(transaction, event, handler)
            yield from transaction.commit()
