import unicodedata
from datetime import UTC, datetime
from typing import ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st
from marshmallow import fields

from chassis.characters import UNWANTED_IN_A_LINE, has_stacked_accents
from chassis.errors import LONGEST_POINTER, MOST_FIELD_ERRORS, Invalid
from chassis.fields import (
    BoundedList,
    Moment,
    MomentOrWallClock,
    StrictBoolean,
    StrictInteger,
    StrictSchema,
    Text,
    Zone,
    invalid,
    load,
    rfc3339,
)

ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


class Everything(StrictSchema):
    """Every field the chassis has."""

    text = Text(max=10)
    note = Text(max=100, multiline=True)
    number = StrictInteger()
    flag = StrictBoolean()
    moment = Moment()
    wall = MomentOrWallClock()
    zone = Zone()
    ids = BoundedList(fields.UUID(), max=100)
    pair = BoundedList(StrictInteger(), min=2, max=2)


def refused(payload):
    with pytest.raises(Invalid) as refusal:
        load(Everything, payload)
    return [error.pointer for error in refusal.value.errors]


@given(st.dictionaries(st.sampled_from(sorted(Everything().fields)), ANY_JSON))
def test_whatever_is_sent_is_loaded_or_refused_by_field(payload):
    try:
        load(Everything, payload)
        named = set()
    except Invalid as refusal:
        named = {error.pointer.split("/")[1] for error in refusal.errors}
    assert named <= set(payload)


@pytest.mark.parametrize("text", ["\x00", "a\x01", "line\nbreak", "\x7f", "\ud800", "a" * 11])
def test_text_takes_nothing_that_cannot_be_kept_or_shown(text):
    assert refused({"text": text}) == ["/text"]


def test_text_is_trimmed_and_a_note_may_have_lines():
    loaded = load(Everything, {"text": "  Ann ", "note": "a\n\tb"})
    assert loaded == {"text": "Ann", "note": "a\n\tb"}


@pytest.mark.parametrize("number", ["1", 1.0, True, None, [], 1e30])
def test_an_integer_is_an_integer(number):
    assert refused({"number": number}) == ["/number"]


@pytest.mark.parametrize("flag", [0, 1, "true", "yes", None])
def test_a_boolean_is_a_boolean(flag):
    assert refused({"flag": flag}) == ["/flag"]


@pytest.mark.parametrize(
    "moment",
    ["2030-01-31", "2030-01-31T15:00:00", "1969-12-31T23:59:59Z", "2201-01-01T00:00:00Z", "now", 5, "",
     "9999-12-31T23:59:59-23:59", "0001-01-01T00:00:00+23:59", "T" * 100],
)  # fmt: skip
def test_a_moment_needs_an_offset_and_a_year_one_can_believe(moment):
    assert refused({"moment": moment}) == ["/moment"]


def test_a_moment_is_loaded_in_utc_and_a_wall_clock_stays_as_it_is():
    loaded = load(
        Everything, {"moment": "2030-01-31T15:00:00+01:00", "wall": "2030-01-31T15:00:00"}
    )
    assert loaded["moment"] == datetime(2030, 1, 31, 14, tzinfo=UTC)
    assert rfc3339(loaded["moment"]) == "2030-01-31T14:00:00+00:00"
    assert loaded["wall"] == datetime(2030, 1, 31, 15)  # noqa: DTZ001 - that is the point


@pytest.mark.parametrize("zone", ["Mars/Olympus", "localtime", "../etc/passwd", "", "\x00", 5])
def test_a_zone_is_one_that_is_known(zone):
    assert refused({"zone": zone}) == ["/zone"]


def test_unknown_fields_and_list_items_are_named_by_pointer():
    assert refused({"a/b~c": 1, "ids": ["00000000-0000-4000-8000-000000000000", "x"]}) == [
        "/ids/1",
        "/a~1b~0c",
    ]


def test_a_message_for_the_whole_points_at_the_whole():
    assert [e.pointer for e in invalid({"_schema": ["No."], "a": {"b": ["No."]}}).errors] == [
        "",
        "/a/b",
    ]


