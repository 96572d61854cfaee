"""What hashes cost is counted, for clients and accounts, at each door and for right passwords too."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from chassis.errors import Forbidden
from chassis.testing import ServiceProcess

from .conftest import ADDRESSES, PASSWORD, SETTINGS, Organization, email, outcome

pytestmark = pytest.mark.usefixtures("alone")

TOO_MANY = "identity.too_many_attempts"
NEW = "an entirely new secret"  # nosec B105 # made up for a test


@pytest.fixture(scope="module")
def frugal() -> Iterator[ServiceProcess]:
    """Cheap hashes, and few of them for anybody: nothing comes back while a test runs."""
    few = {"HASHES_PER_MINUTE": "0.01", "HASHES_BURST": "6"}
    with ServiceProcess("identity_service", settings={**SETTINGS, **few}) as process:
        yield process


def sign_in(
    service: ServiceProcess, login: str, address: str, password: str = PASSWORD, **more: str
) -> str:
    given = {"login": login, "password": password, **more}
    return outcome(lambda: service.call("authenticate", address=address, **given))


def at_home(service: ServiceProcess, **owner: str) -> Organization:
    """Signed up from an address that nothing else comes from, or its budget would be used up."""
    person = {"first_name": "O", "last_name": "O", "password": PASSWORD, "email": email(), **owner}
    signed_up = service.call(
        "create_organization",
        name=f"School {uuid.uuid4().hex[:8]}",
        time_zone="UTC",
        owner=person,
        address=next(ADDRESSES),
    )
    return Organization(service, signed_up)


def test_right_passwords_are_counted_too(frugal: ServiceProcess) -> None:
    login, address = at_home(frugal).owner["email"], next(ADDRESSES)
    outcomes = [sign_in(frugal, login, address) for _ in range(8)]
    assert outcomes == ["in"] * 6 + [TOO_MANY] * 2
    assert sign_in(frugal, login, next(ADDRESSES)) == "in"


def test_a_sign_in_that_is_tried_in_three_organizations_costs_three(frugal: ServiceProcess) -> None:
    login, address = email(), next(ADDRESSES)
    organizations = [at_home(frugal, email=login) for _ in range(3)]
    outcomes = [sign_in(frugal, login, address) for _ in range(3)]
    assert outcomes == ["identity.choose_organization"] * 2 + [TOO_MANY]
    named = sign_in(frugal, login, next(ADDRESSES), organization=organizations[0].slug)
    assert named == "in", "the others' cost is not theirs who names the organization"


def test_a_login_from_many_new_addresses_has_one_budget_and_its_owner_gets_in_from_home(
    frugal: ServiceProcess,
) -> None:
    login, home = at_home(frugal).owner["email"], next(ADDRESSES)
    assert sign_in(frugal, login, home) == "in"
    outcomes = [sign_in(frugal, login, next(ADDRESSES), "wrong") for _ in range(7)]
    assert outcomes == ["identity.bad_credentials"] * 5 + [TOO_MANY] * 2
    assert sign_in(frugal, login, home) == "in"


def test_the_time_to_wait_is_told_and_the_log_names_the_client_once(frugal: ServiceProcess) -> None:
    login, address = at_home(frugal).owner["email"], next(ADDRESSES)
    assert [sign_in(frugal, login, address) for _ in range(8)][-1] == TOO_MANY
    with pytest.raises(Forbidden) as refused:
        frugal.call("authenticate", login=login, password=PASSWORD, address=address)
    assert refused.value.data["retry_after"] > 60
    noted = [line for line in frugal.log().splitlines() if "hashes.refused" in line]
    assert len([line for line in noted if f'"{address}"' in line]) == 1


def change_password(organization: Organization, address: str) -> Any:
    return organization.service.call(
        "change_password",
        actor=organization.actor(),
        address=address,
        current_password=PASSWORD,
        password=NEW,
    )


def test_a_change_of_password_costs_two(frugal: ServiceProcess) -> None:
    address = next(ADDRESSES)
    people = [at_home(frugal) for _ in range(4)]
    outcomes = [outcome(lambda one=one: change_password(one, address)) for one in people]  # type: ignore[misc]
    assert outcomes == ["in"] * 3 + [TOO_MANY]


def used_up(service: ServiceProcess) -> str:
    """An address whose budget is used up."""
    address = next(ADDRESSES)
    for _ in range(6):
        sign_in(service, email(), address)
    return address


DOORS: dict[str, dict[str, Any]] = {
    "create_organization": {
        "name": "A School",
        "time_zone": "UTC",
        "owner": {"first_name": "A", "last_name": "B", "email": "a@example.org", "password": NEW},
    },
    "authenticate": {"login": "nobody", "password": NEW},
    "accept_invitation": {"token": email(), "password": NEW},
    "reset_password": {"token": email(), "password": NEW},
    "change_password": {"current_password": PASSWORD, "password": NEW},
    "create_user": {
        "roles": ["student"],
        "first_name": "A",
        "last_name": "B",
        "username": "student",
        "password": NEW,
    },
}


@pytest.mark.parametrize("method", DOORS)
def test_no_door_to_a_hash_is_open_to_whoever_has_used_up_theirs(
    frugal: ServiceProcess, method: str
) -> None:
    organization, address = at_home(frugal), used_up(frugal)
    by = organization.actor() if method in {"change_password", "create_user"} else None
    asked = outcome(lambda: frugal.call(method, actor=by, address=address, **DOORS[method]))
    assert asked == TOO_MANY


def test_what_costs_no_hash_goes_on(frugal: ServiceProcess) -> None:
    organization, address = at_home(frugal), used_up(frugal)
    person = {key: value for key, value in DOORS["create_user"].items() if key != "password"}
    frugal.call("create_user", actor=organization.actor(), address=address, **person)
    frugal.call(
        "verify_token", address=address, access_token=organization.signed_up["access_token"]
    )


def test_a_repeated_call_costs_no_hash(frugal: ServiceProcess) -> None:
    organization, address = at_home(frugal), next(ADDRESSES)
    repeated = {"operation_id": uuid.uuid4(), "actor": organization.actor(), "address": address}
    first = frugal.call("create_user", **repeated, **DOORS["create_user"])
    for _ in range(8):
        assert frugal.call("create_user", **repeated, **DOORS["create_user"]) == first
        assert frugal.last_replayed
