"""How much processor time a running system has used: the figure that a busy machine falsifies least."""

from __future__ import annotations

import os
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")
PARENT, USER, SYSTEM, CHILDREN_USER, CHILDREN_SYSTEM = 1, 11, 12, 13, 14


def used_by(run_dir: Path) -> dict[str, float]:
    """Seconds of each process of a run folder with all that it started, also of those that have ended since."""
    stats = {pid: fields for pid, fields in map(read_stat, all_pids()) if fields}
    return {
        path.stem: sum(
            sum(stats[pid][USER : CHILDREN_SYSTEM + 1])
            for pid in family({int(path.read_text())}, stats)
        )
        / TICKS
        for path in run_dir.glob("*.pid")
    }


def per_step(before: dict[str, float], after: dict[str, float], steps: int) -> dict[str, float]:
    """Milliseconds a step cost each process, the dearest first; those below a hundredth are left out."""
    used = {name: round((after[name] - before.get(name, 0.0)) / steps * 1000, 2) for name in after}
    return {n: ms for n, ms in sorted(used.items(), key=lambda item: -item[1]) if ms > 0}


def all_pids() -> list[int]:
    """Of the whole machine."""
    return [int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit()]


def read_stat(pid: int) -> tuple[int, list[int]]:
    """The numbers after the name in /proc/PID/stat, empty for a process that is gone."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return pid, []
    words = text.rpartition(")")[2].split()
    return pid, [0 if not word.lstrip("-").isdigit() else int(word) for word in words]


def family(roots: set[int], stats: dict[int, list[int]]) -> set[int]:
    """The processes and their descendants."""
    members = roots & stats.keys()
    while True:
        more = {pid for pid, fields in stats.items() if fields[PARENT] in members} - members
        if not more:
            return members
        members |= more
