"""Messages: each that was answered is there once, and none of a pair that was not assigned at the time."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from chaos.checker.calls import Calls, Violation, by_id, keys_in
from chaos.checker.sessions import pair_of
from chaos.final import FinalState, Row
from chaos.history import Entry

STANDS = "every 2xx stands"
ONLY_ASSIGNED = "no message of a pair that was not assigned at the time"

# Whoever was allowed to write just before the end may be stored until the request's deadline.
DEADLINE_SECONDS = 5.0
CLOCK_SECONDS = 0.1


def standing(entries: Sequence[Entry], final: FinalState) -> Iterator[Violation]:
    """Each message that was answered is in its conversation, in the same words. Idempotency counts how often."""
    stored = by_id(final.messages)
    for call in Calls(entries).of("send_message"):
        if call.verdict != "done":
            continue
        message = stored.get(call.answer["id"])
        if message is None:
            what = f"message {call.answer['id']} was sent and is not there"
            yield Violation(STANDS, what, call.entries)
        elif differs(message, call.answer) or message["body"] != call.request["body"]["body"]:
            yield Violation(STANDS, f"message {message['id']} is another now", call.entries)


def differs(message: Mapping[str, Any], answer: Mapping[str, Any]) -> bool:
    """Whether it is not what was answered."""
    return any(message[name] != answer[name] for name in ("conversation_id", "sender_id", "body"))


def numbered(entries: Sequence[Entry], final: FinalState) -> Iterator[Violation]:
    """The messages of a conversation are numbered without gaps up to its last."""
    numbers: dict[str, list[int]] = defaultdict(list)
    for message in final.messages:
        numbers[message["conversation_id"]].append(message["sequence"])
    for conversation in final.conversations:
        found = sorted(numbers[conversation["id"]])
        if found != list(range(1, conversation["last_sequence"] + 1)):
            what = f"conversation {conversation['id']} misses a message, or has one twice"
            yield Violation(STANDS, what)


def unauthorized(entries: Sequence[Entry], final: FinalState) -> Iterator[Violation]:
    """Messages outside of every assignment of their pair, as the databases' times have it."""
    intervals: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for assignment in final.assignments:
        intervals[pair_of(assignment)].append(assignment)
    pairs = {row["id"]: pair_of(row) for row in final.conversations}
    entries_by_key = {entry.key: entry for entry in entries if entry.key}
    written = keys_in(final.messages, "body")
    sent_by = {row["id"]: entries_by_key.get(key) for key, rows in written.items() for row in rows}
    slack = CLOCK_SECONDS + clock_step(entries)
    for message in final.messages:
        theirs = intervals[pairs[message["conversation_id"]]]
        if not any(covers(one, message["sent_at"], slack) for one in theirs):
            entry = sent_by.get(message["id"])
            what = f"message {message['id']} of {pairs[message['conversation_id']]}"
            yield Violation(ONLY_ASSIGNED, what, (entry,) if entry else ())


def covers(assignment: Mapping[str, Any], moment: float, slack: float) -> bool:
    """Whether a message of that moment was allowed by the assignment."""
    ended = assignment["ended_at"]
    begun = assignment["assigned_at"] - slack <= moment
    return begun and (ended is None or moment <= ended + DEADLINE_SECONDS + slack)


def clock_step(entries: Sequence[Entry]) -> float:
    """How far a clock was off at most: the times of assignments come from their service's own."""
    steps = [
        abs(float(value))
        for entry in entries
        if entry.is_fault and "clock" in entry.operation
        for name, value in entry.request.items()
        if name in {"seconds", "step", "offset"}
    ]
    return max(steps, default=0.0)
