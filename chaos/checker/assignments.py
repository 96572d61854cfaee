"""Assignments: what assigned a pair stands until something ends it, once, and what ended stays ended."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from chaos.checker.calls import Call, Calls, Violation
from chaos.checker.clocks import Clocks
from chaos.checker.sessions import pair_of
from chaos.final import FinalState, Row
from chaos.history import Entry

STANDS = "every 2xx stands"
ONE_EACH = "every administrator's booking has exactly one assignment"
IN_TIME = "an administrator's booking assigns within 5 s of recovery"
STAYS_ENDED = "what was ended stays ended"
MADE_ONCE = "an assignment is made once"

ADMINS = frozenset({"owner", "admin"})
BY_HAND = ("assign", "assign_many", "probe_assignment")
ENDINGS = ("end_assignment", "end_many")
ASSIGNED = frozenset({"assigned", "already_assigned"})
SECONDS = 5.0

Pair = tuple[str, str]


@dataclass(frozen=True)
class Story:
    """A pair: its assignments of all times, and the calls that assigned and ended it or may have."""

    pair: Pair
    rows: Sequence[Row]
    begun: Sequence[Call]
    ended: Sequence[Call]

    @property
    def active(self) -> list[Row]:
        """What stands in the end."""
        return [row for row in self.rows if row["ended_at"] is None]


def standing(entries: Sequence[Entry], final: FinalState) -> Iterator[Violation]:
    """What was assigned is, unless it was ended; what was ended is not, unless it was assigned again."""
    calls, clocks = Calls(entries), Clocks(entries)
    sessions = {session["id"]: session for session in final.sessions}
    rows = rows_by_pair(final)
    beginnings = beginnings_by_pair(calls, sessions)
    endings = by_pair(calls.that_may_have_happened(*ENDINGS))
    for pair in beginnings.keys() | endings.keys():
        story = Story(pair, rows[pair], beginnings[pair], endings[pair])
        yield from not_assigned(story, clocks)
        yield from still_assigned(story, clocks)
    organizations = {entry.organization for entry in entries}
    for pair, theirs in rows.items():
        if not theirs or theirs[0]["organization_id"] not in organizations:
            continue  # of people whom this history does not know
        yield from made_twice(pair, theirs, beginnings[pair])
    yield from lost_choices(calls, final)


def rows_by_pair(final: FinalState) -> dict[Pair, list[Row]]:
    """Every assignment there ever was, by pair."""
    found: dict[Pair, list[Row]] = defaultdict(list)
    for row in final.assignments:
        found[pair_of(row)].append(row)
    return found


def by_pair(calls: Sequence[Call]) -> dict[Pair, list[Call]]:
    """Calls by the pairs they name."""
    found: dict[Pair, list[Call]] = defaultdict(list)
    for call in calls:
        for pair in {pair_of(pair) for pair in call.request["pairs"]}:
            found[pair].append(call)
    return found


def beginnings_by_pair(
    calls: Calls, sessions: Mapping[str, Mapping[str, Any]]
) -> dict[Pair, list[Call]]:
    """By pair, what assigned it or may have: by hand, by an administrator's booking or confirmation."""
    found = by_pair(calls.that_may_have_happened(*BY_HAND))
    for call in calls.that_may_have_happened("book_session"):
        if call.request.get("role") in ADMINS:
            found[pair_of(call.request["body"])].append(call)
    for call in calls.that_may_have_happened("confirm_session"):
        if call.request.get("role") in ADMINS and call.request["session_id"] in sessions:
            found[pair_of(sessions[call.request["session_id"]])].append(call)
    return found


def assigns(call: Call, pair: Pair) -> bool:
    """Whether the call was answered so that the pair must be assigned."""
    if call.verdict != "done":
        return False
    if call.operation != "assign_many":
        return True
    # An answer that is too long for the history does not say what became of which pair.
    results = call.answer.get("results", [])
    return any(pair_of(one) == pair and one["outcome"] in ASSIGNED for one in results)


