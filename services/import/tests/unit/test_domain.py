"""Whom names mean, which pairs a file asks for, what falls with what."""

from __future__ import annotations

import uuid

from hypothesis import given
from hypothesis import strategies as st

from import_service.domain import (
    ROWS_PER_IMPORT,
    Action,
    FilePerson,
    KnownPerson,
    PairPlan,
    Pairs,
    Reference,
    Step,
    Unresolved,
    fallen,
    operation_id,
    positions_of,
    resolve,
    shown_progress,
)
from import_service.reading.__main__ import MOST_ROWS
from import_service.reading.rows import reference_keys


def known(*keys: str, roles: str = "instructor", archived: bool = False) -> KnownPerson:
    return KnownPerson("known-id", frozenset([roles]), archived, frozenset(keys))


def in_row(
    role: str | None = "instructor", outcome: str = "create", user_id: str | None = None
) -> FilePerson:
    return FilePerson(3, 5, role, outcome, user_id)


def meant(
    name: str, in_file: dict[str, FilePerson], people: dict[str, KnownPerson]
) -> Reference | Unresolved:
    return resolve(name, reference_keys(name), "instructors", in_file, people)


def test_an_error_quotes_the_beginning_of_a_name() -> None:
    found = meant("n" * 254, {}, {})
    assert isinstance(found, Unresolved)
    assert "n" * 50 in found.detail
    assert "n" * 51 not in found.detail


def test_a_name_means_an_email_before_a_username_before_an_external_id() -> None:
    file = {"username:t1": in_row()}
    person = {"T1": known("external_id:T1")}
    assert meant("T1", file, person) == Reference(None, 3)
    person = {"T1": known("username:t1")}
    assert meant("T1", {"external_id:T1": in_row()}, person) == Reference("known-id", None)


def test_somebody_known_and_in_the_file_is_one_person() -> None:
    file = {"email:a@x.org": in_row(user_id="known-id", outcome="update")}
    person = {"A@x.org": known("email:a@x.org")}
    assert meant("A@x.org", file, person) == Reference("known-id", 3)


def test_reasons_why_a_name_means_nobody() -> None:
    def code(file: FilePerson | None, person: KnownPerson | None) -> str:
        found = meant(
            "a@x.org",
            {"email:a@x.org": file} if file else {},
            {"a@x.org": person} if person else {},
        )
        assert isinstance(found, Unresolved)
        assert "a@x.org" in found.detail
        return found.code

    key = "email:a@x.org"
    assert code(None, None) == "import.unknown_reference"
    assert code(in_row(outcome="invalid"), None) == "import.invalid_reference"
    assert code(in_row(role="student"), None) == "import.wrong_role_reference"
    assert code(None, known(key, archived=True)) == "import.archived_reference"
    assert code(None, known(key, roles="student")) == "import.wrong_role_reference"


def pair(
    action: Action = Action.ASSIGN, *, by_student: bool = True, at: int | None = 1
) -> PairPlan:
    return PairPlan(Reference("i", None), Reference("s", at), not by_student, by_student, action)


def test_a_pair_named_twice_is_one_pair_with_all_that_is_known_of_it() -> None:
    pairs = Pairs()
    pairs.add(pair(at=None))
    pairs.add(pair(by_student=False, at=4))
    (merged,) = pairs
    assert (merged.named_by_student, merged.named_by_instructor) == (True, True)
    assert merged.student.position == 4


def test_naming_a_pair_wins_over_ending_it_in_either_order() -> None:
    for actions in ([Action.END, Action.ASSIGN], [Action.ASSIGN, Action.END]):
        pairs = Pairs()
        for action in actions:
            pairs.add(pair(action))
        assert [p.action for p in pairs] == [Action.ASSIGN]


NODES = st.integers(0, 12)


@given(st.sets(NODES), st.lists(st.tuples(NODES, NODES)))
def test_what_falls_is_exactly_what_reaches_an_invalid_row(
    invalid: set[int], edges: list[tuple[int, int]]
) -> None:
    reasons = fallen(sorted(invalid), edges)
    down = set(invalid)
    while more := {namer for namer, named in edges if named in down} - down:
        down |= more
    assert set(reasons) == down - invalid
    assert all((namer, named) in edges for namer, named in reasons.items())


@given(st.integers(0, 10_000), st.integers(0, 20_000), st.integers(0, 20_000))
def test_progress_is_told_in_rows_and_never_overshoots(rows: int, done: int, total: int) -> None:
    shown = shown_progress(rows, done, total)
    assert 0 <= shown["done"] <= shown["total"] == rows
    if done >= total > 0:
        assert shown["done"] == rows


def test_every_try_of_a_chunk_has_the_same_operation_id_and_other_chunks_have_others() -> None:
    import_id = uuid.uuid4()
    calls = [(step, chunk, part) for step in Step for chunk in (0, 500) for part in ("", "end")]
    ids = {operation_id(import_id, *call) for call in calls}
    assert len(ids) == len(calls)
    assert operation_id(import_id, Step.APPLY_PAIRS, 500, "end") in ids


def test_the_positions_of_two_imports_never_meet() -> None:
    assert MOST_ROWS <= ROWS_PER_IMPORT
    assert positions_of(1).stop == positions_of(2).start
