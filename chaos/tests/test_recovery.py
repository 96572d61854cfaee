from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest

from chaos import recovery
from chaos.faults import Fault, Kind
from chaos.faults.kind import only
from chaos.history import HISTORY_FILE, Entry, History, read
from chaos.plan import Planned
from chaos.recovery import Tormentor
from chaos.report import figures_of, table_of
from chaos.system import BROKER, DATABASE, ChaosSystem

NO_SYSTEM = cast("ChaosSystem", None)


class Answers:
    """A prober that says what it was told to, and the last of it for ever."""

    def __init__(self, *said: bool) -> None:
        self._said = list(said)

    def probe(self) -> bool:
        return self._said.pop(0) if len(self._said) > 1 else self._said[0]


def fault(
    name: str = "harmless", run: Any = lambda system, fault: None, hits: str = "booking.1"
) -> Planned:
    return Planned(Fault(Kind(name, "", run, hits=only(hits)), "booking.1", 0.0, 1), 0.0)


def tormented(
    folder: Path, prober: Answers, *rounds: list[Planned]
) -> tuple[Tormentor, list[Entry], list[str]]:
    told: list[str] = []
    with History(folder / HISTORY_FILE) as history:
        tormentor = Tormentor(NO_SYSTEM, prober, history, told.append)
        tormentor.play(rounds)
    return tormentor, read(folder / HISTORY_FILE), told


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recovery, "POLL_SECONDS", 0.01)


def test_a_fault_is_recorded_with_the_time_to_recovery(tmp_path: Path) -> None:
    tormentor, entries, told = tormented(tmp_path, Answers(False, False, True), [fault()])
    (entry,) = entries
    assert entry.is_fault
    assert (entry.operation, entry.request["target"]) == ("harmless", "booking.1")
    assert entry.answer is not None
    assert 0.02 <= entry.answer["recovered_after"] < recovery.RECOVERY_SECONDS
    assert not tormentor.done[0].is_violation
    assert "harmless booking.1" in told[0]


def test_one_answer_among_failures_is_no_recovery(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recovery, "RECOVERY_SECONDS", 0.3)
    answers = Answers(*[True, False] * 1000)
    tormentor, _, told = tormented(tmp_path, answers, [fault()], [fault()])
    assert [one.is_violation for one in tormentor.done] == [True]
    assert "NOT RECOVERED" in told[0]


@pytest.mark.parametrize(("server", "target"), [(BROKER, 10.0), (DATABASE, 5.0)])
def test_a_server_that_failed_alone_has_a_target(
    tmp_path: Path, server: str, target: float
) -> None:
    tormentor, entries, _ = tormented(tmp_path, Answers(True), [fault(hits=server)])
    assert [entry.answer and entry.answer["limit"] for entry in entries] == [target]
    assert not tormentor.done[0].is_violation


def test_a_recovery_later_than_the_target_is_a_violation_and_faults_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(recovery.TARGETS, BROKER, 0.001)
    rounds = [[fault(hits=BROKER)], [fault()]]
    tormentor, entries, _ = tormented(tmp_path, Answers(False, False, True), *rounds)
    assert [one.is_violation for one in tormentor.done] == [True, False]
    assert [entry.outcome for entry in entries] == ["failed", "ok"]


def test_the_same_time_is_no_violation_in_company(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(recovery.TARGETS, BROKER, 0.001)
    together = [fault(hits=BROKER), fault()]
    tormentor, entries, _ = tormented(tmp_path, Answers(False, False, True), together)
    assert [one.is_violation for one in tormentor.done] == [False, False]
    limits = {entry.answer and entry.answer["limit"] for entry in entries}
    assert limits == {recovery.RECOVERY_SECONDS}


def test_a_fault_that_can_not_be_healed_is_a_violation(tmp_path: Path) -> None:
    def stuck(system: ChaosSystem, fault: Fault) -> None:
        raise TimeoutError("it did not come back")

    tormentor, entries, told = tormented(tmp_path, Answers(True), [fault(run=stuck)])
    assert tormentor.done[0].is_violation
    assert entries[0].outcome == "failed"
    assert "it did not come back" in told[0]


def test_faults_of_one_round_are_not_taken_for_faults_that_came_alone(tmp_path: Path) -> None:
    rounds = [[fault("a"), fault("b")], [fault("a")]]
    _, entries, _ = tormented(tmp_path, Answers(True), *rounds)
    alone = [(entry.operation, entry.answer and entry.answer["alone"]) for entry in entries]
    assert sorted(alone[:2]) == [("a", False), ("b", False)], "begun at once, in either order"
    assert alone[2:] == [("a", True)]


def test_the_table_has_a_line_for_each_kind(tmp_path: Path) -> None:
    _, entries, _ = tormented(tmp_path, Answers(True), [fault("a")], [fault("b")], [fault("a")])
    head, *lines = table_of(entries, {"b": 5.0})
    assert head.split()[:2] == ["fault", "times"]
    assert [line.split()[:2] for line in lines] == [["a", "2"], ["b", "1"]]
    assert lines[1].split()[-1] == "5"
    assert "3 faults" in figures_of(entries)
