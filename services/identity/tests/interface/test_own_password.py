"""A new password, and what one changes of oneself with it."""

from __future__ import annotations

from typing import Any

import pytest

from chassis.errors import Conflict, Forbidden, Invalid, ServiceError

from .conftest import PASSWORD, Organization

NEW = "an entirely new secret"


def change(organization: Organization, user: dict[str, Any], **changed: Any) -> Any:
    arguments = {"current_password": PASSWORD, "password": NEW, **changed}
    return organization.service.call("change_password", actor=organization.actor(user), **arguments)


def can_sign_in(organization: Organization, user: dict[str, Any], password: str) -> bool:
    try:
        organization.service.call("authenticate", login=user["email"], password=password)
    except Forbidden:
        return False
    return True


def test_password_and_time_zone_change_together(organization: Organization) -> None:
    user = organization.add("student", password=PASSWORD)
    changes = {"time_zone": "Asia/Tokyo"}
    changed = change(organization, user, changes=changes, if_version=user["version"])
    assert changed["time_zone"] == "Asia/Tokyo"
    assert changed["version"] == user["version"] + 1
    assert can_sign_in(organization, user, NEW)


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        ({"current_password": "not this one"}, Forbidden),  # nosec B105 # made up for a test
        ({"changes": {"time_zone": "Mars/Olympus"}}, Invalid),
        ({"changes": {"first_name": "Eve"}}, Invalid),
        ({"changes": {"roles": ["owner"]}}, Invalid),
        ({"if_version": 7}, Conflict),
        ({"password": "password"}, Invalid),  # nosec B105 # made up for a test
    ],
)
def test_when_one_part_is_wrong_nothing_is_changed(
    organization: Organization, wrong: dict[str, Any], error: type[ServiceError]
) -> None:
    user = organization.add("student", password=PASSWORD)
    with pytest.raises(error):
        change(organization, user, **{"changes": {"time_zone": "Asia/Tokyo"}, **wrong})
    actor = organization.actor(user)
    assert organization.service.call("get_user", actor=actor, user_id=user["id"]) == user
    assert can_sign_in(organization, user, PASSWORD)
