"""The Python that services and gateway run on, and the account they run as: docs/adr/0021-root-steps-down.md."""

from __future__ import annotations

import compileall
import contextlib
import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from local_runner.accounts import Account, can_read, can_run, own_account
from local_runner.places import ROOT
from local_runner.python_environment import PYTHON, VENV
from local_runner.readable_copy import Copy, clean_up, packages, readable_copy

NO_HOME = "/nonexistent"


@dataclass(frozen=True)
class Interpreter:
    """As it is: this very Python, as the account that runs it.

    `variables` are for the environment of what runs on it.
    """

    python: Path = Path(sys.executable)
    account: Account | None = None
    variables: Mapping[str, str] = field(default_factory=dict)

    def command(self, *words: str) -> tuple[str, ...]:
        """The command that runs a module with its arguments."""
        return (str(self.python), "-m", *words)


@contextlib.contextmanager
def for_services() -> Iterator[Interpreter]:
    """An ordinary user's processes run as they are. Root's run as another account where that can be.

    For as long as the context lasts, the copy that they may run from stays.
    """
    account = own_account()
    if account is None:
        yield Interpreter()
        return
    in_place = Interpreter(account=account, variables={"HOME": NO_HOME})
    if can_read_checkout(account):
        clean_up(ROOT)
        compile_packages()
        yield in_place
    elif not can_run(in_place.python.resolve(), account):
        print(no_python_text(in_place.python.resolve(), account), flush=True)
        yield Interpreter()
    else:
        print(
            f"{account.name} can't read {ROOT}: services and gateway run from a copy.", flush=True
        )
        with readable_copy(ROOT) as copy:
            yield from_copy(copy, account)


def can_read_checkout(account: Account) -> bool:
    """Whether the account can run the environment's Python, and read every file of libraries and packages.

    Asks for rights only: an error in the code is told of by the process that meets it.
    """
    return can_run(PYTHON, account) and can_read(account, VENV, *packages(ROOT))


def from_copy(copy: Copy, account: Account) -> Interpreter:
    """The copy's Python."""
    path = os.pathsep.join(map(str, copy.import_path))
    return Interpreter(copy.python, account, {"HOME": NO_HOME, "PYTHONPATH": path})


def compile_packages() -> None:
    """Compiles what changed: the account can't write compiled files, and each start would take a third longer."""
    if not sys.dont_write_bytecode:
        for package in packages(ROOT):
            compileall.compile_dir(package, quiet=2)


def no_python_text(python: Path, account: Account) -> str:
    """What a person should know and may do."""
    return (
        f"Services and gateway run as root: {account.name} can't run {python}.\n"
        "To have them run as another account, install a Python for everybody (apt-get install python3 python3-venv)."
    )
