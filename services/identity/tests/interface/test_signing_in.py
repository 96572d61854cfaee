"""Sign-up, sign-in, tokens and sign-out, over the bus."""

from __future__ import annotations

import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from chassis.errors import Conflict, Forbidden, Invalid, ServiceError
from chassis.testing import ServiceProcess, wait_until

from .conftest import PASSWORD, Organization, email, sign_up


def login(service: ServiceProcess, name: str, password: str = PASSWORD, **more: Any) -> Any:
    return service.call("authenticate", login=name, password=password, **more)


def is_accepted(service: ServiceProcess, token: str) -> bool:
    try:
        service.call("verify_token", access_token=token)
    except Forbidden:
        return False
    return True


def test_who_signs_an_organization_up_is_its_owner_and_signed_in(service: ServiceProcess) -> None:
    organization = sign_up(service)
    signed_up = organization.signed_up
    assert signed_up["user"]["roles"] == ["owner"]
    assert signed_up["user"]["status"] == "active"
    assert signed_up["user"]["time_zone"] == "Europe/Berlin"
    assert signed_up["expires_in"] == 900
    seen = service.call("verify_token", access_token=signed_up["access_token"])
    assert seen["user_id"] == signed_up["user"]["id"]
    assert seen["organization_id"] == str(organization.id)
    assert seen["roles"] == ["owner"]


def test_two_organizations_of_one_name_get_two_slugs(service: ServiceProcess) -> None:
    name = f"Müller & Söhne {uuid.uuid4().hex[:6]}"
    owner = {"first_name": "A", "last_name": "B", "password": PASSWORD}
    slugs = [
        service.call(
            "create_organization", name=name, time_zone="UTC", owner={**owner, "email": email()}
        )["organization"]["slug"]
        for _ in range(7)
    ]
    assert len(set(slugs)) == 7
    assert slugs[0].startswith("muller-sohne-")
    assert slugs[1] == f"{slugs[0]}-2"


def test_signing_up_tells_of_the_organization_and_its_owner(organization: Organization) -> None:
    events = [e for e in organization.service.events() if e.organization_id == organization.id]
    assert [event.name for event in events] == [
        "organization_created",
        "user_created",
        "audit_recorded",
    ]
    assert events[0].data["organization"]["conflict_policy"] == "block"
    assert events[1].data["users"][0]["id"] == organization.owner["id"]


def test_one_signs_in_by_email_in_any_case(organization: Organization) -> None:
    answer = login(organization.service, organization.owner["email"].upper())
    assert answer["user"]["id"] == organization.owner["id"]
    assert is_accepted(organization.service, answer["access_token"])


def test_one_signs_in_by_username_in_any_case(organization: Organization) -> None:
    username = f"Zoë.{uuid.uuid4().hex[:8]}"
    student = organization.add("student", email=None, username=username, password=PASSWORD)
    assert login(organization.service, username.upper())["user"]["id"] == student["id"]


@pytest.mark.parametrize("who", ["unknown", "wrong password", "archived", "invited"])
def test_whoever_may_not_sign_in_gets_the_same_answer(organization: Organization, who: str) -> None:
    user = organization.add("student", password=None if who == "invited" else PASSWORD)
    if who == "archived":
        organization.service.call("archive_user", actor=organization.actor(), user_id=user["id"])
    name = email() if who == "unknown" else user["email"]
    password = "another one" if who == "wrong password" else PASSWORD
    with pytest.raises(Forbidden) as refused:
        login(organization.service, name, password)
    assert refused.value.code == "identity.bad_credentials"
    assert refused.value.detail == "Login or password is not right."


def test_a_login_in_two_organizations_must_choose_one(service: ServiceProcess) -> None:
    address = email()
    first, second = sign_up(service, email=address), sign_up(service, email=address)
    third = sign_up(service, email=address, password="something else 1")  # nosec B106 # made up for a test
    with pytest.raises(Conflict) as refused:
        login(service, address)
    assert refused.value.code == "identity.choose_organization"
    named = {one["slug"] for one in refused.value.data["organizations"]}
    assert named == {first.slug, second.slug}
    assert login(service, address, organization=second.slug)["user"]["id"] == second.owner["id"]
    assert login(service, address, "something else 1")["user"]["id"] == third.owner["id"]


