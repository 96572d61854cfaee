"""authorize, authorize_many, explain and list_assignments."""

from __future__ import annotations

import base64
import json
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from assignment_service.storage.states import STATES_OF_PAIRS
from chassis.errors import Forbidden, Invalid, NotFound


def test_reasons_tell_never_assigned_and_unknown_people_apart(organization: Any) -> None:
    pair, nobody = organization.pair(), str(uuid.uuid4())
    assert organization.reason(pair) == "never_assigned"
    assert organization.reason({**pair, "instructor_id": nobody}) == "unknown_instructor"
    assert organization.reason({**pair, "student_id": nobody}) == "unknown_student"
    swapped = {"instructor_id": pair["student_id"], "student_id": pair["instructor_id"]}
    assert organization.reason(swapped) == "unknown_instructor"


def test_people_are_asked_about_once_and_then_known(organization: Any, identities: Any) -> None:
    pair = organization.pair()

    def questions() -> int:
        calls = [kwargs["user_ids"] for _, kwargs in identities.fake.calls]
        return sum(pair["student_id"] in asked for asked in calls)

    for _ in range(3):
        organization.reason(pair)
    assert questions() == 1


@pytest.mark.parametrize("role", ["instructor", "student", "admin", "owner"])
def test_anybody_signed_in_may_have_a_pair_decided(organization: Any, role: str) -> None:
    pair = organization.pair()
    organization.call("assign", **pair)
    assert organization.reason(pair, organization.actor(role)) == "assigned"


def test_an_archived_person_is_refused_and_a_restored_one_allowed_again(organization: Any) -> None:
    pair = organization.known_pair()
    assigned = organization.call("assign", **pair)["assignment"]
    for role in ("student", "instructor"):
        organization.change("user_archived", pair[f"{role}_id"], status="archived")
        assert organization.reason(pair) == f"{role}_archived"
        organization.change("user_restored", pair[f"{role}_id"], status="active")
        assert organization.reason(pair) == "assigned"
    assert organization.rows(pair) == [(assigned["id"], "manual", True)]


def test_who_loses_the_role_loses_the_permission(organization: Any) -> None:
    pair = organization.known_pair()
    organization.call("assign", **pair)
    organization.change("user_updated", pair["instructor_id"], roles=["admin"])
    assert organization.reason(pair) == "unknown_instructor"


def test_many_decisions_come_in_order_with_duplicates(organization: Any) -> None:
    first, second = organization.pair(), organization.pair()
    organization.call("assign", **first)
    pairs = [second, first, {**first, "student_id": str(uuid.uuid4())}, first]
    results = organization.call("authorize_many", pairs=pairs)["results"]
    assert [r["reason"] for r in results] == [
        "never_assigned",
        "assigned",
        "unknown_student",
        "assigned",
    ]
    assert [{key: r[key] for key in first} for r in results] == pairs


def test_explain_shows_what_the_decision_rests_on(organization: Any) -> None:
    pair = organization.pair()
    empty = {"assignment_id": None, "source": None, "assigned_at": None, "ended_at": None}
    expected = {"allowed": False, "reason": "never_assigned", **empty}
    assert organization.call("explain", **pair) == expected
    assignment = organization.call("assign", **pair)["assignment"]
    facts = {
        "assignment_id": assignment["id"],
        "source": "manual",
        "assigned_at": assignment["assigned_at"],
    }
    expected = {"allowed": True, "reason": "assigned", "ended_at": None, **facts}
    assert organization.call("explain", **pair) == expected
    ended = organization.call("end_assignment", **pair)["ended"]
    expected = {"allowed": False, "reason": "ended", "ended_at": ended["ended_at"], **facts}
    assert organization.call("explain", **pair) == expected


def test_people_have_their_own_pairs_explained_and_no_others(organization: Any) -> None:
    pair = organization.pair()
    organization.call("assign", **pair)
    for role in ("instructor", "student"):
        own = organization.actor(role, pair[f"{role}_id"])
        assert organization.call("explain", own, **pair)["allowed"]
        with pytest.raises(Forbidden, match=r"assignment\.not_your_pair"):
            organization.call("explain", organization.actor(role), **pair)


def test_pages_show_everything_once_newest_first(organization: Any) -> None:
    pairs = [organization.pair() for _ in range(7)]
    organization.call("assign_many", pairs=pairs[:4])  # made at one moment: ids break the tie
    for pair in pairs[4:]:
        organization.call("assign", **pair)
    organization.call("end_assignment", **pairs[0])
    found, cursor = [], None
    while True:
        page = organization.call("list_assignments", limit=2, cursor=cursor)
        found += page["items"]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert len(found) == len({item["id"] for item in found}) == 7
    moments = [(item["assigned_at"], item["id"]) for item in found]
    assert moments == sorted(moments, reverse=True)


