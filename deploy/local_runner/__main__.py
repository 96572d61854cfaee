"""`python3 -m local_runner COMMAND ...`: what the scripts in bin/ call.

Starts on any Python 3.11 or newer, sets up the virtual environment, and goes on as the environment's own Python.
"""

from __future__ import annotations

import importlib
import os
import sys

from local_runner.errors import CannotStart
from local_runner.python_environment import VENV, is_current, set_up

COMMANDS = {"run": "run", "test": "test", "lint": "lint", "migrate": "migrate"}


def main(arguments: list[str]) -> int:
    """The command's exit status."""
    if not arguments or arguments[0] not in {"setup", *COMMANDS}:
        print(f"usage: python3 -m local_runner {{setup|{'|'.join(COMMANDS)}}} ...", file=sys.stderr)
        return 2
    try:
        if sys.prefix != str(VENV) or not is_current():
            go_on_in_the_environment(arguments)
        if arguments[0] == "setup":
            return 0
        command = importlib.import_module(f"local_runner.{COMMANDS[arguments[0]]}")
        return int(command.main(arguments[1:]))
    except CannotStart as error:
        print(f"\nbin/{arguments[0]}: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def go_on_in_the_environment(arguments: list[str]) -> None:
    """Replaces this process, so that signals sent to bin/run reach the supervisor."""
    python = set_up()
    os.environ["PATH"] = f"{python.parent}{os.pathsep}{os.environ.get('PATH', '')}"
    os.environ.pop("PYTHONPATH", None)
    os.execv(python, [str(python), "-m", "local_runner", *arguments])  # noqa: S606 - our own Python # nosec B606


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