def test_a_repeated_sign_up_answers_the_same_tokens(service: ServiceProcess) -> None:
    arguments = {
        "name": "Twice",
        "time_zone": "UTC",
        "owner": {
            "first_name": "A",
            "last_name": "B",
            "email": email(),
            "password": PASSWORD,
        },
        "operation_id": uuid.uuid4(),
    }
    first = service.call("create_organization", **arguments)
    assert service.call("create_organization", **arguments) == first
    assert service.last_replayed
    assert is_accepted(service, first["access_token"])


def test_a_repeated_sign_in_answers_the_same_tokens(organization: Organization) -> None:
    operation_id = uuid.uuid4()
    name = organization.owner["email"]
    first = login(organization.service, name, operation_id=operation_id)
    assert login(organization.service, name, operation_id=operation_id) == first
    assert organization.service.last_replayed
    assert login(organization.service, name)["access_token"] != first["access_token"]


def test_another_password_under_the_same_operation_id_signs_nobody_in(
    organization: Organization,
) -> None:
    operation_id = uuid.uuid4()
    login(organization.service, organization.owner["email"], operation_id=operation_id)
    with pytest.raises(Forbidden):
        login(
            organization.service,
            organization.owner["email"],
            "wrong password",
            operation_id=operation_id,
        )


def test_no_token_and_no_password_is_stored(organization: Organization) -> None:
    service = organization.service
    answer = login(service, organization.owner["email"], operation_id=uuid.uuid4())
    stored = str(service.sql("SELECT * FROM operations")) + str(service.sql("SELECT * FROM outbox"))
    stored += str(service.sql("SELECT * FROM users"))
    for secret in (answer["access_token"], answer["refresh_token"], PASSWORD):
        assert secret not in stored


def test_a_refresh_gives_new_tokens_and_keeps_the_login(organization: Organization) -> None:
    service, first = organization.service, organization.signed_up
    second = service.call("refresh", refresh_token=first["refresh_token"])
    assert second["user"] == first["user"]
    assert second["access_token"] != first["access_token"]
    assert is_accepted(service, second["access_token"])
    third = service.call("refresh", refresh_token=second["refresh_token"])
    assert is_accepted(service, third["access_token"])


def test_a_refresh_token_used_twice_ends_the_whole_family(organization: Organization) -> None:
    service, first = organization.service, organization.signed_up
    second = service.call("refresh", refresh_token=first["refresh_token"])
    with pytest.raises(Forbidden) as refused:
        service.call("refresh", refresh_token=first["refresh_token"])
    assert refused.value.code == "identity.bad_refresh_token"
    assert not is_accepted(service, first["access_token"])
    assert not is_accepted(service, second["access_token"])
    with pytest.raises(Forbidden):
        service.call("refresh", refresh_token=second["refresh_token"])


def test_a_refresh_repeated_by_its_own_caller_is_answered_again(organization: Organization) -> None:
    service, operation_id = organization.service, uuid.uuid4()
    token = organization.signed_up["refresh_token"]
    first = service.call("refresh", refresh_token=token, operation_id=operation_id)
    again = service.call("refresh", refresh_token=token, operation_id=operation_id)
    assert again == first
    assert service.last_replayed
    assert is_accepted(service, first["access_token"])


def test_an_answer_that_nobody_can_still_be_waiting_for_counts_as_stolen(
    organization: Organization,
) -> None:
    service, operation_id = organization.service, uuid.uuid4()
    token = organization.signed_up["refresh_token"]
    first = service.call("refresh", refresh_token=token, operation_id=operation_id)
    long_ago = """UPDATE refresh_tokens SET used_at = now() - interval '25 hours'
                   WHERE used_at IS NOT NULL AND organization_id = %s"""
    service.sql(long_ago, (str(organization.id),))
    with pytest.raises(Forbidden):
        service.call("refresh", refresh_token=token, operation_id=operation_id)
    assert not is_accepted(service, first["access_token"])


