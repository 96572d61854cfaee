"""Schemathesis against the served description: no 5xx, no undocumented answer, with a token and without."""

from __future__ import annotations

import subprocess  # nosec B404 # commands are lists of our own words, without a shell
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from .client import sign_up
from .system import RunningSystem

# Beside the edge cases of every parameter, about 2,000, which are of little use where everything is answered 401.
EXAMPLES = {"with a token": 10, "without": 4}
PHASES = {"with a token": "examples,coverage,fuzzing", "without": "examples,fuzzing"}
LIMIT_SECONDS = 240
CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"


@pytest.fixture(scope="module")
def runs(
    shared_system: RunningSystem, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, subprocess.Popen[str]]]:
    """Both runs, side by side, each with one worker: Python 3.11 can fail to parse in two threads at once."""
    started = {}
    for kind in EXAMPLES:
        command = command_for(shared_system.url, kind)
        folder = tmp_path_factory.mktemp("schemathesis")
        started[kind] = subprocess.Popen(  # nosec B603 # our own words, without a shell
            command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
    yield started
    for run in started.values():
        run.kill()
        run.wait()


def command_for(url: str, kind: str) -> list[str]:
    """The same requests in the same order each time."""
    command = [str(Path(sys.executable).parent / "schemathesis"), "run", f"{url}/api/openapi.json"]
    command += ["--checks", CHECKS, "--seed", "20", "--max-examples", str(EXAMPLES[kind])]
    command += ["--phases", PHASES[kind], "--generation-database", "none"]
    command += ["--no-color", "--warnings", "off", "--request-timeout", "10", "--no-shrink"]
    command += ["--exclude-path-regex", "/auth/logout$"]  # it would sign itself out
    if kind == "with a token":
        command += ["--header", f"Authorization: Bearer {sign_up(url).owner_token}"]
    return command


@pytest.mark.parametrize("kind", EXAMPLES)
def test_the_served_openapi_keeps_its_word(
    runs: dict[str, subprocess.Popen[str]], kind: str
) -> None:
    words, _ = runs[kind].communicate(timeout=LIMIT_SECONDS)
    assert runs[kind].returncode == 0, words[-15_000:]
