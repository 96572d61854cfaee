"""Rules of people and organizations."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from identity_service.domain.organizations import SLUG_LENGTH, slug_candidates, slug_of
from identity_service.domain.people import (
    is_email,
    is_username,
    normalized_email,
    ordered_roles,
    username_key,
)


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("Acme Tutoring", "acme-tutoring"),
        ("  Müller & Söhne! ", "muller-sohne"),
        ("学校", "organization"),
        ("--", "organization"),
        ("a" * 100, "a" * SLUG_LENGTH),
    ],
)
def test_a_slug_is_made_of_the_names_plain_letters(name: str, slug: str) -> None:
    assert slug_of(name) == slug


@given(st.text(max_size=80))
def test_every_name_has_a_slug_that_fits_an_address(name: str) -> None:
    for slug in slug_candidates(name, "abcd1234"):
        assert slug
        assert set(slug) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")
        assert not slug.startswith("-")
        assert not slug.endswith("-")


@pytest.mark.parametrize("text", ["a@b.co", "first.last+tag@sub.example.org", "ü@exämple.de"])
def test_addresses_are_accepted(text: str) -> None:
    assert is_email(normalized_email(text))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a",
        "@b.co",
        "a@",
        "a@b",
        "a@b@c.de",
        "a b@c.de",
        "a@c..de",
        "<a@b.co>",
        "a@" + "b" * 250 + ".de",
    ],
)
def test_what_is_no_address_is_refused(text: str) -> None:
    assert not is_email(normalized_email(text))


@given(st.text(min_size=1, max_size=64))
def test_a_username_is_the_same_in_any_case(name: str) -> None:
    assert username_key(username_key(name)) == username_key(name)
    if len(name.upper()) == len(name) and name.upper().casefold() == name.casefold():
        assert username_key(name.upper()) == username_key(name)


@pytest.mark.parametrize("name", ["", "a@b", "a b", "a\u00a0b", "a\uff20b", "x" * 65])
def test_a_username_has_no_at_sign_and_no_space(name: str) -> None:
    assert not is_username(name)


def test_roles_are_shown_once_and_highest_first() -> None:
    assert ordered_roles(["student", "admin", "student"]) == ["admin", "student"]
