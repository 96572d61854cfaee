"""Adding and updating many people at once, over the bus."""

from __future__ import annotations

import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from chassis.errors import Invalid

from .conftest import Organization, email


def bring_in(organization: Organization, *people: Any, **more: Any) -> list[dict[str, Any]]:
    result = organization.service.call(
        "upsert_users", actor=organization.actor(), people=list(people), seconds=20, **more
    )
    return list(result["results"])


def person(**fields: Any) -> dict[str, Any]:
    return {
        "role": "student",
        "first_name": "Ada",
        "last_name": "Byron",
        "email": email(),
        **fields,
    }


def get(organization: Organization, user_id: str) -> dict[str, Any]:
    result = organization.service.call("get_user", actor=organization.actor(), user_id=user_id)
    return dict(result)


def events_of(organization: Organization, name: str) -> list[Any]:
    found = organization.service.events(name)
    return [event for event in found if event.organization_id == organization.id]


def test_the_unknown_are_added_and_told_in_one_event(organization: Organization) -> None:
    one, two = person(email="One@Example.org", username="One"), person(role="instructor")
    results = bring_in(organization, one, two)
    assert [result["outcome"] for result in results] == ["create", "create"]
    first = get(organization, results[0]["user_id"])
    assert (first["email"], first["username"]) == ("one@example.org", "One")
    assert (first["status"], first["time_zone"]) == ("invited", "Europe/Berlin")
    assert get(organization, results[1]["user_id"])["roles"] == ["instructor"]
    events = events_of(organization, "user_created")
    assert len(events) == 2  # the owner's and this
    told = {user["id"] for user in events[-1].data["users"]}
    assert told == {result["user_id"] for result in results}
    assert events[-1].data["assigned_by"] == organization.owner["id"]


def test_the_known_are_updated_and_what_changed_is_listed(organization: Organization) -> None:
    user = organization.add("student", external_id="S-1")
    results = bring_in(
        organization,
        {"external_id": "S-1", "last_name": "Lovelace", "role": "instructor", "phone": "1"},
    )
    assert results[0]["outcome"] == "update"
    assert results[0]["user_id"] == user["id"]
    assert results[0]["changes"] == ["last_name", "phone", "roles"]
    stored = get(organization, user["id"])
    assert (stored["last_name"], stored["first_name"]) == ("Lovelace", user["first_name"])
    assert stored["roles"] == ["instructor", "student"]
    assert stored["email"] == user["email"]
    assert stored["version"] == 2
    assert len(events_of(organization, "user_updated")) == 1


def test_running_it_again_changes_nothing(organization: Organization) -> None:
    people = [person(username="Same One"[:4]), person(role="instructor", time_zone="Asia/Tokyo")]
    first = bring_in(organization, *people)
    again = bring_in(organization, *people)
    assert [result["outcome"] for result in again] == ["unchanged", "unchanged"]
    assert [r["user_id"] for r in again] == [r["user_id"] for r in first]
    assert len(events_of(organization, "user_created")) == 2
    assert events_of(organization, "user_updated") == []


def test_people_are_found_by_email_else_username_else_external_id(
    organization: Organization,
) -> None:
    user = organization.add("student", email="a@b.example", username="Anna", external_id="S-1")
    for names in (
        {"email": "A@B.example"},
        {"username": "aNNa"},
        {"external_id": "S-1"},
        {"email": "new@b.example", "external_id": "S-1"},
    ):
        assert bring_in(organization, names)[0]["user_id"] == user["id"]
    assert get(organization, user["id"])["email"] == "new@b.example"


def test_an_invalid_person_stops_nobody_else(organization: Organization) -> None:
    archived = organization.add("student")
    organization.service.call("archive_user", actor=organization.actor(), user_id=archived["id"])
    results = bring_in(
        organization,
        person(email="not an address"),
        person(),
        person(email=None),
        {"email": email()},
        person(email=archived["email"]),
        person(is_admin=True),
        person(role="owner"),
        "nonsense",
        person(last_name="a\x00b"),
    )
    assert [result["outcome"] for result in results] == ["invalid", "create", *["invalid"] * 7]
    found = [
        [(error["pointer"], error["code"]) for error in result["errors"]] for result in results
    ]
    assert found == [
        [("/email", "request.invalid")],
        [],
        [("/email", "identity.no_login")],
        [
            ("/first_name", "identity.required"),
            ("/last_name", "identity.required"),
            ("/roles", "identity.required"),
        ],
        [("", "identity.archived_person")],
        [("/is_admin", "request.invalid")],
        [("/role", "identity.owner_by_batch")],
        [("", "request.invalid")],
        [("/last_name", "request.invalid")],
    ]