def not_assigned(story: Story, clocks: Clocks) -> Iterator[Violation]:
    """A pair that was assigned, that nobody ended since, and that is not; or that is assigned twice."""
    active = story.active
    if len(active) > 1:
        yield Violation(ONE_EACH, f"the pair {story.pair} has {len(active)}", shown(story.begun))
    for call in () if active else story.begun:
        if assigns(call, story.pair) and not any(follows(end, call, clocks) for end in story.ended):
            is_booking = call.operation in {"book_session", "confirm_session"}
            what = f"the pair {story.pair} was assigned and is not"
            yield Violation(
                ONE_EACH if is_booking else STANDS, what, (*call.entries, *shown(story.ended))
            )


def follows(later: Call, earlier: Call, clocks: Clocks) -> bool:
    """Whether one may have taken effect after the other, as clocks tell it that may have been wrong."""
    first, last = sorted((later.ended, earlier.began))
    return later.ended + clocks.off_between(first, last) > earlier.began


def shown(calls: Sequence[Call]) -> tuple[Entry, ...]:
    """Their entries."""
    return tuple(entry for call in calls for entry in call.entries)


def still_assigned(story: Story, clocks: Clocks) -> Iterator[Violation]:
    """A pair that was ended, that nobody assigned since, and that is assigned."""
    active = story.active
    for end in story.ended if active else ():
        if end.verdict == "done" and not any(follows(call, end, clocks) for call in story.begun):
            what = f"the pair {story.pair} was ended and is assigned by {active[0]['id']}"
            yield Violation(STAYS_ENDED, what, (*end.entries, *shown(story.begun)))


def made_twice(pair: Pair, rows: Sequence[Row], begun: Sequence[Call]) -> Iterator[Violation]:
    """More assignments of one source than there were calls to make one."""
    made = Counter(row["source"] for row in rows)
    by_hand = [call for call in begun if call.operation in BY_HAND]
    # Without a key each repetition may assign anew what was ended meanwhile.
    most = {
        "manual": sum(len(call.entries) for call in by_hand),
        "booking": len(begun) - len(by_hand),
    }
    for source, limit in most.items():
        if made[source] > limit:
            what = f"the pair {pair} has {made[source]} assignments by {source}, of {limit}"
            yield Violation(MADE_ONCE, what, shown(begun))


def lost_choices(calls: Calls, final: FinalState) -> Iterator[Violation]:
    """Instructors who were chosen while a student was created: by the ids that were answered.

    A choice that was answered as pending comes to nothing if somebody has assigned the pair meanwhile.
    """
    known = {row["id"]: pair_of(row) for row in final.assignments}
    for call in calls.of("create_student"):
        for chosen in call.answer.get("assignments", []):
            pair = pair_of(chosen)
            is_overtaken = chosen.get("status") == "pending" and pair in known.values()
            if known.get(chosen["id"]) != pair and not is_overtaken:
                what = f"assignment {chosen['id']} was answered and is not there"
                yield Violation(STANDS, what, call.entries)


def in_time(entries: Sequence[Entry], final: FinalState) -> Iterator[Violation]:
    """Each booking's event was applied within 5 s of it, or of the recovery from what was wrong at the time."""
    received = {
        row["event_id"]: row["received_at"]
        for row in final.inbox.get("assignment", [])
        if row["handler"].endswith("on_booking_session_booked")
    }
    faults, clocks = [entry for entry in entries if entry.is_fault], Clocks(entries)
    for event in final.outbox.get("booking", []):
        if event["name"] != "session_booked" or not event["said"]:
            continue
        at = received.get(event["event_id"])
        if at is None:
            yield Violation(ONE_EACH, f"the event {event['event_id']} was never applied")
            continue
        late = min(
            applied - due(published, applied, faults)
            for applied in clocks.may_mean(at)
            for published in clocks.may_mean(event["created_at"])
        )
        if late > SECONDS:
            yield Violation(IN_TIME, f"session {event['subject']} {late:.1f} s after recovery")


def due(created_at: float, received_at: float, faults: Sequence[Entry]) -> float:
    """From when on an event of that time is to be applied: when all was well again."""
    meanwhile = [
        recovered(fault)
        for fault in faults
        if fault.invoked <= received_at and recovered(fault) >= created_at
    ]
    return max((created_at, *meanwhile))


def recovered(fault: Entry) -> float:
    """When all was well again after a fault."""
    return fault.ended + float((fault.answer or {}).get("recovered_after") or 0.0)
