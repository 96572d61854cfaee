from __future__ import annotations

from pathlib import Path
from typing import Any

from chaos.checker.__main__ import main
from chaos.final import FINAL_FILE, SERVICES, UNFINISHED, UNSENT, FinalState, Row, collect
from chaos.history import HISTORY_FILE, write
from chaos.tests.story import Story


class Fake:
    """A system in which some events wait for a while."""

    def __init__(self, unsent: int = 0, dead: int = 0) -> None:
        self.unsent = unsent
        self.waiting = [{"name": "booking.dead-letters", "messages": dead}]
        self.asked: list[str] = []

    def sql(self, service: str, statement: str, parameters: Any = None) -> list[Any]:
        self.asked.append(service)
        if statement == UNSENT:
            self.unsent = max(0, self.unsent - 1)
            return [(self.unsent,)]
        return [(0,)] if statement == UNFINISHED else [([{"id": service}],)]

    def queues(self, *columns: str) -> list[Row]:
        return [*self.waiting, {"name": "idle", "messages": 0}]

    def chassis(self, *words: str) -> str:
        return " ".join(words)


def test_all_is_read_when_nothing_is_on_its_way_any_more() -> None:
    system = Fake(unsent=2)

    final = collect(system, seconds=30.0)

    assert final.idle_after is not None
    assert final.sessions == [{"id": "booking"}]
    assert set(final.outbox) == set(SERVICES)
    assert final.queues == {}


def test_what_never_comes_to_an_end_is_read_as_it_is() -> None:
    assert collect(Fake(unsent=10**9), seconds=0.0).idle_after is None


def test_dead_letters_do_not_keep_it_waiting_and_are_told() -> None:
    final = collect(Fake(dead=2), seconds=30.0)

    assert final.queues == {"booking.dead-letters": 2}
    assert final.dead_letters == {"booking": "dead-letters list booking"}


def test_a_kept_run_is_checked_again(story: Story, tmp_path: Path, capsys: Any) -> None:
    def kept() -> int:
        write(tmp_path / HISTORY_FILE, story.entries)
        story.final.write(tmp_path / FINAL_FILE)
        return main([str(tmp_path)])

    story.book()
    assert FinalState(**vars(story.final)) == story.final
    assert kept() == 0

    story.final.sessions.clear()
    assert kept() == 1
    assert "is not there" in capsys.readouterr().out


def test_the_checker_says_how_it_is_called(capsys: Any) -> None:
    assert main([]) == 2
    assert "usage" in capsys.readouterr().err