def test_filters_narrow_the_list(organization: Any) -> None:
    first, second = organization.pair(), organization.pair()
    shared = {**second, "instructor_id": first["instructor_id"]}
    for pair in (first, second, shared):
        organization.call("assign", **pair)
    organization.call("end_assignment", **first)

    def listed(**filters: str) -> list[tuple[str, str]]:
        items = organization.call("list_assignments", **filters)["items"]
        return [(item["instructor_id"], item["student_id"]) for item in items]

    def ids(*pairs: dict[str, str]) -> list[tuple[str, str]]:
        return [(pair["instructor_id"], pair["student_id"]) for pair in pairs]

    assert listed(instructor_id=first["instructor_id"]) == ids(shared, first)
    assert listed(student_id=second["student_id"]) == ids(shared, second)
    assert listed(instructor_id=first["instructor_id"], status="active") == ids(shared)
    assert listed(status="ended") == ids(first)
    assert listed(**first) == ids(first)


@pytest.mark.parametrize("role", ["instructor", "student"])
def test_people_list_their_own_assignments_and_no_others(organization: Any, role: str) -> None:
    mine, other = organization.pair(), organization.pair()
    for pair in (mine, other):
        organization.call("assign", **pair)
    me = organization.actor(role, mine[f"{role}_id"])
    items = organization.call("list_assignments", me)["items"]
    assert [item[f"{role}_id"] for item in items] == [mine[f"{role}_id"]]
    assert organization.call("list_assignments", me, **other)["items"] == []
    stranger = organization.actor(role)
    assert organization.call("list_assignments", stranger, **mine)["items"] == []


def cursor_of(*keys: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(keys).encode()).decode()


@pytest.mark.parametrize(
    "cursor",
    [
        "x",
        "",
        "[]",
        cursor_of("2020-01-01", 1),
        cursor_of("2020-01-01T00:00:00", str(uuid.uuid4())),
        "é" * 400,
    ],
)
def test_a_cursor_that_is_none_is_refused(organization: Any, cursor: str) -> None:
    with pytest.raises(Invalid) as caught:
        organization.call("list_assignments", cursor=cursor)
    assert caught.value.errors[0].pointer == "/cursor"


def test_another_organization_sees_and_changes_nothing(
    organization: Any, new_organization: Any
) -> None:
    pair = organization.pair()
    organization.call("assign", **pair)
    other = new_organization(organization.service)
    assert other.reason(pair) == "unknown_instructor"
    assert other.call("explain", **pair)["assignment_id"] is None
    assert other.call("list_assignments")["items"] == []
    assert other.call("list_assignments", **pair)["items"] == []
    assert other.call("end_many", pairs=[pair])["results"][0]["outcome"] == "not_assigned"
    with pytest.raises(NotFound, match=r"assignment\.not_assigned"):
        other.call("end_assignment", **pair)
    with pytest.raises(NotFound, match=r"assignment\.unknown_instructor"):
        other.call("assign", **pair)
    # Even the same ids in both organizations stay apart.
    other.people.update(organization.people)
    other.call("assign", **pair)
    other.call("end_assignment", **pair)
    assert (organization.reason(pair), other.reason(pair)) == ("assigned", "ended")


def test_refreshing_stores_what_is_newer_and_nothing_older(organization: Any) -> None:
    pair = organization.known_pair()
    organization.call("assign", **pair)
    student = organization.people[pair["student_id"]]
    student.update(status="archived", version=5)
    unknown = str(uuid.uuid4())
    assert organization.call("refresh_participants", user_ids=[student["id"], unknown]) is None
    assert organization.reason(pair) == "student_archived"
    student.update(status="active", version=4)
    organization.call("refresh_participants", user_ids=[student["id"]])
    assert organization.reason(pair) == "student_archived"


ANOTHER_LARGE_ORGANIZATION = """
    INSERT INTO assignments (organization_id, id, instructor_id, student_id, source, assigned_at, assigned_by)
    SELECT %s, gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), 'manual', now(), gen_random_uuid()
      FROM generate_series(1, 20000)
"""


def test_a_pair_is_found_by_an_index_on_both_its_halves_even_without_statistics(
    organization: Any,
) -> None:
    """A thousand pairs of one instructor, just inserted beside a large organization that the statistics know.

    No plan may read them all for one of them.
    """
    organization.service.sql(ANOTHER_LARGE_ORGANIZATION, (str(uuid.uuid4()),))
    organization.service.sql("ANALYZE assignments")
    instructor = organization.person("instructor")
    pairs = [
        {"instructor_id": instructor, "student_id": organization.person("student")}
        for _ in range(1000)
    ]
    organization.call("assign_many", pairs=pairs, seconds=20)
    [[plan]] = organization.service.sql(
        f"EXPLAIN (ANALYZE, FORMAT JSON) {STATES_OF_PAIRS}",
        {
            "organization_id": str(organization.id),
            "instructor_ids": [instructor] * 1000,
            "student_ids": [pair["student_id"] for pair in pairs],
        },
    )
    scans = list(scans_of(plan[0]["Plan"]))
    assert scans
    for scan in scans:
        assert scan["Actual Rows"] <= 1, scan
        assert scan.get("Rows Removed by Filter", 0) == 0, scan


def scans_of(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The plan's nodes that read a table."""
    if "Relation Name" in plan:
        yield plan
    for child in plan.get("Plans", []):
        yield from scans_of(child)
