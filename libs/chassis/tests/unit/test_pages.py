import uuid
from datetime import UTC

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chassis.errors import Invalid
from chassis.pages import ANSWER_BYTES, decode_cursor, encode_cursor, encoded_size, moment, page

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


def walked(sizes, limit):
    """The pages of a list whose items have these sizes, following the cursors."""
    rows = list(enumerate(sizes))
    cursor = None
    while True:
        after = decode_cursor(cursor, int)[0] if cursor else -1
        left = (row for row in rows[after + 1 : after + 2 + limit])
        found = page(left, limit, lambda row: [row[0], "x" * row[1]], lambda row: row[:1])
        yield found["items"]
        cursor = found["next_cursor"]
        if cursor is None:
            return


SIZES = st.sampled_from([0, 10, 300_000, ANSWER_BYTES // 2, ANSWER_BYTES - 5, 2 * ANSWER_BYTES])


@settings(deadline=None)
@given(st.lists(SIZES, max_size=12), st.integers(1, 8))
def test_a_page_ends_where_an_answer_is_full_and_gives_each_item_once(sizes, limit):
    pages = list(walked(sizes, limit))
    assert [item[0] for items in pages for item in items] == list(range(len(sizes)))
    for items in pages:
        assert len(items) == 1 or sum(map(encoded_size, items)) <= ANSWER_BYTES
        assert len(items) <= limit
    assert all(pages) or not sizes


def test_a_page_reads_no_further_than_it_goes():
    rows = iter(range(100))
    page(rows, 200, lambda row: "x" * 400_000, lambda row: [row])
    assert next(rows) == 3


def test_an_items_size_is_that_of_its_bytes_on_the_bus():
    assert encoded_size("é") == 4
    assert encoded_size("\x01") == 8
