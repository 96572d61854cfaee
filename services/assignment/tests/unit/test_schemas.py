"""Arguments of any shape are refused with the field named, never with a crash."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assignment_service import schemas
from assignment_service.domain import Pair
from chassis.errors import Invalid
from chassis.fields import load

ONE = str(uuid.UUID(int=1))
TWO = str(uuid.UUID(int=2))
PAIR = {"instructor_id": ONE, "student_id": TWO}

nasty = st.text(st.sampled_from("\x00 a-\ud8009é"), max_size=40)

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | nasty | st.just(ONE),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["instructor_id", "student_id", "x"]), inner)
    ),
    max_leaves=6,
)


def pointers(schema: Any, payload: dict[str, Any]) -> set[str]:
    with pytest.raises(Invalid) as caught:
        load(schema, payload)
    return {error.pointer for error in caught.value.errors}


def test_a_pair_is_read_from_its_two_ids() -> None:
    assert schemas.load_pair(PAIR) == Pair(uuid.UUID(int=1), uuid.UUID(int=2))


@pytest.mark.parametrize(
    ("payload", "wrong"),
    [
        ({}, {"/instructor_id", "/student_id"}),
        ({"instructor_id": ONE}, {"/student_id"}),
        ({**PAIR, "more": 1}, {"/more"}),
        ({**PAIR, "student_id": None}, {"/student_id"}),
        ({**PAIR, "student_id": 12}, {"/student_id"}),
        ({**PAIR, "student_id": [TWO]}, {"/student_id"}),
        ({**PAIR, "student_id": "\x00"}, {"/student_id"}),
        ({**PAIR, "student_id": "\ud800" * 32}, {"/student_id"}),
        ({**PAIR, "student_id": "9" * 100_000}, {"/student_id"}),
    ],
)
def test_a_bad_pair_names_its_wrong_fields(payload: dict[str, Any], wrong: set[str]) -> None:
    with pytest.raises(Invalid) as caught:
        schemas.load_pair(payload)
    assert {error.pointer for error in caught.value.errors} == wrong


def refusal(read: Callable[[], object]) -> Invalid | None:
    try:
        assert read()
    except Invalid as error:
        return error
    return None


@given(st.dictionaries(st.sampled_from(["instructor_id", "student_id", "x"]), anything))
def test_a_pair_of_any_shape_is_read_or_refused(payload: dict[str, Any]) -> None:
    refused = refusal(lambda: schemas.load_pair(payload))
    assert refused is None or refused.errors


@given(anything)
def test_pairs_of_any_shape_are_read_or_refused(value: Any) -> None:
    refused = refusal(lambda: load(schemas.PairsArguments, {"pairs": value})["pairs"])
    assert refused is None or all(e.pointer.startswith("/pairs") for e in refused.errors)


def test_each_bad_pair_of_many_is_named_by_its_place() -> None:
    bad = [PAIR, {"instructor_id": ONE}, PAIR, "x", {**PAIR, "y": 1}]
    assert pointers(schemas.PairsArguments, {"pairs": bad}) == {
        "/pairs/1/student_id",
        "/pairs/3",
        "/pairs/4/y",
    }


@pytest.mark.parametrize("pairs", [[], [PAIR] * 1001, None, "x", {}])
def test_pairs_are_one_to_a_thousand(pairs: Any) -> None:
    assert pointers(schemas.ManyArguments, {"pairs": pairs}) == {"/pairs"}


@pytest.mark.parametrize("source", ["booking", "student_creation", "", 1, None])
def test_callers_may_name_only_their_own_ways(source: Any) -> None:
    assert pointers(schemas.ManyArguments, {"pairs": [PAIR], "source": source}) == {"/source"}


def test_sessions_to_come_are_kept_unless_said_otherwise() -> None:
    assert load(schemas.EndArguments, PAIR)["future_sessions"] == "keep"
    assert pointers(schemas.EndArguments, {**PAIR, "future_sessions": "x"}) == {"/future_sessions"}


@pytest.mark.parametrize("limit", [0, 201, "5", True, 10**30, 1.5])
def test_a_page_has_one_to_two_hundred_items(limit: Any) -> None:
    assert pointers(schemas.ListArguments, {"limit": limit}) == {"/limit"}
