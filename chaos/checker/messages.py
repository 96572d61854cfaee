"""Messages: each that was answered is there once, and none of a pair that was not assigned at the time."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from chaos.checker.assignments import ENDINGS, by_pair
from chaos.checker.calls import KEY, Call, Calls, Violation, by_id
from chaos.checker.clocks import Clocks
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
    for call in Calls(entries).that_were_done("send_message"):
        message = stored.get(call.answer["id"])
        if message is None:
            what = f"message {call.answer['id']} was sent and is not there"
            yield Violation(STANDS, what, call.entries)
        elif differs(message, call.answer) or message["body"] != call.request["body"]["body"]:
            yield Violation(STANDS, f"message {message['id']} is another now", call.entries)


def differs(message: Mapping[str, Any], answer: Mapping[str, Any]) -> bool:
    """Whether it is not what was answered."""
    return any(message[name] != answer[name] for name in ("conversation_id", "sender_id", "body"))


def opened(entries: Sequence[Entry], final: FinalState) -> Iterator[Violation]:
    """Each conversation that was opened is there, and each message has one."""
    known = {conversation["id"] for conversation in final.conversations}
    for call in Calls(entries).that_were_done("open_conversation"):
        if call.answer["id"] not in known:
            what = f"conversation {call.answer['id']} was opened and is not there"
            yield Violation(STANDS, what, call.entries)
    for conversation_id in {message["conversation_id"] for message in final.messages} - known:
        yield Violation(STANDS, f"conversation {conversation_id} has messages and is not there")


def read_up_to(entries: Sequence[Entry], final: FinalState) -> Iterator[Violation]:
    """Nobody has read less far than they were told; nobody moves back."""
    sequences = {message["id"]: message["sequence"] for message in final.messages}
    conversations = by_id(final.conversations)
    for call in Calls(entries).that_were_done("mark_read"):
        conversation = conversations.get(call.request.get("conversation_id", ""))
        if conversation is None:
            continue
        is_instructor = call.request["by"] == conversation["instructor_id"]
        position = conversation["instructor_read" if is_instructor else "student_read"]
        if position < sequences.get(call.request["body"]["message_id"], 0):
            what = f"conversation {conversation['id']} is read up to {position} only"
            yield Violation(STANDS, what, call.entries)


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
    clocks, all_calls = Clocks(entries), Calls(entries)
    calls = {call.key: call for call in all_calls.of("send_message")}
    ends = by_pair(all_calls.that_may_have_happened(*ENDINGS))
    intervals: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for assignment in final.assignments:
        intervals[pair_of(assignment)].append(assignment)
    pairs = {row["id"]: pair_of(row) for row in final.conversations}
    for message in final.messages:
        call = next((calls[key] for key in KEY.findall(message["body"]) if key in calls), None)
        pair = pairs.get(message["conversation_id"])
        if pair is None:
            continue  # told by `opened`
        sent = sent_within(message, call, clocks)
        allowed = any(
            covers(one, sent, clocks) or ended_in_truth_after(one, sent[0], ends[pair], clocks)
            for one in intervals[pair]
        )
        if not allowed:
            what = f"message {message['id']} of {pair} at {message['sent_at']}"
            yield Violation(ONLY_ASSIGNED, what, call.entries if call else ())


def sent_within(
    message: Mapping[str, Any], call: Call | None, clocks: Clocks
) -> tuple[float, float]:
    """When it was stored: at its own time, unless its call says that this is by a clock that was wrong.

    A call that took long says little: its time may then be any that a wrong clock would have written so.
    """
    moment = message["sent_at"]
    if clocks.were_right or call is None:
        return moment, moment
    if call.began - CLOCK_SECONDS <= moment <= call.ended + CLOCK_SECONDS:
        meant = clocks.may_mean(moment)
        return min(meant), max(meant)
    return call.began, call.ended


def covers(assignment: Mapping[str, Any], sent: tuple[float, float], clocks: Clocks) -> bool:
    """Whether a message of that time was allowed by the assignment."""
    first, last = sent
    begun, ended = assignment["assigned_at"], assignment["ended_at"]
    if min(clocks.may_mean(begun)) > last + CLOCK_SECONDS:
        return False
    if ended is None:
        return True
    return max(clocks.may_mean(ended)) + DEADLINE_SECONDS + CLOCK_SECONDS >= first


def ended_in_truth_after(
    assignment: Mapping[str, Any], moment: float, ends: Sequence[Call], clocks: Clocks
) -> bool:
    """Whether a call may have ended it later than it says: by a clock behind the beginning, it is stored as at that."""
    began, ended = assignment["assigned_at"], assignment["ended_at"]
    return (
        ended == began
        and min(clocks.may_mean(began)) <= moment + CLOCK_SECONDS
        and any(end.ended >= moment and clocks.off_between(end.began, end.ended) for end in ends)
    )