class Composed(Text):
    """A field that composes what its base lets through, and notes it."""

    met: ClassVar[list[str]] = []

    def _deserialize(self, value, attr, data, **kwargs):
        text = super()._deserialize(value, attr, data, **kwargs)
        self.met.append(text)
        return unicodedata.normalize("NFC", text)


class Composing(StrictSchema):
    text = Composed(max=10)


@pytest.mark.parametrize("text", ["a\u0301" * 10, "\u03b1\u0313\u0300\u0345" * 10])
def test_length_is_that_of_the_composed_text(text):
    assert len(load(Composing, {"text": text})["text"]) == 10


@pytest.mark.parametrize(("text", "is_met"), [("x" * 40, True), ("x" * 41, False)])
def test_what_no_form_is_short_enough_of_is_refused_before_it_is_composed(text, is_met):
    Composed.met.clear()
    with pytest.raises(Invalid) as refusal:
        load(Composing, {"text": text})
    assert [e.detail for e in refusal.value.errors] == ["Length must be between 0 and 10."]
    assert bool(Composed.met) is is_met


@given(st.text(max_size=60))
def test_a_text_is_taken_if_and_only_if_its_composed_form_fits(text):
    kept = text.strip()
    try:
        loaded = load(Composing, {"text": text})["text"]
    except Invalid:
        assert len(unicodedata.normalize("NFC", kept)) > 10 or UNWANTED_IN_A_LINE.search(kept)
    else:
        assert loaded == unicodedata.normalize("NFC", kept)


@pytest.mark.parametrize("pair", [[], [1], [1, 2, 3], ["x"] * 100_000])
def test_a_list_of_the_wrong_length_is_refused_as_a_whole(pair):
    assert refused({"pair": pair}) == ["/pair"]


@pytest.mark.parametrize("pair", ["12", {"1": 1, "2": 2}, None, 5])
def test_a_list_is_a_json_list(pair):
    assert refused({"pair": pair}) == ["/pair"]


def test_at_most_twenty_errors_are_named_and_long_names_are_cut():
    assert refused({"ids": ["x"] * 100}) == [f"/ids/{place}" for place in range(20)]
    unknown = refused({f"{'x' * 1_000}{number}": 1 for number in range(1_000)})
    assert len(unknown) == MOST_FIELD_ERRORS
    assert {len(pointer) for pointer in unknown} == {LONGEST_POINTER + 1}


def test_a_known_field_among_many_unknown_ones_is_not_called_unknown():
    assert "/text" not in refused({"text": "x", **{f"u{n}": n for n in range(100)}})


@pytest.mark.parametrize(("accents", "is_taken"), [(30, True), (31, False)])
def test_a_letter_has_at_most_thirty_accents_in_a_line_and_any_number_in_a_note(accents, is_taken):
    text = "a" + "\u0315\u0300" * (accents // 2) + "\u0315" * (accents % 2)
    assert has_stacked_accents(text) is not is_taken
    assert load(Everything, {"note": text}) == {"note": text}
    if is_taken:
        assert load(Lines, {"line": text}) == {"line": text}
    else:
        with pytest.raises(Invalid):
            load(Lines, {"line": text})


class Lines(StrictSchema):
    line = Text(max=100)


@pytest.mark.parametrize(
    "text", ["Nguyễn Thị Bích", "Ἀχιλλεύς", "שָׁלוֹם", "किरण", "ཧཱུྃ", "👩‍👩‍👧‍👦", "각"]
)
def test_words_of_real_languages_have_no_pile_of_accents(text):
    assert not has_stacked_accents(unicodedata.normalize("NFD", text) * 20)


@pytest.mark.parametrize("mark", ["\u0f73", "\u0f75", "\u0f81", "\uff9e", "\uff9f", "\u0344"])
def test_a_mark_is_an_accent_in_whatever_form_it_is_written(mark):
    assert has_stacked_accents(mark * 31)
    assert not has_stacked_accents(f"{mark * 30}a" * 3)


@given(st.characters(min_codepoint=0x20000, categories=["Mn", "Mc", "Me"]))
def test_no_accent_is_beyond_those_that_are_looked_for(mark):
    assert unicodedata.combining(mark) == 0
