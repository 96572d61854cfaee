"""The core keeps its promises in every order tried; the simulation finds what is planted; a seed replays."""

import pytest

from simulation.__main__ import main
from simulation.mutants import MUTANTS
from simulation.running import first_broken, report, run_chunk
from simulation.schedule import run

SCHEDULES = 1_000
SCHEDULES_TO_FIND_A_MUTANT = 4_000


def test_no_schedule_breaks_a_promise() -> None:
    _, broken = run_chunk(range(SCHEDULES))
    assert not broken, "\n".join(report(min(broken, key=lambda result: result.steps)))


@pytest.mark.parametrize("option", ["--schedules", "--processes"])
def test_a_simulation_of_nothing_is_refused(
    option: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as refused:
        main([option, "0"])
    assert refused.value.code == 2
    assert f"argument {option}: must be 1 or more: 0" in capsys.readouterr().err


@pytest.mark.parametrize("name", MUTANTS)
def test_every_planted_bug_is_found(name: str) -> None:
    assert first_broken(MUTANTS[name], SCHEDULES_TO_FIND_A_MUTANT) is not None


def test_a_seed_gives_the_very_same_schedule_again() -> None:
    for seed in range(20):
        first, again = (run(seed, tracing=True) for _ in range(2))
        assert list(first.lines()) == list(again.lines())
        assert first.steps == run(seed).steps


def test_a_broken_seed_is_broken_again_and_can_be_read() -> None:
    found = first_broken(MUTANTS["acknowledges first"], 200)
    assert found is not None
    again = run(found.seed, MUTANTS["acknowledges first"], tracing=True)
    assert again.violations == found.violations
    assert any("is given" in line for line in again.lines())
    assert f"--seed {found.seed}" in list(report(found))[-1]
