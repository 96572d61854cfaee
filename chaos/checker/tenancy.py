"""Nothing of one organization in an answer to another."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

from chaos.checker.calls import KEY, Violation
from chaos.final import FinalState
from chaos.history import Entry

APART = "nothing of one organization in an answer to another"
FOREIGN = frozenset({"read_foreign", "change_foreign"})


def leaks(entries: Sequence[Entry], final: FinalState) -> Iterator[Violation]:
    """Ids and words of another organization, and success where there is nothing of one's own."""
    owners, marks = owners_of(final), marks_of(entries)
    for entry in entries:
        if entry.is_fault or not entry.organization:
            continue
        if entry.operation in FOREIGN and entry.outcome == "ok":
            yield Violation(APART, "what belongs to another organization was there", (entry,))
        if found := strangers(entry, owners, marks):
            yield Violation(APART, f"the answer names {', '.join(found)}", (entry,))


def owners_of(final: FinalState) -> dict[str, str]:
    """The organization of everything that has an id."""
    tables = (
        final.users,
        final.assignments,
        final.sessions,
        final.conversations,
        final.messages,
        final.imports,
    )
    owners = {row["id"]: row["organization_id"] for table in tables for row in table}
    return owners | {organization: organization for organization in set(owners.values())}


def marks_of(entries: Sequence[Entry]) -> dict[str, str]:
    """The word that is in all texts of an organization, and whose it is."""
    return {
        entry.request["body"]["owner"]["last_name"]: entry.answer["organization"]["id"]
        for entry in entries
        if entry.operation == "sign_up" and entry.outcome == "ok" and entry.answer
    }


def strangers(entry: Entry, owners: dict[str, str], marks: dict[str, str]) -> list[str]:
    """What the answer says of others; what was asked for may be repeated in it."""
    if entry.answer is None:
        return []
    said, asked = json.dumps(entry.answer), json.dumps(entry.request)
    ids = set(KEY.findall(said)) - set(KEY.findall(asked))
    found = {one for one in ids if owners.get(one, entry.organization) != entry.organization}
    words = {word for word, whose in marks.items() if whose != entry.organization and word in said}
    return sorted(found | words)
