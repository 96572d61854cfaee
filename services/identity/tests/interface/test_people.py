"""Adding, reading, changing, archiving and restoring people, over the bus."""

from __future__ import annotations

import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from chassis.errors import Conflict, Forbidden, Invalid, NotFound, ServiceError
from chassis.testing import ServiceProcess

from .conftest import PASSWORD, Organization, email


def pointers(error: ServiceError) -> list[str]:
    return [one.pointer for one in error.errors]


def users_of(organization: Organization) -> int:
    count = "SELECT count(*) FROM users WHERE organization_id = %s"
    return int(organization.service.sql(count, (str(organization.id),))[0][0])


def events_of(organization: Organization, name: str) -> list[Any]:
    found = organization.service.events(name)
    return [event for event in found if event.organization_id == organization.id]


def test_a_new_person_has_what_was_given_and_the_organizations_time_zone(
    organization: Organization,
) -> None:
    user = organization.add(
        "student",
        "instructor",
        first_name=" Zoë ",
        last_name="O'Neil",
        email="Zoe@Example.ORG",
        username="Zoe.1",
        phone="+49 30 1",
        external_id="S-1",
    )
    assert user == organization.service.call(
        "get_user", actor=organization.actor(), user_id=user["id"]
    )
    assert user["roles"] == ["instructor", "student"]
    assert (user["first_name"], user["last_name"]) == ("Zoë", "O'Neil")
    assert (user["email"], user["username"]) == ("zoe@example.org", "Zoe.1")
    assert (user["phone"], user["external_id"]) == ("+49 30 1", "S-1")
    assert (user["status"], user["time_zone"]) == ("invited", "Europe/Berlin")
    assert user["version"] == 1


def test_a_person_with_a_password_is_active_at_once(organization: Organization) -> None:
    assert organization.add("instructor", password=PASSWORD)["status"] == "active"


def test_chosen_instructors_are_told_with_the_new_student(organization: Organization) -> None:
    first, second = organization.add("instructor"), organization.add("instructor", "admin")
    chosen = [first["id"], second["id"], first["id"]]
    created = organization.create("student", instructor_ids=chosen)
    student = created["user"]
    pairs = [(one["instructor_id"], one["student_id"]) for one in created["assignments"]]
    assert pairs == [(first["id"], student["id"]), (second["id"], student["id"])]
    event = events_of(organization, "user_created")[-1]
    assert event.data["assignments"] == created["assignments"]
    assert event.data["assigned_by"] == organization.owner["id"]
    assert event.data["users"] == [
        {
            "id": student["id"],
            "roles": ["student"],
            "status": "invited",
            "time_zone": "Europe/Berlin",
            "version": 1,
        }
    ]


def test_chosen_students_are_told_with_the_new_instructor(organization: Organization) -> None:
    student = organization.add("student")
    created = organization.create("instructor", student_ids=[student["id"]])
    assert created["assignments"][0]["student_id"] == student["id"]
    assert created["assignments"][0]["instructor_id"] == created["user"]["id"]


@pytest.mark.parametrize("choice", ["nobody", "a student", "archived", "elsewhere"])
def test_one_wrong_choice_and_nobody_is_created(
    organization: Organization, other_organization: Organization, choice: str
) -> None:
    good = organization.add("instructor")
    wrong = {
        "nobody": lambda: str(uuid.uuid4()),
        "a student": lambda: organization.add("student")["id"],
        "archived": lambda: archived(organization, organization.add("instructor"))["id"],
        "elsewhere": lambda: other_organization.add("instructor")["id"],
    }[choice]()
    before = users_of(organization), len(events_of(organization, "user_created"))
    with pytest.raises(Invalid) as refused:
        organization.create("student", instructor_ids=[good["id"], wrong])
    assert pointers(refused.value) == ["/instructor_ids/1"]
    assert (users_of(organization), len(events_of(organization, "user_created"))) == before


def archived(organization: Organization, user: dict[str, Any]) -> dict[str, Any]:
    result = organization.service.call(
        "archive_user", actor=organization.actor(), user_id=user["id"]
    )
    return dict(result)


