"""docs/security.md has every requirement of OWASP ASVS 5.0.0 at levels 1 and 2, and no test in it is made up."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from local_runner.places import ROOT

PAGE = ROOT / "docs" / "security.md"
# The level of each requirement of each section: the second digit of 1.2 is that of 1.2.2.
LEVELS = {
    "1.1": "22", "1.2": "1111122223", "1.3": "112222222223", "1.4": "222", "1.5": "123",
    "2.1": "122", "2.2": "112", "2.3": "12223", "2.4": "23",
    "3.1": "3", "3.2": "113", "3.3": "12223", "3.4": "11222233", "3.5": "11122333", "3.6": "3", "3.7": "22333",
    "4.1": "12233", "4.2": "23333", "4.3": "22", "4.4": "1222",
    "5.1": "2", "5.2": "112333", "5.3": "113", "5.4": "222",
    "6.1": "122", "6.2": "111111112222", "6.3": "11223333", "6.4": "112233", "6.5": "22222333", "6.6": "2223",
    "6.7": "33", "6.8": "2222",
    "7.1": "222", "7.2": "1111", "7.3": "22", "7.4": "11222", "7.5": "223", "7.6": "22",
    "8.1": "1233", "8.2": "1123", "8.3": "133", "8.4": "23",
    "9.1": "111", "9.2": "1222",
    "10.1": "22", "10.2": "223", "10.3": "22223", "10.4": "1111122222233333", "10.5": "22222", "10.6": "22",
    "10.7": "222",
    "11.1": "2233", "11.2": "22233", "11.3": "11233", "11.4": "1222", "11.5": "23", "11.6": "23", "11.7": "33",
    "12.1": "12233", "12.2": "11", "12.3": "22223",
    "13.1": "2333", "13.2": "222223", "13.3": "2233", "13.4": "1222233",
    "14.1": "22", "14.2": "12223333", "14.3": "122",
    "15.1": "12233", "15.2": "12233", "15.3": "1222222", "15.4": "3333",
    "16.1": "2", "16.2": "22222", "16.3": "2222", "16.4": "222", "16.5": "2223",
    "17.1": "23", "17.2": "22223333", "17.3": "22",
}  # fmt: skip
STATES = ("met", "partly", "not met", "not applicable")
NAMED_TEST = re.compile(r"`([\w./-]+\.py)::(\w+)`")
NAMED_FILE = re.compile(r"`((?:docs|bin|services|requirements)/[\w./-]+|SECURITY\.md)`")
ROW = re.compile(r"^\| (\d+\.\d+\.\d+(?:-\d+\.\d+\.\d+)?) \|")

Requirement = tuple[int, ...]


@dataclass(frozen=True)
class Row:
    """One line of the tables."""

    requirements: tuple[Requirement, ...]
    levels: str
    what: str
    state: str
    reason: str


def levels() -> dict[Requirement, int]:
    """Every requirement with its level, in the standard's order."""
    return {
        (*map(int, section.split(".")), number): int(level)
        for section, each in LEVELS.items()
        for number, level in enumerate(each, start=1)
    }


def rows() -> Iterator[Row]:
    """The page's tables."""
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        if ROW.match(line):
            ids, level, what, state, reason = (
                cell.strip() for cell in line.strip("| ").split(" | ", 4)
            )
            yield Row(tuple(meant_by(ids)), level, what, state, reason)


def meant_by(ids: str) -> Iterator[Requirement]:
    """The requirements of levels 1 and 2 in `1.2.3` or `1.2.3-1.3.4`."""
    first, _, last = ids.partition("-")
    low, high = number(first), number(last or first)
    assert low in levels()
    assert high in levels()
    return (one for one, level in levels().items() if low <= one <= high and level < 3)


def number(text: str) -> Requirement:
    """`1.2.3` as numbers."""
    return tuple(int(part) for part in text.split("."))


@cache
def files_of_tests() -> tuple[Path, ...]:
    """Every file of tests."""
    folders = ("libs", "services", "gateway", "deploy", "tests")
    return tuple(path for folder in folders for path in (ROOT / folder).rglob("test_*.py"))


@cache
def names_in(path: Path) -> frozenset[str]:
    """The names of a file's tests."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return frozenset(node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))


def places_of(file: str, name: str) -> list[Path]:
    """The files that end with `file` and have a test `name`."""
    found = [path for path in files_of_tests() if f"/{path.relative_to(ROOT)}".endswith(f"/{file}")]
    return [path for path in found if name in names_in(path)]


def test_the_standard_has_as_many_requirements_as_it_says() -> None:
    assert Counter(levels().values()) == {1: 70, 2: 183, 3: 92}


def test_every_requirement_is_in_the_page_once() -> None:
    told = Counter(one for row in rows() for one in row.requirements)
    assert [one for one, times in told.items() if times > 1] == []
    assert [one for one, level in levels().items() if level < 3 and one not in told] == []


def test_every_requirement_has_its_level() -> None:
    for row in rows():
        found = sorted({levels()[one] for one in row.requirements})
        assert row.levels == ", ".join(map(str, found)), row


def test_every_row_says_what_shows_it_or_why_not() -> None:
    for row in rows():
        assert row.state in STATES, row
        assert len(row.reason) > 3, row
        if row.state == "met":
            assert NAMED_TEST.search(row.reason) or NAMED_FILE.search(row.reason), row


@pytest.mark.parametrize(
    "row", list(rows()), ids=lambda row: ".".join(map(str, row.requirements[0]))
)
def test_what_a_row_names_is_there(row: Row) -> None:
    for file, name in NAMED_TEST.findall(row.reason):
        assert len(places_of(file, name)) == 1, f"{file}::{name} is in {places_of(file, name)}"
    for path in NAMED_FILE.findall(row.reason):
        assert (ROOT / path).exists(), path
