"""The words given to bin/test, as pytest reads them: which name tests, which are options or values of options."""

from __future__ import annotations

import json
import os
import subprocess  # nosec B404 # commands are lists of our own words, without a shell
import sys
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from local_runner.errors import CannotStart
from local_runner.places import ROOT
from local_runner.pytest_dry_parse import RESULT_FILE

PYTEST = (sys.executable, "-P", "-m", "pytest")  # -P: the working directory is no place of modules


@dataclass(frozen=True)
class Arguments:
    """`paths` name tests; all other words, in their order, are `options` for each pytest."""

    paths: tuple[str, ...] = ()
    options: tuple[str, ...] = ()


def read(words: Sequence[str]) -> Arguments | int:
    """The words apart, or pytest's exit status if it has answered already: `--help`, or a mistake in the words."""
    # Without an option there is nothing to ask pytest, whose start takes half a second.
    found = parsed(words) if any(word.startswith("-") for word in words) else range(len(words))
    if isinstance(found, int):
        return found
    paths = tuple(words[place] for place in found)
    options = tuple(word for place, word in enumerate(words) if place not in found)
    if "--pyargs" not in options:
        check_paths(paths)
    return Arguments(paths, options)


def parsed(words: Sequence[str]) -> Sequence[int] | int:
    """The places of the words that pytest takes for paths, or its exit status where it ended by itself."""
    with tempfile.TemporaryDirectory() as folder:
        result = Path(folder, "paths.json")
        # By the project's own settings also in another folder, where no path leads to them.
        settings = ("-c", str(ROOT / "pyproject.toml"))
        plugin = (*settings, "--noconftest", "-p", "local_runner.pytest_dry_parse")
        done = subprocess.run(  # nosec B603 # our own words, without a shell
            [*PYTEST, *plugin, *words],
            env={**os.environ, RESULT_FILE: str(result)},
            check=False,
        )
        if not result.exists():
            return done.returncode
        first = len(plugin)
        return [place - first for place in json.loads(result.read_text()) if place >= first]


def check_paths(paths: Iterable[str]) -> None:
    """Refuses a path that does not exist. Whether a file has a test of that name is seen when it runs."""
    for path in paths:
        if not Path(path.partition("::")[0]).exists():
            raise CannotStart(f"no such file or folder: {path}")
