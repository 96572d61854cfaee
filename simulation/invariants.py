"""What must hold when everything is healed and nothing is on its way any more."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from itertools import product
from typing import Final

from assignment_service.domain import Pair
from simulation.clients import Client, Done
from simulation.services.assignment import Change
from simulation.services.messaging import Stored
from simulation.store import Fact
from simulation.world import World


def violations(world: World, clients: Sequence[Client]) -> list[str]:
    """Every promise that was broken, in words."""
    found = [broken for check in OF_THE_WORLD for broken in check(world)]
    for client in clients:
        for done in client.history:
            found += one_effect(world, done)
    return found


def heard_once(world: World) -> Iterator[str]:
    """Each committed event is applied exactly once by each subscriber, or a bug made it a dead letter."""
    applied = {name: Counter(store.applied) for name, store in world.stores.items()}
    dead = {(queue, event.id): tries for queue, event, tries in world.broker.dead_letters}
    for event in events(world):
        for queue in world.broker.bindings.get((event.source, event.name), ()):
            key = (queue.name, event.id)
            times = applied[queue.name.partition(".")[0]][key]
            bugs = world.bugs.get(key, 0)
            if times > 1:
                yield f"{event.name} {event.id} was applied {times} times by {queue.name}"
            if times == 0 and key not in dead:
                yield f"{event.name} {event.id} was lost on its way to {queue.name}"
            if times == 0 and key in dead and bugs < MANY:
                yield f"{event.name} {event.id} was given up by {queue.name} without need"
    for queue_name, event_id in dead:
        if world.bugs.get((queue_name, event_id), 0) < MANY:
            yield f"event {event_id} is a dead letter of {queue_name} without need"


# A bug of which so much is left after all tries never ends.
MANY: Final = 100


def events(world: World) -> Iterator[Fact]:
    """All that was committed, by all services."""
    for store in world.stores.values():
        yield from store.committed


def nothing_else_heard(world: World) -> Iterator[str]:
    """What arrives was committed."""
    committed = {event.id for event in events(world)}
    for queue in world.broker.queues.values():
        for event_id in queue.first_arrivals:
            if event_id not in committed:
                yield f"event {event_id} arrived in {queue.name} and was never committed"


def in_order(world: World) -> Iterator[str]:
    """In each queue a subject's events arrive for the first time in the order in which they were committed."""
    for store in world.stores.values():
        place = {event.id: number for number, event in enumerate(store.committed)}
        for queue in world.broker.queues.values():
            last: dict[str, int] = {}
            for event in queue.first_arrivals.values():
                if event.source != store.service or event.id not in place:
                    continue
                if place[event.id] < last.get(event.subject, -1):
                    yield f"{event.name} {event.id} was overtaken in {queue.name}"
                last[event.subject] = place[event.id]


def replicas_are_equal(world: World) -> Iterator[str]:
    """Who keeps people's states keeps the newest, save of those of whom a bug swallowed the news."""
    swallowed = {event.subject for _, event, _ in world.broker.dead_letters}
    told = {event.subject for event in world.stores["identity"].committed}
    for person in world.identity.people.values():
        if str(person.id) not in told or str(person.id) in swallowed:
            continue
        if world.assignments.known.get(person.id) != person:
            yield f"person {person.id.int} is not known as they are"


def ends_are_kept(world: World) -> Iterator[str]:
    """What was ended after it was decided stays ended; what was decided after the end is assigned."""
    for pair in world.pairs:
        changes = [one for one in world.assignments.changes if one.pair == pair]
        ends = [one for one in changes if one.is_end]
        begins = [one for one in changes if not one.is_end]
        for begin, end in product(begins, ends):
            is_before = begin.decided[1] + world.skew < end.decided[0]
            if is_before and begin.committed > end.committed:
                yield f"assignment {begin.assignment_id.int} revived what was ended later"
        yield from last_word_holds(world, pair, begins, ends)


def last_word_holds(
    world: World, pair: Pair, begins: Sequence[Change], ends: Sequence[Change]
) -> Iterator[str]:
    """If the last fact of all can be told from the others, it holds."""
    is_active = pair in world.assignments.active
    said = [*bookings_of(world, pair), *(one.decided for one in begins)]
    done = [one.decided for one in ends]
    skew = world.skew
    if is_active and any(all(b[1] + skew < e[0] for b in said) for e in done):
        yield f"pair {pair.instructor_id.int} is assigned although it was ended last"
    if not is_active and any(all(e[1] + skew < b[0] for e in done) for b in said):
        yield f"pair {pair.instructor_id.int} is not assigned although it was assigned last"


def bookings_of(world: World, pair: Pair) -> Iterator[tuple[float, float]]:
    """Between which true moments a pair's bookings were made, save those that a bug swallowed."""
    swallowed = {event.id for _, event, _ in world.broker.dead_letters}
    for event in world.stores["booking"].committed:
        if event.data.pair == pair and event.id not in swallowed:
            yield event.published, event.committed


def messages_were_allowed(world: World) -> Iterator[str]:
    """At some moment between its request and its commit the pair of each message was assigned."""
    for message in world.messaging.messages:
        if not was_assigned(world, message):
            yield f"a message was stored at {message.committed:.3f} for a pair that was not assigned"


def was_assigned(world: World, message: Stored) -> bool:
    """Whether an assignment overlaps the time in which the message was on its way."""
    began: float | None = None
    for change in world.assignments.changes:
        if change.pair != message.pair:
            continue
        if not change.is_end:
            began = change.committed
        elif began is not None:
            if began <= message.committed and change.committed >= message.asked:
                return True
            began = None
    return began is not None and began <= message.committed


def standings_are_right(world: World) -> Iterator[str]:
    """A conversation is shown as what its pair is, where clocks agree and no bug swallowed an event."""
    if world.skew or world.broker.dead_letters:
        return
    for pair, standing in world.messaging.standings.items():
        is_right = (standing.status == "open") == (pair in world.assignments.active)
        if not is_right and not opened_in_a_change(world, pair):
            yield f"the conversation of {pair.instructor_id.int} is shown as {standing.status}"


def opened_in_a_change(world: World, pair: Pair) -> bool:
    """Whether an assignment was being changed while the pair's conversation was being opened: see docs/chaos.md."""
    return any(
        opening.asked <= change.committed and change.decided[0] <= opening.committed
        for opening in world.messaging.openings
        for change in world.assignments.changes
        if opening.pair == pair == change.pair
    )


def one_effect(world: World, done: Done) -> Iterator[str]:
    """An operation has one effect, and everybody who got an answer got that one's."""
    effects = world.stores[done.service].effects.get(done.operation.id, [])
    name = f"operation {done.operation.id.int} ({done.method})"
    if len(effects) > 1:
        yield f"{name} was done {len(effects)} times"
    if done.results and not effects:
        yield f"{name} was answered but never done"
    if any(result != effects[0] for result in done.results if effects):
        yield f"{name} was answered with another result than its own"
    # A refusal speaks for its own try: another that began before may still be at work.
    tries = world.broker.executions[done.operation.id]
    if done.refusal is not None and effects and tries == 1:
        yield f"{name} was done although it was refused"


Check = Callable[[World], Iterator[str]]
OF_THE_WORLD: Final[tuple[Check, ...]] = (
    heard_once,
    nothing_else_heard,
    in_order,
    replicas_are_equal,
    ends_are_kept,
    messages_were_allowed,
    standings_are_right,
)
