"""Events: each applied once by each subscriber; copies equal to what they are of; nothing left on its way."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from chaos.checker.calls import Violation
from chaos.checker.sessions import pair_of
from chaos.final import FinalState, Row
from chaos.history import Entry

APPLIED_ONCE = "each event is applied once by each subscriber"
SAME = "a copy is what the owner has"
EMPTY = "queues and outboxes are empty in the end"

# Who applies which events with an inbox. Identity's is the audit log's.
PEOPLE = ("user_created", "user_updated", "user_archived", "user_restored")
SUBSCRIBED: Mapping[str, Mapping[str, Sequence[str]]] = {
    "assignment": {"identity": PEOPLE, "booking": ("session_booked",)},
    "booking": {
        "identity": (*PEOPLE, "organization_created", "organization_updated"),
        "assignment": ("assignment_ended",),
    },
    "messaging": {"assignment": ("assignment_created", "assignment_ended")},
    "identity": {
        "identity": ("audit_recorded", "user_created", "user_archived", "user_restored"),
        "booking": ("audit_recorded",),
        "messaging": ("audit_recorded",),
        "assignment": ("assignment_created", "assignment_ended"),
        "import": ("import_finished",),
    },
}


def applied(entries: Sequence[Entry], final: FinalState) -> Iterator[Violation]:
    """Each event that concerns a subscriber is in its inbox, and nothing is there of which there was no event."""
    for service, sources in SUBSCRIBED.items():
        wanted = {
            event["event_id"]: f"{source} {event['name']}"
            for source, names in sources.items()
            for event in final.outbox.get(source, [])
            if event["name"] in names and concerns(event)
        }
        received = Counter(row["event_id"] for row in final.inbox.get(service, []))
        for event_id in wanted.keys() - received.keys():
            yield Violation(APPLIED_ONCE, f"{service} never applied {wanted[event_id]} {event_id}")
        for event_id in received.keys() - wanted.keys():
            yield Violation(APPLIED_ONCE, f"{service} applied {event_id}, which nobody published")
        for event_id, count in received.items():
            if count > 1:
                yield Violation(APPLIED_ONCE, f"{service} applied {event_id} {count} times")


def concerns(event: Row) -> bool:
    """Whether subscribers have anything to do for it: a booking that assigns nobody is passed over."""
    return event["name"] != "session_booked" or bool(event["said"])


def audited(entries: Sequence[Entry], final: FinalState) -> Iterator[Violation]:
    """One entry of the audit log for each event that it keeps, numbered without gaps; each pair once."""
    wanted: Counter[str] = Counter()
    for source, names in SUBSCRIBED["identity"].items():
        wanted.update(
            event["organization_id"]
            for event in final.outbox.get(source, [])
            if event["name"] in names
        )
    numbers: dict[str, list[int]] = {organization: [] for organization in wanted}
    for entry in final.audit:
        numbers.setdefault(entry["organization_id"], []).append(entry["number"])
    for organization, found in numbers.items():
        if sorted(found) != list(range(1, wanted[organization] + 1)):
            what = f"{len(found)} audit entries of {wanted[organization]} events in {organization}"
            yield Violation(APPLIED_ONCE, what)


def told(entries: Sequence[Entry], final: FinalState) -> Iterator[Violation]:
    """One event for each assignment that began and that ended, and for each message; in the audit log as well."""
    begun = Counter(pair_of(row) for row in final.assignments)
    ended = Counter(pair_of(row) for row in final.assignments if row["ended_at"] is not None)
    events = final.outbox.get("assignment", [])
    yield from unequal("assignment_created", begun, pairs_said(events, "assignment_created"))
    yield from unequal("assignment_ended", ended, pairs_said(events, "assignment_ended"))
    yield from unequal("assignment.created", begun, pairs_audited(final, "assignment.created"))
    yield from unequal("assignment.ended", ended, pairs_audited(final, "assignment.ended"))
    sent = Counter(
        event["said"]
        for event in final.outbox.get("messaging", [])
        if event["name"] == "message_sent"
    )
    yield from unequal("message_sent", Counter(row["id"] for row in final.messages), sent)


def pairs_said(events: Iterable[Row], name: str) -> Counter[Any]:
    """The pairs in events of that name."""
    said = (event["said"] for event in events if event["name"] == name)
    return Counter(pair_of(assignment) for assignments in said for assignment in assignments)


def pairs_audited(final: FinalState, action: str) -> Counter[Any]:
    """The pairs in entries of that action."""
    entries = (entry["pairs"] for entry in final.audit if entry["action"] == action)
    return Counter(pair_of(pair) for pairs in entries for pair in pairs or [])


def unequal(name: str, there: Counter[Any], told: Counter[Any]) -> Iterator[Violation]:
    """What is there and was not told, or was told more often than it is there."""
    for thing in there.keys() | told.keys():
        if there[thing] != told[thing]:
            what = f"{there[thing]} times there, {told[thing]} times in {name}: {thing}"
            yield Violation(APPLIED_ONCE, what)


def copies(entries: Sequence[Entry], final: FinalState) -> Iterator[Violation]:
    """People as booking and assignment know them, and conversations open exactly while their pair is assigned."""
    users = {user["id"]: user for user in final.users}
    for service, people in final.participants.items():
        known = {person["id"]: person for person in people}
        for user_id, user in users.items():
            if user_id not in known or not is_same(service, known[user_id], user):
                what = f"{service} has {known.get(user_id)} of {user_id}, version {user['version']}"
                yield Violation(SAME, what)
    active = {pair_of(row): row["id"] for row in final.assignments if row["ended_at"] is None}
    for conversation in final.conversations:
        status = "open" if pair_of(conversation) in active else "closed"
        if conversation["status"] != status:
            what = f"conversation {conversation['id']} is {conversation['status']}, not {status}"
            yield Violation(SAME, what)


def is_same(service: str, copy: Mapping[str, Any], user: Mapping[str, Any]) -> bool:
    """Whether a copy says what identity does."""
    if service == "booking":
        return all(copy[name] == user[name] for name in ("roles", "status", "version"))
    return bool(
        copy["version"] == user["version"]
        and copy["is_archived"] == (user["status"] == "archived")
        and copy["is_instructor"] == ("instructor" in user["roles"])
        and copy["is_student"] == ("student" in user["roles"])
    )


def empty(entries: Sequence[Entry], final: FinalState) -> Iterator[Violation]:
    """Nothing waits, and nothing was given up."""
    for service, events in final.outbox.items():
        for event in events:
            if not event["is_sent"]:
                what = f"{service} has not sent {event['name']} {event['event_id']}: {event['last_error']}"
                yield Violation(EMPTY, what)
    for queue, count in final.queues.items():
        if not queue.endswith(".dead-letters"):
            yield Violation(EMPTY, f"{count} messages in {queue}")
    for service, said in final.dead_letters.items():
        yield Violation(EMPTY, f"{service} gave up: {said}")