def test_instructors_can_only_be_chosen_for_a_student(organization: Organization) -> None:
    instructor = organization.add("instructor")
    with pytest.raises(Invalid) as refused:
        organization.create("admin", instructor_ids=[instructor["id"]])
    assert pointers(refused.value) == ["/instructor_ids"]


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"email": None}, "/email"),
        ({"email": "x"}, "/email"),
        ({"email": "a\u0000@example.org"}, "/email"),
        ({"username": "has@sign"}, "/username"),
        ({"username": "has space"}, "/username"),
        ({"first_name": "x" * 101}, "/first_name"),
        ({"last_name": ["x"]}, "/last_name"),
        ({"time_zone": "Nowhere/Town"}, "/time_zone"),
        ({"password": "1234567"}, "/password"),  # nosec B105 # made up for a test
        ({"instructor_ids": ["x"]}, "/instructor_ids/0"),
        ({"is_admin": True}, "/is_admin"),
    ],
)
def test_a_wrong_field_is_named(
    organization: Organization, fields: dict[str, Any], pointer: str
) -> None:
    with pytest.raises(Invalid) as refused:
        organization.create("student", **fields)
    assert pointers(refused.value) == [pointer]


def test_roles_must_be_known_and_at_least_one(organization: Organization) -> None:
    for roles in ([], ["student", "god"]):
        with pytest.raises(Invalid):
            organization.create(*roles)


@pytest.mark.parametrize(
    ("field", "first", "second"),
    [
        ("email", "Same@Example.org", "same@example.ORG"),
        ("username", "Same", "sAME"),
        ("external_id", "S-1", "S-1"),
    ],
)
def test_a_name_belongs_to_one_person_of_an_organization(
    organization: Organization,
    other_organization: Organization,
    field: str,
    first: str,
    second: str,
) -> None:
    organization.add("student", **{field: first})
    with pytest.raises(Conflict) as refused:
        organization.add("student", **{field: second})
    assert refused.value.code == f"identity.{field}_taken"
    assert pointers(refused.value) == [f"/{field}"]
    assert other_organization.add("student", **{field: second})


def test_of_many_who_want_one_address_at_once_one_gets_it(organization: Organization) -> None:
    address = email()

    def attempt(_: int) -> str:
        try:
            return str(organization.add("student", email=address)["id"])
        except Conflict as conflict:
            return conflict.code

    with ThreadPoolExecutor(8) as pool:
        outcomes = list(pool.map(attempt, range(8)))
    assert outcomes.count("identity.email_taken") == 7


def test_a_repeated_creation_creates_nobody_else(organization: Organization) -> None:
    instructor, operation_id = organization.add("instructor"), uuid.uuid4()
    arguments = {"email": email(), "instructor_ids": [instructor["id"]]}
    first = organization.create("student", operation_id=operation_id, **arguments)
    assert organization.create("student", operation_id=operation_id, **arguments) == first
    assert organization.service.last_replayed
    with pytest.raises(Invalid) as refused:
        organization.create("student", operation_id=operation_id, email=email())
    assert refused.value.code == "idempotency.key_reused"


@pytest.mark.parametrize("role", ["instructor", "student"])
def test_who_manages_nobody_is_refused(organization: Organization, role: str) -> None:
    service, user = organization.service, organization.add(role)
    actor, other = organization.actor(user), organization.add("student")
    attempts: list[tuple[str, dict[str, Any]]] = [
        (
            "create_user",
            {"roles": ["student"], "first_name": "A", "last_name": "B", "email": "a@b.cd"},
        ),
        ("update_user", {"user_id": other["id"], "changes": {"time_zone": "UTC"}}),
        ("update_user", {"user_id": user["id"], "changes": {"roles": ["admin"]}}),
        ("archive_user", {"user_id": other["id"]}),
        ("restore_user", {"user_id": other["id"]}),
        ("upsert_users", {"people": []}),
        ("resolve_people", {"logins": []}),
        ("update_organization", {"changes": {"name": "Mine"}}),
    ]
    for method, arguments in attempts:
        with pytest.raises(Forbidden) as refused:
            service.call(method, actor=actor, **arguments)
        assert refused.value.code == "access.admin_only"


def test_people_change_their_own_time_zone(organization: Organization) -> None:
    user = organization.add("student")
    changed = organization.service.call(
        "update_user",
        actor=organization.actor(user),
        user_id=user["id"],
        changes={"time_zone": "America/Lima"},
    )
    assert changed["time_zone"] == "America/Lima"


def update(
    organization: Organization, user: dict[str, Any], by: Any = None, **more: Any
) -> dict[str, Any]:
    if_version = more.pop("if_version", None)
    result = organization.service.call(
        "update_user",
        actor=by or organization.actor(),
        user_id=user["id"],
        changes=more,
        if_version=if_version,
    )
    return dict(result)


