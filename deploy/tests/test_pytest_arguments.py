"""Which of bin/test's words are paths of tests, and which are answered before a server starts."""

from __future__ import annotations

from pathlib import Path

import pytest

from local_runner import pytest_arguments, test
from local_runner.errors import CannotStart
from local_runner.pytest_arguments import Arguments, read


@pytest.fixture(autouse=True)
def _in_a_folder_of_tests(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder that is not the checkout, with paths that are also words of options."""
    for name in ("tests", "slow"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "test_a.py").touch()
    monkeypatch.chdir(tmp_path)


OPTIONS = (
    *("--ignore", "tests/test_a.py", "--ignore=tests/test_a.py"),
    *("--deselect", "tests/test_a.py::test_one"),
    *("-k", "tests", "-k", "slow or tests"),
    *("--rootdir", "slow", "--confcutdir", "slow", "--basetemp", "slow"),
    *("--junitxml", "tests/test_a.py", "-o", "cache_dir=slow"),
    *("--timeout", "5", "--hypothesis-seed", "7", "-x"),
)


def test_an_option_keeps_its_value_also_where_that_is_a_path() -> None:
    path = "tests/test_a.py::test_two"
    assert read(OPTIONS) == Arguments((), OPTIONS)
    assert read([path, *OPTIONS, path]) == Arguments((path, path), OPTIONS)


def test_the_same_word_may_be_a_path_and_an_options_value() -> None:
    words = ["--confcutdir", "slow", "slow", "-k", "tests", "tests", "-x", "slow"]
    assert read(words) == Arguments(
        ("slow", "tests", "slow"), ("--confcutdir", "slow", "-k", "tests", "-x")
    )


def test_words_without_an_option_are_paths_and_pytest_is_not_asked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pytest_arguments, "PYTEST", ("false",))
    assert read(["slow", "tests/test_a.py::test_one"]) == Arguments(
        ("slow", "tests/test_a.py::test_one")
    )
    assert read([]) == Arguments()


@pytest.mark.parametrize("options", [[], ["-x"], ["--ignore", "slow"]])
def test_a_path_that_does_not_exist_is_refused(options: list[str]) -> None:
    with pytest.raises(CannotStart, match="no such file or folder: nothing/here"):
        read([*options, "tests", "nothing/here::test_one"])


def test_a_modules_name_is_a_path_where_pytest_takes_names() -> None:
    name = "local_runner.demo"
    assert read(["--pyargs", name]) == Arguments((name,), ("--pyargs",))


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (["--no-such-option"], 4, "unrecognized arguments: --no-such-option"),
        (["tests", "-k"], 4, "argument -k: expected one argument"),
        (["--timeout", "soon"], 4, "invalid float value: 'soon'"),
        (["--help"], 0, "[file_or_dir]"),
        (["--version"], 0, pytest.__version__),
        (["--markers"], 0, "@pytest.mark.parametrize"),
    ],
)
def test_what_pytest_refuses_or_answers_by_itself_starts_no_server(
    words: list[str],
    status: int,
    said: str,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delattr(test, "servers_for")
    assert test.main(words) == status
    assert said in "".join(capfd.readouterr())
