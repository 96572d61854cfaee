"""The help article, sentence by sentence: the four ways to assign an instructor to a student.

Each way ends with what assigning is for: "the instructors will be able to message and book sessions with their
assigned students".
"""

from __future__ import annotations

from typing import Any

import pytest

from chassis.testing import wait_until

from .client import Api, Organization, Person, expect, session
from .layers import BOTH_LAYERS, ROW_LEVEL_SECURITY_ALONE, on

# What people do works, and shows no more, also where row level security alone keeps the organizations apart.
pytestmark = on(BOTH_LAYERS, ROW_LEVEL_SECURITY_ALONE)


def can_message(sender: Person, receiver: Person) -> bool:
    """Whether a message gets through in both directions of the pair's conversation."""
    opened = sender.api.post("/conversations", {"participant_id": receiver.id})
    if opened.status == 403:
        assert opened.code == "assignment.pair_not_assigned"
        return False
    conversation = expect((200, 201), opened)
    path = f"/conversations/{conversation['id']}/messages"
    expect(201, sender.api.post(path, {"body": "Hello"}))
    expect(201, receiver.api.post(path, {"body": "Hello to you"}))
    return True


def can_book(instructor: Person, student: Person, number: int) -> bool:
    """Whether the instructor books a session with the student directly."""
    answer = instructor.api.post("/sessions", session(instructor, student, number))
    if answer.status == 403:
        assert answer.code == "assignment.pair_not_assigned"
        return False
    return bool(expect(201, answer)["status"] == "scheduled")


def assert_works_together(instructor: Person, student: Person, number: int) -> None:
    """The pair is assigned for every purpose. Messaging and booking learn of it at once."""
    wait_until(lambda: student.organization.is_allowed(instructor, student), 2)
    assert can_book(instructor, student, number)
    assert can_message(instructor, student)
    assert can_message(student, instructor)


def test_nobody_works_together_before_an_administrator_assigned_them(
    organization: Organization,
) -> None:
    instructor, student = organization.pair(can_sign_in=True)
    assert not organization.is_allowed(instructor, student)
    assert not can_book(instructor, student, 0)
    assert not can_message(instructor, student)
    assert not can_message(student, instructor)


def test_way_1_the_instructors_are_already_assigned_once_the_student_account_is_created(
    organization: Organization,
) -> None:
    ines, ivo = (organization.add_instructor(can_sign_in=True) for _ in range(2))
    form = {"roles": ["student"], "first_name": "Sam", "last_name": "Stone", "password": "x" * 12}
    chosen: dict[str, Any] = {
        "email": f"sam.{ines.id[:8]}@example.org",
        "instructor_ids": [ines.id, ivo.id],
    }
    created = expect(201, organization.admin.post("/users", form | chosen))
    assert {made["instructor_id"] for made in created["assignments"]} == {ines.id, ivo.id}
    assert all(made["student_id"] == created["id"] for made in created["assignments"])

    student = Person(organization, created["id"], chosen["email"])
    wait_until(lambda: len(organization.instructors_of(student)) == 2, 2)
    assert set(organization.instructors_of(student).values()) == {"student_creation"}
    assert organization.is_allowed(ines, student)
    assert organization.is_allowed(ivo, student)


def test_way_1_ends_with_booking_and_messaging(organization: Organization) -> None:
    instructor = organization.add_instructor(can_sign_in=True)
    student = organization.add_student(instructors=[instructor], can_sign_in=True)
    assert_works_together(instructor, student, 1)


def test_way_1_creates_no_student_for_an_instructor_who_does_not_exist(
    organization: Organization,
) -> None:
    instructor = organization.add_instructor()
    email = f"nobody.{instructor.id[:8]}@example.org"
    unknown = "00000000-0000-4000-8000-000000000000"
    form = {"roles": ["student"], "first_name": "No", "last_name": "Body", "email": email}
    answer = organization.admin.post("/users", form | {"instructor_ids": [instructor.id, unknown]})
    expect(422, answer)
    assert "/instructor_ids/1" in answer.pointers
    assert organization.admin.items("/users", q=email) == []