def test_a_change_is_stored_told_and_makes_a_version(organization: Organization) -> None:
    user = organization.add("student", username="before")
    changed = update(organization, user, last_name="Lovelace", username="After", if_version=1)
    assert (changed["last_name"], changed["username"], changed["version"]) == (
        "Lovelace",
        "After",
        2,
    )
    event = events_of(organization, "user_updated")[-1]
    assert event.data["users"][0]["id"] == user["id"]
    assert "Lovelace" not in event.encode()


def test_what_stays_the_same_is_no_change(organization: Organization) -> None:
    user = organization.add("student", "instructor")
    same = update(organization, user, last_name=user["last_name"], roles=["student", "instructor"])
    assert same == user
    assert events_of(organization, "user_updated") == []


def test_a_change_of_a_stale_version_is_refused(organization: Organization) -> None:
    user = organization.add("student")
    update(organization, user, phone="1")
    with pytest.raises(Conflict) as refused:
        update(organization, user, phone="2", if_version=1)
    assert refused.value.code == "identity.stale_version"


def test_nobody_loses_the_last_name_they_can_be_found_by(organization: Organization) -> None:
    user = organization.add("student")
    with pytest.raises(Invalid) as refused:
        update(organization, user, email=None)
    assert pointers(refused.value) == ["/changes/email"]
    assert update(organization, user, email=None, external_id="S-9")["email"] is None


def test_a_change_to_a_taken_name_is_refused(organization: Organization) -> None:
    taken, user = organization.add("student"), organization.add("student")
    with pytest.raises(Conflict) as refused:
        update(organization, user, email=taken["email"].upper())
    assert refused.value.code == "identity.email_taken"


def test_roles_hold_from_the_next_request(organization: Organization) -> None:
    service = organization.service
    user = organization.add("instructor", password=PASSWORD)
    token = service.call("authenticate", login=user["email"], password=PASSWORD)["access_token"]
    update(organization, user, roles=["student", "admin"])
    assert service.call("verify_token", access_token=token)["roles"] == ["admin", "student"]


def test_only_an_owner_makes_owners(organization: Organization) -> None:
    admin, user = organization.add("admin"), organization.add("student")
    by_admin = organization.actor(admin)
    attempts = [
        lambda: organization.add("owner", by=by_admin),
        lambda: update(organization, user, by=by_admin, roles=["owner"]),
        lambda: update(organization, organization.owner, by=by_admin, roles=["admin"]),
        lambda: update(organization, organization.owner, by=by_admin, email="mine@example.org"),
    ]
    for attempt in attempts:
        with pytest.raises(Forbidden) as refused:
            attempt()
        assert refused.value.code == "access.owner_only"
    assert organization.add("owner")["roles"] == ["owner"]


def test_the_last_owner_stays_one(organization: Organization) -> None:
    with pytest.raises(Conflict) as refused:
        update(organization, organization.owner, roles=["admin"])
    assert refused.value.code == "identity.last_owner"
    organization.add("owner")  # invited: can't act yet
    with pytest.raises(Conflict):
        update(organization, organization.owner, roles=["admin"])
    organization.add("owner", password=PASSWORD)
    assert update(organization, organization.owner, roles=["admin"])["roles"] == ["admin"]


def test_two_owners_who_take_each_others_ownership_at_once_leave_one(
    organization: Organization,
) -> None:
    other = organization.add("owner", password=PASSWORD)
    owners = [organization.owner, other]

    def attempt(number: int) -> str:
        try:
            update(
                organization,
                owners[1 - number],
                by=organization.actor(owners[number]),
                roles=["admin"],
            )
        except ServiceError as error:
            return error.code
        return "done"

    with ThreadPoolExecutor(2) as pool:
        outcomes = list(pool.map(attempt, range(2)))
    assert sorted(outcomes) == ["done", "identity.last_owner"]