def test_one_persons_email_and_anothers_username_are_nobodys(organization: Organization) -> None:
    one, two = organization.add("student", username="one"), organization.add("student")
    result = bring_in(organization, person(email=two["email"], username="ONE"))[0]
    assert result["outcome"] == "invalid"
    assert [(e["pointer"], e["code"]) for e in result["errors"]] == [
        ("/username", "identity.username_taken")
    ]
    assert get(organization, one["id"])["version"] == 1


def test_the_same_person_twice_in_one_batch_is_one_person(organization: Organization) -> None:
    address = email()
    results = bring_in(
        organization,
        person(email=address, external_id="S-1"),
        person(email=address.upper(), role="instructor"),
        {"external_id": "S-1", "phone": "1"},
        {"external_id": "S-1", "phone": "1"},
    )
    outcomes = [result["outcome"] for result in results]
    assert outcomes == ["create", "update", "update", "unchanged"]
    assert len({result["user_id"] for result in results}) == 1
    stored = get(organization, results[0]["user_id"])
    assert stored["roles"] == ["instructor", "student"]
    assert stored["phone"] == "1"


def test_a_dry_run_says_what_would_be_and_stores_nothing(organization: Organization) -> None:
    user = organization.add("student")
    results = bring_in(
        organization,
        person(),
        person(email=user["email"], phone="1"),
        person(email="x"),
        dry_run=True,
    )
    assert [result["outcome"] for result in results] == ["create", "update", "invalid"]
    assert [result["user_id"] for result in results] == [None, user["id"], None]
    assert get(organization, user["id"]) == user
    assert len(events_of(organization, "user_created")) == 2


def test_a_repeated_batch_answers_the_first_result(organization: Organization) -> None:
    operation_id, one = uuid.uuid4(), person()
    first = bring_in(organization, one, operation_id=operation_id)
    assert bring_in(organization, one, operation_id=operation_id) == first
    assert organization.service.last_replayed
    assert first[0]["outcome"] == "create"


def test_two_batches_with_the_same_people_at_once_add_each_once(
    organization: Organization,
) -> None:
    people = [person() for _ in range(60)]

    def run(number: int) -> list[dict[str, Any]]:
        return bring_in(organization, *(people if number % 2 else reversed(people)))

    with ThreadPoolExecutor(4) as pool:
        batches = list(pool.map(run, range(4)))
    created = sum(result["outcome"] == "create" for batch in batches for result in batch)
    assert created == len(people)
    assert not any(result["outcome"] == "invalid" for batch in batches for result in batch)


def test_an_owner_is_not_taken_over_by_a_file(organization: Organization) -> None:
    admin, owner = organization.add("admin"), organization.owner
    update = {"email": owner["email"], "username": "mine"}
    result = organization.service.call(
        "upsert_users", actor=organization.actor(admin), people=[update]
    )["results"][0]
    assert [error["code"] for error in result["errors"]] == ["access.owner_only"]
    assert bring_in(organization, update)[0]["outcome"] == "update"


def test_five_hundred_at_once_are_the_most(organization: Organization) -> None:
    results = bring_in(organization, *(person() for _ in range(500)))
    assert {result["outcome"] for result in results} == {"create"}
    with pytest.raises(Invalid) as refused:
        bring_in(organization, *(person() for _ in range(501)))
    assert refused.value.errors[0].pointer == "/people"


def test_people_are_resolved_by_what_others_call_them(
    organization: Organization, other_organization: Organization
) -> None:
    anna = organization.add("student", email="anna@b.example", username="anna", external_id="S-1")
    bob = organization.add("student", email=None, username="S-1")
    stranger = other_organization.add("student")
    logins = ["ANNA@b.example", "Anna", "S-1", "nobody", stranger["email"], "Anna"]
    result = organization.service.call("resolve_people", actor=organization.actor(), logins=logins)
    assert [item["login"] for item in result["items"]] == logins
    assert [item["user"] for item in result["items"]] == [anna, anna, bob, None, None, anna]
