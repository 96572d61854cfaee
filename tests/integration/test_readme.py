"""The README's tour works when it is pasted line by line, and its answers are what comes."""

from __future__ import annotations

import pytest

from .tour import README, blocks, run, shape


def test_the_tour_answers_what_the_readme_shows(url: str) -> None:
    tour = blocks(README.read_text())
    assert len(tour) > 8
    for block, answers in zip(tour, run([block.commands for block in tour], url), strict=True):
        assert [shape(answer) for answer in answers] == [shape(shown) for shown in block.answers]


def test_a_tour_ends_at_the_first_command_that_fails_and_shows_what_came_before() -> None:
    commands = ["echo signed up", "no-such-command\necho goes on"]
    with pytest.raises(AssertionError) as failed:
        run(commands, "http://127.0.0.1:1")
    said = str(failed.value)
    assert said.startswith("the tour ended with status 127. It complained:\nbash: ")
    assert "no-such-command: command not found" in said
    assert "signed up" in said
    assert "goes on" not in said


def test_a_tour_without_a_gateway_fails_at_once() -> None:
    tour = [block.commands for block in blocks(README.read_text())]
    with pytest.raises(AssertionError, match="ended with status 7"):  # curl's: failed to connect
        run(tour, "http://127.0.0.1:1", seconds=30)


def test_a_tour_that_hangs_is_ended_and_shows_how_far_it_came() -> None:
    commands = ["echo signed up", "tail -f /dev/null | cat"]
    with pytest.raises(AssertionError, match=r"did not end within 1 s(.|\n)*signed up"):
        run(commands, "http://127.0.0.1:1", seconds=1)
