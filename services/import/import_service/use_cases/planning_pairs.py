"""Planning, second half: whom the rows name, and which pairs that would assign or end. Nothing is changed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain
from typing import Any

from chassis.database import UnitOfWork
from chassis.pauses import unhurried
from import_service import storage
from import_service.domain import (
    CHUNK_NAMES,
    CHUNK_ROWS,
    Action,
    Associations,
    FilePerson,
    KnownPerson,
    PairPlan,
    Pairs,
    Reference,
    Step,
    Unresolved,
    resolve,
)
from import_service.reading.problems import at_most, quoted
from import_service.reading.rows import reference_keys
from import_service.use_cases.turns import Next, Turn, settle

LISTS = {"instructors": "student", "students": "instructor"}  # and who has such a column filled in
Errors = dict[int, list[dict[str, Any]]]
Keys = Mapping[str, tuple[str, ...]]  # of each name


@dataclass(frozen=True, slots=True)
class People:
    """Everybody that a chunk's rows may mean."""

    keys: Keys
    in_file: Mapping[str, FilePerson]
    known: Mapping[str, KnownPerson]


def plan_pairs(turn: Turn) -> Any | None:
    """Finds out what the lists of a chunk of rows would do. A row that names nobody's name is invalid as a whole."""
    with turn.database.unit_of_work(turn.organization_id) as uow:
        rows = storage.rows.naming(uow, turn.rest, rows=CHUNK_ROWS, names=CHUNK_NAMES)
        keys = keys_of_names(rows)
        in_file = people_in_file(uow, turn, set(chain.from_iterable(keys.values())))
    logins = set(logins_to_ask(rows, keys, in_file))
    users = turn.identity.resolve(sorted(logins))
    people = People(keys, in_file, {login: KnownPerson.of(user) for login, user in users.items()})
    pairs, errors = Pairs(), Errors()
    for row in unhurried(rows, every=20):
        if problems := at_most(read_lists(turn, row, people, pairs)):
            errors[row.position] = problems
    judged = judge(turn, pairs, [row for row in rows if row.position not in errors])
    return settle(turn, partial(store_pairs, turn, rows, judged, errors))


def keys_of_names(rows: Iterable[Any]) -> Keys:
    """The keys of each name in the rows' lists: what costs most of all that is done with a name is done once."""
    names = {name for row in rows for column in LISTS for name in getattr(row, column)}
    return {name: reference_keys(name) for name in unhurried(names)}


def people_in_file(uow: UnitOfWork, turn: Turn, keys: Iterable[str]) -> dict[str, FilePerson]:
    """The people of the file who have these keys."""
    owners = storage.rows.owners_of(uow, turn.upload, keys)
    places = storage.rows.at(uow, (owner.position for owner in owners.values()))
    people = {at: file_person(row) for at, row in places.items()}
    return {k: people[owner.position] for k, owner in owners.items()}


def file_person(row: Any) -> FilePerson:
    """A row as somebody who can be named."""
    return FilePerson(row.position, row.line, row.role, row.outcome, row.user_id)


def logins_to_ask(
    rows: Iterable[Any], keys: Keys, in_file: Mapping[str, FilePerson]
) -> Iterator[str]:
    """The names about which the file itself does not say enough, and rows that don't say their own role."""
    for row in rows:
        if row.role is None:
            yield row.known_as[0].partition(":")[2]
        for column, own_role in LISTS.items():
            wanted = "instructor" if own_role == "student" else "student"
            for name in getattr(row, column):
                by_email, *_ = keys[name] or ("",)
                person = in_file.get(by_email)
                if person is None or person.role != wanted or person.outcome == "invalid":
                    yield name


