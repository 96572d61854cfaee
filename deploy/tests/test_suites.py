"""Which tests bin/test runs, and what its exit status says."""

from __future__ import annotations

import pytest

from local_runner.places import ROOT
from local_runner.pytest_arguments import Arguments
from local_runner.test import SUITES, by_suite, overall


def test_every_test_file_belongs_to_exactly_one_suite() -> None:
    for file in ROOT.glob("**/test_*.py"):
        place = file.relative_to(ROOT).as_posix()
        if "/tests/" in f"/{place}" and not place.startswith("."):
            assert sum(place.startswith(f"{suite}/") for suite in SUITES) == 1, place


@pytest.mark.parametrize(
    ("statuses", "status"),
    [
        ({"a": 0, "b": 0}, 0),
        ({"a": 0, "b": 1, "c": 3}, 1),
        ({"a": 5, "b": 0}, 0),
        ({"a": 5, "b": 5}, 5),
        ({"a": 0, "b": -9}, -9),
    ],
)
def test_a_failure_of_any_suite_is_the_whole_runs(statuses: dict[str, int], status: int) -> None:
    assert overall(statuses) == status


def test_without_paths_every_suite_runs_with_the_options() -> None:
    assert by_suite(Arguments(options=("-x",))) == {
        suite: ["-x", str(ROOT / suite)] for suite in SUITES
    }


def test_paths_of_two_projects_run_apart() -> None:
    here, there = __file__, str(ROOT / "gateway" / "tests")
    assert by_suite(Arguments((here, there, f"{here}::test_any"), ("-x",))) == {
        "deploy/tests": ["-x", here, f"{here}::test_any"],
        "gateway": ["-x", there],
    }
