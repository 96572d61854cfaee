"""The README's tour works when it is pasted line by line, and its answers are what comes."""

from __future__ import annotations

from .tour import README, blocks, run, shape


def test_the_tour_answers_what_the_readme_shows(url: str) -> None:
    tour = blocks(README.read_text())
    assert len(tour) > 8
    for block, answers in zip(tour, run([block.commands for block in tour], url), strict=True):
        assert [shape(answer) for answer in answers] == [shape(shown) for shown in block.answers]
