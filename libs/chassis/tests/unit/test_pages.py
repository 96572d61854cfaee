import uuid
from datetime import UTC

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.errors import Invalid
from chassis.pages import decode_cursor, encode_cursor, moment, page

MOMENTS = st.datetimes(timezones=st.just(UTC))


@given(MOMENTS, st.uuids(), st.text(), st.integers(-(2**63), 2**63 - 1))
def test_a_cursor_comes_back_as_it_was(at, id_, text, number):
    cursor = encode_cursor(at.isoformat(), id_, text, number)
    assert cursor.isascii()
    found = decode_cursor(cursor, moment, uuid.UUID, str, int)
    assert found == [at, id_, text, number]


def test_a_moment_without_an_offset_is_refused():
    with pytest.raises(Invalid):
        decode_cursor(encode_cursor("2030-01-31T15:00:00"), moment)


@given(st.one_of(st.text(), st.binary().map(lambda raw: raw.decode("latin-1"))))
def test_anything_else_is_refused_by_name(text):
    with pytest.raises(Invalid) as refused:
        decode_cursor(text, uuid.UUID)
    assert [error.pointer for error in refused.value.errors] == ["/cursor"]


@pytest.mark.parametrize("keys", [(), (1, 2), ([],), ({},), (None,)])
def test_a_cursor_of_another_list_is_refused(keys):
    with pytest.raises(Invalid):
        decode_cursor(encode_cursor(*keys), uuid.UUID)


@given(st.sets(st.integers(0, 2**53), max_size=20), st.integers(1, 8))
def test_pages_together_are_the_whole_list(rows, limit):
    rows = sorted(rows)
    seen, cursor = [], None
    while True:
        after = decode_cursor(cursor, int)[0] if cursor else None
        left = [row for row in rows if after is None or row > after]
        one = page(left[: limit + 1], limit, lambda row: row, lambda row: (row,))
        assert len(one["items"]) <= limit
        seen += one["items"]
        cursor = one["next_cursor"]
        if cursor is None:
            break
    assert seen == rows
