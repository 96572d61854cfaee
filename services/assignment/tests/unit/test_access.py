"""Who may do what; allow and refuse with the same set-up."""

from __future__ import annotations

import uuid

import pytest

from assignment_service import access
from assignment_service.domain import Pair
from chassis.errors import Forbidden
from chassis.testing import actor


@pytest.mark.parametrize("role", ["owner", "admin"])
def test_administrators_change_and_see_everything(role: str) -> None:
    person = actor(role)
    access.may_change(person)
    access.may_look_at(person, Pair(uuid.uuid4(), uuid.uuid4()))
    assert access.confined_to(person) is None


@pytest.mark.parametrize("role", ["instructor", "student"])
def test_others_change_nothing_and_see_their_own(role: str) -> None:
    person = actor(role)
    access.may_look_at(person, Pair(person.user_id, uuid.uuid4()))
    access.may_look_at(person, Pair(uuid.uuid4(), person.user_id))
    assert access.confined_to(person) == person.user_id
    with pytest.raises(Forbidden, match=r"assignment\.admins_only"):
        access.may_change(person)
    with pytest.raises(Forbidden, match=r"assignment\.not_your_pair"):
        access.may_look_at(person, Pair(uuid.uuid4(), uuid.uuid4()))


def test_an_instructor_who_is_also_admin_is_an_admin() -> None:
    access.may_change(actor("instructor", "admin"))
