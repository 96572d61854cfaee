"""One child process: how to start it, where its pid and words go, how to end it with all it started."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess  # nosec B404 # commands are lists of our own words, without a shell
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from local_runner.accounts import Account, stepping_down
from local_runner.places import RunDir, write_whole

CLEAN_UP_SECONDS = 20.0
LOG_LIMIT = 20_000_000
LONG_ENOUGH = 10.0
LONGEST_PAUSE = 5.0
# A file's time and a process's are rounded to a clock tick each.
CLOCK_TOLERANCE = 0.1


@dataclass(frozen=True)
class Spec:
    """What to run.

    `death_signal` reaches it when the runner itself is killed; `stop_signal` asks it to end;
    `clean_up` is run once it has. Processes of a higher `stage` are stopped before those they rest on.
    `advice` is for the person where it can't start.
    """

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str] = field(repr=False)
    folder: Path = Path("/")
    account: Account | None = None
    death_signal: str = "KILL"
    stop_signal: signal.Signals = signal.SIGTERM
    grace: float = 12.0
    clean_up: tuple[str, ...] = ()
    stage: int = 0
    advice: str = ""


class Child:
    """A spec and the process that runs it at present, if any."""

    def __init__(self, spec: Spec, run_dir: RunDir) -> None:
        self.spec = spec
        self.deaths_in_a_row = 0
        self.restart_at: float | None = None
        self.process: subprocess.Popen[bytes] | None = None
        self._pid_file = run_dir.pid_file(spec.name)
        self._log_file = run_dir.log_file(spec.name)
        self._mark = str(run_dir.path)
        self._started_at = 0.0
        self._log_start = 0

    @property
    def is_alive(self) -> bool:
        """Whether the process runs; reaps it when it has just ended."""
        return self.process is not None and self.process.poll() is None

    def start(self) -> None:
        """Starts the process in a session of its own, so that Ctrl-C reaches only the runner."""
        make_room(self._log_file)
        words = [*stepping_down(self.spec.account, self.spec.death_signal), *self.spec.command]
        with self._log_file.open("ab") as log:
            self._log_start = log.tell()
            self.process = subprocess.Popen(  # nosec B603 # our own words, without a shell
                words,
                env={**self.spec.environment, "TANDEM_RUN_DIR": self._mark},
                cwd=self.spec.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._started_at = time.monotonic()
        self.restart_at = None
        write_whole(self._pid_file, f"{self.process.pid}\n")

    def plan_restart(self) -> None:
        """At once after the first death, then with growing pauses until it has lived for a while."""
        lived = time.monotonic() - self._started_at
        self.deaths_in_a_row = 1 if lived > LONG_ENOUGH else self.deaths_in_a_row + 1
        self.restart_at = time.monotonic() + pause_before(self.deaths_in_a_row)

    def ask_to_stop(self) -> None:
        """Sends the polite signal."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(self.spec.stop_signal)

    def kill_group(self) -> None:
        """Ends what is left of the process and of what it started, so that its ports and files are free again."""
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process.pid, signal.SIGKILL)

    def end(self) -> None:
        """Ends it now if it still runs, and removes what it leaves: its pid file, and what its spec says."""
        self.kill_group()
        if self.process is not None:
            self.process.wait()
        if self.spec.clean_up:
            with contextlib.suppress(subprocess.TimeoutExpired):
                subprocess.run(  # nosec B603 # our own words, without a shell
                    self.spec.clean_up, capture_output=True, timeout=CLEAN_UP_SECONDS, check=False
                )
        self._pid_file.unlink(missing_ok=True)

    def last_words(self, lines: int = 25) -> str:
        """The end of what the process has logged since its last start."""
        with self._log_file.open("rb") as log:
            log.seek(self._log_start)
            text = log.read()[-20_000:].decode(errors="replace")
        return "\n".join(text.rstrip().splitlines()[-lines:])


def pause_before(attempt: int) -> float:
    """Seconds to wait before restart number `attempt`: 0, 0.5, 1, 2, 4, 5, 5, ..."""
    return 0.0 if attempt <= 1 else min(LONGEST_PAUSE, 0.5 * 2 ** (attempt - 2))


def make_room(log_file: Path) -> None:
    """Keeps one older file of a log that has grown large."""
    if log_file.exists() and log_file.stat().st_size > LOG_LIMIT:
        log_file.replace(log_file.with_suffix(".log.old"))


def end_leftovers(run_dir: RunDir) -> None:
    """Kills processes of an earlier runner of this folder that was killed itself, and removes its pid files.

    A pid may by now belong to somebody else, so the process must carry this run folder in its environment.
    """
    for pid_file in run_dir.path.glob("*.pid"):
        text = pid_file.read_text().strip()
        if text.isdigit() and belongs_to(int(text), run_dir, pid_file):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(int(text), signal.SIGKILL)
            wait_until_gone(int(text))
        pid_file.unlink(missing_ok=True)


def belongs_to(pid: int, run_dir: RunDir, pid_file: Path) -> bool:
    """Whether the process was started for this run folder.

    In most containers root may not look into processes of other accounts. One that leads a session, as all of ours do,
    and was there when its pid was written to the file, is ours: nobody else can have had that pid at that time.
    """
    try:
        return f"TANDEM_RUN_DIR={run_dir.path}".encode() in environment_of(pid)
    except PermissionError:
        return leads_a_session_since(pid, pid_file.stat().st_mtime)
    except OSError:
        return False


def environment_of(pid: int) -> list[bytes]:
    """What the process was started with, as NAME=value."""
    return Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")


def leads_a_session_since(pid: int, moment: float) -> bool:
    """Whether the process leads a session, and was started at that moment or before."""
    try:
        return os.getsid(pid) == pid and started_at(pid) <= moment + CLOCK_TOLERANCE
    except (OSError, IndexError):
        return False


def started_at(pid: int) -> float:
    """When the process was started, in seconds as `time.time` has them; anybody may read that."""
    after_name = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    since_boot = int(after_name[19]) / os.sysconf("SC_CLK_TCK")
    return time.time() - time.clock_gettime(time.CLOCK_BOOTTIME) + since_boot


def has_variable(pid: int, assignment: str) -> bool:
    """Whether the process was started with this in its environment; false for one we may not look into."""
    try:
        return assignment.encode() in environment_of(pid)
    except OSError:
        return False


def carrying(assignment: str) -> list[int]:
    """The other processes with this in their environment."""
    numbers = (int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit())
    return [pid for pid in numbers if pid != os.getpid() and has_variable(pid, assignment)]


def wait_until_gone(pid: int, seconds: float = 5.0) -> None:
    """Waits for a process that was killed. One that its parent has not yet taken notice of is gone, too."""
    deadline = time.monotonic() + seconds
    while is_running(pid) and time.monotonic() < deadline:
        time.sleep(0.02)


def is_running(pid: int) -> bool:
    """Whether there is such a process, and it has not ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (OSError, IndexError):
        return False
