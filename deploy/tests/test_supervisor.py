"""The supervisor, with small shell commands as its processes."""

from __future__ import annotations

import os
import signal
import subprocess  # nosec B404 # commands are lists of our own words, without a shell
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from local_runner import processes
from local_runner.errors import CannotStart, StopRequested
from local_runner.places import RunDir
from local_runner.processes import (
    Spec,
    carrying,
    end_leftovers,
    is_running,
    pause_before,
    wait_until_gone,
)
from local_runner.supervisor import Supervisor

ENVIRONMENT = {"PATH": os.environ["PATH"]}


def shell(name: str, script: str, grace: float = 5.0) -> Spec:
    return Spec(name, ("sh", "-c", script), ENVIRONMENT, grace=grace)


@pytest.fixture
def run_dir(tmp_path: Path) -> RunDir:
    return RunDir(tmp_path)


@pytest.fixture
def supervisor(run_dir: RunDir) -> Iterator[Supervisor]:
    """Running; the signal handlers of the test run are put back afterwards."""
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD)
    before = {number: signal.getsignal(number) for number in numbers}
    supervisor = Supervisor(run_dir)
    try:
        with supervisor.running():
            yield supervisor
    finally:
        signal.set_wakeup_fd(-1)
        for number, handler in before.items():
            signal.signal(number, handler)


def pid_of(run_dir: RunDir, name: str) -> int:
    return int(run_dir.pid_file(name).read_text())


def changed(run_dir: RunDir, name: str, old: int) -> Callable[[], bool]:
    return lambda: pid_of(run_dir, name) != old


def test_what_is_killed_is_restarted_at_once_under_a_new_pid(
    supervisor: Supervisor, run_dir: RunDir
) -> None:
    supervisor.start([shell("booking.1", "exec sleep 60")])
    supervisor.started_up()
    old = pid_of(run_dir, "booking.1")

    os.kill(old, signal.SIGKILL)
    began = time.monotonic()
    supervisor.wait_for(changed(run_dir, "booking.1", old), 5, "restart")

    assert time.monotonic() - began < 2
    assert is_running(pid_of(run_dir, "booking.1"))


@pytest.mark.parametrize("status", [0, 1])
def test_what_ends_by_itself_is_restarted_whatever_its_status(
    supervisor: Supervisor, run_dir: RunDir, status: int
) -> None:
    once = run_dir.path / "ended-once"
    script = f"test -e {once} && exec sleep 60; touch {once}; exit {status}"
    supervisor.start([shell("identity.1", script)])
    old = pid_of(run_dir, "identity.1")

    supervisor.wait_for(changed(run_dir, "identity.1", old), 5, "restart")

    assert is_running(pid_of(run_dir, "identity.1"))


def test_what_a_dead_process_leaves_behind_ends_before_its_restart(
    supervisor: Supervisor, run_dir: RunDir
) -> None:
    script = f"sleep 61 & echo $! >{run_dir.path}/worker; exec sleep 60"
    supervisor.start([shell("gateway", script)])
    supervisor.started_up()
    supervisor.wait_for((run_dir.path / "worker").exists, 5, "worker")
    old, worker = pid_of(run_dir, "gateway"), int((run_dir.path / "worker").read_text())

    os.kill(old, signal.SIGKILL)
    supervisor.wait_for(changed(run_dir, "gateway", old), 5, "restart")

    supervisor.wait_for(lambda: not is_running(worker), 5, "end of the worker")


def test_a_process_that_dies_at_start_ends_the_start_with_its_last_words(
    supervisor: Supervisor,
) -> None:
    supervisor.start([shell("identity.1", "echo no database; exit 3")])

    with pytest.raises(CannotStart, match=r"identity.1 ended with status 3.*\n.*no database"):
        supervisor.wait_for(lambda: False, 20, "never")


def test_what_can_not_start_says_what_to_do_instead(supervisor: Supervisor) -> None:
    spec = replace(shell("postgres", "exit 125"), advice="Do without.")
    supervisor.start([spec])

    with pytest.raises(CannotStart, match=r"status 125. Its last words:\n\(none\)\n\nDo without."):
        supervisor.wait_for(lambda: False, 20, "never")


