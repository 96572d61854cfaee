"""bin/lint: every check that needs no test run. All of them run even when one fails."""

from __future__ import annotations

import argparse
import contextlib
import os
import subprocess  # nosec B404 # commands are lists of our own words, without a shell
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from local_runner.places import ROOT, SERVICES, package_of
from local_runner.test import own_run_dir, servers_for

PYTHON = sys.executable
FOLDERS = ("libs", "services", "gateway", "deploy", "tests", "bench", "chaos", "simulation")
# Without bandit's warnings, one for each line of a statement with a reasoned `# nosec`.
BANDIT = (
    "import logging; logging.disable(logging.WARNING); from bandit.cli.main import main; main()"
)
PACKAGES = ("chassis", *(package_of(name) for name in SERVICES), "gateway", "local_runner")


@dataclass(frozen=True)
class Step:
    """A check and the command that a person can repeat by hand."""

    name: str
    command: tuple[str, ...]
    needs_database: bool = False


def steps() -> list[Step]:
    """What is checked, quickest first."""
    folders = tuple(folder for folder in FOLDERS if (ROOT / folder).exists())
    types = tuple(word for package in PACKAGES for word in ("-p", package))
    packages = tuple(package_of(name) for name in SERVICES)
    migrations = (
        Step(
            f"migrations of {package} equal to its models",
            (PYTHON, "-m", "chassis", "check-migrations", package),
            needs_database=True,
        )
        for package in packages
    )
    asyncapi = ("-m", "chassis", "asyncapi", "--check", "docs/asyncapi.yaml", *packages)
    return [
        Step("ruff check", (PYTHON, "-m", "ruff", "check", *folders)),
        Step("ruff format", (PYTHON, "-m", "ruff", "format", "--check", *folders)),
        Step("bandit", (PYTHON, "-c", BANDIT, "-q", "-c", "pyproject.toml", "-r", *folders)),
        Step("mypy strict", (PYTHON, "-m", "mypy", *types)),
        Step("layers (import-linter)", (f"{sys.prefix}/bin/lint-imports", "--no-cache")),
        Step(
            "docs/openapi.json equal to the code",
            (PYTHON, "-m", "gateway.openapi", "--check", "docs/openapi.json"),
        ),
        Step(
            "docs/access.md equal to the code",
            (PYTHON, "-m", "gateway.access_table", "--check", "docs/access.md"),
        ),
        Step("docs/asyncapi.yaml equal to the code", (PYTHON, *asyncapi)),
        *migrations,
    ]


def main(arguments: Sequence[str]) -> int:
    """1 when a check failed; the summary names it."""
    parser = argparse.ArgumentParser(prog="bin/lint", description=__doc__)
    parser.add_argument(
        "words", nargs="*", metavar="WORD", help="only checks whose name has a WORD"
    )
    words = parser.parse_args(arguments).words
    chosen = [step for step in steps() if not words or any(word in step.name for word in words)]
    with database_environment(chosen) as environment:
        failed = [step for step in chosen if not passes(step, environment)]
    print(f"\n{len(chosen) - len(failed)} of {len(chosen)} checks passed")
    for step in failed:
        print(f"FAILED {step.name}\n       {' '.join(step.command)}")
    return 1 if failed else 0


@contextlib.contextmanager
def database_environment(chosen: Sequence[Step]) -> Iterator[dict[str, str]]:
    """The checks' environment; servers run only if a check needs them."""
    if not any(step.needs_database for step in chosen):
        yield dict(os.environ)
        return
    with own_run_dir() as run_dir, servers_for(run_dir) as (_, broker, database):
        yield {**os.environ, "AMQP_URL": broker.url, "DATABASE_URL": database.url}


def passes(step: Step, environment: dict[str, str]) -> bool:
    """Runs one check, with its name before and its verdict after its own words."""
    print(f"\n== {step.name}", flush=True)
    began = time.monotonic()
    done = subprocess.run(step.command, cwd=ROOT, env=environment, check=False)  # nosec B603 # our own words, without a shell
    verdict = "ok" if done.returncode == 0 else f"FAILED (status {done.returncode})"
    print(f"-- {step.name}: {verdict}, {time.monotonic() - began:.1f} s", flush=True)
    return done.returncode == 0
