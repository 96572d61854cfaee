"""Rules of adding or updating many people at once."""

from __future__ import annotations

import uuid
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from identity_service.domain.upsert import Batch, naming_keys

FIELDS = ("first_name", "last_name", "email", "username", "phone", "time_zone", "external_id")


def stored(**values: Any) -> dict[str, Any]:
    empty: dict[str, Any] = dict.fromkeys(FIELDS)
    defaults = {"id": uuid.uuid4(), "roles": ["student"], "status": "invited", "time_zone": "UTC"}
    return {**empty, "first_name": "A", "last_name": "B", **defaults, **values}


def item(**values: Any) -> dict[str, Any]:
    return {"first_name": "A", "last_name": "B", "roles": ["student"], **values}


def batch_of(*people: dict[str, Any]) -> Batch:
    return Batch(people, "UTC", may_change_owners=False)


def test_a_value_that_is_not_given_stays() -> None:
    known = stored(email="a@b.de", phone="1")
    batch = batch_of(known)
    assert batch.apply({"email": "a@b.de", "roles": []}, uuid.uuid4()).outcome == "unchanged"
    assert batch.updated() == []


def test_a_role_is_added_and_none_taken() -> None:
    known = stored(email="a@b.de", roles=["admin"])
    batch = batch_of(known)
    outcome = batch.apply(item(email="a@b.de"), uuid.uuid4())
    assert (outcome.outcome, outcome.changes) == ("update", ["roles"])
    assert batch.people[known["id"]].values["roles"] == ["admin", "student"]


def test_a_name_given_up_in_the_batch_is_not_free_in_it() -> None:
    one, two = stored(email="a@b.de", external_id="1"), stored(external_id="2")
    batch = batch_of(one, two)
    assert batch.apply(item(external_id="1", email="new@b.de"), uuid.uuid4()).outcome == "update"
    outcome = batch.apply(item(external_id="2", email="a@b.de"), uuid.uuid4())
    assert outcome.outcome == "invalid"


NAMES = st.sampled_from(["x", "y", "z"])
ITEMS = st.lists(
    st.fixed_dictionaries(
        {},
        optional={"email": NAMES, "username": NAMES, "external_id": NAMES, "phone": NAMES},
    ),
    max_size=12,
)


@given(ITEMS, ITEMS)
def test_no_two_people_ever_share_a_name_and_a_second_run_changes_nothing_new(
    before: list[dict[str, str]], after: list[dict[str, str]]
) -> None:
    first = batch_of()
    for one in before:
        first.apply(item(**one), uuid.uuid4())
    people = [person.values for person in first.created()]
    second = Batch(people, "UTC", may_change_owners=True)
    outcomes = [second.apply(item(**one), uuid.uuid4()) for one in after]
    keys = [key for person in second.people.values() for key in naming_keys(person.values)]
    assert len(keys) == len(set(keys))
    for one, outcome in zip(after, outcomes, strict=True):
        assert outcome.outcome in {"create", "update", "unchanged", "invalid"}
        assert (outcome.outcome == "invalid") == bool(outcome.problems)
        assert naming_keys(one) or outcome.outcome == "invalid"
