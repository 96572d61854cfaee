"""Which account processes run as, and the folders they get. As root they step down, an ordinary user stays."""

from __future__ import annotations

import itertools
import os
import pwd
import signal
import subprocess  # nosec B404 # commands are lists of our own words, without a shell
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from local_runner import account_folders, accounts
from local_runner.account_folders import (
    hand_over,
    make_public,
    own_folder,
    remove_folder,
    remove_within,
    write_file,
)
from local_runner.accounts import (
    Account,
    can_read,
    can_run,
    can_use,
    make_system_account,
    own_account,
    stepping_down,
)
from local_runner.backing import postgresql, rabbitmq
from local_runner.backing.postgresql import LocalPostgres
from local_runner.backing.rabbitmq import LocalRabbit
from local_runner.errors import CannotStart
from local_runner.places import RunDir
from local_runner.run import prepare_mail_folder
from local_runner.secret_store import SecretStore

IS_ROOT = os.geteuid() == 0
CHANGES = {
    *("os.mkdir", "os.rename", "os.symlink", "os.chown", "os.chmod", "os.remove", "os.rmdir"),
    *("shutil.copyfile", "shutil.copystat"),
}


@pytest.fixture
def account() -> Account | None:
    return own_account()


@pytest.fixture
def out_of_reach(open_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder as root's home is; what has to lie elsewhere lies beside it, where everybody comes."""
    monkeypatch.setattr(account_folders, "SHARED", open_folder / "shared")
    monkeypatch.setattr(account_folders, "ELSEWHERE", open_folder / "shared" / "folders")
    home = open_folder / "home"
    home.mkdir(mode=0o700)
    return home


def write_as(account: Account | None, path: Path) -> None:
    command = [*stepping_down(account), "tee", str(path)]
    subprocess.run(command, input=b"by the account", check=True, stdout=subprocess.DEVNULL, cwd="/")  # nosec B603 # our own words, without a shell


def test_root_gets_an_account_for_the_system_and_an_ordinary_user_stays(
    account: Account | None,
) -> None:
    if IS_ROOT:
        assert account is not None
        assert account.uid not in {0, os.geteuid()}
        assert account.name in {"tandem", "nobody"}
    else:
        assert account is None


def test_the_account_is_neither_the_databases_nor_the_brokers(account: Account | None) -> None:
    names = {entry.pw_name for entry in pwd.getpwall()} & {"postgres", "rabbitmq"}
    servers = {pwd.getpwnam(name).pw_uid for name in names}

    assert account is None or account.uid not in servers


def test_an_account_that_is_there_already_stays_as_it_is() -> None:
    before = own_account()
    make_system_account("tandem")

    assert own_account() == before


def test_a_person_called_as_the_system_does_not_become_its_account(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    person = pwd.struct_passwd(("tandem", "x", 1000, 1000, "", "/home/tandem", "/bin/sh"))
    nobody = pwd.struct_passwd(("nobody", "x", 65534, 65534, "", "/", "/bin/false"))
    known = {"tandem": person, "nobody": nobody}
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(accounts, "make_system_account", lambda name: None)
    monkeypatch.setattr(pwd, "getpwnam", known.__getitem__)

    assert own_account() == Account("nobody", 65534, 65534)


def test_this_python_runs_as_whoever_starts_it() -> None:
    assert can_run(Path(sys.executable), None)


def test_a_python_in_roots_home_is_for_root_alone(
    out_of_reach: Path, account: Account | None
) -> None:
    link = out_of_reach / "python"
    link.symlink_to(sys.executable)

    assert can_run(link, account) == (account is None)


def test_a_folder_within_reach_stays_where_it_is(
    out_of_reach: Path, account: Account | None
) -> None:
    wanted = out_of_reach.parent / "mail"

    assert own_folder(wanted, account) == wanted
    assert can_use(wanted, account)


def test_a_folder_in_roots_home_is_made_elsewhere_and_removed_with_its_link(
    out_of_reach: Path, account: Account | None
) -> None:
    wanted = out_of_reach / "mail"
    folder = own_folder(wanted, account)
    write_as(account, folder / "1.eml")

    assert (wanted / "1.eml").read_text() == "by the account"
    assert folder.is_relative_to(out_of_reach) == (account is None)
    assert folder.stat().st_mode & 0o777 == 0o700

    remove_folder(wanted)
    assert not wanted.is_symlink()
    assert not folder.exists()


def shared_folder_of_mode(mode: int) -> Path:
    account_folders.SHARED.mkdir()
    account_folders.SHARED.chmod(mode)
    return account_folders.SHARED


def test_a_shared_folder_that_only_root_could_enter_is_opened_to_readers(
    out_of_reach: Path, account: Account | None
) -> None:
    shared = shared_folder_of_mode(0o700)

    make_public(account_folders.ELSEWHERE)

    assert shared.stat().st_mode & 0o777 == 0o755
    assert can_read(account, shared)


def test_folders_are_for_root_alone_to_change_whatever_its_umask(out_of_reach: Path) -> None:
    for umask in (0o077, 0):
        before = os.umask(umask)
        try:
            make_public(account_folders.ELSEWHERE / f"{umask}")
        finally:
            os.umask(before)

    made = [account_folders.SHARED, *account_folders.SHARED.rglob("*")]
    assert {path.stat().st_mode & 0o777 for path in made} == {0o755}


@pytest.mark.parametrize("mode", [0o775, 0o757, 0o1777])
def test_a_shared_folder_that_others_may_write_is_refused(out_of_reach: Path, mode: int) -> None:
    shared = shared_folder_of_mode(mode)

    with pytest.raises(CannotStart, match=f"chown root {shared} && chmod 755 {shared}"):
        make_public(account_folders.ELSEWHERE)


def test_a_shared_folder_of_another_accounts_is_refused(
    out_of_reach: Path, account: Account | None
) -> None:
    shared = shared_folder_of_mode(0o755)
    account_folders.give(shared, account)

    if account is None:
        make_public(account_folders.ELSEWHERE)
    else:
        with pytest.raises(CannotStart, match="has to be root's"):
            make_public(account_folders.ELSEWHERE)


def test_a_shared_folder_that_cant_be_written_is_told_of(out_of_reach: Path) -> None:
    account_folders.SHARED.touch()

    with pytest.raises(CannotStart, match="is needed and can't be written"):
        make_public(account_folders.ELSEWHERE)


@pytest.mark.parametrize("place", ["home", "."])
def test_a_folder_that_root_has_filled_before_is_handed_over_with_its_files(
    out_of_reach: Path, account: Account | None, place: str
) -> None:
    wanted = out_of_reach.parent / place / "mail"
    wanted.mkdir(mode=0o700)
    (wanted / "old.eml").write_text("old")

    for _ in range(2):  # and again at the next start
        folder = hand_over(wanted, account)
        write_as(account, folder / "new.eml")

    assert wanted.is_symlink() == (account is not None and place == "home")
    assert (wanted / "old.eml").read_text() == "old"
    assert (wanted / "new.eml").read_text() == "by the account"


def test_root_does_not_follow_what_the_account_puts_in_a_folders_place(
    out_of_reach: Path, account: Account | None
) -> None:
    precious = out_of_reach / "precious"
    precious.mkdir()
    private = out_of_reach.parent / "private"
    private.symlink_to(precious)
    wanted = out_of_reach / "mail"
    wanted.symlink_to(private)

    remove_folder(wanted)

    assert precious.is_dir()


def killed_at_step(number: int, action: Callable[[], object]) -> bool:
    """Whether a process that does this was killed, before it changed something in the file system for the nth time."""
    steps = itertools.count()

    def kill_at_step(event: str, arguments: object) -> None:
        if event in CHANGES and next(steps) == number:
            os.kill(os.getpid(), signal.SIGKILL)

    if (child := os.fork()) == 0:
        sys.addaudithook(kill_at_step)
        try:
            action()
        finally:
            os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL


@pytest.mark.parametrize("is_there_before", [True, False])
@pytest.mark.parametrize("place", ["home", "."])
def test_a_start_that_is_killed_at_any_step_loses_no_mail_and_hinders_no_later_one(
    out_of_reach: Path, account: Account | None, place: str, is_there_before: bool
) -> None:
    for number in itertools.count():
        wanted = out_of_reach.parent / place / f"mail-{number}"
        if is_there_before:
            wanted.mkdir(mode=0o700)
            (wanted / "old.eml").write_text("old")
        was_killed = killed_at_step(number, lambda folder=wanted: hand_over(folder, account))

        folder = hand_over(wanted, account)

        write_as(account, folder / "new.eml")
        names = ["new.eml", "old.eml"] if is_there_before else ["new.eml"]
        assert sorted(path.name for path in wanted.iterdir()) == names
        assert not list(wanted.parent.glob(".mail*"))
        assert len(list(account_folders.ELSEWHERE.glob(f"{wanted.name}-*"))) == wanted.is_symlink()
        if not was_killed:
            break
    assert number >= (account is not None)


def test_a_folder_that_an_account_cant_use_is_not_taken_for_its_own(
    out_of_reach: Path, account: Account | None
) -> None:
    wanted = out_of_reach.parent / "postgres"
    wanted.mkdir(mode=0o700)

    if account is None:
        assert own_folder(wanted, account) == wanted
    else:
        with pytest.raises(CannotStart, match=f"chown -R {account.name} {wanted}"):
            own_folder(wanted, account)


def test_what_an_account_has_linked_is_not_taken_for_the_rest_of_an_interrupted_start(
    out_of_reach: Path, account: Account | None
) -> None:
    precious = [out_of_reach / "precious", account_folders.ELSEWHERE / "precious"]
    for target in precious:
        target.mkdir(parents=True)
        for name in (".mail.new", ".mail.old"):
            (out_of_reach.parent / name).symlink_to(target)
            account_folders.give(out_of_reach.parent / name, account)

        own_folder(out_of_reach.parent / "mail", account)

    assert precious[0].is_dir()
    assert precious[1].is_dir() == (account is not None)  # an ordinary user's links are his own


@pytest.fixture
def precious(open_folder: Path) -> Path:
    """A file that only the one who runs the tests may touch, with links to it out of an account's folder."""
    path = open_folder / "precious"
    path.write_text("precious")
    path.chmod(0o600)
    return path


def plant_links(folder: Path, target: Path, name: str) -> None:
    """As the folder's account would, for every name that root might write under."""
    for path in (folder / name, folder / f"{name}.new", folder / f".{name}.{os.getpid()}"):
        path.unlink(missing_ok=True)
        path.symlink_to(target)


def state_of(path: Path) -> tuple[str, int, int]:
    return path.read_text(), path.stat().st_uid, path.stat().st_mode


def refusal(account: Account | None, action: Callable[[], object]) -> str:
    """The words that a process of the account's, without root's rights, is refused with."""
    reader, writer = os.pipe()
    if (child := os.fork()) == 0:
        try:
            if account is not None:
                os.setgroups([])
                os.setgid(account.gid)
                os.setuid(account.uid)
            action()
        except CannotStart as error:
            os.write(writer, str(error).encode())
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    os.close(writer)
    with os.fdopen(reader, encoding="utf-8") as stream:
        return stream.read()


def test_an_ordinary_user_is_told_of_a_mail_folder_that_roots_run_has_left(
    open_folder: Path, account: Account | None
) -> None:
    run_dir = RunDir(open_folder)
    run_dir.mail_folder.mkdir(mode=0o755 if account is not None else 0o500)

    told = refusal(account, lambda: prepare_mail_folder(run_dir, None))

    user = os.geteuid() if account is None else account.uid
    assert f"chown -R {user} {run_dir.mail_folder}" in told


@pytest.mark.parametrize("name", ["", "run.lock", "secrets.json", "booking.1.log"])
def test_an_ordinary_user_is_told_of_a_run_folder_that_root_has_used(
    open_folder: Path, account: Account | None, name: str
) -> None:
    run_dir = RunDir(open_folder / "run")
    run_dir.path.mkdir()
    run_dir.path.chmod(0o777 if name else 0o755)
    if name:
        (run_dir.path / name).touch(mode=0o644)

    told = refusal(account, run_dir.make)

    if account is None:
        assert told == ""
    else:
        assert f"chown -R {account.uid} {run_dir.path}" in told


def test_a_run_folder_that_cant_be_made_is_told_of(open_folder: Path) -> None:
    (open_folder / "file").touch()

    with pytest.raises(CannotStart, match="Name another folder in RUN_DIR"):
        RunDir(open_folder / "file" / "run").make()


def test_an_ordinary_user_is_told_of_a_mail_folder_that_cant_be_made(
    open_folder: Path, account: Account | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    (open_folder / "file").touch()
    monkeypatch.setenv("MAIL_FOLDER", str(open_folder / "file" / "mail"))

    with pytest.raises(CannotStart, match="can't be made"):
        prepare_mail_folder(RunDir(open_folder), None)


@pytest.fixture
def run_dir(open_folder: Path, monkeypatch: pytest.MonkeyPatch) -> RunDir:
    """For servers whose programs need not be installed: nothing is started."""
    programs = open_folder / "programs"
    programs.mkdir()
    (programs / "initdb").write_text("#!/bin/sh\n")
    (programs / "initdb").chmod(0o755)
    monkeypatch.setattr(rabbitmq, "server_script", lambda: programs / "rabbitmq-server")
    monkeypatch.setattr(postgresql, "programs", lambda: programs)
    (open_folder / "run").mkdir()
    return RunDir(open_folder / "run")


@pytest.mark.parametrize("name", ["rabbitmq.conf", "enabled_plugins", ".erlang.cookie"])
def test_root_writes_the_brokers_files_through_no_link_of_its_account(
    run_dir: RunDir, precious: Path, name: str
) -> None:
    before = state_of(precious)
    broker = LocalRabbit(run_dir, SecretStore(run_dir.path / "secrets.json"))
    broker.prepare()
    plant_links(run_dir.path / "rabbitmq", precious, name)

    broker.prepare()

    assert not (run_dir.path / "rabbitmq" / name).is_symlink()
    assert state_of(precious) == before


def test_root_writes_the_databases_files_through_no_link_of_its_account(
    run_dir: RunDir, precious: Path, open_folder: Path
) -> None:
    before = state_of(precious)
    database = LocalPostgres(run_dir, SecretStore(run_dir.path / "secrets.json"))
    plant_links(own_folder(run_dir.path / "postgres", database.account), precious, "password")
    plant_links(run_dir.path / "postgres", open_folder / "planted", "complete")

    database.prepare()

    assert not (run_dir.path / "postgres" / "complete").is_symlink()
    assert not (open_folder / "planted").exists()
    assert state_of(precious) == before


def test_a_file_in_an_accounts_folder_is_replaced_and_for_its_eyes_only(
    open_folder: Path, account: Account | None
) -> None:
    folder = own_folder(open_folder / "mail", account)
    for text in ("old", "new"):
        write_file(folder / "file", text, account)

    found = (folder / "file").stat()
    assert (folder / "file").read_text() == "new"
    assert found.st_mode & 0o777 == 0o600
    assert found.st_uid == (os.geteuid() if account is None else account.uid)
    assert list(folder.iterdir()) == [folder / "file"]


def test_a_link_in_an_accounts_folder_is_removed_without_what_it_leads_to(
    open_folder: Path, account: Account | None, precious: Path
) -> None:
    folder = own_folder(open_folder / "mail", account)
    (folder / "data").symlink_to(precious.parent)

    for _ in range(2):  # and when it is gone
        remove_within(folder / "data", account)

    assert not (folder / "data").is_symlink()
    assert precious.exists()


def test_a_link_is_given_away_without_what_it_leads_to(
    open_folder: Path, account: Account | None, precious: Path
) -> None:
    link = open_folder / "link"
    link.symlink_to(precious)
    before = state_of(precious)

    account_folders.give(link, account)

    assert state_of(precious) == before
