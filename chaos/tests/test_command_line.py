"""What `bin/chaos` is asked for makes sense, or it says what does not and starts nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from chaos.__main__ import parse
from chaos.final import FINAL_FILE
from chaos.history import HISTORY_FILE


def test_what_is_not_said_is_twenty_minutes_of_a_seed_by_chance() -> None:
    options = parse([])
    assert options.minutes == 20
    assert 0 <= options.seed < 1_000_000


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--minutes", "0"], "--minutes: not a number of minutes above 0: 0"),
        (["--minutes=-1"], "--minutes: not a number of minutes above 0: -1"),
        (["--minutes", "nan"], "--minutes: not a number of minutes above 0: nan"),
        (["--minutes", "inf"], "--minutes: not a number of minutes above 0: inf"),
        (["--minutes", "soon"], "--minutes: invalid duration value: 'soon'"),
        (["--faults", "kill,rain"], "--faults: no such fault: rain; see --list"),
        (["--seed", "x"], "--seed: invalid int value: 'x'"),
    ],
)
def test_what_makes_no_sense_is_refused_by_its_name(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as refused:
        parse(arguments)
    assert refused.value.code == 2
    assert f"argument {said}" in capsys.readouterr().err


def test_only_a_run_that_was_kept_whole_is_checked_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / HISTORY_FILE).touch()
    with pytest.raises(SystemExit) as refused:
        parse(["--check", str(tmp_path)])
    assert refused.value.code == 2
    assert f"no kept run in {tmp_path}: {FINAL_FILE} missing" in capsys.readouterr().err
    (tmp_path / FINAL_FILE).touch()
    assert parse(["--check", str(tmp_path)]).check == tmp_path
