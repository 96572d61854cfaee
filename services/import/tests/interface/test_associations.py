"""Replacing and removing associations by a file."""

from __future__ import annotations

from typing import Any

import pytest

from chassis.testing import FakeNeighbour

HEADER = "role,first_name,last_name,email,instructors,students\n"


@pytest.fixture
def team(organization: Any) -> Any:
    """Instructors i1..i3 and students s1..s3; s1 has i1 and i2, s2 has i1, s3 has i3."""
    ids = {}
    for role, letter in (("instructor", "i"), ("student", "s")):
        for n in "123":
            email = f"{letter}{n}@x.org"
            ids[email] = organization.add(role, email=email, first_name="F", last_name="L")["id"]
    for instructor, student in (("i1", "s1"), ("i2", "s1"), ("i1", "s2"), ("i3", "s3")):
        organization.pairs.add((ids[f"{instructor}@x.org"], ids[f"{student}@x.org"]))
    return organization


def pairs_of(team: Any) -> set[str]:
    return {f"{i.partition('@')[0]} {s.partition('@')[0]}" for i, s in team.pairs_by_email()}


def test_adding_only_adds(team: Any) -> None:
    finished = team.finish(HEADER + "student,,,s1@x.org,i3@x.org,\n")
    assert pairs_of(team) == {"i1 s1", "i2 s1", "i3 s1", "i1 s2", "i3 s3"}
    assert (finished["counts"]["assign"], finished["counts"]["unassign"]) == (1, 0)


def test_replacing_makes_a_students_instructors_exactly_those_named(team: Any) -> None:
    planned = team.plan(
        HEADER + "student,,,s1@x.org,i2@x.org;i3@x.org,\nstudent,,,s2@x.org,,\n",
        associations="replace",
    )
    assert (planned["counts"]["assign"], planned["counts"]["unassign"]) == (1, 1)
    assert pairs_of(team) == {"i1 s1", "i2 s1", "i1 s2", "i3 s3"}
    team.call("apply_import", import_id=planned["id"])
    finished = team.wait(planned["id"], "finished")
    assert pairs_of(team) == {"i2 s1", "i3 s1", "i1 s2", "i3 s3"}
    assert (finished["counts"]["assign"], finished["counts"]["unassign"]) == (1, 1)
    outcomes = [a["outcome"] for a in team.rows(planned["id"])[0]["assignments"]]
    assert sorted(outcomes) == ["already_assigned", "assigned", "ended"]


def test_replacing_works_from_the_instructors_side_too(team: Any) -> None:
    team.finish(HEADER + "instructor,,,i1@x.org,,s3@x.org\n", associations="replace")
    assert pairs_of(team) == {"i1 s3", "i2 s1", "i3 s3"}


def test_a_pair_that_the_file_names_anywhere_is_not_ended(team: Any) -> None:
    team.finish(
        HEADER + "student,,,s1@x.org,i3@x.org,\ninstructor,,,i1@x.org,,s1@x.org\n",
        associations="replace",
    )
    assert pairs_of(team) == {"i1 s1", "i3 s1", "i3 s3"}


def test_replacing_does_not_end_what_the_plan_did_not_show(team: Any) -> None:
    planned = team.plan(HEADER + "student,,,s2@x.org,i1@x.org,\n", associations="replace")
    by_email = {p["email"]: p["id"] for p in team.people.values()}
    team.pairs.add((by_email["i3@x.org"], by_email["s2@x.org"]))
    team.call("apply_import", import_id=planned["id"])
    team.wait(planned["id"], "finished")
    assert {"i1 s2", "i3 s2"} <= pairs_of(team)


def test_removing_ends_the_named_pairs_and_still_updates_people(team: Any) -> None:
    finished = team.finish(
        HEADER + "student,New,,s1@x.org,i1@x.org;i3@x.org,\n", associations="remove"
    )
    assert pairs_of(team) == {"i2 s1", "i1 s2", "i3 s3"}
    assert (finished["counts"]["unassign"], finished["counts"]["update"]) == (1, 1)
    (row,) = team.rows(finished["id"])
    assert sorted(a["outcome"] for a in row["assignments"]) == ["ended", "not_assigned"]


def test_an_instructor_with_more_students_than_a_page_is_replaced_wholly(organization: Any) -> None:
    instructor = organization.add("instructor", email="i@x.org", first_name="F", last_name="L")
    for n in range(205):
        student = organization.add("student", email=f"s{n}@x.org", first_name="F", last_name="L")
        organization.pairs.add((instructor["id"], student["id"]))
    finished = organization.finish(
        HEADER + "instructor,,,i@x.org,,s204@x.org\n", associations="replace"
    )
    assert finished["counts"]["unassign"] == 204
    assert organization.pairs_by_email() == {("i@x.org", "s204@x.org")}


def test_many_rows_are_replaced_with_few_questions(
    organization: Any, assignment: FakeNeighbour
) -> None:
    instructors = [
        organization.add("instructor", email=f"i{n}@x.org", first_name="F", last_name="L")["id"]
        for n in range(3)
    ]
    for n in range(600):
        student = organization.add("student", email=f"s{n}@x.org", first_name="F", last_name="L")
        organization.pairs.update((i, student["id"]) for i in instructors[:2])
    before = len(assignment.calls)
    rows = "".join(f"student,,,s{n}@x.org,i1@x.org;i2@x.org,\n" for n in range(600))
    planned = organization.plan(HEADER + rows, associations="replace")
    assert (planned["counts"]["assign"], planned["counts"]["unassign"]) == (600, 600)
    asked = [kwargs for method, kwargs in assignment.calls[before:] if method == "list_partners"]
    people = {tuple(kwargs["student_ids"]) for kwargs in asked}
    assert sorted(map(len, people)) == [100, 500]


def test_a_pair_that_fails_meanwhile_is_an_error_of_the_row_whose_person_is_still_done(
    team: Any,
) -> None:
    planned = team.plan(HEADER + "student,New,,s2@x.org,i2@x.org,\n")
    next(p for p in team.people.values() if p["email"] == "i2@x.org")["status"] = "archived"
    team.call("apply_import", import_id=planned["id"])
    finished = team.wait(planned["id"], "finished")
    assert (finished["counts"]["assign"], finished["counts"]["update"]) == (0, 1)
    (row,) = team.rows(planned["id"])
    assert row["outcome"] == "update"
    assert [(e["column"], e["code"]) for e in row["errors"]] == [
        ("instructors", "import.pair_archived_person")
    ]
    assert "archived" in team.report(planned["id"])