def test_a_clean_up_that_hangs_does_not_keep_the_rest_from_ending(
    supervisor: Supervisor, run_dir: RunDir, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processes, "CLEAN_UP_SECONDS", 0.2)
    child = processes.Child(replace(shell("postgres", "true"), clean_up=("sleep", "60")), run_dir)
    child.start()
    child.end()

    assert not run_dir.pid_file("postgres").exists()


def test_a_failed_job_is_named_with_its_last_words(supervisor: Supervisor) -> None:
    jobs = [shell("prepare-a", "true"), shell("prepare-b", "echo table is missing; exit 1")]

    with pytest.raises(CannotStart, match=r"prepare-b ended with status 1(.|\n)*table is missing"):
        supervisor.run_to_end(jobs, 10)


def test_a_job_that_takes_too_long_is_ended(supervisor: Supervisor, run_dir: RunDir) -> None:
    with pytest.raises(CannotStart, match="not ready after"):
        supervisor.run_to_end([shell("slow", f"echo $$ >{run_dir.path}/pid; sleep 60")], 0.5)

    slow = int((run_dir.path / "pid").read_text())
    supervisor.wait_for(lambda: not is_running(slow), 5, "end of the job")


def test_a_signal_asks_to_stop(supervisor: Supervisor) -> None:
    os.kill(os.getpid(), signal.SIGTERM)

    with pytest.raises(StopRequested):
        supervisor.wait_for(lambda: False, 5, "never")


def test_what_rests_on_others_is_stopped_before_them_and_nothing_is_left(tmp_path: Path) -> None:
    script = f"""
from local_runner.places import RunDir
from local_runner.processes import Spec
from local_runner.supervisor import Supervisor
from pathlib import Path
run_dir = RunDir(Path({str(tmp_path)!r}))
supervisor = Supervisor(run_dir)
def spec(name, stage):
    trap = "trap 'echo " + name + " >>{tmp_path}/order; exit' TERM; touch {tmp_path}/" + name
    text = trap + "; while :; do sleep 0.05; done"
    return Spec(name, ("sh", "-c", text), {{"PATH": "/usr/bin:/bin"}}, stage=stage)
with supervisor.running():
    supervisor.start([spec("postgres", 0), spec("gateway", 2), spec("booking", 1)])
    supervisor.wait_for(lambda: all((run_dir.path / n).exists() for n in ("postgres", "booking", "gateway")), 10, "all")
"""
    subprocess.run([sys.executable, "-c", script], check=True, timeout=30)  # nosec B603 # our own words, without a shell

    assert (tmp_path / "order").read_text().split() == ["gateway", "booking", "postgres"]
    assert not list(tmp_path.glob("*.pid"))
    assert not carrying(f"TANDEM_RUN_DIR={tmp_path}")


def test_what_does_not_listen_is_killed_after_its_grace(run_dir: RunDir) -> None:
    script = f"""
from local_runner.places import RunDir
from local_runner.processes import Spec
from local_runner.supervisor import Supervisor
from pathlib import Path
run_dir = RunDir(Path({str(run_dir.path)!r}))
supervisor = Supervisor(run_dir)
with supervisor.running():
    text = "trap '' TERM; touch {run_dir.path}/up; while :; do sleep 0.05; done"
    supervisor.start([Spec("deaf", ("sh", "-c", text), {{"PATH": "/usr/bin:/bin"}}, grace=0.3)])
    supervisor.wait_for((run_dir.path / "up").exists, 10, "up")
"""
    subprocess.run([sys.executable, "-c", script], check=True, timeout=30)  # nosec B603 # our own words, without a shell

    assert not carrying(f"TANDEM_RUN_DIR={run_dir.path}")