def read_lists(turn: Turn, row: Any, people: People, pairs: Pairs) -> list[dict[str, Any]]:
    """Adds a row's pairs, unless something is wrong with it: then what."""
    problems: list[dict[str, Any]] = []
    named: list[PairPlan] = []
    for column in LISTS:
        names = getattr(row, column)
        found = problems_of_role(row, column, people) if names else None
        if found is not None:
            problems.append(problem(turn, column, found))
            continue
        for name in names:
            meant = resolve(name, people.keys[name], column, people.in_file, people.known)
            meant = meant if isinstance(meant, Unresolved) else not_themselves(row, name, meant)
            if isinstance(meant, Unresolved):
                problems.append(problem(turn, column, meant))
            else:
                named.append(pair_of(turn.associations, row, column, meant))
    if not problems:
        for pair in named:
            pairs.add(pair)
    return problems


def problems_of_role(row: Any, column: str, people: People) -> Unresolved | None:
    """Students have instructors, and instructors have students."""
    own = LISTS[column]
    roles = {row.role}
    if row.role is None:
        known = people.known.get(row.known_as[0].partition(":")[2])
        roles = set(known.roles) if known else {own}
    if own in roles:
        return None
    return Unresolved(
        "import.column_not_for_role", f"Only the row of a {own} may have this filled in."
    )


def not_themselves(row: Any, name: str, meant: Reference) -> Reference | Unresolved:
    """Nobody is their own instructor."""
    if meant.position == row.position or (meant.user_id and meant.user_id == row.user_id):
        return Unresolved("import.self_reference", f"“{quoted(name)}” is the person of this row.")
    return meant


def problem(turn: Turn, column: str, found: Unresolved) -> dict[str, Any]:
    """What is wrong, as an error of the row."""
    return {"column": turn.header_of(column), "code": found.code, "detail": found.detail}


def pair_of(
    associations: Associations,
    row: Any,
    column: str,
    meant: Reference,
    action: Action | None = None,
) -> PairPlan:
    """The pair of a row's person and somebody in one of its lists."""
    by_student = column == "instructors"
    own = Reference(row.user_id, row.position)
    return PairPlan(
        instructor=meant if by_student else own,
        student=own if by_student else meant,
        named_by_instructor=not by_student,
        named_by_student=by_student,
        action=action or (Action.END if associations is Associations.REMOVE else Action.ASSIGN),
    )


def judge(turn: Turn, pairs: Pairs, rows: Sequence[Any]) -> list[PairPlan]:
    """The pairs with what would become of each; replacing adds those that would end."""
    if turn.associations is Associations.REPLACE:
        active = add_ends(turn, pairs, rows)
    else:
        active = turn.assignment.active([pair.ids for pair in pairs if pair.ids])
    return [pair.judged(pair.ids in active) for pair in unhurried(pairs)]


def add_ends(turn: Turn, pairs: Pairs, rows: Sequence[Any]) -> set[tuple[str, str]]:
    """Adds an end for each active pair of the rows' people that the chunk does not name; all active pairs.

    Only of lists that are filled in: an empty cell leaves everything as it is.
    """
    active: set[tuple[str, str]] = set()
    for column, own in LISTS.items():
        filled = {row.user_id: row for row in rows if getattr(row, column) and row.user_id}
        for user_id, partners in turn.assignment.partners(own, filled).items():
            active.update(partners)
            for pair in unhurried(partners):
                other = pair[0] if column == "instructors" else pair[1]
                meant = Reference(other, None)
                pairs.add(pair_of(turn.associations, filled[user_id], column, meant, Action.END))
    return active


def store_pairs(
    turn: Turn, rows: Sequence[Any], pairs: Sequence[PairPlan], errors: Errors, uow: UnitOfWork
) -> Next:
    """Stores the chunk's pairs and the rows that are invalid because of whom they name."""
    storage.pairs.put(uow, turn.upload, pairs)
    storage.rows.add_errors(uow, errors, refuse=True)
    if not rows:
        return Next(Step.FINISH_PLAN)
    return Next(Step.PLAN_PAIRS, rows[-1].position + 1, len(rows))
