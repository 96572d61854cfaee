"""`bin/chaos`: see `--help`."""

from __future__ import annotations

import argparse
import math
import random
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from chaos import backlog
from chaos.checker import violations
from chaos.disk import private_mounts
from chaos.faults import KINDS
from chaos.final import FINAL_FILE, FinalState
from chaos.history import HISTORY_FILE, read
from chaos.report import figures_of, table_of
from chaos.run import Run, targets
from chaos.system import running
from local_runner.errors import CannotStart, StopRequested

MOST_SHOWN = 30
STOPPED = 130  # as a shell counts an interruption


def main(arguments: Sequence[str]) -> int:
    """1 when something was violated."""
    options = parse(arguments)
    if options.list:
        return listed()
    if options.check:
        return judged(options.check)
    folder = options.keep or Path(tempfile.mkdtemp(prefix="tandem-chaos-"))
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o755)  # the servers' own accounts must get through
    print(f"Seed {options.seed}. The same again: {replay_of(options)}", flush=True)
    try:
        status = mistreated(folder, options)
    except CannotStart as error:
        print(error, file=sys.stderr)
        status = 1
    except StopRequested:
        status = STOPPED
    if options.keep is None and status == 0:
        shutil.rmtree(folder, ignore_errors=True)
    else:
        print(f"History, final state and logs: {folder}")
    return status


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="bin/chaos",
        description="Runs a Tandem of its own, lets clients use it, does to it whatever can happen, and checks that "
        "every answer it gave stands.",
    )
    parser.add_argument("--minutes", type=duration, default=20.0, help="how long (default 20)")
    parser.add_argument("--seed", type=int, help="which faults, and who does what")
    parser.add_argument(
        "--faults", type=known_kinds, default=list(KINDS), metavar="NAME,NAME", help="only these"
    )
    parser.add_argument("--each-once", action="store_true", help="every kind of fault once")
    parser.add_argument(
        "--only", choices=["backlog"], help="measure how soon 10,000 waiting events are sent"
    )
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="for history and logs")
    parser.add_argument("--check", type=kept_run, metavar="FOLDER", help="check what --keep kept")
    parser.add_argument("--list", action="store_true", help="say what faults there are")
    options = parser.parse_args(arguments)
    if options.seed is None:
        options.seed = random.randrange(1_000_000)  # nosec B311 # chance, no secret
    return options


def known_kinds(text: str) -> list[str]:
    """Reads kill,cut as names of faults."""
    names = text.split(",")
    if unknown := [name for name in names if name not in KINDS]:
        raise argparse.ArgumentTypeError(f"no such fault: {', '.join(unknown)}; see --list")
    return names


def duration(text: str) -> float:
    """Reads minutes: a run of none would find nothing and prove nothing."""
    minutes = float(text)
    if not (math.isfinite(minutes) and minutes > 0):
        raise argparse.ArgumentTypeError(f"not a number of minutes above 0: {text}")
    return minutes


def kept_run(text: str) -> Path:
    """Reads the folder of a run that was kept whole."""
    folder = Path(text)
    if missing := [name for name in (HISTORY_FILE, FINAL_FILE) if not (folder / name).is_file()]:
        raise argparse.ArgumentTypeError(f"no kept run in {folder}: {', '.join(missing)} missing")
    return folder


def replay_of(options: argparse.Namespace) -> str:
    """The command that does the same."""
    words = ["bin/chaos", f"--seed {options.seed}"]
    words.append("--each-once" if options.each_once else f"--minutes {options.minutes:g}")
    if options.faults != list(KINDS):
        words.append(f"--faults {','.join(options.faults)}")
    return " ".join(words)


def listed() -> int:
    """Prints every kind of fault."""
    for kind in KINDS.values():
        print(f"{kind.name:<20} {kind.says}")
    return 0


def mistreated(folder: Path, options: argparse.Namespace) -> int:
    """A whole run. The main thread looks after the processes; everything else happens in others."""
    with running(folder, own_mounts=private_mounts()) as (system, supervisor):
        run = Run(system, folder, options)
        work = (lambda: backlog.measured(system)) if options.only else run.drive
        return run.beside(supervisor, work)


def judged(folder: Path) -> int:
    """Checks a kept history; 1 when something was violated."""
    entries = read(folder / HISTORY_FILE)
    found = violations(entries, FinalState.read(folder / FINAL_FILE))
    for line in (*figures_of(entries), "", *table_of(entries, targets())):
        print(line)
    print(f"\n{len(found)} violations")
    for violation in found[:MOST_SHOWN]:
        print(f"  {violation}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
