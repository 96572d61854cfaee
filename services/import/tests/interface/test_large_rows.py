"""Rows with long cells, many names and many errors: work goes in small turns, and every answer stays small."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

from chassis.errors import Unavailable
from chassis.pages import ANSWER_BYTES, encoded_size
from chassis.testing import FakeNeighbour, wait_until

HEADER = "role,first_name,last_name,email,students,remark\n"
# One page, and what else an answer has.
MOST_BYTES = ANSWER_BYTES + 100_000


def students(organization: Any, count: int) -> list[str]:
    emails = [f"student-{number}@example.org" for number in range(count)]
    for email in emails:
        organization.add("student", email=email, first_name="S", last_name="T")
    return emails


def instructors_of(emails: list[str], count: int) -> str:
    names = ";".join(emails)
    rows = (f"instructor,I,N,i{number}@example.org,{names},\n" for number in range(count))
    return HEADER + "".join(rows)


def pages(organization: Any, method: str, **arguments: Any) -> Iterator[Any]:
    cursor = None
    while True:
        page = organization.call(method, cursor=cursor, **arguments)
        assert encoded_size(page) < MOST_BYTES
        yield page
        cursor = page["next_cursor"]
        if cursor is None:
            return


def test_lists_of_hundreds_of_names_are_done_whole_and_shown_in_small_pages(
    organization: Any,
) -> None:
    emails = students(organization, 400)
    done = organization.wait(
        organization.upload(instructors_of(emails, 20), apply=True), "finished", seconds=60
    )
    assert (done["counts"]["create"], done["counts"]["assign"]) == (20, 8_000)
    assert done["progress"] == {"done": 20, "total": 20}
    assert len(organization.pairs) == 8_000
    found = list(pages(organization, "list_rows", import_id=done["id"], limit=200))
    assert len(found) > 1
    rows = [row for page in found for row in page["items"]]
    assert [row["row"] for row in rows] == list(range(2, 22))
    assert {len(row["assignments"]) for row in rows} == {400}


def test_an_import_of_many_names_is_cancelled_at_once(organization: Any) -> None:
    import_id = organization.upload(instructors_of(students(organization, 400), 100))
    wait_until(lambda: step_of(organization, import_id) == "plan_pairs", 20)
    began = time.monotonic()
    assert organization.call("cancel_import", import_id=import_id)["status"] == "cancelled"
    assert time.monotonic() - began < 1.0


def step_of(organization: Any, import_id: str) -> str | None:
    found = organization.service.sql("SELECT step FROM imports WHERE id = %s", (import_id,))
    return found[0][0]  # type: ignore[no-any-return]


def test_a_turn_takes_as_many_rows_as_have_two_thousand_names(
    organization: Any, identity: FakeNeighbour, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    inner = identity.handlers["resolve_people"]

    def resolve_people(kwargs: Any, call: Any) -> Any:
        asked.append(len(kwargs["logins"]))
        return inner(kwargs, call)

    monkeypatch.setitem(identity.handlers, "resolve_people", resolve_people)
    rows = (
        f"instructor,I,N,i{row}@example.org,{';'.join(f'n{row}-{name}' for name in range(500))},\n"
        for row in range(9)
    )
    organization.plan(HEADER + "".join(rows))
    assert asked == [1000, 1000, 1000, 1000, 500]


@pytest.mark.parametrize("letter", ["x", "\x01", "\U0001f600", '"'])
def test_a_report_of_long_cells_comes_in_small_pages(organization: Any, letter: str) -> None:
    cell = letter * 90_000 if letter != '"' else f'"{letter * 2 * 45_000}"'
    text = HEADER + "".join(f"student,S,T,s{n}@example.org,,{cell}\n" for n in range(30))
    planned = organization.plan(text)
    contents = [p["content"] for p in pages(organization, "report", import_id=planned["id"])]
    assert len(contents) > 1
    lines = "".join(contents).split("\r\n")
    assert [line.split(",")[3] for line in lines[1:-1]] == [f"s{n}@example.org" for n in range(30)]
    assert lines[1].count(letter) >= 45_000


def test_many_pairs_that_can_not_be_assigned_are_told_in_few_errors(organization: Any) -> None:
    emails = students(organization, 400)
    planned = organization.plan(instructors_of(emails, 4))
    for person in organization.people.values():
        person["status"] = "archived"
    organization.call("apply_import", import_id=planned["id"])
    done = organization.wait(planned["id"], "finished", seconds=60)
    for row in organization.rows(done["id"]):
        assert len(row["errors"]) == 20
        assert row["errors"][0]["code"] == "import.pair_archived_person"
        assert row["errors"][-1] == {
            "column": None,
            "code": "import.more_errors",
            "detail": "And 381 more.",
        }


def test_many_unknown_names_are_told_in_few_errors(organization: Any) -> None:
    planned = organization.plan(instructors_of([f"{'n' * 60}{n}" for n in range(300)], 2))
    for row in organization.rows(planned["id"]):
        assert row["outcome"] == "invalid"
        assert len(row["errors"]) == 20
        assert all(len(error["detail"]) < 120 for error in row["errors"])


def test_an_import_whose_turn_always_takes_too_long_fails_and_can_be_asked_about(
    organization: Any, assignment: FakeNeighbour, monkeypatch: pytest.MonkeyPatch
) -> None:
    def too_late(_kwargs: Any, _call: Any) -> Any:
        raise Unavailable("deadline.exceeded", "The request took too long; try again.")

    monkeypatch.setitem(assignment.handlers, "authorize_many", too_late)
    organization.add("instructor", email="i@example.org", first_name="I", last_name="N")
    [email] = students(organization, 1)
    text = HEADER + f"instructor,I,N,i@example.org,{email},\n"
    failed = organization.wait(organization.upload(text), "failed", seconds=40)
    assert [error["code"] for error in failed["errors"]] == ["import.too_much_work"]