def test_children_die_with_a_runner_that_is_killed(run_dir: RunDir) -> None:
    script = f"""
import os, signal
from local_runner.places import RunDir
from local_runner.processes import Spec
from local_runner.supervisor import Supervisor
from pathlib import Path
run_dir = RunDir(Path({str(run_dir.path)!r}))
supervisor = Supervisor(run_dir)
with supervisor.running():
    text = "touch {run_dir.path}/up; exec sleep 60"
    supervisor.start([Spec("booking.1", ("sh", "-c", text), {{"PATH": "/usr/bin:/bin"}})])
    supervisor.wait_for((run_dir.path / "up").exists, 10, "up")
    os.kill(os.getpid(), signal.SIGKILL)
"""
    subprocess.run([sys.executable, "-c", script], check=False, timeout=30)  # nosec B603 # our own words, without a shell

    deadline = time.monotonic() + 5
    while carrying(f"TANDEM_RUN_DIR={run_dir.path}") and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not carrying(f"TANDEM_RUN_DIR={run_dir.path}")


def test_leftovers_of_a_killed_runner_are_ended_but_a_stranger_with_the_same_pid_is_not(
    run_dir: RunDir,
) -> None:
    mark = {**ENVIRONMENT, "TANDEM_RUN_DIR": str(run_dir.path)}
    ours = subprocess.Popen(["sleep", "60"], env=mark, start_new_session=True)  # nosec B603, B607 # our own words, without a shell, found on the PATH
    stranger = subprocess.Popen(["sleep", "60"], start_new_session=True)  # nosec B603, B607 # our own words, without a shell, found on the PATH
    run_dir.pid_file("booking.1").write_text(f"{ours.pid}\n")
    run_dir.pid_file("booking.2").write_text(f"{stranger.pid}\n")
    try:
        end_leftovers(run_dir)

        assert ours.wait(5) == -signal.SIGKILL
        assert stranger.poll() is None
        assert not list(run_dir.path.glob("*.pid"))
    finally:
        stranger.kill()
        stranger.wait()


def test_children_of_another_account_die_with_a_runner_that_is_killed(run_dir: RunDir) -> None:
    script = f"""
import os, signal
from local_runner.accounts import own_account
from local_runner.places import RunDir
from local_runner.processes import Spec
from local_runner.supervisor import Supervisor
from pathlib import Path
run_dir = RunDir(Path({str(run_dir.path)!r}))
supervisor = Supervisor(run_dir)
account = own_account()
wanted = account.uid if account else os.getuid()
with supervisor.running():
    environment = {{"PATH": "/usr/bin:/bin"}}
    supervisor.start([Spec("booking.1", ("sleep", "60"), environment, account=account)])
    pid = run_dir.pid_file("booking.1").read_text().strip()
    is_up = lambda: b"sleep" == Path("/proc", pid, "comm").read_bytes().strip()
    supervisor.wait_for(is_up, 10, "up")
    print(Path("/proc", pid).stat().st_uid == wanted, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""
    done = subprocess.run(  # nosec B603 # our own words, without a shell
        [sys.executable, "-c", script], check=False, timeout=30, capture_output=True, text=True
    )

    assert done.stdout == "True\n", done.stderr
    wait_until_gone(pid_of(run_dir, "booking.1"))
    assert not is_running(pid_of(run_dir, "booking.1"))


def no_look(pid: int) -> list[bytes]:
    raise PermissionError


def test_leftovers_are_known_by_the_time_of_their_start_where_root_may_not_look_into_them(
    run_dir: RunDir, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processes, "environment_of", no_look)
    ours, younger = (
        subprocess.Popen(["sleep", "60"], start_new_session=True)  # nosec B603, B607 # our own words, without a shell, found on the PATH
        for _ in range(2)
    )
    no_leader = subprocess.Popen(["sleep", "60"], process_group=0)  # nosec B603, B607 # our own words, without a shell, found on the PATH
    for name, process in {"a": ours, "b": younger, "c": no_leader}.items():
        run_dir.pid_file(name).write_text(f"{process.pid}\n")
    before = time.time() - 10
    os.utime(run_dir.pid_file("b"), (before, before))
    try:
        end_leftovers(run_dir)

        assert ours.wait(5) == -signal.SIGKILL
        assert younger.poll() is None
        assert no_leader.poll() is None
        assert not list(run_dir.path.glob("*.pid"))
    finally:
        for process in (ours, younger, no_leader):
            process.kill()
            process.wait()


def test_pauses_between_restarts_grow_to_a_limit() -> None:
    assert [pause_before(attempt) for attempt in range(1, 8)] == [0, 0.5, 1, 2, 4, 5, 5]