def test_the_archived_lose_their_tokens_at_once_and_sign_in_again_when_restored(
    organization: Organization,
) -> None:
    service = organization.service
    user = organization.add("student", password=PASSWORD)
    signed_in = service.call("authenticate", login=user["email"], password=PASSWORD)
    assert archived(organization, user)["status"] == "archived"
    again = archived(organization, user)
    assert again["version"] == 2
    for method, token in (("verify_token", "access_token"), ("refresh", "refresh_token")):
        with pytest.raises(Forbidden):
            service.call(method, **{token: signed_in[token]})
    restored = service.call("restore_user", actor=organization.actor(), user_id=user["id"])
    assert restored["status"] == "active"
    with pytest.raises(Forbidden):
        service.call("verify_token", access_token=signed_in["access_token"])
    assert service.call("authenticate", login=user["email"], password=PASSWORD)
    assert len(events_of(organization, "user_archived")) == 1
    assert events_of(organization, "user_restored")[0].data["users"][0]["status"] == "active"
    assert len(events_of(organization, "credentials_revoked")) == 1


def test_the_invited_are_invited_again_when_restored(organization: Organization) -> None:
    user = archived(organization, organization.add("student"))
    restored = organization.service.call(
        "restore_user", actor=organization.actor(), user_id=user["id"]
    )
    assert restored["status"] == "invited"


def test_neither_the_last_owner_nor_oneself_can_be_archived(organization: Organization) -> None:
    with pytest.raises(Conflict) as refused:
        archived(organization, organization.owner)
    assert refused.value.code == "identity.last_owner"
    admin = organization.add("admin")
    with pytest.raises(Conflict) as refused:
        organization.service.call(
            "archive_user", actor=organization.actor(admin), user_id=admin["id"]
        )
    assert refused.value.code == "identity.own_account"


def test_a_new_password_ends_the_other_logins(organization: Organization) -> None:
    service, user = organization.service, organization.add("student", password=PASSWORD)
    here, there = (
        service.call("authenticate", login=user["email"], password=PASSWORD)["access_token"]
        for _ in range(2)
    )
    with pytest.raises(Forbidden) as refused:
        service.call(
            "change_password",
            actor=organization.actor(user),
            current_password="not this one",  # nosec B106 # made up for a test
            password="a new password",
        )
    assert refused.value.code == "identity.bad_credentials"
    service.call(
        "change_password",
        actor=organization.actor(user),
        current_password=PASSWORD,
        password="a new password",  # nosec B106 # made up for a test
        access_token=here,
    )
    assert service.call("verify_token", access_token=here)
    with pytest.raises(Forbidden):
        service.call("verify_token", access_token=there)
    with pytest.raises(Forbidden):
        service.call("authenticate", login=user["email"], password=PASSWORD)
    assert service.call("authenticate", login=user["email"], password="a new password")  # nosec B106 # made up for a test
    assert events_of(organization, "credentials_revoked")[-1].data == {
        "user_id": user["id"],
        "login_id": None,
    }


def test_another_organizations_people_do_not_exist(
    organization: Organization, other_organization: Organization
) -> None:
    service, stranger = organization.service, other_organization.add("student")
    for method, more in (
        ("get_user", {}),
        ("update_user", {"changes": {"phone": "1"}}),
        ("archive_user", {}),
        ("restore_user", {}),
    ):
        with pytest.raises(NotFound) as refused:
            service.call(method, actor=organization.actor(), user_id=stranger["id"], **more)
        assert refused.value.code == "identity.unknown_user"
    mine = organization.add("student")
    found = service.call(
        "get_users",
        actor=organization.actor(),
        user_ids=[stranger["id"], mine["id"], str(uuid.uuid4()), mine["id"]],
    )
    assert found["items"] == [mine]


def test_the_organizations_settings_are_read_by_all_and_changed_by_managers(
    organization: Organization,
) -> None:
    service, student = organization.service, organization.add("student")
    seen = service.call("get_organization", actor=organization.actor(student))
    assert seen == organization.signed_up["organization"]
    changed = service.call(
        "update_organization",
        actor=organization.actor(),
        changes={"students_may_book": "request", "conflict_policy": "warn"},
        if_version=1,
    )
    assert (changed["students_may_book"], changed["conflict_policy"]) == ("request", "warn")
    event = events_of(organization, "organization_updated")[-1]
    assert event.data == {"organization": changed}
    with pytest.raises(Conflict) as refused:
        service.call("update_organization", actor=organization.actor(), changes={}, if_version=1)
    assert refused.value.code == "identity.stale_version"


def test_an_anonymous_call_for_people_is_refused(service: ServiceProcess) -> None:
    with pytest.raises(Forbidden) as refused:
        service.call("get_user", user_id=uuid.uuid4())
    assert refused.value.code == "access.sign_in_required"
