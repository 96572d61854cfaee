"""Uploads: each that was taken is carried out to its end, every row once, nobody created twice."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from chaos.checker.assignments import ASSIGNED, MADE_ONCE
from chaos.checker.calls import Call, Calls, Violation, by_id
from chaos.checker.sessions import pair_of
from chaos.final import FinalState
from chaos.history import Entry

STANDS = "every 2xx stands"
ADDS_UP = "an upload's rows = created + updated + unchanged + invalid"
ONCE = "nobody is created twice by uploads"
OUTCOMES = ("create", "update", "unchanged", "invalid")

# The addresses that only uploads use: a row's number, and the file's key.
UPLOADED = re.compile(r"\d+\.[0-9a-f]{8}-[0-9a-f-]{27}@example\.org")


def standing(entries: Sequence[Entry], final: FinalState) -> Iterator[Violation]:
    """Each upload is there, and at its end."""
    imports, rows = by_id(final.imports), {row["import_id"]: row for row in final.import_rows}
    for call in Calls(entries).that_were_done("upload"):
        upload = imports.get(call.answer["id"])
        if upload is None:
            yield Violation(STANDS, f"upload {call.answer['id']} is not there", call.entries)
        elif upload["status"] != "finished":
            what = f"upload {upload['id']} is {upload['status']}: {upload['errors']}"
            yield Violation(STANDS, what, call.entries)
        else:
            yield from miscounted(call, upload["counts"], rows.get(upload["id"], {}))


def miscounted(
    call: Call, counts: Mapping[str, int], stored: Mapping[str, Any]
) -> Iterator[Violation]:
    """Counts that are not the file's rows, or not what is stored."""
    wanted = call.request["rows"]
    if not wanted == counts["rows"] == sum(counts[name] for name in OUTCOMES):
        yield Violation(ADDS_UP, f"{wanted} rows were uploaded, {counts} counted", call.entries)
    if not wanted == stored.get("rows") == stored.get("lines"):
        yield Violation(ADDS_UP, f"{wanted} rows were uploaded, {stored} stored", call.entries)
    if any(counts[name] != stored.get(name) for name in OUTCOMES):
        yield Violation(ADDS_UP, f"{counts} counted, {stored} stored", call.entries)
    if stored.get("unapplied"):
        yield Violation(ADDS_UP, f"{stored['unapplied']} rows were not applied", call.entries)


def associated(entries: Sequence[Entry], final: FinalState) -> Iterator[Violation]:
    """Pairs that a file assigned are, unless something ended them; each made once."""
    endings = Calls(entries).that_may_have_happened("end_assignment", "end_many")
    ended = {pair_of(pair) for call in endings for pair in call.request["pairs"]}
    ended |= {pair_of(row) for row in final.import_pairs if row["outcome"] == "ended"}
    active = {pair_of(row) for row in final.assignments if row["ended_at"] is None}
    made = Counter(pair_of(row) for row in final.assignments if row["source"] == "import")
    told: Counter[tuple[str, str]] = Counter()
    for row in final.import_pairs:
        pair = pair_of(row)
        told[pair] += row["outcome"] == "assigned"
        if row["outcome"] in ASSIGNED and not (pair in active or pair in ended):
            yield Violation(STANDS, f"upload {row['import_id']} assigned {pair}, which is not")
    for pair in made.keys() | told.keys():
        if made[pair] != told[pair]:
            what = f"{pair} has {made[pair]} assignments by uploads that made {told[pair]}"
            yield Violation(MADE_ONCE, what)


def created_once(entries: Sequence[Entry], final: FinalState) -> Iterator[Violation]:
    """As many people with an uploaded address as rows say they created one; each of one row."""
    creators = Counter(row["user_id"] for row in final.created_by_imports)
    for user_id, count in creators.items():
        if count > 1:
            yield Violation(ONCE, f"{count} rows say they created {user_id}")
    people = {user["id"] for user in final.users if UPLOADED.fullmatch(user["email"] or "")}
    for user_id in people - creators.keys():
        yield Violation(ONCE, f"no row says that it created {user_id}")
    for user_id in creators.keys() - {user["id"] for user in final.users}:
        yield Violation(STANDS, f"a row created {user_id}, who is not there")
    addresses = Counter((user["organization_id"], user["email"]) for user in final.users)
    for (_, email), count in addresses.items():
        if email and count > 1:
            yield Violation(ONCE, f"{count} people have the address {email}")
