"""Which Python the system runs on: where services run as another account, one that this account can run."""

from __future__ import annotations

import os
import subprocess  # nosec B404 # commands are lists of our own words, without a shell
import sys
from pathlib import Path

import pytest

from local_runner import interpreter, python_environment
from local_runner.accounts import Account, can_run, own_account
from local_runner.interpreter import Interpreter, for_services
from local_runner.places import ROOT
from local_runner.python_environment import has_better_base, is_current

IS_ROOT = os.geteuid() == 0
FIND = f'source {ROOT}/deploy/local_runner/start.sh; PATH="$1"; find_python'


def made_up_python(folder: Path, name: str, mode: int, lacks: str = "nothing") -> Path:
    """A Python that says yes to everything, but to a module that it lacks, in a folder of its own."""
    folder.mkdir(mode=mode)
    path = folder / name
    path.write_text(f'#!/bin/sh\ncase "$*" in *{lacks}*) exit 1;; esac\n')
    path.chmod(0o755)
    return path


def found(*folders: Path) -> str:
    path = ":".join([*map(str, folders), "/usr/bin", "/bin"])
    done = subprocess.run(  # nosec B603, B607 # our own words, without a shell, found on the PATH
        ["bash", "-c", FIND, "bash", path], capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def test_root_takes_a_python_that_others_can_run_and_an_ordinary_user_the_first(
    open_folder: Path,
) -> None:
    roots = made_up_python(open_folder / "home", "python3", 0o700)
    common = made_up_python(open_folder / "common", "python3.13", 0o755)

    assert found(roots.parent, common.parent) == str(common if IS_ROOT else roots)


def test_the_first_python_is_taken_where_all_can_be_run(open_folder: Path) -> None:
    first = made_up_python(open_folder / "first", "python3", 0o755)
    second = made_up_python(open_folder / "second", "python3.13", 0o755)

    assert found(first.parent, second.parent) == str(first)


def test_root_passes_over_a_python_that_makes_no_environment(open_folder: Path) -> None:
    first = made_up_python(open_folder / "first", "python3", 0o755, lacks="ensurepip")
    second = made_up_python(open_folder / "second", "python3.13", 0o755)

    assert found(first.parent, second.parent) == str(second if IS_ROOT else first)


@pytest.mark.parametrize(
    ("environments", "this", "is_better"),
    [(False, True, True), (True, True, False), (False, False, False), (True, False, False)],
)
def test_an_environment_is_made_anew_only_to_become_one_for_all(
    monkeypatch: pytest.MonkeyPatch, environments: bool, this: bool, is_better: bool
) -> None:
    answers = {Path("/base/of/environment"): environments, Path("/this"): this}
    monkeypatch.setattr(python_environment, "PYTHON", Path("/base/of/environment"))
    monkeypatch.setattr(sys, "executable", "/this")
    monkeypatch.setattr(python_environment, "is_for_all", answers.__getitem__)

    assert has_better_base() == is_better


def test_the_environment_that_tests_run_in_is_current() -> None:
    assert is_current()


def test_services_of_root_run_as_another_account_without_its_home() -> None:
    with for_services() as chosen:
        assert can_run(chosen.python, chosen.account)
        if chosen.account is None:
            assert chosen == Interpreter()
        else:
            assert IS_ROOT
            assert chosen.account == own_account()
            assert chosen.variables["HOME"] == "/nonexistent"


def test_a_system_whose_python_only_root_can_run_stays_roots_and_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(interpreter, "own_account", lambda: Account("tandem", 998, 998))
    monkeypatch.setattr(interpreter, "can_read_checkout", lambda account: False)
    monkeypatch.setattr(interpreter, "can_run", lambda python, account: False)

    with for_services() as chosen:
        assert chosen == Interpreter()
    assert "run as root: tandem can't run" in capsys.readouterr().out
