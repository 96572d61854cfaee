"""`python -m identity_service audit`: checks and writes out audit logs.

audit verify [--organization SLUG] [--anchor NUMBER:HASH]   what is stored, of one or all organizations
audit verify --file FILE [--anchor NUMBER:HASH]             an export; needs no database
audit export --organization SLUG [--file FILE]              lines of JSON, on standard output without a file

`DATABASE_URL` names identity's database. The status is 1 when a log is not as it was written.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import BinaryIO

from chassis.errors import Unavailable
from chassis.operators import operators_database
from identity_service.domain.audit import BrokenChain, Head, head_of
from identity_service.use_cases import verifying

Check = Callable[[], Head]


def main(arguments: Sequence[str]) -> int:
    """Runs one of the commands; 2 when there is none like it."""
    wanted = parser().parse_args(arguments)
    try:
        if wanted.command == "export":
            return export(wanted.organization, wanted.file)
        if wanted.file is not None:
            return verify_file(wanted.file, wanted.anchor)
        return verify(wanted.organization, wanted.anchor)
    except (Unavailable, OSError) as error:
        return complain(str(error))


def parser() -> argparse.ArgumentParser:
    """What the commands take."""
    found = argparse.ArgumentParser(
        prog="python -m identity_service audit",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = found.add_subparsers(dest="command", required=True)
    check = commands.add_parser("verify")
    source = check.add_mutually_exclusive_group()
    source.add_argument("--organization", metavar="SLUG")
    source.add_argument("--file", type=Path)
    check.add_argument("--anchor", type=head_of, metavar="NUMBER:HASH")
    write = commands.add_parser("export")
    write.add_argument("--organization", metavar="SLUG", required=True)
    write.add_argument("--file", type=Path)
    return found


def verify(slug: str | None, anchor: Head | None) -> int:
    """Checks what is stored, and prints each log's head to keep where nobody of the database's can reach."""
    if anchor is not None and slug is None:
        return complain("an anchor is one organization's: name it with --organization")
    with operators_database() as database:
        found = verifying.organizations(database, slug)
        if slug is not None and not found:
            return complain(f"there is no organization {slug!r}")
        statuses = [
            report(name, partial(verifying.verify_stored, database, organization_id, anchor))
            for name, organization_id in found.items()
        ]
    return max(statuses, default=0)


def verify_file(file: Path, anchor: Head | None) -> int:
    """Checks an export."""
    with file.open("rb") as lines:
        return report(str(file), lambda: verifying.verify_lines(lines, anchor))


def report(name: str, check: Check) -> int:
    """Prints what came out of a check."""
    try:
        head = check()
    except BrokenChain as broken:
        print(f"{name}: BROKEN, {broken}")
        return 1
    print(f"{name}: whole, {head.number} entries, head {head}")
    return 0


def export(slug: str, file: Path | None) -> int:
    """Writes a log out."""
    with operators_database() as database:
        found = verifying.organizations(database, slug)
        if not found:
            return complain(f"there is no organization {slug!r}")
        lines = verifying.export_lines(database, found[slug])
        if file is None:
            return write(lines, sys.stdout.buffer)
        with file.open("wb") as target:
            return write(lines, target)


def write(lines: Iterator[bytes], target: BinaryIO) -> int:
    """All lines, each ended."""
    target.writelines(line + b"\n" for line in lines)
    return 0


def complain(what: str) -> int:
    """Says what is wrong with the command or its surroundings."""
    print(what, file=sys.stderr)
    return 2
