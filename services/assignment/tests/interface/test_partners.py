"""list_partners: the active pairs of many people at once."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from assignment_service.domain import Role
from assignment_service.storage.partners import ACTIVE_PAIRS_OF, FIRST
from assignment_service.use_cases.listing import MOST_PARTNERS
from chassis.errors import Forbidden, Invalid

Ids = dict[str, str]

STORE = """
    INSERT INTO assignments (organization_id, id, instructor_id, student_id, source, assigned_at, assigned_by)
    SELECT %(organization_id)s, gen_random_uuid(), instructor_id, gen_random_uuid(), 'manual', now(),
           gen_random_uuid()
      FROM unnest(%(instructor_ids)s::uuid[]) AS instructor_id, generate_series(1, %(students)s)
    RETURNING instructor_id::text, student_id::text
"""


def partners(organization: Any, **wanted: Any) -> list[Ids]:
    answer = organization.call("list_partners", **wanted)
    assert answer["next_cursor"] is None
    return list(answer["pairs"])


def in_order(pairs: list[Ids]) -> list[tuple[str, str]]:
    return sorted((pair["instructor_id"], pair["student_id"]) for pair in pairs)


@pytest.fixture
def pairs(organization: Any) -> list[Ids]:
    """i1 with s1 and s2, i2 with s1, i3 with s3; i2 was with s3."""
    i1, i2, i3 = (organization.person("instructor") for _ in range(3))
    s1, s2, s3 = (organization.person("student") for _ in range(3))
    named = [(i1, s1), (i1, s2), (i2, s1), (i3, s3), (i2, s3)]
    pairs = [{"instructor_id": i, "student_id": s} for i, s in named]
    organization.call("assign_many", pairs=pairs)
    organization.call("end_assignment", **pairs.pop())
    return pairs


def test_instructors_have_all_their_active_pairs_and_no_ended_one(
    organization: Any, pairs: list[Ids]
) -> None:
    i1, i2 = pairs[0]["instructor_id"], pairs[2]["instructor_id"]
    nobody = str(uuid.uuid4())
    found = partners(organization, instructor_ids=[i2, i1, nobody, i2])
    assert in_order(found) == in_order(pairs[:3])
    assert partners(organization, instructor_ids=[nobody]) == []


def test_students_have_all_their_active_pairs_and_no_ended_one(
    organization: Any, pairs: list[Ids]
) -> None:
    s1, s3 = pairs[0]["student_id"], pairs[3]["student_id"]
    found = partners(organization, student_ids=[s1, s3], instructor_ids=None)
    assert in_order(found) == in_order([pairs[0], pairs[2], pairs[3]])
    assert partners(organization, student_ids=[pairs[0]["instructor_id"]]) == []


def test_a_pair_assigned_again_and_an_archived_persons_are_among_them(organization: Any) -> None:
    pair = organization.known_pair()
    for method in ("assign", "end_assignment", "assign"):
        organization.call(method, **pair)
    organization.change("user_archived", pair["student_id"], status="archived")
    assert partners(organization, student_ids=[pair["student_id"]]) == [pair]


def test_another_organizations_pairs_are_not_seen(
    organization: Any, pairs: list[Ids], new_organization: Any
) -> None:
    other = new_organization(organization.service)
    assert partners(other, instructor_ids=[pair["instructor_id"] for pair in pairs]) == []
    assert partners(other, student_ids=[pair["student_id"] for pair in pairs]) == []


@pytest.mark.parametrize("role", ["instructor", "student"])
def test_who_is_no_administrator_may_not_ask_not_even_of_themselves(
    organization: Any, pairs: list[Ids], role: str
) -> None:
    me = pairs[0][f"{role}_id"]
    with pytest.raises(Forbidden, match=r"assignment\.admins_only"):
        organization.call("list_partners", organization.actor(role, me), **{f"{role}_ids": [me]})
    assert organization.call("list_partners", organization.actor("owner"), student_ids=[me])


@pytest.mark.parametrize(
    ("wanted", "pointer"),
    [
        ({}, "/student_ids"),
        ({"instructor_ids": None, "student_ids": None}, "/student_ids"),
        ({"instructor_ids": [str(FIRST)], "student_ids": [str(FIRST)]}, "/student_ids"),
        ({"instructor_ids": []}, "/instructor_ids"),
        ({"instructor_ids": [str(FIRST)] * 501}, "/instructor_ids"),
        ({"instructor_ids": str(FIRST)}, "/instructor_ids"),
        ({"student_ids": [str(FIRST), "\x00"]}, "/student_ids/1"),
        ({"student_ids": [{}]}, "/student_ids/0"),
        ({"student_ids": [str(FIRST)], "status": "active"}, "/status"),
        ({"student_ids": [str(FIRST)], "cursor": 1}, "/cursor"),
        ({"student_ids": [str(FIRST)], "cursor": "WzEsMl0"}, "/cursor"),
        ({"student_ids": [str(FIRST)], "cursor": "é"}, "/cursor"),
    ],
)
def test_malformed_arguments_are_named(
    organization: Any, wanted: dict[str, Any], pointer: str
) -> None:
    with pytest.raises(Invalid) as caught:
        organization.call("list_partners", **wanted)
    assert [error.pointer for error in caught.value.errors] == [pointer]


def test_more_than_a_page_comes_in_pages_with_each_pair_once(organization: Any) -> None:
    """Three instructors' pairs, so that the first page ends amid the second one's."""
    instructors = [str(uuid.uuid4()) for _ in range(3)]
    each = MOST_PARTNERS * 2 // 3
    parameters = {"organization_id": str(organization.id), "instructor_ids": instructors}
    organization.service.sql(STORE, {**parameters, "students": each})
    pages, cursor = [], None
    while True:
        wanted = {"instructor_ids": instructors, "cursor": cursor}
        answer = organization.call("list_partners", **wanted, seconds=20)
        pages.append(answer["pairs"])
        cursor = answer["next_cursor"]
        if cursor is None:
            break
    sizes = [len(page) for page in pages]
    assert sizes == [MOST_PARTNERS, 3 * each - MOST_PARTNERS]
    assert len({tuple(pair.values()) for page in pages for pair in page}) == sum(sizes)


@pytest.mark.parametrize("role", list(Role))
def test_each_person_is_found_by_the_index_of_their_half_even_without_statistics(
    organization: Any, role: Role
) -> None:
    """Pairs that were just inserted: no plan may read the whole organization for each person."""
    instructors = [str(uuid.uuid4()) for _ in range(100)]
    parameters = {"organization_id": str(organization.id), "instructor_ids": instructors}
    pairs = organization.service.sql(STORE, {**parameters, "students": 10})
    people = instructors if role is Role.INSTRUCTOR else [student for _, student in pairs[:100]]
    [[plan]] = organization.service.sql(
        f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {ACTIVE_PAIRS_OF[role]}",
        {
            "organization_id": str(organization.id),
            "people": people,
            "since": [str(FIRST)] * len(people),
            "limit": MOST_PARTNERS,
        },
    )
    [scan] = scans_of(plan[0]["Plan"])
    assert scan["Index Name"] == f"assignments_of_{role}"
    assert scan["Actual Loops"] == 100
    assert scan["Actual Rows"] == (10 if role is Role.INSTRUCTOR else 1)


def scans_of(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The plan's nodes that read a table."""
    if "Relation Name" in plan:
        yield plan
    for child in plan.get("Plans", []):
        yield from scans_of(child)
