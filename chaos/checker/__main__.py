"""Checks a kept run again: `python -m chaos.checker FOLDER`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from chaos.checker import violations
from chaos.final import FINAL_FILE, FinalState
from chaos.history import HISTORY_FILE, read


def main(arguments: Sequence[str]) -> int:
    """0 if every promise was kept, 1 if not; each violation is printed."""
    if len(arguments) != 1:
        print("usage: python -m chaos.checker FOLDER", file=sys.stderr)
        return 2
    folder = Path(arguments[0])
    entries = read(folder / HISTORY_FILE)
    found = violations(entries, FinalState.read(folder / FINAL_FILE))
    for violation in found:
        print(violation)
    print(f"{len(entries)} entries, {len(found)} violations")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