def test_way_2_the_instructor_has_been_automatically_assigned_by_booking_the_first_session(
    organization: Organization,
) -> None:
    instructor, student = organization.pair(can_sign_in=True)
    booked = expect(201, organization.admin.post("/sessions", session(instructor, student, 0)))
    assert booked["status"] == "scheduled"
    assert booked["assignment"]["status"] == "active"
    assert organization.instructors_of(student) == {instructor.id: "booking"}
    assert_works_together(instructor, student, 1)


@pytest.mark.parametrize("field", ["first_name", "last_name", "email"])
def test_way_2_instructors_and_students_are_found_by_name_or_address(
    organization: Organization, field: str
) -> None:
    wanted: dict[str, Any] = {
        "first_name": "Quirina",
        "last_name": "Zabłocka",
        "email": f"q.{organization.id[:8]}@example.org",
    }
    organization.add_student()
    student = organization.add_student(**wanted)
    found = organization.admin.items("/users", q=wanted[field], role="student")
    assert found[0]["id"] == student.id
    assert organization.admin.items("/users", q=wanted[field], role="instructor") == []


def test_way_3_assigning_by_hand_enables_the_instructor_to_book_the_first_session(
    organization: Organization,
) -> None:
    instructor, student = organization.pair(can_sign_in=True)
    path = f"/students/{student.id}/instructors/{instructor.id}"
    made = expect(201, organization.admin.put(path))
    assert (made["status"], made["source"]) == ("active", "manual")
    again = expect(200, organization.admin.put(path))
    assert again["id"] == made["id"]
    assert organization.instructors_of(student) == {instructor.id: "manual"}
    assert_works_together(instructor, student, 0)


def test_way_3_several_instructors_can_be_added_to_the_student_instructors_page(
    organization: Organization,
) -> None:
    student = organization.add_student()
    instructors = [organization.add_instructor() for _ in range(3)]
    for instructor in instructors:
        organization.assign(instructor, student)
    assert set(organization.instructors_of(student)) == {person.id for person in instructors}


def test_way_4_once_the_users_are_uploaded_the_instructors_message_and_book(
    organization: Organization,
) -> None:
    suffix = f"{organization.id[:8]}@example.org"
    finished = organization.upload(
        "role,first_name,last_name,email,instructors\n"
        f"student,Stella,Sun,stella.{suffix},ivan.{suffix}; iris.{suffix}\n"
        f"instructor,Ivan,Ice,ivan.{suffix},\n"
        f"instructor,Iris,Ink,iris.{suffix},\n"
    )
    assert finished["status"] == "finished"
    assert finished["counts"]["create"] == 3
    assert finished["counts"]["assign"] == 2
    people = {found["email"]: found for found in organization.admin.items("/users")}
    stella = Person(organization, people[f"stella.{suffix}"]["id"], f"stella.{suffix}")
    assert set(organization.instructors_of(stella).values()) == {"import"}
    assert set(organization.instructors_of(stella)) == {
        people[f"ivan.{suffix}"]["id"],
        people[f"iris.{suffix}"]["id"],
    }


def test_way_4_updates_associations_and_other_information_of_users_on_the_platform(
    organization: Organization,
) -> None:
    old, student = organization.assigned_pair(can_sign_in=True)
    new = organization.add_instructor(can_sign_in=True)
    finished = organization.upload(
        "role,email,first_name,last_name,instructors\n"
        f"student,{student.email},Renamed,Student,{new.email}\n",
        associations="replace",
    )
    assert finished["counts"]["update"] == 1
    assert expect(200, organization.admin.get(f"/users/{student.id}"))["first_name"] == "Renamed"
    assert organization.instructors_of(student) == {new.id: "import"}
    assert not can_book(old, student, 0)
    assert_works_together(new, student, 0)


