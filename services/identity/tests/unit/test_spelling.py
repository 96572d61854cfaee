"""What somebody may have meant."""

from __future__ import annotations

from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from identity_service.domain.spelling import (
    MOST_VARIANTS,
    alternatives,
    meanings,
    typos,
    variants,
    words_in,
)

WORDS = st.text("abcde", min_size=1, max_size=8)


@pytest.mark.parametrize(
    ("typed", "meant", "distance"),
    [
        ("john", "john", 0),
        ("jonh", "john", 1),
        ("jhn", "john", 1),
        ("joohn", "john", 1),
        ("jahn", "john", 1),
        ("kohn", "john", 1),
        ("katirn", "katrina", 1),
        ("kat", "katrina", 0),
        ("mary", "john", 4),
    ],
)
def test_typos_are_counted_against_the_beginning_of_a_word(
    typed: str, meant: str, distance: int
) -> None:
    assert typos(typed, meant, 4) == distance


@given(WORDS, st.data())
def test_one_slip_is_at_most_one_typo(word: str, data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(word) - 1))
    letter = data.draw(st.sampled_from("abcde"))
    swapped = word[:place] + word[place : place + 2][::-1] + word[place + 2 :]
    for slip in (word[:place] + word[place + 1 :], word[:place] + letter + word[place:], swapped):
        assert typos(slip, word, 1) <= 1


def distance(typed: str, meant: str) -> int:
    """Optimal string alignment as it is defined: slow, and without a bound."""

    @cache
    def apart(i: int, j: int) -> int:
        if not i or not j:
            return i + j
        ways = [apart(i - 1, j) + 1, apart(i, j - 1) + 1]
        ways.append(apart(i - 1, j - 1) + (typed[i - 1] != meant[j - 1]))
        if i > 1 and j > 1 and typed[i - 2 : i] == meant[j - 2 : j][::-1]:
            ways.append(apart(i - 2, j - 2) + 1)
        return min(ways)

    return min(apart(len(typed), j) for j in range(len(meant) + 1))


@given(WORDS, WORDS, st.integers(1, 4))
def test_typos_are_counted_exactly_up_to_the_bound(typed: str, meant: str, most: int) -> None:
    assert typos(typed, meant, most) == min(distance(typed, meant), most + 1)


@given(WORDS, WORDS)
def test_a_beginning_is_no_typo(word: str, more: str) -> None:
    assert typos(word, word + more, 2) == 0


def test_the_nearest_meaning_comes_first_and_the_far_do_not_come() -> None:
    assert meanings("smiht", ["smythe", "smith", "schmidt", "smit"]) == ["smit", "smith"]


def test_of_an_address_only_the_part_before_the_at_sign_may_be_misspelled() -> None:
    assert words_in("ana.smith7@exmple.org") == ["ana", "smith"]


def test_variants_replace_words_turn_two_around_and_drop_a_domain() -> None:
    made = variants("ana smiht", {"ana": ["anna"], "smiht": ["smith"]})
    assert made == [
        "ana smith",
        "anna smiht",
        "anna smith",
        "smiht ana",
        "smith ana",
        "smiht anna",
        "smith anna",
    ]
    assert variants("ana@exmple.org", {"ana": ["anna"]}) == ["anna@exmple.org", "ana@"]


@given(st.text("ab -.@1", max_size=60))
def test_variants_are_bounded_whatever_is_typed(q: str) -> None:
    found = {word: ["aa", "ab", "ba", "bb", "aaa", "bbb"] for word in words_in(q)}
    made = variants(q, found)
    assert len(made) <= 2 * MOST_VARIANTS + 2
    assert q not in made


def test_each_part_must_match_one_of_its_alternatives() -> None:
    found = {"marai": ["maria", "marias"]}
    assert alternatives("marai berg 7", found) == [["% marai%", "% maria%"], ["% berg%"], ["%7%"]]
