"""Taking a person out of other people's rows."""

from __future__ import annotations

import time
from typing import Any
from unicodedata import normalize

from hypothesis import given
from hypothesis import strategies as st

from import_service.domain import FormerNames
from import_service.reading.rows import reference_keys

NAMES = {
    "email": "ines.example@example.org",
    "username": "Ines",
    "external_id": "7",
    "phone": "030",
    "first_name": "Ines",
    "last_name": "Example",
}
INES = FormerNames.of(NAMES)


def test_a_list_loses_the_person_by_whatever_name() -> None:
    names = ["Ines.Example@EXAMPLE.org", "ines", "7", "77", "ines2", "other@example.org"]
    assert INES.without(names) == ["77", "ines2", "other@example.org"]


def test_a_cell_keeps_the_others_and_its_separators() -> None:
    cell = "other@example.org; INES.example@example.org |x"
    assert INES.in_cell(cell) == "other@example.org; erased |x"
    assert INES.in_cell("nobody") == "nobody"


def test_a_name_within_anothers_name_is_left_alone() -> None:
    assert INES.in_cell("77; 7;a7") == "77; erased;a7"
    short = FormerNames.of({"username": "e"})
    assert short.in_cell("e;" * 1_000) == "erased;" * 1_000


def test_an_error_does_not_quote_the_person() -> None:
    for quoted in ("ines.example@example.org", "Ines"):
        error = {"column": "Tutors", "code": "c", "detail": f"“{quoted}” is archived."}
        assert INES.in_error(error) == {**error, "detail": "“erased” is archived."}
    other = {"column": None, "code": "c", "detail": "“Inessa” is nobody we know."}
    assert INES.in_error(other) == other


def test_an_error_does_not_quote_the_beginning_of_a_long_name() -> None:
    long = FormerNames.of({"email": f"{'a' * 60}@example.org"})
    error = {"column": None, "code": "c", "detail": f"“{'A' * 50}” can't be an e-mail."}
    assert long.in_error(error)["detail"] == "“erased” can't be an e-mail."


def test_whoever_had_no_names_is_meant_by_none() -> None:
    nobody = FormerNames.of({})
    assert not nobody.is_meant("")
    assert nobody.in_cell("a; b") == "a; b"


@given(st.lists(st.sampled_from(["a@x.org", "b@x.org", "bob", "8"])), st.sampled_from(";,|\n"))
def test_cells_without_the_person_stay_as_they_are(names: list[str], separator: str) -> None:
    cell = separator.join(names)
    assert INES.in_cell(cell) == cell
    assert INES.without(names) == names


@given(st.lists(st.sampled_from(["ines", "b@x.org", "7", "bob"]), max_size=6))
def test_nothing_of_the_person_is_left_in_a_cell(names: list[str]) -> None:
    left = INES.in_cell("; ".join(names)).split("; ")
    assert not {"ines", "7"} & set(left)
    assert [name for name in left if name in {"b@x.org", "bob"}] == [
        name for name in names if name in {"b@x.org", "bob"}
    ]


# Letters with up to three accents, ligatures, cases that change a letter's length, and forms of ASCII letters.
LETTERS = st.text(
    st.sampled_from("aAsSI\u0131\u00df\u1e9e\u1f82\uac01\ufb01\ufdfa\uff21\u212a\u00e9"), max_size=8
)
FORMS = st.sampled_from([str, str.lower, str.upper, str.casefold, str.title])


@given(LETTERS, FORMS, st.sampled_from(["NFC", "NFD", "NFKC", "NFKD"]), LETTERS)
def test_the_first_look_at_a_name_overlooks_nobody(
    word: str, form: Any, kind: Any, other: str
) -> None:
    known_as = FormerNames.of({"username": word, "email": f"{word}@x.org", "external_id": word})
    for name in (word, normalize(kind, form(word)), f"{normalize(kind, form(word))}@X.org", other):
        meant = not known_as.keys.isdisjoint(reference_keys(name))
        assert known_as.is_meant(name) == meant


def test_long_lists_of_others_are_gone_through_fast() -> None:
    cell = ";".join(f"{number}{chr(0xFDFA) * 200}" for number in range(450))
    began = time.process_time()
    assert INES.in_cell(cell) == cell
    assert INES.in_cell("z;" * 100_000) == "z;" * 100_000
    assert time.process_time() - began < 0.5


def test_an_error_does_not_quote_the_beginning_in_another_form() -> None:
    long = FormerNames.of({"username": "a" * 60})
    error = {"column": None, "code": "c", "detail": f"“{chr(0xFF21) * 50}” is archived."}
    assert long.in_error(error)["detail"] == "“erased” is archived."
