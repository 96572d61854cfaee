"""Commands that a machine lacks are installed, or named with their package."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from local_runner import apt
from local_runner.errors import CannotStart
from local_runner.places import ROOT
from local_runner.pytest_arguments import Arguments
from local_runner.test import provide_commands


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """What apt-get was asked for, on a machine without any command."""
    asked: list[list[str]] = []
    monkeypatch.setattr(apt, "install", lambda packages, purpose: asked.append(packages))
    monkeypatch.setenv("PATH", "")
    return asked


def test_a_missing_command_is_installed_by_its_package(installed: list[list[str]]) -> None:
    apt.provide("setpriv", "for root to step down")
    assert installed == [["util-linux"]]


def test_nothing_is_installed_for_a_command_that_is_there(
    installed: list[list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "curl").touch(mode=0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    apt.provide("curl", "for the README's tour")
    assert installed == []


def test_who_may_install_nothing_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setenv("PATH", "")
    with pytest.raises(CannotStart) as told:
        apt.provide("curl", "for the README's tour")
    assert str(told.value) == (
        "curl for the README's tour is missing. "
        "Install it first, for example: sudo apt-get install curl"
    )


@pytest.mark.parametrize(
    ("paths", "packages"),
    [
        ((), [["curl"]]),
        (("tests/integration",), [["curl"]]),
        (("deploy/tests", "tests/integration/test_readme.py::test_any"), [["curl"]]),
        ((".",), [["curl"]]),
        (("tests/integration/test_races.py", "gateway"), []),
    ],
)
def test_only_the_commands_of_the_tests_that_are_wanted_are_installed(
    paths: tuple[str, ...],
    packages: list[list[str]],
    installed: list[list[str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(ROOT)
    provide_commands(Arguments(paths))
    assert installed == packages