def test_a_login_ends_at_last_however_often_it_is_refreshed(organization: Organization) -> None:
    service = organization.service
    started = "UPDATE logins SET created_at = now() - %s::interval WHERE organization_id = %s"
    service.sql(started, ("89 days", str(organization.id)))
    token = organization.signed_up["refresh_token"]
    second = service.call("refresh", refresh_token=token, operation_id=uuid.uuid4())
    left = """SELECT max(t.expires_at) < now() + interval '25 hours', max(l.expires_at) < now() + interval '25 hours'
                FROM refresh_tokens AS t JOIN logins AS l ON l.id = t.login_id
               WHERE t.used_at IS NULL AND l.organization_id = %s"""
    assert service.sql(left, (str(organization.id),)) == [(True, True)]
    service.sql(started, ("91 days", str(organization.id)))
    with pytest.raises(Forbidden):
        service.call("refresh", refresh_token=second["refresh_token"], operation_id=uuid.uuid4())


def test_of_many_refreshes_of_one_token_at_once_at_most_one_succeeds(
    organization: Organization,
) -> None:
    service, token = organization.service, organization.signed_up["refresh_token"]

    def attempt(_: int) -> Any:
        try:
            return service.call("refresh", refresh_token=token)["access_token"]
        except ServiceError as error:
            return error.code

    with ThreadPoolExecutor(8) as pool:
        outcomes = list(pool.map(attempt, range(8)))
    assert outcomes.count("identity.bad_refresh_token") == 7
    assert not any(is_accepted(service, token) for token in outcomes)


def test_signing_out_ends_this_login_and_no_other(organization: Organization) -> None:
    service = organization.service
    other = login(service, organization.owner["email"])
    first = organization.signed_up
    service.call("revoke", access_token=first["access_token"])
    service.call("revoke", access_token=first["access_token"])
    assert not is_accepted(service, first["access_token"])
    with pytest.raises(Forbidden):
        service.call("refresh", refresh_token=first["refresh_token"])
    assert is_accepted(service, other["access_token"])


@pytest.mark.parametrize("token", ["nonsense", "a" * 43, "ä" * 20])
def test_a_token_that_is_nobodys_is_refused(service: ServiceProcess, token: str) -> None:
    with pytest.raises(Forbidden) as refused:
        service.call("verify_token", access_token=token)
    assert refused.value.code == "identity.bad_token"


def test_an_expired_token_is_refused(organization: Organization) -> None:
    service, token = organization.service, organization.signed_up["access_token"]
    service.sql(
        "UPDATE access_tokens SET expires_at = now() - interval '1 second' WHERE organization_id = %s",
        (str(organization.id),),
    )
    assert not is_accepted(service, token)


def test_a_login_past_its_end_is_forgotten_at_the_next_sign_in(organization: Organization) -> None:
    service = organization.service
    login(service, organization.owner["email"])
    past = "UPDATE logins SET expires_at = now() - interval '1 day' WHERE organization_id = %s"
    service.sql(past, (str(organization.id),))
    login(service, organization.owner["email"])
    count = "SELECT count(*) FROM logins WHERE organization_id = %s"
    wait_until(lambda: service.sql(count, (str(organization.id),))[0][0] == 1)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", ""),
        ("name", "a\x00b"),
        ("name", 7),
        ("time_zone", "Mars/Olympus"),
        ("owner", None),
        ("owner/email", "not an address"),
        ("owner/email", "a@b@example.org"),
        ("owner/password", "short"),
        ("owner/password", "x" * 129),
        ("owner/roles", ["admin"]),
    ],
)
def test_sign_up_names_the_field_that_is_wrong(
    service: ServiceProcess, field: str, value: Any
) -> None:
    arguments: dict[str, Any] = {
        "name": "Wrong",
        "time_zone": "UTC",
        "owner": {
            "first_name": "A",
            "last_name": "B",
            "email": email(),
            "password": PASSWORD,
        },
    }
    target, _, inner = field.partition("/")
    if inner:
        arguments[target][inner] = value
    else:
        arguments[target] = value
    with pytest.raises(Invalid) as refused:
        service.call("create_organization", **arguments)
    assert [error.pointer for error in refused.value.errors] == [f"/{field}"]
