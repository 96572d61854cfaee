"""One effect for each Idempotency-Key, and none for what was refused."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from chaos.checker.calls import Call, Calls, Violation, keys_in
from chaos.final import FinalState
from chaos.history import Entry

ONE_EFFECT = "one effect per Idempotency-Key"
NOTHING_HAPPENED = "a refusal changes nothing"

# What an operation makes, and the text in which its key stands.
MAKES = {
    "book_session": ("sessions", "title"),
    "send_message": ("messages", "body"),
    "create_student": ("users", "email"),
    "upload": ("imports", "filename"),
}
# An upload is several steps of which the first makes it; what was refused later stays empty.
MAY_BEGIN = frozenset({"upload"})


def repeated(entries: Sequence[Entry], final: FinalState) -> Iterator[Violation]:
    """All answers to one key are about the same thing."""
    for call in Calls(entries).all:
        if not call.is_keyed:
            continue
        ids = {thing for entry in call.entries if (thing := thing_of(entry))}
        if len(ids) > 1:
            yield Violation(ONE_EFFECT, f"key {call.key} answered {sorted(ids)}", call.entries)


def thing_of(entry: Entry) -> str | None:
    """The id of what was made or found."""
    return (entry.answer or {}).get("id") if entry.outcome == "ok" else None


def effects(entries: Sequence[Entry], final: FinalState) -> Iterator[Violation]:
    """What has a key in its text is there once if it was answered, at most once if not, never if it was refused."""
    calls = Calls(entries)
    for operation, (table, field) in MAKES.items():
        made = keys_in(getattr(final, table), field)
        for call in calls.of(operation):
            # Every row of an upload has its key, too: only the first word of a file's name or an address is meant.
            mine = [row for row in made.get(call.key, []) if is_by(row, field, call)]
            yield from wrong_count(call, table, mine)


def is_by(row: Mapping[str, Any], field: str, call: Call) -> bool:
    """Whether the row is the call's own; people of an upload have its key behind their number."""
    return call.operation != "create_student" or str(row[field]).startswith(call.key)


def wrong_count(call: Call, table: str, rows: Sequence[Mapping[str, Any]]) -> Iterator[Violation]:
    """More than one, or some of what was refused. That one is missing is told by others."""
    if len(rows) > 1:
        what = f"{len(rows)} {table} of key {call.key}"
        yield Violation(ONE_EFFECT, what, call.entries)
    elif rows and call.verdict == "refused" and call.operation not in MAY_BEGIN:
        what = f"one of {table} by the refused key {call.key}"
        yield Violation(NOTHING_HAPPENED, what, call.entries)