def test_way_4_can_remove_associations(organization: Organization) -> None:
    instructor, student = organization.assigned_pair()
    organization.upload(
        f"role,email,first_name,last_name,instructors\nstudent,{student.email},,,{instructor.email}\n",
        associations="remove",
    )
    assert organization.instructors_of(student) == {}


def test_way_4_run_twice_changes_nothing_the_second_time(organization: Organization) -> None:
    suffix = f"{organization.id[:8]}@example.org"
    text = (
        "role,first_name,last_name,email,instructors\n"
        f"instructor,Ida,Iron,ida.{suffix},\nstudent,Sid,Salt,sid.{suffix},ida.{suffix}\n"
    )
    organization.upload(text)
    counts = organization.upload(text)["counts"]
    assert (counts["create"], counts["update"], counts["unchanged"]) == (0, 0, 2)
    assert len(organization.admin.items("/users")) == 3  # and the owner


def test_the_four_ways_together_make_one_assignment(organization: Organization) -> None:
    instructor = organization.add_instructor()
    student = organization.add_student(instructors=[instructor])
    expect(201, organization.admin.post("/sessions", session(instructor, student, 0)))
    organization.assign(instructor, student)
    organization.upload(
        "role,email,first_name,last_name,instructors\n"
        f"student,{student.email},Sam,Stone,{instructor.email}\n"
    )
    wait_until(lambda: organization.instructors_of(student), 2)
    history = organization.admin.items("/assignments", student_id=student.id)
    assert [entry["status"] for entry in history] == ["active"]


def test_a_student_cannot_message_or_book_after_the_assignment_ends(
    organization: Organization,
) -> None:
    instructor, student = organization.assigned_pair(can_sign_in=True)
    assert_works_together(instructor, student, 0)
    conversation = instructor.api.items("/conversations")[0]["id"]
    organization.end(instructor, student)

    path = f"/conversations/{conversation}/messages"
    refused = student.api.post(path, {"body": "Still there?"})
    assert (refused.status, refused.code) == (403, "assignment.pair_not_assigned")
    assert len(student.api.items(path)) == 4  # reading stays
    assert not can_book(instructor, student, 5)


def test_only_administrators_assign(organization: Organization) -> None:
    instructor, student = organization.pair(can_sign_in=True)
    path = f"/students/{student.id}/instructors/{instructor.id}"
    for person in (instructor, student):
        expect(403, person.api.put(path))
        expect(403, person.api.post("/assignments/batch", batch_of(instructor, student)))
        files = {"file": ("a.csv", b"email\n", "text/csv")}
        expect(403, person.api.request("POST", "/imports", files=files))
    assert organization.instructors_of(student) == {}


def batch_of(instructor: Person, student: Person) -> dict[str, object]:
    """One pair, to be assigned."""
    pair = {"instructor_id": instructor.id, "student_id": student.id}
    return {"pairs": [pair], "operation": "assign"}


def test_nobody_gets_in_without_signing_in(organization: Organization, anybody: Api) -> None:
    instructor, student = organization.pair()
    expect(401, anybody.put(f"/students/{student.id}/instructors/{instructor.id}"))
    expect(401, anybody.post("/sessions", session(instructor, student)))
    expect(401, anybody.get("/users"))


def test_an_archived_person_is_neither_booked_nor_messaged_until_restored(
    organization: Organization,
) -> None:
    instructor, student = organization.assigned_pair(can_sign_in=True)
    assert can_book(instructor, student, 0)
    expect(200, organization.admin.post(f"/users/{student.id}/archive"))
    wait_until(lambda: not organization.is_allowed(instructor, student), 5)
    assert not can_message(instructor, student)
    expect(200, organization.admin.post(f"/users/{student.id}/restore"))
    wait_until(lambda: organization.is_allowed(instructor, student), 5)
    assert can_book(instructor, student, 1)


def test_several_owners_pages_of_people_list_everybody_once(organization: Organization) -> None:
    people = [organization.add_student() for _ in range(7)]
    found = [person["id"] for person in organization.admin.items("/users", limit=3)]
    assert len(found) == len(set(found)) == len(people) + 1
