"""Searching for people, over the bus."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from chassis.errors import Invalid

from .conftest import Organization

PEOPLE = [
    ("Anna", "Smith", "anna.smith@mail.test", None, "S-100"),
    ("Ann", "Zeller", "az@mail.test", None, "S-101"),
    ("Annabel", "Ortega", None, "bella", "S-102"),
    ("John", "Smithers", "john@mail.test", None, None),
    ("Maria", "van der Berg", "maria@mail.test", None, None),
    ("Zoë", "Müller", "zm@mail.test", None, None),
    ("Katrina", "O'Hara", "kat_o@mail.test", None, None),
    ("Sam", "100%er", "sam@mail.test", None, None),
]


@pytest.fixture
def people(organization: Organization) -> Organization:
    for first_name, last_name, email, username, external_id in PEOPLE:
        organization.add(
            "student",
            first_name=first_name,
            last_name=last_name,
            email=email,
            username=username,
            external_id=external_id,
        )
    return organization


def names(people: Organization, q: str | None, **more: Any) -> list[str]:
    found = people.service.call("search_users", actor=people.actor(), q=q, **more)
    return [f"{one['first_name']} {one['last_name']}" for one in found["items"]]


@pytest.mark.parametrize(
    ("q", "first"),
    [
        ("anna", "Anna Smith"),
        ("ANN", "Ann Zeller"),
        ("ann z", "Ann Zeller"),
        ("zeller ann", "Ann Zeller"),
        ("smi", "Anna Smith"),
        ("az@mail", "Ann Zeller"),
        ("bella", "Annabel Ortega"),
        ("s-101", "Ann Zeller"),
        ("berg", "Maria van der Berg"),
        ("maria berg", "Maria van der Berg"),
        ("zoe", "Zoë Müller"),
        ("MULLER", "Zoë Müller"),
        ("müller", "Zoë Müller"),
        ("o'h", "Katrina O'Hara"),
        ("  anna   smith ", "Anna Smith"),
    ],
)
def test_people_are_found_by_the_beginning_of_any_name(
    people: Organization, q: str, first: str
) -> None:
    assert names(people, q)[:1] == [first]


@pytest.mark.parametrize(
    ("q", "first"),
    [
        ("jonh", "John Smithers"),
        ("Katirna", "Katrina O'Hara"),
        ("ana smith", "Anna Smith"),
        ("smiht", "Anna Smith"),
        ("mulller", "Zoë Müller"),
        ("Mülelr", "Zoë Müller"),
        ("katirn", "Katrina O'Hara"),
        ("Annabell Ortga", "Annabel Ortega"),
        ("ann.smith@mail.test", "Anna Smith"),
    ],
)
def test_people_are_found_in_spite_of_a_small_typo(
    people: Organization, q: str, first: str
) -> None:
    assert first in names(people, q)


def test_a_whole_name_comes_before_a_longer_one(people: Organization) -> None:
    assert names(people, "ann") == ["Ann Zeller", "Anna Smith", "Annabel Ortega"]
    assert names(people, "smith") == ["Anna Smith", "John Smithers"]


def test_a_whole_address_or_number_finds_its_person_alone(people: Organization) -> None:
    assert names(people, "az@mail.test") == ["Ann Zeller"]
    assert names(people, "s-101") == ["Ann Zeller"]


@pytest.mark.parametrize("q", ["xqzw", "%", "_", "100%er_", "\\", "*", "@", "@mail.test"])
def test_nothing_is_found_by_what_nobody_is_called(people: Organization, q: str) -> None:
    assert names(people, q) == []


def test_signs_with_a_meaning_for_the_database_are_letters(people: Organization) -> None:
    assert names(people, "100%") == ["Sam 100%er"]
    assert names(people, "kat_") == ["Katrina O'Hara"]


def test_everybody_is_listed_by_last_name_then_first_name(people: Organization) -> None:
    people.add("student", first_name="Aaron", last_name="van der Berg")
    people.add("student", first_name="Bert", last_name="Van")
    listed = names(people, None)
    assert listed[0] == "Sam 100%er"
    assert listed[-4:] == ["Bert Van", "Aaron van der Berg", "Maria van der Berg", "Ann Zeller"]
    assert len(listed) == len(PEOPLE) + 3


@pytest.mark.parametrize("q", [None, "a", "ann", "anm smi", "person", "xperson"])
def test_pages_show_everybody_once_in_the_same_order(people: Organization, q: str | None) -> None:
    for number in range(12):
        people.add(
            "student",
            first_name=f"Person{number % 3}",
            last_name=f"Annson{number % 4}",
            username=f"person{number}",
        )
    service, actor = people.service, people.actor()
    whole = service.call("search_users", actor=actor, q=q, limit=200)
    assert whole["next_cursor"] is None
    paged, cursor = [], None
    while True:
        page = service.call("search_users", actor=actor, q=q, limit=3, cursor=cursor)
        paged += page["items"]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert paged == whole["items"]
    assert len({one["id"] for one in paged}) == len(paged)


def test_role_and_status_narrow_the_search(people: Organization) -> None:
    people.add("instructor", "admin", first_name="Annika", last_name="Teacher")
    gone = people.add("student", first_name="Annegret", last_name="Gone")
    people.service.call("archive_user", actor=people.actor(), user_id=gone["id"])
    assert names(people, "ann", role="instructor") == ["Annika Teacher"]
    assert names(people, "ann", role="admin") == ["Annika Teacher"]
    assert names(people, None, role="admin") == ["Annika Teacher"]
    assert names(people, None, role="owner") == ["Olga Owner"]
    assert names(people, "ann", status="archived") == ["Annegret Gone"]
    assert names(people, None, status="archived") == ["Annegret Gone"]
    assert names(people, "anmegret", status="archived") == ["Annegret Gone"]
    assert "Annegret Gone" not in names(people, "ann", status="invited", role="student")


def test_who_manages_nobody_finds_themselves_and_those_among(people: Organization) -> None:
    service = people.service
    me = people.add("instructor", first_name="Annette", last_name="Me")
    mine = people.add("student", first_name="Anneke", last_name="Mine")
    actor = people.actor(me)

    def found(**arguments: Any) -> list[str]:
        result = service.call("search_users", actor=actor, **arguments)
        return [one["first_name"] for one in result["items"]]

    assert found() == ["Annette"]
    assert found(q="ann") == ["Annette"]
    assert found(among=[mine["id"]]) == ["Annette", "Anneke"]
    assert found(q="ann", among=[mine["id"]]) == ["Anneke", "Annette"]
    assert "Anneke" in found(q="anneek", among=[mine["id"]])
    assert found(q="ann", among=[mine["id"]], role="student") == ["Anneke"]
    assert found(q="ann", among=[str(uuid.uuid4())], role="student") == []


def test_pages_among_a_few_show_everybody_once(people: Organization) -> None:
    ids = [
        people.add("student", first_name=f"Ann{n % 2}", last_name=f"L{n}")["id"] for n in range(7)
    ]
    shown, cursor = [], None
    while True:
        page = people.service.call(
            "search_users", actor=people.actor(), q="ann", among=ids, limit=2, cursor=cursor
        )
        shown += [one["id"] for one in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert sorted(shown) == sorted(ids)


def test_another_organizations_people_are_not_found(
    people: Organization, other_organization: Organization
) -> None:
    assert names(other_organization, "anna") == []
    assert names(other_organization, "jonh") == []
    assert names(other_organization, None) == ["Olga Owner"]


@pytest.mark.parametrize(
    ("arguments", "pointer"),
    [
        ({"cursor": "nonsense"}, "/cursor"),
        ({"cursor": "WzEsImEiXQ"}, "/cursor"),
        ({"cursor": "W3t9LCJhIiwiYiJd"}, "/cursor"),
        ({"limit": 0}, "/limit"),
        ({"limit": 201}, "/limit"),
        ({"limit": True}, "/limit"),
        ({"role": "god"}, "/role"),
        ({"q": "a\x00b"}, "/q"),
        ({"q": "x" * 201}, "/q"),
        ({"among": ["x"]}, "/among/0"),
    ],
)
def test_a_wrong_argument_is_named(
    organization: Organization, arguments: dict[str, Any], pointer: str
) -> None:
    with pytest.raises(Invalid) as refused:
        organization.service.call("search_users", actor=organization.actor(), **arguments)
    assert [error.pointer for error in refused.value.errors] == [pointer]


@pytest.mark.parametrize("q", ["\ufdfa" * 12, "\u33ae" * 50, "x" * 201])
def test_what_is_sought_is_as_long_as_it_is_looked_for(people: Organization, q: str) -> None:
    with pytest.raises(Invalid) as refusal:
        names(people, q)
    assert [error.pointer for error in refusal.value.errors] == ["/q"]


def test_forms_and_spaces_of_what_is_sought_do_not_matter(people: Organization) -> None:
    assert names(people, "  \uff21\uff2e\uff2e\uff21   smith ")[0] == "Anna Smith"


def test_of_many_misspelled_words_the_first_few_are_looked_up(people: Organization) -> None:
    assert names(people, "anma smiht") == ["Anna Smith"]
    assert names(people, " ".join(f"smiht{letter}" for letter in "abcdefghijklmnopqrst")) == []
