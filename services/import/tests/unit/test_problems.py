"""What is said of a row stays small, however much is wrong with it."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from import_service.reading.problems import MORE, MOST_PROBLEMS, at_most


def problems(count: int) -> list[dict[str, Any]]:
    return [{"column": "C", "code": f"c{n}", "detail": "D"} for n in range(count)]


def test_some_problems_are_all_shown() -> None:
    assert at_most(problems(MOST_PROBLEMS)) == problems(MOST_PROBLEMS)


def test_of_many_problems_the_last_says_how_many_more_there_are() -> None:
    shown = at_most(problems(500))
    assert shown[:-1] == problems(500)[: MOST_PROBLEMS - 1]
    assert (shown[-1]["code"], shown[-1]["detail"]) == (MORE, "And 481 more.")


@given(st.lists(st.integers(0, 70), max_size=6))
def test_problems_that_are_added_later_are_counted_with_the_first(counts: list[int]) -> None:
    shown: list[dict[str, Any]] = []
    for count in counts:
        shown = at_most([*json.loads(json.dumps(shown)), *problems(count)])
    told = sum(problem.get("more", 1) for problem in shown)
    assert told == sum(counts)
    assert len(shown) <= MOST_PROBLEMS
