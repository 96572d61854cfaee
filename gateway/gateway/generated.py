"""The command of a module that generates a file of this repository: writes it, or says what differs."""

from __future__ import annotations

import difflib
import sys
from collections.abc import Callable
from pathlib import Path

Generate = Callable[[], bytes]


def main(usage: str | None, generate: Generate, arguments: list[str]) -> int:
    """`[--check] FILE`: 1 if the file is not what the code says, 2 if the arguments make no sense."""
    paths = [argument for argument in arguments if argument != "--check"]
    if len(paths) != 1:
        print(usage, file=sys.stderr)
        return 2
    path = Path(paths[0])
    if "--check" in arguments:
        return differs(path, generate())
    path.write_bytes(generate())
    return 0


def differs(path: Path, content: bytes) -> int:
    """1, with the difference, if the file has not this content."""
    old = path.read_text() if path.exists() else ""
    new = content.decode()
    if old == new:
        return 0
    changes = difflib.unified_diff(old.splitlines(), new.splitlines(), str(path), "code", "", "", 1)
    print("\n".join(list(changes)[:40]), file=sys.stderr)
    print(f"{path} is out of date: the command without --check writes it", file=sys.stderr)
    return 1
