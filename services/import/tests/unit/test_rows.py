"""What cells and rows say."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from import_service.reading.cells import guarded, names_in, unguarded, value_of
from import_service.reading.columns import read_columns
from import_service.reading.rows import RowReader, reference_keys
from import_service.reading.table import Record

HEADERS = ["role", "First Name", "email", "username", "external_id", "instructors", "Password"]


def read(*cells: str, headers: list[str] | None = None) -> dict[str, Any]:
    reader = RowReader(read_columns(headers or HEADERS))
    return reader.read(0, Record(7, list(cells)))


def codes(row: dict[str, Any]) -> list[tuple[str | None, str]]:
    return [(error["column"], error["code"]) for error in row["errors"]]


def test_a_row_becomes_a_person_with_keys_and_names() -> None:
    row = read("Teacher", " Anna ", "Anna@X.org", "", "X1", "b@x.org; c|c", "hunter2")
    assert row == {
        "place": 0,
        "line": 7,
        "cells": ["Teacher", " Anna ", "Anna@X.org", "", "X1", "b@x.org; c|c", ""],
        "person": {
            "first_name": "Anna",
            "email": "Anna@X.org",
            "external_id": "X1",
            "roles": ["instructor"],
        },
        "role": "instructor",
        "instructors": ["b@x.org", "c"],
        "students": [],
        "known_as": ["email:anna@x.org", "external_id:X1"],
        "errors": [],
    }


def test_every_problem_of_a_row_is_named_with_its_column() -> None:
    row = read("king", "a\x07b", "", "", "", "x" * 255, "")
    assert codes(row) == [
        ("First Name", "import.invalid_characters"),
        (None, "import.no_key"),
        ("role", "import.unknown_role"),
        ("instructors", "import.unknown_reference"),
    ]


@pytest.mark.parametrize("cells", [("student", "A"), ("student", *"ABCDEFG")])
def test_a_row_of_another_length_than_the_header_is_invalid(cells: tuple[str, ...]) -> None:
    row = read(*cells)
    assert codes(row) == [(None, "import.row_length")]
    assert row["person"] == {}


def test_empty_cells_beyond_the_header_mean_nothing() -> None:
    row = read("student", "A", "a@x.org", "", "", "", "", "", " ")
    assert row["errors"] == []
    assert len(row["cells"]) == len(HEADERS)


def test_owner_cannot_be_given() -> None:
    assert codes(read("Owner", "A", "a@x.org", "", "", "", "")) == [
        ("role", "import.owner_refused")
    ]


def test_values_longer_than_anything_sensible_are_refused_and_no_key() -> None:
    row = read("student", "A", "a" * 300 + "@x.org", "", "", "", "")
    assert codes(row) == [("email", "import.too_long")]
    assert row["known_as"] == []


LIGATURE = "\ufdfa"  # 18 characters when it is compared


def test_what_is_too_long_when_it_is_compared_is_refused_and_no_key() -> None:
    row = read("student", "A", f"{LIGATURE * 15}@x.org", LIGATURE * 15, LIGATURE * 15, "", "")
    assert codes(row) == [
        (column, "import.too_long") for column in ("email", "username", "external_id")
    ]
    assert row["known_as"] == []
    assert codes(read("student", LIGATURE * 11, "a@x.org", "", "", LIGATURE * 14, "")) == []
    assert codes(read("student", "A", "a@x.org", "", "", LIGATURE * 15, "")) == [
        ("instructors", "import.unknown_reference")
    ]


@given(st.text(st.sampled_from(f"a\u00e9\u1f82{LIGATURE}\u0300"), max_size=260))
def test_the_keys_of_whatever_is_let_through_are_short(name: str) -> None:
    row = read("student", "A", "a@x.org", "", "", name, "")
    if not row["errors"]:
        keys = [k for found in row["instructors"] for k in reference_keys(found)]
        assert all(len(k) <= 3 * 254 for k in keys)


def test_many_bad_names_under_a_long_header_are_told_in_little() -> None:
    headers = ["email", f"instructors{chr(0x1F600) * 180}"]
    names = ";".join(f"\x01{number}" for number in range(800))
    row = read("a@x.org", names, headers=headers)
    assert len(row["errors"]) == 20
    assert row["errors"][-1]["detail"] == "And 482 more."
    assert all(len(error["column"] or "") <= 50 for error in row["errors"])
    assert len(row["instructors"]) == 500


@given(st.text())
def test_a_guarded_cell_is_no_formula_and_is_read_as_it_was(cell: str) -> None:
    assert not guarded(cell).startswith(("=", "+", "-", "@", "\t", "\r"))
    if not cell.startswith("'"):
        assert unguarded(guarded(cell)) == cell
    assert unguarded(guarded(unguarded(cell))) == unguarded(cell)


@given(
    st.lists(st.text("abc@.XYZ é", min_size=1).map(str.strip).filter(bool)),
    st.sampled_from(";,|\n"),
)
def test_names_come_back_from_a_list_cell(names: list[str], separator: str) -> None:
    found = names_in(f" {separator} ".join(names))
    assert found == list(dict.fromkeys(map(value_of, names)))
