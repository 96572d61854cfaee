"""Arguments that must never get further than this."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from booking_service import schemas
from chassis.errors import Invalid
from chassis.fields import load

GOOD: dict[str, Any] = {
    "instructor_id": str(uuid.uuid4()),
    "student_id": str(uuid.uuid4()),
    "starts_at": "2031-05-01T10:00:00Z",
    "duration_minutes": 60,
}
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("title", "\ud800"),
        ("notes", "a\udfffb"),
        ("location", "\x00"),
        ("duration_minutes", 10**30),
        ("duration_minutes", float("nan")),
        ("starts_at", "\ud800T"),
        ("time_zone", "\ud800"),
    ],
)
def test_what_the_database_could_not_take_is_named(name: str, value: Any) -> None:
    with pytest.raises(Invalid) as refused:
        load(schemas.BookSession, GOOD | {name: value})
    assert [error.pointer for error in refused.value.errors] == [f"/{name}"]


@given(name=st.sampled_from([*GOOD, "title", "notes", "location", "time_zone"]), value=anything)
def test_any_value_is_taken_or_named(name: str, value: Any) -> None:
    try:
        load(schemas.BookSession, GOOD | {name: value})
    except Invalid as error:
        refused = error
    else:
        return
    assert {error.pointer for error in refused.errors} == {f"/{name}"}


def test_empty_texts_and_nulls_are_fine() -> None:
    loaded = load(schemas.BookSession, GOOD | {"title": None, "notes": "", "location": " x "})
    assert (loaded["title"], loaded["notes"], loaded["location"]) == (None, "", "x")
    assert loaded["allow_overlap"] is False
