"""People: who was added is there, as they were last changed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from chaos.checker.calls import Call, Calls, Violation, Write, by_id, possible_values, write_of
from chaos.final import FinalState
from chaos.history import Entry

STANDS = "every 2xx stands"
CHANGES = ("change_person", "archive_person", "restore_person")
FIELDS = ("phone", "first_name")


def standing(entries: Sequence[Entry], final: FinalState) -> Iterator[Violation]:
    """Everybody who was added, with what was changed of them since."""
    calls = Calls(entries)
    users = by_id(final.users)
    changes: dict[str, list[Call]] = defaultdict(list)
    for call in calls.that_may_have_happened(*CHANGES):
        changes[call.request["user_id"]].append(call)
    for call in calls.that_were_done("create_person", "create_student"):
        user = users.get(call.answer["id"])
        if user is None or user["email"] != call.request["body"]["email"]:
            what = f"person {call.answer['id']} was added and is not there"
            yield Violation(STANDS, what, call.entries)
            continue
        yield from wrong_fields(call, user, changes[user["id"]])
        yield from wrong_status(call, user, changes[user["id"]])


def wrong_fields(
    created: Call, user: Mapping[str, Any], changes: Sequence[Call]
) -> Iterator[Violation]:
    """A field with a value that nobody gave it, or that was replaced."""
    for field in FIELDS:
        first = created.request["body"].get(field)
        writes = [
            write_of(call, call.request["body"][field])
            for call in changes
            if call.operation == "change_person" and field in call.request["body"]
        ]
        yield from wrong_value(
            created, user, field, user[field], [initial(created, first), *writes]
        )


def wrong_status(
    created: Call, user: Mapping[str, Any], changes: Sequence[Call]
) -> Iterator[Violation]:
    """Archived though restored, or the other way."""
    writes = [
        write_of(call, call.operation == "archive_person")
        for call in changes
        if call.operation != "change_person"
    ]
    is_archived = user["status"] == "archived"
    everything = [initial(created, value=False), *writes]
    yield from wrong_value(created, user, "archived", is_archived, everything)


def initial(created: Call, value: Any) -> Write:
    """What somebody began with."""
    return Write(value, created.began, created.ended, is_certain=True)


def wrong_value(
    created: Call, user: Mapping[str, Any], field: str, value: Any, writes: Sequence[Write]
) -> Iterator[Violation]:
    """A value that is none of the possible ones."""
    possible = possible_values(writes)
    if value not in possible:
        what = f"{field} of person {user['id']} is {value!r}, not one of {possible!r}"
        shown = [entry for write in writes if write.call for entry in write.call.entries]
        yield Violation(STANDS, what, (*created.entries, *shown))
