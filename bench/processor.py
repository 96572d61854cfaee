"""How much processor time a running system has used: the figure that a busy machine falsifies least."""

from __future__ import annotations

import os
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")
PARENT, USER, SYSTEM, CHILDREN_USER, CHILDREN_SYSTEM = 1, 11, 12, 13, 14


def used_by(run_dir: Path) -> float:
    """Seconds of all processes of a run folder and all that they started, also of those that have ended since."""
    stats = {pid: fields for pid, fields in map(read_stat, all_pids()) if fields}
    roots = {int(path.read_text()) for path in run_dir.glob("*.pid")}
    total = sum(sum(stats[pid][USER : CHILDREN_SYSTEM + 1]) for pid in family(roots, stats))
    return total / TICKS


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
